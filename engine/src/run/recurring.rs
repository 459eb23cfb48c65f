//! Recurring and one-time amounts of subscriptions -> lines: what each version of a subscription is asked for, and when.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Job;
use super::conditions::hold;
use super::rater::{Piece, Rater, Sharing, Unrounded};
use crate::book::model::{Model, Price, PriceBook};
use crate::catalog::{Applies, Catalog, Stretch};
use crate::fault::{Fault, Faults, Outcome};
use crate::lines::{Band, LineKind, Part};
use crate::period::{Period, midnight};
use crate::rate::Unrated;
use crate::rate::fixed::{Fixed, Holder, Priced, billed_from, due};
use crate::reference::model::{Reference, Subscription};

impl Rater<'_> {
    /// Recurring and one-time amounts.
    pub(super) fn fixed(&self, sharing: &Sharing<'_>, piece: &mut Piece) -> Outcome<()> {
        let priced = priced(self.job.period, sharing.stretches, &sharing.prices);
        for index in &sharing.subscriptions {
            match owed(self.job, (*index, sharing.charge), &priced) {
                Ok(all) => {
                    let due =
                        all.iter().filter(|fixed| self.is_due(sharing.prices[usize::from(fixed.stretch)], *index));
                    for fixed in due {
                        self.add_fixed(sharing, *index, fixed, piece)?;
                    }
                }
                Err(_) => {
                    let quantity = self.job.reference.subscriptions[*index as usize].quantity;
                    let price = sharing.stretches.first().map_or(0, |stretch| stretch.price);
                    piece.unpriced.amount(self.job, sharing.charge, price, *index, quantity);
                }
            }
        }
        Ok(())
    }

    /// Learns for whom amounts under a condition are due.
    ///
    /// # Errors
    /// `E007` for conditions that cannot be computed.
    pub(super) fn with_fees(mut self) -> Outcome<Self> {
        for (price, charge) in self.job.catalog.prices.iter().zip(&self.job.catalog.charge_of) {
            let Some(when) = price.when.as_ref().filter(|when| !self.fees.contains_key(&when.text)) else { continue };
            let of = format!("charge `{}`", self.job.book.charges[*charge].id);
            let holds = hold(&self, &[], &of, when)?;
            self.fees.insert(when.text.clone(), holds);
        }
        Ok(self)
    }

    /// Whether the condition of `price`, if it has one, holds for a subscription.
    fn is_due(&self, price: &Price, subscription: u32) -> bool {
        let holds = price.when.as_ref().and_then(|when| self.fees.get(&when.text));
        holds.is_none_or(|holds| holds.get(subscription as usize).copied().unwrap_or(false))
    }

    fn add_fixed(&self, sharing: &Sharing<'_>, index: u32, fixed: &Fixed, piece: &mut Piece) -> Outcome<()> {
        let billed_at = self.job.catalog.billed_at(index, sharing.charge).filter(|_| fixed.credit);
        let own = sharing.prices[usize::from(fixed.stretch)];
        let model = &billed_at.map_or(own, |price| &self.job.catalog.prices[price as usize]).model;
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
        self.add_line(sharing, &line, piece)?;
        if let (Some(price), Some(line)) = (billed_at, piece.lines.last_mut()) {
            line.price = price;
        }
        Ok(())
    }
}

/// First instant of the service, and first after it.
pub(super) fn bounds(job: &Job<'_>, fixed: &Fixed) -> Outcome<(i64, i64)> {
    let instant = |day| midnight(day, job.period.timezone).ok_or_else(|| Fault::ours("a day without a midnight"));
    Ok((instant(fixed.from)?, instant(fixed.to)?))
}

/// The stretches of the period with their prices.
pub(super) fn priced<'p>(period: &Period, stretches: &[Stretch], prices: &[&'p Price]) -> Vec<Priced<'p>> {
    let day = |day: u16| period.date(day);
    let all = stretches.iter().zip(prices);
    all.map(|(one, price)| Priced { from: day(one.days.start), to: day(one.days.end), model: &price.model }).collect()
}

/// What a version of a subscription owes for a charge without usage.
pub(super) fn owed(job: &Job<'_>, of: (u32, usize), priced: &[Priced<'_>]) -> Result<Vec<Fixed>, Unrated> {
    let earlier = earlier(job.reference, job.catalog, of);
    let billed_at = job.catalog.billed_at(of.0, of.1).map(|price| &job.catalog.prices[price as usize].model);
    due(priced, &Holder { billed_at, ..holder(job.reference, of.0, &earlier) }, job.period)
}

fn holder<'h>(reference: &'h Reference, index: u32, earlier: &'h [(NaiveDate, NaiveDate)]) -> Holder<'h> {
    let version = &reference.subscriptions[index as usize];
    let cycle_day = reference.accounts[version.account as usize].bill_cycle_day;
    Holder { version, cycle_day, earlier, billed_at: None }
}

/// The days of the earlier versions of a subscription that have the same charge.
fn earlier(reference: &Reference, catalog: &Catalog, (index, charge): (u32, usize)) -> Vec<(NaiveDate, NaiveDate)> {
    let first = reference.subscriptions[index as usize].first;
    let has = |at: &u32| catalog.offer(*at).charges.binary_search(&charge).is_ok();
    let versions = (first..index).filter(has).map(|at| &reference.subscriptions[at as usize]);
    versions.filter_map(|version| Some((version.start, version.end?))).collect()
}

/// Lets `catalog` know at which prices earlier runs have billed what this one gives back.
///
/// # Errors
/// Faults of prices in those periods.
pub(super) fn recall(
    book: &PriceBook,
    reference: &Reference,
    period: &Period,
    applies: &Applies,
    catalog: &mut Catalog,
) -> Outcome<()> {
    let mut asked: BTreeMap<String, Vec<(u32, usize)>> = BTreeMap::new();
    let ends = |version: &Subscription| {
        version
            .end
            .is_some_and(|end| period.first_day <= end && end < period.end_day() && version.start < period.first_day)
    };
    for (index, _) in (0_u32..).zip(&reference.subscriptions).filter(|(_, version)| ends(version)) {
        for (nth, charge) in catalog.offer(index).charges.iter().enumerate() {
            if book.charges[*charge].meter.is_some() {
                continue;
            }
            let stretches = &catalog.terms[catalog.terms_of(index, nth) as usize];
            let prices: Vec<&Price> = stretches.iter().map(|one| &catalog.prices[one.price as usize]).collect();
            let priced = priced(period, stretches, &prices);
            if let Some(from) = billed_from(&priced, &holder(reference, index, &[]), period) {
                asked.entry(from.format("%Y-%m").to_string()).or_default().push((index, *charge));
            }
        }
    }
    let mut faults = Faults::default();
    for (label, asked) in asked {
        let then =
            Period::month(&label, period.timezone).and_then(|then| Catalog::earlier(book, reference, &then, applies));
        if let Some(then) = faults.keep(then) {
            catalog.remember(&then, &asked);
        }
    }
    faults.or(())
}
