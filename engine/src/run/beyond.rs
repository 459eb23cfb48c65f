//! Usage past the last tier of a price that says `beyond: unpriced`: whole records, in order of time, before anything is
//! counted, so that no sum has half of one.
//!
//! A record that would take what fills the tiers past their end is set aside; a later one that still fits is not. What an
//! allowance covers counts as well: it is used.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Job;
use super::circles::{Circles, Sharer};
use super::settle::too_much;
use crate::book::model::{Each, Price, Scope};
use crate::catalog::Stretch;
use crate::fault::Outcome;
use crate::money::Decimal;
use crate::usage::{Cell, Origin, Settled};

/// What was set aside.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// The records, each with the charge whose tiers end before it; sorted.
    pub(super) records: Vec<(Origin, usize)>,
    /// By meter: their number and the sum of their quantities, as metered.
    pub(super) metered: Vec<(u64, Decimal)>,
}

/// What fills tiers together: charge, terms, who shares, group of dimension values, day.
type Key = (usize, u32, Sharer, Vec<Arc<str>>, Option<u16>);

/// Takes the records that are past the last tier out of `shards`.
///
/// # Errors
/// `G002` when the quantities of a meter do not fit.
pub(super) fn set_aside(job: &Job<'_>, cells: &[Cell], shards: &mut [Vec<Vec<Settled>>]) -> Outcome<Beyond> {
    let mut beyond = Beyond { metered: vec![(0, Decimal::ZERO); job.book.meters.len()], ..Beyond::default() };
    let limits = Limits::of(job);
    if !limits.by_meter.contains(&true) {
        return Ok(beyond);
    }
    let meter = |measure: &Settled| cells[measure.slot.cell() as usize].meter as usize;
    let mut measures: Vec<Settled> = shards.iter().flatten().flatten().copied().collect();
    measures.retain(|measure| limits.by_meter[meter(measure)]);
    measures.sort_unstable_by_key(|measure| (measure.time, measure.origin, measure.slot));
    let mut filled: HashMap<Key, Decimal> = HashMap::new();
    for record in measures.chunk_by(|one, other| one.origin == other.origin) {
        match limits.room(cells, record, &filled) {
            Ok(room) => filled.extend(room),
            Err(charge) => beyond.records.extend(record.first().map(|first| (first.origin, charge))),
        }
    }
    beyond.records.sort_unstable();
    if beyond.records.is_empty() {
        return Ok(beyond);
    }
    let Beyond { records, metered } = &mut beyond;
    for part in shards.iter_mut().flatten() {
        for measure in part.extract_if(.., |measure| holds(records, measure.origin)) {
            let of = &job.book.meters[meter(&measure)];
            let total = &mut metered[meter(&measure)];
            total.0 += 1;
            if of.aggregate.adds_up() {
                let sum = total.1.plus(Decimal::from_units(measure.quantity));
                total.1 = sum.ok_or_else(|| too_much(of))?;
            }
        }
    }
    Ok(beyond)
}

fn holds(records: &[(Origin, usize)], origin: Origin) -> bool {
    records.binary_search_by_key(&origin, |(known, _)| *known).is_ok()
}

/// The prices that end.
struct Limits<'j> {
    job: &'j Job<'j>,
    circles: Circles,
    by_meter: Vec<bool>,
    /// By terms.
    by_terms: Vec<bool>,
}

impl<'j> Limits<'j> {
    fn of(job: &'j Job<'j>) -> Self {
        let (catalog, mut by_meter) = (job.catalog, vec![false; job.book.meters.len()]);
        for (price, charge) in catalog.prices.iter().zip(&catalog.charge_of) {
            if let Some(meter) = job.book.charges[*charge].meter {
                by_meter[meter] |= price.end().is_some();
            }
        }
        let ends = |stretches: &Vec<Stretch>| {
            stretches.iter().any(|stretch| catalog.prices[stretch.price as usize].end().is_some())
        };
        Self { job, circles: Circles::new(job), by_meter, by_terms: catalog.terms.iter().map(ends).collect() }
    }

    /// What is filled with `record`, which has a measure for each meter that counts it.
    ///
    /// # Errors
    /// The charge whose tiers end before it.
    fn room(
        &self,
        cells: &[Cell],
        record: &[Settled],
        filled: &HashMap<Key, Decimal>,
    ) -> Result<Vec<(Key, Decimal)>, usize> {
        let (catalog, book) = (self.job.catalog, self.job.book);
        let mut room = Vec::new();
        for measure in record {
            let cell = &cells[measure.slot.cell() as usize];
            let subscription = measure.slot.subscription();
            let quantity = Decimal::from_units(measure.quantity);
            let Some(day) = self.job.period.day_of(measure.time) else { continue };
            for (nth, charge) in catalog.offer(subscription).charges.iter().enumerate() {
                let terms = catalog.terms_of(subscription, nth);
                if book.charges[*charge].meter != Some(cell.meter as usize) || !self.by_terms[terms as usize] {
                    continue;
                }
                let Some(price) = catalog.price_on(terms, day).map(|price| &catalog.prices[price as usize]) else {
                    continue;
                };
                let key = self.key((*charge, terms), subscription, cell, price, day);
                let before = filled.get(&key).copied().unwrap_or_default();
                let after = before.plus(quantity).ok_or(*charge)?;
                let tested = if price.each == Each::Record { quantity } else { after };
                if quantity > Decimal::ZERO && price.end().is_some_and(|last| last.is_passed(tested)) {
                    return Err(*charge);
                }
                room.push((key, after));
            }
        }
        Ok(room)
    }

    fn key(&self, (charge, terms): (usize, u32), subscription: u32, cell: &Cell, price: &Price, day: u16) -> Key {
        let first = self.job.catalog.terms[terms as usize].first();
        let first = first.map_or(price, |stretch| &self.job.catalog.prices[stretch.price as usize]);
        let scope = if price.each == Each::Period { first.scope } else { Scope::Subscription };
        let names = &self.job.book.meters[cell.meter as usize].dimensions;
        let value = |name: &String| names.iter().position(|known| known == name).map(|at| Arc::clone(&cell.values[at]));
        let group = if first.restarts { price.lines_by.iter().filter_map(value).collect() } else { Vec::new() };
        let sharer = self.circles.sharer(self.job, subscription, scope);
        (charge, terms, sharer, group, (price.each == Each::Day).then_some(day))
    }
}
