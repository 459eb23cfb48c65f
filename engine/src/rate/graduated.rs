//! graduated: each band (previous bound, `up_to`] at its own price, the first one from below zero on.
//!
//! Portions move a running total, usage taken back moves it down again; each is priced by what its move is worth in every
//! band it passes. A band's flat fee is due once, if the total ends past where the band begins, from the portion that
//! first gets there.

use crate::book::model::Tier;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(tiers: &[Tier], portions: &[Portion]) -> Option<Vec<Part>> {
    let total = super::total(portions)?;
    let mut charged = vec![false; tiers.len()];
    let mut parts = Vec::new();
    let mut filled = Decimal::ZERO;
    for (index, portion) in portions.iter().enumerate() {
        let end = filled.plus(portion.quantity)?;
        let mut begin = Decimal::ZERO;
        for (number, (tier, charged)) in (1..=u16::MAX).zip(tiers.iter().zip(&mut charged)) {
            let floor = (number > 1).then_some(begin);
            let quantity = within(end, floor, tier.up_to).minus(within(filled, floor, tier.up_to))?;
            if !quantity.is_zero() {
                let due = !*charged && total > begin && end > begin;
                *charged |= due;
                let fee = if due { tier.flat_fee } else { Decimal::ZERO };
                let amount = quantity.times(tier.unit_price)?.plus(fee)?;
                let unit_price = Some(tier.unit_price);
                parts.push(Part { portion: index, band: Band::Tier(number), quantity, unit_price, amount });
            }
            begin = tier.up_to.unwrap_or(begin);
        }
        filled = end;
    }
    Some(parts)
}

/// `total` held between the bounds of a band.
fn within(total: Decimal, floor: Option<Decimal>, top: Option<Decimal>) -> Decimal {
    let raised = floor.map_or(total, |floor| total.max(floor));
    top.map_or(raised, |top| raised.min(top))
}
