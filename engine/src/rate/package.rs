//! package: blocks of units. Blocks are counted on the total of the portions; a block is paid by the portion that
//! starts it, so that the parts add up to the blocks of the whole.

use super::Before;
use crate::lines::{Band, Part, Portion};
use crate::money::{Decimal, Rounding};

pub(super) fn rate(
    size: Decimal,
    price: Decimal,
    rounding: Option<Rounding>,
    portions: &[Portion],
    before: Before,
) -> Option<Vec<Part>> {
    let due = |filled: Decimal| match rounding {
        Some(mode) => filled.steps(size, mode)?.times(price),
        // The number of blocks has no end of digits: the price goes in before the size divides.
        None => filled.ratio(price, size),
    };
    let mut parts = Vec::new();
    let mut filled = before.filled;
    let mut paid = due(filled)?;
    for (index, portion) in portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()) {
        filled = filled.plus(portion.quantity)?;
        let now = due(filled)?;
        parts.push(super::part(index, portion, Band::Whole, portion.quantity, price, now.minus(paid)?));
        paid = now;
    }
    Some(parts)
}
