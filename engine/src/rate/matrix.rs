//! matrix: a price per cell of dimension values, with a default price for the others.

use super::{Facts, Unrated};
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(
    by: &[String],
    cells: &[(Vec<String>, Decimal)],
    default: Option<Decimal>,
    portions: &[Portion],
    facts: &dyn Facts,
) -> Result<Vec<Part>, Unrated> {
    let mut parts = Vec::with_capacity(portions.len());
    let mut missing = Vec::new();
    for (index, portion) in portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()) {
        let group = facts.values(portion.group);
        let value = |name: &String| group.iter().find(|(known, _)| **known == **name).map_or("", |(_, value)| value);
        let Some(unit_price) = find(cells, by.iter().map(value)).or(default) else {
            missing.push(index);
            continue;
        };
        let amount = portion.quantity.times(unit_price).ok_or(Unrated::OutOfRange)?;
        parts.push(super::part(index, portion, Band::Whole, portion.quantity, unit_price, amount));
    }
    if missing.is_empty() { Ok(parts) } else { Err(Unrated::NoPrice(missing)) }
}

/// The price of the cell with these values, in the order of the matrix's dimensions.
pub(super) fn find<'v>(cells: &[(Vec<String>, Decimal)], values: impl Iterator<Item = &'v str>) -> Option<Decimal> {
    let wanted: Vec<&str> = values.collect();
    let found = cells.binary_search_by(|(cell, _)| cell.iter().map(String::as_str).cmp(wanted.iter().copied()));
    found.ok().and_then(|at| cells.get(at)).map(|(_, price)| *price)
}
