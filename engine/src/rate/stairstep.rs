//! stairstep: the flat fee of the band the total reaches, whatever the quantity; due once, with the first portion, unless
//! nothing is left of the total.

use super::Before;
use super::volume::reached;
use crate::book::model::Tier;
use crate::lines::{Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(tiers: &[Tier], portions: &[Portion], before: Before) -> Option<Vec<Part>> {
    let Some((tier, band)) = reached(tiers, before.total) else { return Some(Vec::new()) };
    let mut fee = if !before.settled && before.total > Decimal::ZERO { tier.flat_fee } else { Decimal::ZERO };
    let mut parts = Vec::with_capacity(portions.len());
    for (index, portion) in portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()) {
        let (quantity, amount) = (portion.quantity, std::mem::take(&mut fee));
        parts.push(Part { portion: index, band, quantity, unit_price: None, amount, records: portion.records });
    }
    Some(parts)
}
