//! recurring and one_time: amounts that depend on the subscription, not on usage.

use chrono::NaiveDate;

use super::Unrated;
use crate::book::model::Model;
use crate::money::Decimal;
use crate::period::Period;

/// A fixed amount due in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Unrounded amount.
    pub amount: Decimal,
    /// First day of the service.
    pub from: NaiveDate,
    /// First day after it.
    pub to: NaiveDate,
}

/// The amount of a recurring or one-time `model` for `quantity` of a subscription that runs from `start` to `end`;
/// `None` when nothing is due in `period` (none of it is subscribed to, or the model prices usage). A part period is billed by its days as an exact
/// fraction unless the price says otherwise.
///
/// # Errors
/// [`Unrated::OutOfRange`] when the amount does not fit.
pub fn due(
    model: &Model,
    quantity: Decimal,
    start: NaiveDate,
    end: Option<NaiveDate>,
    period: &Period,
) -> Result<Option<Fixed>, Unrated> {
    if quantity.is_zero() {
        return Ok(None);
    }
    let (from, to) = (start.max(period.first_day), end.unwrap_or_else(|| period.end_day()).min(period.end_day()));
    match model {
        Model::Recurring { amount, prorate, .. } if to > from => {
            let full = amount.times(quantity).ok_or(Unrated::OutOfRange)?;
            let (days, of) = period.days_within(start, end);
            let part = if *prorate {
                full.ratio(Decimal::whole(days), Decimal::whole(of)).ok_or(Unrated::OutOfRange)?
            } else {
                full
            };
            Ok(Some(Fixed { amount: part, from, to }))
        }
        Model::OneTime { amount } if period.holds(start) => {
            let amount = amount.times(quantity).ok_or(Unrated::OutOfRange)?;
            Ok(Some(Fixed { amount, from: start, to: start.succ_opt().unwrap_or(start) }))
        }
        _ => Ok(None),
    }
}
