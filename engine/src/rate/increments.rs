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
    // What is given back is what it cost.
    let back = portion.quantity.is_negative();
    let quantity = if back { -portion.quantity } else { portion.quantity };
    let (mut amount, mut begin, mut billed) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for (at, tier) in tiers.iter().enumerate() {
        let end = tier.up_to.map_or(quantity, |bound| quantity.min(bound)).max(begin);
        billed = billed.plus(tier.billed(end.minus(begin)?)?)?;
        begin = tier.up_to.unwrap_or(begin);
        // Units of one price are priced together: rounded once.
        if tiers.get(at + 1).is_none_or(|next| (next.unit_price, next.per) != (tier.unit_price, tier.per)) {
            amount = amount.plus(tier.cost(std::mem::take(&mut billed))?)?;
        }
    }
    let amount = if back { -amount } else { amount };
    let unit_price = tiers.first()?.price_of_one()?;
    parts.push(super::part(index, portion, band, portion.quantity, unit_price, amount));
    if !connect_fee.is_zero() && portion.quantity > Decimal::ZERO {
        parts.push(super::fee(index, connect_fee));
    }
    Some(())
}
