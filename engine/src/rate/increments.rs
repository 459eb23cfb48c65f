//! increments: every record alone, its first increment and those that follow rounded up; a fee for connecting.

use crate::book::model::Tier;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(tiers: &[Tier], connect_fee: Decimal, portions: &[Portion]) -> Option<Vec<Part>> {
    let mut parts = Vec::with_capacity(portions.len());
    for (index, portion) in portions.iter().enumerate() {
        record(index, portion, Band::Whole, tiers, connect_fee, &mut parts)?;
    }
    Some(parts)
}

/// Adds the parts of one record: the price of its increments, and its fee.
pub(super) fn record(
    index: usize,
    portion: &Portion,
    band: Band,
    tiers: &[Tier],
    connect_fee: Decimal,
    parts: &mut Vec<Part>,
) -> Option<()> {
    if portion.quantity.is_zero() {
        return Some(());
    }
    // A record that takes another back gives back what that one cost.
    let back = portion.quantity.is_negative();
    let length = if back { Decimal::ZERO.minus(portion.quantity)? } else { portion.quantity };
    let (mut amount, mut begin) = (Decimal::ZERO, Decimal::ZERO);
    for tier in tiers {
        let from = length.max(begin);
        let to = tier.up_to.map_or(from, |bound| from.min(bound));
        amount = amount.plus(tier.amount(to.minus(begin)?)?)?;
        begin = tier.up_to.unwrap_or(begin);
    }
    if back {
        amount = Decimal::ZERO.minus(amount)?;
    }
    let unit_price = tiers.first()?.price_of_one()?;
    parts.push(super::part(index, portion, band, portion.quantity, unit_price, amount));
    if !connect_fee.is_zero() && portion.quantity > Decimal::ZERO {
        parts.push(super::fee(index, connect_fee));
    }
    Some(())
}
