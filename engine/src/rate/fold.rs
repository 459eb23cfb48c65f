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
    for part in of_records(parts)? {
        let of = portions.get(part.portion)?;
        match places.get(&(of.subscription, of.group, of.stretch, part.band)) {
            Some(at) => {
                let sum = folded.get_mut(*at)?;
                sum.records += part.records;
                add(sum, &part)?;
                joined[*at] = true;
            }
            None => {
                places.insert((of.subscription, of.group, of.stretch, part.band), folded.len());
                folded.push(part);
                joined.push(false);
            }
        }
    }
    // What was taken back again leaves no line, but where its records are published.
    let stays = |(part, joined): &(Part, bool)| {
        let nothing = part.quantity.is_zero() && part.amount.is_zero();
        let price = portions.get(part.portion).and_then(|of| prices.get(usize::from(of.stretch)));
        !*joined || !nothing || price.is_some_and(|price| price.itemise)
    };
    Some(folded.into_iter().zip(joined).filter(stays).map(|(part, _)| part).collect())
}

/// The parts with one left for each band of a portion: a record that comes back to a window is one record there.
pub(super) fn of_records(parts: Vec<Part>) -> Option<Vec<Part>> {
    let mut whole: Vec<Part> = Vec::with_capacity(parts.len());
    // Where the parts of the portion at hand begin.
    let mut start = 0;
    for part in parts {
        if whole.last().is_some_and(|last| last.portion != part.portion) {
            start = whole.len();
        }
        match whole[start..].iter_mut().find(|own| own.band == part.band) {
            Some(own) => add(own, &part)?,
            None => whole.push(part),
        }
    }
    Some(whole)
}

/// Adds quantity and amount; the price of a unit stays where it is the same.
fn add(sum: &mut Part, part: &Part) -> Option<()> {
    sum.quantity = sum.quantity.plus(part.quantity)?;
    sum.amount = sum.amount.plus(part.amount)?;
    sum.unit_price = sum.unit_price.filter(|price| Some(*price) == part.unit_price);
    Some(())
}
