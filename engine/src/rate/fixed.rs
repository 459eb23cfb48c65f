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

/// `model` with the proration of `first`, the model of the first day subscribed to: whether parts of a period are prorated is
/// asked once a period, so that no day is billed twice and none is left out where the answer changes inside it.
#[must_use]
pub fn prorated_as(model: &Model, first: Option<&Model>) -> Model {
    match (model, first) {
        (Model::Recurring { amount, advance, .. }, Some(Model::Recurring { prorate, .. })) => {
            Model::Recurring { amount: *amount, prorate: *prorate, advance: *advance }
        }
        _ => model.clone(),
    }
}

/// The amount of a recurring or one-time `model` for `quantity` of a subscription that `runs` from its first day to the
/// first after it, in a `stretch` of days of `period`; `None` when nothing is due (none of it is subscribed to, or the model
/// prices usage). A part period is billed by its days as an exact fraction unless the price says otherwise; then the price of
/// the first day subscribed to is due.
///
/// # Errors
/// [`Unrated::OutOfRange`] when the amount does not fit.
pub fn due(
    model: &Model,
    quantity: Decimal,
    runs: (NaiveDate, Option<NaiveDate>),
    stretch: (NaiveDate, NaiveDate),
    period: &Period,
) -> Result<Option<Fixed>, Unrated> {
    if quantity.is_zero() {
        return Ok(None);
    }
    let ((start, end), (begin, last)) = (runs, stretch);
    let (from, to) = (start.max(begin), end.unwrap_or(last).min(last));
    match model {
        Model::Recurring { amount, prorate, .. } if to > from => {
            let full = amount.times(quantity).ok_or(Unrated::OutOfRange)?;
            if !prorate {
                let first = start.max(period.first_day);
                let to = end.unwrap_or_else(|| period.end_day()).min(period.end_day());
                return Ok((first == from).then_some(Fixed { amount: full, from, to }));
            }
            let (days, of) = period.days_within(from, Some(to));
            let part = full.ratio(Decimal::whole(days), Decimal::whole(of)).ok_or(Unrated::OutOfRange)?;
            Ok(Some(Fixed { amount: part, from, to }))
        }
        Model::OneTime { amount } if begin <= start && start < last => {
            let amount = amount.times(quantity).ok_or(Unrated::OutOfRange)?;
            Ok(Some(Fixed { amount, from: start, to: start.succ_opt().unwrap_or(start) }))
        }
        _ => Ok(None),
    }
}
