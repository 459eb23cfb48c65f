//! volume: all units at the price of the band the total reaches; that band's flat fee is due once, with the first portion,
//! unless nothing is left of the total.

use crate::book::model::Tier;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(tiers: &[Tier], portions: &[Portion]) -> Option<Vec<Part>> {
    let total = super::total(portions)?;
    let reached = tiers.iter().position(|tier| tier.up_to.is_none_or(|bound| total <= bound));
    let reached = reached.unwrap_or(tiers.len().saturating_sub(1));
    let Some(tier) = tiers.get(reached) else { return Some(Vec::new()) };
    let band = Band::Tier(u16::try_from(reached + 1).unwrap_or(u16::MAX));
    let part = |(index, portion): (usize, &Portion)| {
        let fee = if index == 0 && total > Decimal::ZERO { tier.flat_fee } else { Decimal::ZERO };
        let amount = portion.quantity.times(tier.unit_price)?.plus(fee)?;
        Some(Part { portion: index, band, quantity: portion.quantity, unit_price: Some(tier.unit_price), amount })
    };
    portions.iter().enumerate().map(part).collect()
}
