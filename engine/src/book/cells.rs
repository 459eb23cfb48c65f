//! The cells of a matrix, written out or from a table: sorted by their values, each combination once.

use super::lists::Lists;
use super::table::Rows;
use super::tiers::number;
use crate::fault::{Fault, Faults, Place, codes};
use crate::money::Decimal;
use crate::yaml::{Node, did_you_mean};

const PRICE: &str = "unit_price";

/// Values of the dimensions, price, place.
type Cell = (Vec<String>, Decimal, Place);

/// The cells `node` holds or names, over the dimensions `by`; `None` when a fault was reported.
pub(super) fn cells(
    node: &Node,
    by: &[String],
    lists: &Lists,
    faults: &mut Faults,
) -> Option<Vec<(Vec<String>, Decimal)>> {
    let before = faults.0.len();
    let mut cells = match node.get("table") {
        Some(table) => from_table(table, lists.rows(table)?, by, faults)?,
        None => node.list().iter().filter_map(|cell| from_node(cell, by, faults)).collect(),
    };
    cells.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.line.cmp(&b.2.line)).then(a.2.column.cmp(&b.2.column)));
    for pair in cells.windows(2) {
        if let [(values, _, first), (again, _, place)] = pair
            && values == again
        {
            let fault = Fault::new(&codes::B008, format!("the cell {} stands twice", values.join(", "))).at(place);
            faults.push(fault.hint(format!("the first is at {first}")));
        }
    }
    (faults.0.len() == before).then(|| cells.into_iter().map(|(values, price, _)| (values, price)).collect())
}

fn from_node(cell: &Node, by: &[String], faults: &mut Faults) -> Option<Cell> {
    let before = faults.0.len();
    let mut values = vec![None; by.len()];
    let mut price = None;
    for (key, value) in cell.entries() {
        let slot = by.iter().position(|dimension| *dimension == key.text).and_then(|position| values.get_mut(position));
        match slot {
            Some(slot) => *slot = value.text(),
            None if key.text == PRICE => price = number(value.text()?, PRICE, &value.place, faults),
            None => {
                let fault = Fault::new(&codes::Y004, format!("a cell has no key `{}`", key.text)).at(&key.place);
                let hint = did_you_mean(&key.text, by.iter().map(String::as_str).chain([PRICE]));
                faults.push(Fault { hint, ..fault });
            }
        }
    }
    let missing = by.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(dimension, _)| dimension.as_str());
    let no_price = cell.get(PRICE).is_none().then_some(PRICE);
    for missing in missing.chain(no_price) {
        faults.push(Fault::new(&codes::Y005, format!("the cell needs the key `{missing}`")).at(&cell.place));
    }
    if faults.0.len() > before {
        return None;
    }
    let values = values.into_iter().flatten().map(str::to_owned).collect();
    Some((values, price?, cell.place.clone()))
}

fn from_table(table: &Node, rows: &Rows, by: &[String], faults: &mut Faults) -> Option<Vec<Cell>> {
    let columns: Vec<&str> = by.iter().map(String::as_str).chain([PRICE]).collect();
    let rows = faults.keep(rows.select(&columns, &[], &table.place))?;
    let mut cells = Vec::with_capacity(rows.len());
    for (values, place) in rows {
        let (price, values) = values.split_last()?;
        if let Some(price) = number(price, PRICE, &place, faults) {
            cells.push((values.iter().map(|value| (*value).to_owned()).collect(), price, place));
        }
    }
    Some(cells)
}
