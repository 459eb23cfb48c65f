//! volume: all units at the price of the band the total reaches; that band's flat fee is due once, with the first portion,
//! unless nothing is left of the total. A band in increments rounds the total, and each portion pays what it adds to that.

use super::Before;
use crate::book::model::Tier;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

/// The band that `total` reaches, and its name.
pub(super) fn reached(tiers: &[Tier], total: Decimal) -> Option<(&Tier, Band)> {
    let at = tiers.iter().position(|tier| tier.holds(total)).unwrap_or(tiers.len().checked_sub(1)?);
    let tier = tiers.get(at)?;
    Some((tier, if tier.beyond { Band::Beyond } else { Band::Tier(u16::try_from(at + 1).unwrap_or(u16::MAX)) }))
}

pub(super) fn rate(tiers: &[Tier], portions: &[Portion], before: Before) -> Option<Vec<Part>> {
    let Some((tier, band)) = reached(tiers, before.total) else { return Some(Vec::new()) };
    let mut filled = before.filled;
    let mut fee = if !before.settled && before.total > Decimal::ZERO { tier.flat_fee } else { Decimal::ZERO };
    let mut parts = Vec::with_capacity(portions.len());
    for (index, portion) in portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()) {
        let end = filled.plus(portion.quantity)?;
        let billed = tier.billed(end)?.minus(tier.billed(filled)?)?;
        let amount = tier.cost(billed)?.plus(std::mem::take(&mut fee))?;
        parts.push(super::part(index, portion, band, portion.quantity, tier.price_of_one()?, amount));
        filled = end;
    }
    Some(parts)
}
