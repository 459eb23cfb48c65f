//! matrix: a price per cell of dimension values, with a default price for the others.

use std::sync::Arc;

use super::Unrated;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

type Values = Vec<(Arc<str>, Arc<str>)>;

pub(super) fn rate(
    by: &[String],
    cells: &[(Vec<String>, Decimal)],
    default: Option<Decimal>,
    portions: &[Portion],
    values: &dyn Fn(u32) -> Values,
) -> Result<Vec<Part>, Unrated> {
    let mut parts = Vec::with_capacity(portions.len());
    let mut missing: Vec<(usize, Vec<String>)> = Vec::new();
    for (index, portion) in portions.iter().enumerate() {
        let group = values(portion.group);
        let wanted: Vec<&str> = by.iter().map(|name| value_of(&group, name)).collect();
        let found = cells.binary_search_by(|(cell, _)| cell.iter().map(String::as_str).cmp(wanted.iter().copied()));
        let unit_price = match (found, default) {
            (Ok(at), _) => cells[at].1,
            (Err(_), Some(price)) => price,
            (Err(_), None) => {
                missing.push((index, wanted.iter().map(|value| (*value).to_owned()).collect()));
                continue;
            }
        };
        let amount = portion.quantity.times(unit_price).ok_or(Unrated::OutOfRange)?;
        let (quantity, unit_price) = (portion.quantity, Some(unit_price));
        parts.push(Part { portion: index, band: Band::Whole, quantity, unit_price, amount });
    }
    if missing.is_empty() { Ok(parts) } else { Err(Unrated::NoCell(missing)) }
}

fn value_of<'a>(group: &'a Values, name: &str) -> &'a str {
    group.iter().find(|(known, _)| **known == *name).map_or("", |(_, value)| value)
}
