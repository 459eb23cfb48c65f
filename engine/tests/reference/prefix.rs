//! Prices by the longest prefix of what was dialled.

use std::collections::BTreeMap;

use super::exact::Exact;
use super::measure::quantity;
use super::model::{Part, Thing};
use super::records::stepped;
use super::words::{Fields, Meter, Read, Record};

/// The row of the longest prefix that fits a record.
pub(crate) fn longest<'a>(price: &'a Fields, record: &Record) -> Option<&'a Fields> {
    let text = &record.marks[&price.many("by")[0]];
    let fitting = price.rows("prefixes").iter().filter(|row| text.starts_with(row.one("prefix").unwrap()));
    fitting.max_by_key(|row| row.one("prefix").unwrap().len())
}

/// A line for each destination and price.
pub(crate) fn prefix(price: &Fields, meter: &Meter, thing: &Thing<'_>) -> Vec<Part> {
    let mut lines: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for used in &thing.uses {
        let row = longest(price, used.record).unwrap();
        let tier = row.one("destination").or_else(|| row.one("prefix")).unwrap();
        let unit_price = row.number("unit_price").unwrap();
        let per = row.number("per").unwrap_or_else(|| Exact::whole(1));
        let measured = quantity(meter, used.record);
        let units = match row.number("increment") {
            Some(step) => stepped(&measured, &row.number("initial").unwrap_or_else(|| step.clone()), &step),
            None => measured.clone(),
        };
        let amount = units.times(&unit_price).over(&per).kept();
        let parts = lines.entry(tier.to_owned()).or_default();
        parts.push(Part::new(tier, measured.clone(), Some(unit_price), amount));
        if let Some(fee) = row.number("connect_fee").filter(|fee| !fee.is_zero() && measured.is_positive()) {
            parts.push(Part::fee(&fee, 1));
        }
    }
    lines.into_values().flatten().collect()
}
