//! graduated: each band (previous bound, `up_to`] at its own price, the first one from below zero on.
//!
//! Portions move a running total, usage taken back moves it down again; each is priced by what its move is worth in every
//! band it passes. A band's flat fee is due once, if the total ends past where the band begins, from the portion that
//! first gets there. Bands in increments are priced by what the running total comes to in them, so that the increments
//! are those of the whole.

use super::Before;
use crate::book::model::Tier;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(tiers: &[Tier], portions: &[Portion], before: Before) -> Option<Vec<Part>> {
    let mut filled = before.filled;
    let mut charged: Vec<bool> = (0..tiers.len()).map(|at| entered(tiers, at, before.reached)).collect();
    let mut parts = Vec::new();
    for (index, portion) in portions.iter().enumerate() {
        let end = filled.plus(portion.quantity)?;
        let mut begin = None;
        for (at, tier) in tiers.iter().enumerate() {
            let (to, from) = (within(end, begin, tier), within(filled, begin, tier));
            begin = tier.up_to;
            let quantity = to.minus(from)?;
            let due = !charged[at] && entered(tiers, at, before.total) && entered(tiers, at, end);
            charged[at] |= due;
            let fee = if due { tier.flat_fee } else { Decimal::ZERO };
            if quantity.is_zero() && fee.is_zero() {
                continue;
            }
            let base = at.checked_sub(1).and_then(|at| tiers[at].up_to).unwrap_or(Decimal::ZERO);
            let billed = |reached: Decimal| tier.billed(reached.minus(base)?);
            let amount = tier.cost(billed(to)?.minus(billed(from)?)?)?;
            let band = if tier.beyond { Band::Beyond } else { Band::Tier(u16::try_from(at + 1).ok()?) };
            parts.push(super::part(index, portion, band, quantity, tier.price_of_one()?, amount.plus(fee)?));
        }
        filled = end;
    }
    Some(parts)
}

/// Whether `total` gets into the band at `at`: past the bound of the one before it, or above zero.
fn entered(tiers: &[Tier], at: usize, total: Decimal) -> bool {
    match at.checked_sub(1).and_then(|at| tiers.get(at)) {
        Some(earlier) => earlier.is_passed(total),
        None => total > Decimal::ZERO,
    }
}

/// `total` held between the bounds of a band.
fn within(total: Decimal, floor: Option<Decimal>, tier: &Tier) -> Decimal {
    let raised = floor.map_or(total, |floor| total.max(floor));
    tier.up_to.map_or(raised, |top| raised.min(top))
}
