//! Parts of the same line become one: those of single records, days and windows, and of one band of a stretch.

use hashbrown::HashMap;

use crate::book::model::{Each, Price};
use crate::lines::{Band, Part, Portion};

/// The parts with one left for each subscription, line group, stretch and band; `None` when a sum does not fit.
pub(super) fn folded(prices: &[&Price], portions: &[Portion], parts: Vec<Part>) -> Option<Vec<Part>> {
    let several = |price: &&Price| price.each != Each::Period || price.by_record();
    if !prices.iter().any(several) {
        return Some(parts);
    }
    let mut places: HashMap<(u32, u32, u16, Band), usize> = HashMap::new();
    let mut folded: Vec<Part> = Vec::new();
    let mut joined: Vec<bool> = Vec::new();
    for part in parts {
        let of = portions.get(part.portion)?;
        match places.get(&(of.subscription, of.group, of.stretch, part.band)) {
            Some(at) => {
                let sum = folded.get_mut(*at)?;
                sum.quantity = sum.quantity.plus(part.quantity)?;
                sum.amount = sum.amount.plus(part.amount)?;
                sum.records += part.records;
                joined[*at] = true;
                sum.unit_price = sum.unit_price.filter(|price| Some(*price) == part.unit_price);
            }
            None => {
                places.insert((of.subscription, of.group, of.stretch, part.band), folded.len());
                folded.push(part);
                joined.push(false);
            }
        }
    }
    // What was taken back again leaves no line.
    let nothing = |part: &Part| part.quantity.is_zero() && part.amount.is_zero();
    let kept = folded.into_iter().zip(joined).filter(|(part, joined)| !(*joined && nothing(part)));
    Some(kept.map(|(part, _)| part).collect())
}
