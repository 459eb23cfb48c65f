//! Prices by the longest prefix of what was dialled.

use super::exact::Exact;
use super::model::{Part, Thing};
use super::records::{connected, stepped};
use super::words::{Fields, Read, Record};

/// The row of the longest prefix that fits a record.
pub(crate) fn longest<'a>(price: &'a Fields, record: &Record) -> Option<&'a Fields> {
    let text = &record.marks[&price.many("by")[0]];
    let fitting = price.rows("prefixes").iter().filter(|row| text.starts_with(row.one("prefix").unwrap()));
    fitting.max_by_key(|row| row.one("prefix").unwrap().len())
}

/// The line of a record's destination.
pub(crate) fn prefix(price: &Fields, thing: &Thing<'_>) -> Vec<Part> {
    let row = longest(price, thing.uses[0].record).unwrap();
    let tier = row.one("destination").or_else(|| row.one("prefix")).unwrap();
    let unit_price = row.number("unit_price").unwrap();
    let per = row.number("per").unwrap_or_else(|| Exact::whole(1));
    let units = match row.number("increment") {
        Some(step) => stepped(&thing.quantity, &row.number("initial").unwrap_or_else(|| step.clone()), &step),
        None => thing.quantity.clone(),
    };
    let amount = units.times(&unit_price).over(&per).kept();
    let mut parts = vec![Part::new(tier, thing.quantity.clone(), Some(unit_price.over(&per).kept()), amount)];
    parts.extend(connected(row, &thing.quantity));
    parts
}
