//! per_unit: every unit at one price.

use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(unit_price: Decimal, portions: &[Portion]) -> Option<Vec<Part>> {
    let part = |(index, portion): (usize, &Portion)| {
        let amount = portion.quantity.times(unit_price)?;
        Some(Part {
            portion: index,
            band: Band::Whole,
            quantity: portion.quantity,
            unit_price: Some(unit_price),
            amount,
        })
    };
    portions.iter().enumerate().map(part).collect()
}
