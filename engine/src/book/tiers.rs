//! Tiers, written out or from a table: ascending, and open at the end.

use super::files::Files;
use super::model::Tier;
use super::table::Rows;
use crate::fault::{Fault, Faults, Place, codes};
use crate::money::Decimal;
use crate::yaml::{Node, beside};

/// Tiers a price may have: lines name them by a number of 16 bits.
const MOST: usize = 65_535;

/// The tiers `node` holds or names; `None` when a fault was reported.
pub(super) fn tiers(node: &Node, files: &Files, faults: &mut Faults) -> Option<Vec<Tier>> {
    let rows = match node.get("table") {
        Some(table) => from_table(table, table_rows(table, files)?, faults)?,
        // A table without its name has been reported.
        None if !node.entries().is_empty() => return None,
        None => node.list().iter().map(from_node).collect::<Option<Vec<_>>>()?,
    };
    let before = faults.0.len();
    check_order(&rows, &node.place, faults);
    (faults.0.len() == before).then(|| rows.into_iter().map(|(tier, _)| tier).collect())
}

/// The rows of the table that `table` names; `None` when it could not be read.
pub(super) fn table_rows<'a>(table: &Node, files: &'a Files) -> Option<&'a Rows> {
    files.tables.get(&beside(&table.place.source.name, table.text()?))?.as_ref()
}

/// The number in a cell of a table; a fault at `place` when it is none.
pub(super) fn number(text: &str, column: &str, place: &Place, faults: &mut Faults) -> Option<Decimal> {
    let fault = |cause| Fault::new(&codes::B001, format!("`{text}` in `{column}`: {cause}")).at(place);
    faults.keep(Decimal::parse(text).map_err(|cause| fault(cause).into()))
}

fn from_node(node: &Node) -> Option<(Tier, Place)> {
    let up_to = match node.get("up_to") {
        Some(bound) => Some(bound.decimal()?),
        None => None,
    };
    let flat_fee = match node.get("flat_fee") {
        Some(fee) => fee.decimal()?,
        None => Decimal::ZERO,
    };
    let place = node.get("up_to").map_or(&node.place, |bound| &bound.place).clone();
    Some((Tier { up_to, unit_price: node.get("unit_price")?.decimal()?, flat_fee }, place))
}

fn from_table(table: &Node, rows: &Rows, faults: &mut Faults) -> Option<Vec<(Tier, Place)>> {
    let columns = ["up_to", "unit_price", "flat_fee"];
    let rows = faults.keep(rows.select(&columns, &["flat_fee"], &table.place))?;
    let before = faults.0.len();
    let mut tiers = Vec::with_capacity(rows.len());
    for (values, place) in rows {
        let [up_to, unit_price, flat_fee] = values.as_slice() else { return None };
        let up_to = if up_to.is_empty() { None } else { number(up_to, "up_to", &place, faults) };
        let flat_fee =
            if flat_fee.is_empty() { Some(Decimal::ZERO) } else { number(flat_fee, "flat_fee", &place, faults) };
        let unit_price = number(unit_price, "unit_price", &place, faults);
        if let (Some(unit_price), Some(flat_fee)) = (unit_price, flat_fee) {
            tiers.push((Tier { up_to, unit_price, flat_fee }, place));
        }
    }
    (faults.0.len() == before).then_some(tiers)
}

fn check_order(rows: &[(Tier, Place)], place: &Place, faults: &mut Faults) {
    let mut previous = Decimal::ZERO;
    for (index, (tier, place)) in rows.iter().enumerate() {
        let last = index + 1 == rows.len();
        match tier.up_to {
            Some(bound) if bound <= previous => {
                let fault = Fault::new(&codes::B004, format!("`up_to` {bound} is not above {previous}")).at(place);
                faults.push(fault.hint("tiers stand in ascending order; each one starts where the one before it ends"));
            }
            None if !last => {
                let fault = Fault::new(&codes::B004, "only the last tier may be without `up_to`").at(place);
                faults.push(fault.hint("tiers stand in ascending order"));
            }
            Some(_) if last => {
                let fault = Fault::new(&codes::B004, "the last tier must be open").at(place);
                faults.push(fault.hint("leave out its `up_to`: quantities past the last tier need a price"));
            }
            _ => {}
        }
        previous = tier.up_to.unwrap_or(previous);
    }
    if let Some((_, place)) = rows.get(MOST) {
        let fault = Fault::new(&codes::B004, format!("there are {} tiers, more than {MOST}", rows.len())).at(place);
        faults.push(fault.hint("prices per cell of dimension values are a matrix, prices per unit need one tier"));
    }
    if rows.is_empty() {
        faults.push(
            Fault::new(&codes::B004, "there is no tier").at(place).hint("one tier `{ unit_price: … }` is enough"),
        );
    }
}
