//! graduated: each band (previous bound, `up_to`] at its own price; its flat fee is due once it is entered, by the portion
//! that enters it.

use crate::book::model::Tier;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(tiers: &[Tier], portions: &[Portion]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut filled = Decimal::ZERO;
    for (index, portion) in portions.iter().enumerate() {
        if portion.quantity.is_negative() {
            parts.push(returned(tiers, index, portion.quantity)?);
            continue;
        }
        let end = filled.plus(portion.quantity)?;
        let mut low = Decimal::ZERO;
        for (number, tier) in (1_u16..).zip(tiers) {
            let high = tier.up_to.map_or(end, |bound| bound.min(end));
            let start = low.max(filled);
            if high > start {
                let quantity = high.minus(start)?;
                let fee = if filled <= low { tier.flat_fee } else { Decimal::ZERO };
                let amount = quantity.times(tier.unit_price)?.plus(fee)?;
                let unit_price = Some(tier.unit_price);
                parts.push(Part { portion: index, band: Band::Tier(number), quantity, unit_price, amount });
            }
            low = tier.up_to.unwrap_or(end);
        }
        filled = end;
    }
    Some(parts)
}

/// A negative quantity (usage taken back) is priced in the first band: bands are filled by usage, not emptied.
fn returned(tiers: &[Tier], portion: usize, quantity: Decimal) -> Option<Part> {
    let unit_price = tiers.first().map_or(Decimal::ZERO, |tier| tier.unit_price);
    let amount = quantity.times(unit_price)?;
    Some(Part { portion, band: Band::Tier(1), quantity, unit_price: Some(unit_price), amount })
}
