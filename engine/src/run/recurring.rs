//! Recurring and one-time amounts of subscriptions -> lines: what each version of a subscription is asked for, and when.

use chrono::NaiveDate;

use super::Job;
use super::rater::{Piece, Rater, Sharing, Unrounded};
use crate::book::model::{Model, Price};
use crate::catalog::Stretch;
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, LineKind, Part};
use crate::period::midnight;
use crate::rate::Unrated;
use crate::rate::fixed::{Fixed, Holder, Priced, due};

impl Rater<'_> {
    /// Recurring and one-time amounts.
    pub(super) fn fixed(&self, sharing: &Sharing<'_>, piece: &mut Piece) -> Outcome<()> {
        let priced = priced(self.job, sharing.stretches, &sharing.prices);
        for index in &sharing.subscriptions {
            match owed(self.job, (*index, sharing.charge), &priced) {
                Ok(all) => all.iter().try_for_each(|fixed| self.add_fixed(sharing, *index, fixed, piece))?,
                Err(_) => {
                    let quantity = self.job.reference.subscriptions[*index as usize].quantity;
                    let price = sharing.stretches.first().map_or(0, |stretch| stretch.price);
                    piece.unpriced.amount(self.job, sharing.charge, price, *index, quantity);
                }
            }
        }
        Ok(())
    }

    fn add_fixed(&self, sharing: &Sharing<'_>, index: u32, fixed: &Fixed, piece: &mut Piece) -> Outcome<()> {
        let model = &sharing.prices[usize::from(fixed.stretch)].model;
        let (unit_price, kind) = match model {
            Model::OneTime { amount } => (Some(*amount), LineKind::OneTime),
            Model::Recurring { amount, .. } if fixed.credit => (Some(*amount), LineKind::Credit),
            Model::Recurring { amount, .. } => (Some(*amount), LineKind::Recurring),
            _ => (None, LineKind::Recurring),
        };
        let quantity = self.job.reference.subscriptions[index as usize].quantity;
        let (amount, records) = (fixed.amount, 0);
        let part = Part { portion: 0, band: Band::Whole, quantity, unit_price, amount, records };
        let (start, end) = bounds(self.job, fixed)?;
        let line = Unrounded { subscription: index, group: 0, stretch: fixed.stretch, kind, part, start, end };
        self.add_line(sharing, &line, piece)
    }
}

/// First instant of the service, and first after it.
pub(super) fn bounds(job: &Job<'_>, fixed: &Fixed) -> Outcome<(i64, i64)> {
    let instant = |day| midnight(day, job.period.timezone).ok_or_else(|| Fault::ours("a day without a midnight"));
    Ok((instant(fixed.from)?, instant(fixed.to)?))
}

/// The stretches of the period with their prices.
pub(super) fn priced<'p>(job: &Job<'_>, stretches: &[Stretch], prices: &[&'p Price]) -> Vec<Priced<'p>> {
    let day = |day: u16| job.period.date(day);
    let all = stretches.iter().zip(prices);
    all.map(|(one, price)| Priced { from: day(one.days.start), to: day(one.days.end), model: &price.model }).collect()
}

/// What a version of a subscription owes for a charge without usage.
pub(super) fn owed(job: &Job<'_>, (index, charge): (u32, usize), priced: &[Priced<'_>]) -> Result<Vec<Fixed>, Unrated> {
    let version = &job.reference.subscriptions[index as usize];
    let cycle_day = job.reference.accounts[version.account as usize].bill_cycle_day;
    let earlier = earlier(job, index, charge);
    due(priced, &Holder { version, cycle_day, earlier: &earlier }, job.period)
}

/// The days of the earlier versions of a subscription that have the same charge.
fn earlier(job: &Job<'_>, index: u32, charge: usize) -> Vec<(NaiveDate, NaiveDate)> {
    let first = job.reference.subscriptions[index as usize].first;
    let has = |at: &u32| job.catalog.offer(*at).charges.binary_search(&charge).is_ok();
    let versions = (first..index).filter(has).map(|at| &job.reference.subscriptions[at as usize]);
    versions.filter_map(|version| Some((version.start, version.end?))).collect()
}
