//! package: blocks of units. Blocks are counted on the total of the portions; a block is paid by the portion that
//! starts it, so that the parts add up to the blocks of the whole.

use crate::lines::{Band, Part, Portion};
use crate::money::{Decimal, Rounding};

pub(super) fn rate(
    size: Decimal,
    price: Decimal,
    rounding: Option<Rounding>,
    portions: &[Portion],
) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let (mut filled, mut paid) = (Decimal::ZERO, Decimal::ZERO);
    for (index, portion) in portions.iter().enumerate() {
        filled = filled.plus(portion.quantity)?;
        let due = match rounding {
            Some(mode) => filled.steps(size, mode)?.times(price)?,
            // The number of blocks has no end of digits: the price goes in before the size divides.
            None => filled.ratio(price, size)?,
        };
        let amount = due.minus(paid)?;
        paid = due;
        let (quantity, unit_price) = (portion.quantity, Some(price));
        parts.push(Part { portion: index, band: Band::Whole, quantity, unit_price, amount });
    }
    Some(parts)
}
