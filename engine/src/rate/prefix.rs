//! prefix: every record at the price of the longest prefix that its text begins with.

use super::{Facts, Unrated};
use crate::book::model::Prefixes;
use crate::lines::{Band, Part, Portion};

pub(super) fn rate(
    by: &str,
    prefixes: &Prefixes,
    portions: &[Portion],
    facts: &dyn Facts,
) -> Result<Vec<Part>, Unrated> {
    let mut parts = Vec::with_capacity(portions.len());
    let mut missing = Vec::new();
    for (index, portion) in portions.iter().enumerate() {
        match facts.text(portion.cell, by).and_then(|text| prefixes.longest(text)) {
            Some(found) => {
                let band = Band::Named(found.name);
                super::increments::record(index, portion, band, &found.tiers, found.connect_fee, &mut parts)
                    .ok_or(Unrated::OutOfRange)?;
            }
            None => missing.push(index),
        }
    }
    if missing.is_empty() { Ok(parts) } else { Err(Unrated::NoPrice(missing)) }
}
