//! per_unit: every unit at one price. dynamic is the same, with a multiplier for a price.

use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(unit_price: Decimal, per: Decimal, portions: &[Portion]) -> Option<Vec<Part>> {
    let price_of_one = unit_price.over(per)?;
    let part = |(index, portion): (usize, &Portion)| {
        let amount = portion.quantity.ratio(unit_price, per)?;
        Some(super::part(index, portion, Band::Whole, portion.quantity, price_of_one, amount))
    };
    portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()).map(part).collect()
}
