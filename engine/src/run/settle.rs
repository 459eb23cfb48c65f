//! The hot path's second half: shards of measures -> duplicates and conflicts settled -> usage buckets.

use std::ops::Range;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::Job;
use super::beyond;
use super::intake::{Intake, Late, SHARDS, described};
use crate::book::model::{Aggregate, Meter};
use crate::dedup::{Sorted, settle};
use crate::fault::{Fault, Outcome};
use crate::meter::{Metering, bucketed, shard_of};
use crate::money::Decimal;
use crate::rate::has_price;
use crate::usage::{Buckets, Cell, Metered, Origin, Settled, Slot, Suspended, Tally};

/// Everything usage has become.
#[derive(Debug)]
pub(super) struct Usage {
    /// By file.
    pub(super) tallies: Vec<Tally>,
    /// Sorted by origin.
    pub(super) suspended: Vec<Suspended>,
    /// The usage cube.
    pub(super) buckets: Buckets,
    /// By meter: records and the sum of their quantities, as metered.
    pub(super) metered: Vec<(u64, Decimal)>,
}

/// Settles what the workers took in.
///
/// # Errors
/// Sums that do not fit; faults of files that must be read again for conflicts.
pub(super) async fn settle_all(job: &Job<'_>, intakes: Vec<Intake>, batch_rows: usize) -> Outcome<Usage> {
    let mut tallies = vec![Tally::default(); job.files.len()];
    let (mut suspended, mut pending) = (Vec::new(), Vec::new());
    let mut shards: Vec<Vec<Vec<Metered>>> = (0..SHARDS).map(|_| Vec::new()).collect();
    for intake in intakes {
        tallies.iter_mut().zip(&intake.tallies).for_each(|(tally, own)| tally.add(own));
        suspended.extend(intake.suspended);
        pending.extend(intake.pending);
        shards.iter_mut().zip(intake.shards).for_each(|(shard, own)| shard.extend(own));
    }
    let (cells, places) = job.cells.sorted_cells();
    let (values, value_places) = job.cells.sorted_values();
    let sorting = Sorting { job, places: &places, value_places: &value_places, cells: &cells };
    // Few ranges of shards, so that what they are sorted in is made few times.
    let together = (SHARDS / (4 * rayon::current_num_threads())).max(1);
    let settled = shards.into_par_iter().with_min_len(together);
    let settled: Vec<Outcome<Shard>> =
        settled.map_init(Sorted::default, |sorted, parts| sorting.shard(sorted, &parts)).collect();

    let mut by_subscription: Vec<Vec<Vec<Settled>>> = (0..SHARDS).map(|_| Vec::new()).collect();
    let mut metered = vec![(0, Decimal::ZERO); job.book.meters.len()];
    let (mut late, mut nowhere) = (Vec::new(), HashSet::new());
    for shard in settled {
        let shard = shard?;
        by_subscription.iter_mut().zip(shard.settled).for_each(|(all, own)| all.push(own));
        tallies.iter_mut().zip(&shard.tallies).for_each(|(tally, own)| tally.add(own));
        for ((total, own), meter) in metered.iter_mut().zip(&shard.metered).zip(&job.book.meters) {
            *total = (total.0 + own.0, total.1.plus(own.1).ok_or_else(|| too_much(meter))?);
        }
        late.extend(shard.conflicts.into_iter().map(|origin| (origin, Late::Conflicting)));
        late.extend(shard.unpriced.into_iter().map(|(origin, charge)| (origin, Late::Unpriced { charge })));
        nowhere.extend(shard.nowhere);
    }
    let beyond = beyond::set_aside(job, &cells, &mut by_subscription)?;
    for (origin, charge) in &beyond.records {
        let tally = &mut tallies[origin.file()];
        (tally.rated, tally.suspended) = (tally.rated - 1, tally.suspended + 1);
        late.push((*origin, Late::Beyond { charge: *charge }));
    }
    for ((total, less), meter) in metered.iter_mut().zip(&beyond.metered).zip(&job.book.meters) {
        *total = (total.0 - less.0, total.1.minus(less.1).ok_or_else(|| too_much(meter))?);
    }
    suspended.extend(pending.into_iter().filter(|record| nowhere.contains(&record.origin)));
    late.sort_unstable();
    suspended.extend(described(job, &late, batch_rows).await?);
    suspended.sort_by_key(|record| record.origin);
    let metering = Metering { meters: &job.book.meters, by_record: &job.catalog.by_record };
    let buckets = bucketed(by_subscription, cells, &values, metering, job.period)?;
    Ok(Usage { tallies, suspended, buckets, metered })
}

/// One settled shard.
struct Shard {
    settled: Vec<Vec<Settled>>,
    tallies: Vec<Tally>,
    metered: Vec<(u64, Decimal)>,
    conflicts: Vec<Origin>,
    nowhere: Vec<Origin>,
    /// Records without a price, with the charge that lacks it.
    unpriced: Vec<(Origin, usize)>,
    /// Whether a price (by number) has a price for a cell.
    priced: HashMap<(u32, u32), bool>,
}

struct Sorting<'s> {
    job: &'s Job<'s>,
    places: &'s [u32],
    value_places: &'s [u32],
    cells: &'s [Cell],
}

impl Sorting<'_> {
    fn shard(&self, sorted: &mut Sorted, parts: &[Vec<Metered>]) -> Outcome<Shard> {
        let settlement = settle(parts, sorted);
        let all = sorted.measures.as_slice();
        let mut shard = Shard {
            settled: self.room(all, &settlement.kept),
            tallies: vec![Tally::default(); self.job.files.len()],
            metered: vec![(0, Decimal::ZERO); self.job.book.meters.len()],
            conflicts: settlement.conflicts,
            nowhere: Vec::new(),
            unpriced: Vec::new(),
            priced: HashMap::new(),
        };
        for origin in settlement.duplicates {
            shard.tallies[origin.file()].duplicate += 1;
        }
        for origin in &shard.conflicts {
            shard.tallies[origin.file()].suspended += 1;
        }
        for kept in settlement.kept {
            self.keep(&mut shard, &all[kept])?;
        }
        Ok(shard)
    }

    /// Room for exactly the measures each range of subscriptions will get: growing lists would cost half as much memory
    /// again.
    fn room(&self, all: &[Metered], kept: &[Range<usize>]) -> Vec<Vec<Settled>> {
        let mut counts = vec![0; SHARDS];
        for measure in kept.iter().flat_map(|range| &all[range.clone()]) {
            if measure.slot != Slot::NOWHERE {
                counts[self.shard_of(measure.slot.subscription())] += 1;
            }
        }
        counts.into_iter().map(Vec::with_capacity).collect()
    }

    fn shard_of(&self, subscription: u32) -> usize {
        shard_of(subscription, self.job.reference.subscriptions.len(), SHARDS)
    }

    /// Keeps one record: all its measures, or its place in suspense.
    fn keep(&self, shard: &mut Shard, measures: &[Metered]) -> Outcome<()> {
        let Some(first) = measures.first() else { return Ok(()) };
        let tally = &mut shard.tallies[first.origin.file()];
        if first.slot == Slot::NOWHERE {
            tally.suspended += 1;
            shard.nowhere.push(first.origin);
            return Ok(());
        }
        if let Some(charge) = self.without_price(&mut shard.priced, measures) {
            tally.suspended += 1;
            shard.unpriced.push((first.origin, charge));
            return Ok(());
        }
        tally.rated += 1;
        for measure in measures {
            let cell = self.places[measure.slot.cell() as usize];
            let meter = self.cells[cell as usize].meter as usize;
            let mut quantity = measure.quantity;
            let total = &mut shard.metered[meter];
            total.0 += 1;
            match self.job.book.meters[meter].aggregate {
                Aggregate::Unique => {
                    let number = usize::try_from(quantity).map_err(|_| Fault::ours("a value without a number"))?;
                    quantity = i128::from(self.value_places[number]);
                }
                aggregate if aggregate.adds_up() => {
                    let sum = total.1.plus(Decimal::from_units(quantity));
                    total.1 = sum.ok_or_else(|| too_much(&self.job.book.meters[meter]))?;
                }
                _ => {}
            }
            let subscription = measure.slot.subscription();
            let slot = Slot::new(subscription, cell);
            let (time, origin) = (measure.time, measure.origin);
            shard.settled[self.shard_of(subscription)].push(Settled { quantity, slot, time, origin });
        }
        Ok(())
    }
}

impl Sorting<'_> {
    /// The charge that has no price for a record: it is set aside as a whole, never free.
    fn without_price(&self, priced: &mut HashMap<(u32, u32), bool>, measures: &[Metered]) -> Option<usize> {
        let (catalog, book) = (self.job.catalog, self.job.book);
        measures.iter().find_map(|measure| {
            let number = self.places[measure.slot.cell() as usize];
            let cell = &self.cells[number as usize];
            let meter = &book.meters[cell.meter as usize];
            if !catalog.gaps[cell.meter as usize] {
                return None;
            }
            let subscription = measure.slot.subscription();
            let charges = &catalog.offer(subscription).charges;
            let on_meter = |charge: usize| book.charges[charge].meter == Some(cell.meter as usize);
            charges.iter().enumerate().filter(|(_, charge)| on_meter(**charge)).find_map(|(nth, charge)| {
                let terms = catalog.terms_of(subscription, nth);
                let price = catalog.price_on(terms, self.job.period.day_of(measure.time)?)?;
                let names = meter.dimensions.iter().chain(&meter.attributes);
                let has = || has_price(&catalog.prices[price as usize], cell, names);
                let has = *priced.entry((price, number)).or_insert_with(has);
                (!has).then_some(*charge)
            })
        })
    }
}

/// The quantities of a meter do not fit.
pub(super) fn too_much(meter: &Meter) -> Fault {
    let message = format!("the usage of meter `{}` has more than 20 digits before the point", meter.id);
    let fault = Fault::new(&crate::fault::codes::G002, message).at(&meter.place);
    fault.hint("look for records with a wrong quantity")
}
