//! The prefixes of a charge, written out or from a table: each once, with their increments.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::lists::Lists;
use super::model::{Destination, Prefixes, Tier};
use super::tiers::number;
use crate::fault::{Fault, Faults, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;

const COLUMNS: [&str; 7] = ["prefix", "destination", "unit_price", "per", "initial", "increment", "connect_fee"];

/// The prefixes `node` holds or names; `None` when a fault was reported.
pub(super) fn prefixes(node: &Node, lists: &Lists, faults: &mut Faults) -> Option<Prefixes> {
    let before = faults.0.len();
    let mut rows: Vec<(Vec<&str>, Place)> = match node.get("table") {
        Some(table) => {
            let optional = ["destination", "per", "initial", "increment", "connect_fee"];
            faults.keep(lists.rows(table)?.select(&COLUMNS, &optional, &table.place))?
        }
        None => node.list().iter().map(from_node).collect(),
    };
    rows.sort_by(|a, b| a.0[0].cmp(b.0[0]));
    for pair in rows.windows(2) {
        if pair[0].0[0] == pair[1].0[0] {
            let fault = Fault::new(&codes::B008, format!("the prefix `{}` stands twice", pair[1].0[0]));
            faults.push(fault.at(&pair[1].1).hint(format!("the other stands at {}", pair[0].1)));
        }
    }
    // Rows of long lists repeat a few terms: each of them is kept once only while it is read.
    let mut found = Vec::with_capacity(rows.len());
    for (values, place) in &rows {
        found.extend(row(values, place, faults));
    }
    if rows.is_empty() {
        faults.push(Fault::new(&codes::B004, "there is no prefix").at(&node.place));
    }
    (faults.0.len() == before).then(|| Prefixes::new(found))
}

fn from_node(node: &Node) -> (Vec<&str>, Place) {
    let fields = Fields::of(node);
    let text = |key: &&str| fields.get(key).and_then(Node::text).unwrap_or_default();
    (COLUMNS.iter().map(text).collect(), node.place.clone())
}

fn row(values: &[&str], place: &Place, faults: &mut Faults) -> Option<(Destination, String)> {
    let before = faults.0.len();
    let texts: BTreeMap<&str, &str> = COLUMNS.into_iter().zip(values.iter().copied()).collect();
    let mut given = |key: &str| {
        let text = texts.get(key).filter(|text| !text.is_empty())?;
        number(text, key, place, faults)
    };
    let (unit_price, per, initial) = (given("unit_price"), given("per"), given("initial"));
    let (increment, connect_fee) = (given("increment"), given("connect_fee"));
    let prefix = texts.get("prefix").copied().unwrap_or_default();
    for (key, number) in [("per", per), ("initial", initial), ("increment", increment)] {
        if let Some(number) = number.filter(|number| *number <= Decimal::ZERO) {
            faults.push(Fault::new(&codes::B001, format!("`{key}` {number} is not above zero")).at(place));
        }
    }
    let Some(unit_price) = unit_price else {
        if faults.0.len() == before {
            faults.push(Fault::new(&codes::Y005, "the prefix needs a `unit_price`").at(place));
        }
        return None;
    };
    if prefix.is_empty() {
        faults.push(Fault::new(&codes::Y005, "the prefix is empty").at(place).hint("write how the text begins"));
    }
    let name = texts.get("destination").filter(|name| !name.is_empty()).map_or(prefix, |name| name);
    let tiers = increments(unit_price, per.unwrap_or(Decimal::ONE), initial, increment);
    let connect_fee = connect_fee.unwrap_or(Decimal::ZERO);
    let destination = Destination { prefix: prefix.to_owned(), name: 0, tiers, connect_fee };
    (faults.0.len() == before).then(|| (destination, name.to_owned()))
}

/// The bands of a record: its first increment, and all that follow.
pub(super) fn increments(
    unit_price: Decimal,
    per: Decimal,
    initial: Option<Decimal>,
    increment: Option<Decimal>,
) -> Vec<Tier> {
    let band = |up_to, increment| Tier { per, increment, ..Tier::new(up_to, unit_price) };
    match initial {
        Some(initial) => vec![band(Some(initial), Some(initial)), band(None, increment.or(Some(initial)))],
        None => vec![band(None, increment)],
    }
}
