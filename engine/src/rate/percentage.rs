//! percentage: a percentage of a quantity that is an amount of money itself, with a least and a greatest amount. Money
//! given back is no sale: its share is given back whole, without the two.

use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(
    percent: Decimal,
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
    portions: &[Portion],
) -> Option<Vec<Part>> {
    let unit_price = percent.over(Decimal::whole(100));
    let part = |(index, portion): (usize, &Portion)| {
        let plain = percent.percent_of(portion.quantity)?;
        let raised = minimum.map_or(plain, |least| plain.max(least));
        let held = maximum.map_or(raised, |greatest| raised.min(greatest));
        let amount = if portion.quantity.is_negative() { plain } else { held };
        Some(Part { portion: index, band: Band::Whole, quantity: portion.quantity, unit_price, amount })
    };
    portions.iter().enumerate().map(part).collect()
}
