//! The hot path's second half: shards of measures -> duplicates and conflicts settled -> usage buckets.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::Job;
use super::beyond;
use super::intake::{Intake, Late, SHARDS, described, is_too_late};
use super::nights::Standing;
use crate::book::model::{Aggregate, Meter};
use crate::dedup::{Sorted, settle};
use crate::fault::{Fault, Outcome};
use crate::meter::{Metering, bucketed, shard_of};
use crate::money::Decimal;
use crate::rate::has_price;
use crate::usage::{Bucket, Buckets, Cell, Judged, Metered, Origin, Settled, Slot, Suspended, Tally, Verdict};

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
    /// By day, in any order: the fate of all measures that were settled; empty unless the pipeline is incremental.
    pub(super) judged: Vec<Vec<Vec<Judged>>>,
    /// What the cells and values of `judged` are.
    pub(super) names: Names,
    /// Records of which something was decided, and that are copies of another one that counts.
    pub(super) represented: HashSet<Origin>,
}

/// What numbers of cells and values stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Sorted, with the values of attributes.
    pub(super) cells: Vec<Cell>,
    /// Values of unique meters, sorted.
    pub(super) values: Vec<Arc<str>>,
    /// By number of a cell: its place.
    pub(super) places: Vec<u32>,
    /// By number of a value: its place.
    pub(super) value_places: Vec<u32>,
}

/// Settles what the workers took in.
///
/// # Errors
/// Sums that do not fit; faults of files that must be read again for conflicts.
pub(super) async fn settle_all(
    job: &Job<'_>,
    intakes: Vec<Intake>,
    standing: Standing,
    batch_rows: usize,
) -> Outcome<Usage> {
    let Standing { mut tallies, mut suspended, told, buckets, singles, .. } = standing;
    tallies.resize(job.files.len(), Tally::default());
    let mut pending = Vec::new();
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
    let (buckets, mut metered) = sorting.standing(buckets, &singles, &mut by_subscription)?;
    let (mut late, mut nowhere, mut kept_for) = (Vec::new(), HashSet::new(), HashMap::new());
    let mut judged: Vec<Vec<Vec<Judged>>> = vec![Vec::new(); sorting.days()];
    for shard in settled {
        let shard = shard?;
        judged.iter_mut().zip(shard.judged).for_each(|(all, own)| all.push(own));
        by_subscription.iter_mut().zip(shard.settled).for_each(|(all, own)| all.push(own));
        tallies.iter_mut().zip(&shard.tallies).for_each(|(tally, own)| tally.add(own));
        for ((total, own), meter) in metered.iter_mut().zip(&shard.metered).zip(&job.book.meters) {
            *total = (total.0 + own.0, total.1.plus(own.1).ok_or_else(|| too_much(meter))?);
        }
        late.extend(shard.conflicts.into_iter().map(|origin| (origin, Late::Conflicting)));
        late.extend(shard.written_off.into_iter().map(|(origin, copy)| (origin, Late::WrittenOff { copy })));
        late.extend(shard.held.into_iter().map(|origin| (origin, Late::Held { origin })));
        kept_for.extend(shard.kept_for);
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
    let is_beyond = |origin: Origin| beyond.records.binary_search_by_key(&origin, |(known, _)| *known).is_ok();
    let all = judged.iter_mut().flatten().flatten().filter(|_| !beyond.records.is_empty());
    all.filter(|one| is_beyond(one.measure.origin)).for_each(|one| one.verdict = Verdict::Beyond);
    suspended.extend(pending.into_iter().filter(|record| nowhere.contains(&record.origin)));
    suspended.extend(set_aside(job, (nowhere, late), told, batch_rows).await?);
    suspended.sort_by_key(|record| record.origin);
    job.decided.mark(&mut suspended, &kept_for);
    let represented = kept_for.into_values().flatten().collect();
    let metering = Metering { meters: &job.book.meters, by_record: &job.catalog.by_record };
    let names = Names { cells: cells.clone(), values: values.clone(), places, value_places };
    let buckets = bucketed(by_subscription, cells, &values, metering, job.period, buckets)?;
    Ok(Usage { tallies, suspended, buckets, metered, judged, names, represented })
}

/// The rows in suspense of records that are `nowhere`, as far as an earlier night has `told` of them, and of all `late` ones.
async fn set_aside(
    job: &Job<'_>,
    (nowhere, mut late): (HashSet<Origin>, Vec<(Origin, Late)>),
    mut told: HashMap<Origin, Suspended>,
    batch_rows: usize,
) -> Outcome<Vec<Suspended>> {
    // Sorted by whoever asks.
    let mut suspended: Vec<Suspended> = nowhere.iter().filter_map(|origin| told.remove(origin)).collect();
    late.sort_unstable();
    // What an earlier night has said of a record is not looked up again, but for why it is set aside.
    late.retain(|(origin, late)| {
        let (reason, detail) = late.told(job);
        let known = told.remove(origin);
        let is_new = known.is_none();
        let row = |row| Suspended { reason: Arc::from(reason), field: None, detail: Some(detail), ..row };
        suspended.extend(known.map(row));
        is_new
    });
    suspended.extend(described(job, &late, batch_rows).await?);
    Ok(suspended)
}

/// By meter: records and the sum of their quantities.
type Counted = Vec<(u64, Decimal)>;

/// One settled shard.
struct Shard {
    settled: Vec<Vec<Settled>>,
    tallies: Vec<Tally>,
    metered: Vec<(u64, Decimal)>,
    conflicts: Vec<Origin>,
    nowhere: Vec<Origin>,
    /// By day: the fate of every measure.
    judged: Vec<Vec<Judged>>,
    /// Records without a price, with the charge that lacks it.
    unpriced: Vec<(Origin, usize)>,
    /// Records that would count, each with the copy of it that was written off.
    written_off: Vec<(Origin, Origin)>,
    /// Records that would count, but stay in suspense because their period is closed.
    held: Vec<Origin>,
    /// Records of whose copies something was decided, each as one of them, with the others.
    kept_for: Vec<(Origin, Vec<Origin>)>,
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
        let too_late = |metered: &Metered| is_too_late(self.job, metered.origin, metered.time);
        let settlement = settle(parts, sorted, too_late);
        let all = sorted.measures.as_slice();
        let mut shard = Shard {
            settled: self.room(all, &settlement.kept),
            tallies: vec![Tally::default(); self.job.files.len()],
            metered: vec![(0, Decimal::ZERO); self.job.book.meters.len()],
            conflicts: settlement.conflicts.iter().map(|range| all[range.start].origin).collect(),
            nowhere: Vec::new(),
            judged: vec![Vec::new(); self.days()],
            unpriced: Vec::new(),
            written_off: Vec::new(),
            held: Vec::new(),
            kept_for: Vec::new(),
            priced: HashMap::new(),
        };
        for origin in settlement.duplicates {
            shard.tallies[origin.file()].duplicate += 1;
        }
        for origin in &shard.conflicts {
            shard.tallies[origin.file()].suspended += 1;
        }
        let mut verdicts = vec![Verdict::Duplicate; if self.days() > 0 { all.len() } else { 0 }];
        let mut judge = |range: Range<usize>, verdict| {
            verdicts.get_mut(range).into_iter().for_each(|verdicts| verdicts.fill(verdict));
        };
        settlement.conflicts.into_iter().for_each(|range| judge(range, Verdict::Conflicting));
        let decided = self.job.decided.among(all);
        for kept in settlement.kept {
            let copies = all.get(kept.start).and_then(|first| decided.get(&(first.key, first.content)));
            let verdict = self.keep(&mut shard, &all[kept.clone()], copies.map_or(&[], Vec::as_slice))?;
            judge(kept, verdict);
        }
        for (measure, verdict) in all.iter().zip(verdicts) {
            let day = self.job.period.day_of(measure.time).map_or(usize::MAX, usize::from);
            let judged = shard.judged.get_mut(day).ok_or_else(|| Fault::ours("a record outside the period"))?;
            judged.push(Judged { measure: *measure, verdict });
        }
        Ok(shard)
    }

    /// Days whose records are kept for the next night.
    fn days(&self) -> usize {
        self.job.pipeline.incremental.as_ref().map_or(0, |_| self.job.period.days())
    }

    /// What stands of earlier nights: buckets by the places of their cells, and by meter what was metered; single records go
    /// to their subscriptions.
    fn standing(
        &self,
        mut buckets: Vec<Bucket>,
        singles: &[Metered],
        by_subscription: &mut [Vec<Vec<Settled>>],
    ) -> Outcome<(Vec<Bucket>, Counted)> {
        let meters = &self.job.book.meters;
        let mut metered = vec![(0, Decimal::ZERO); meters.len()];
        let mut count = |place: u32, records: u64, quantity: i128| -> Outcome<()> {
            let meter = self.cells[place as usize].meter as usize;
            let total = &mut metered[meter];
            total.0 += records;
            if meters[meter].aggregate.adds_up() {
                let sum = total.1.plus(Decimal::from_units(quantity));
                total.1 = sum.ok_or_else(|| too_much(&meters[meter]))?;
            }
            Ok(())
        };
        for bucket in &mut buckets {
            let place = self.places[bucket.slot.cell() as usize];
            bucket.slot = Slot::new(bucket.slot.subscription(), place);
            count(place, u64::from(bucket.records), bucket.quantity)?;
        }
        let mut shards: Vec<Vec<Settled>> = vec![Vec::new(); by_subscription.len()];
        for single in singles {
            let settled = self.settled(single)?;
            count(settled.slot.cell(), 1, settled.quantity)?;
            shards[self.shard_of(settled.slot.subscription())].push(settled);
        }
        let found = by_subscription.iter_mut().zip(shards).filter(|(_, own)| !own.is_empty());
        found.for_each(|(all, own)| all.push(own));
        Ok((buckets, metered))
    }

    /// A measure that counts, by the places of its cell and value.
    fn settled(&self, measure: &Metered) -> Outcome<Settled> {
        let cell = self.places[measure.slot.cell() as usize];
        let mut quantity = measure.quantity;
        if self.job.book.meters[self.cells[cell as usize].meter as usize].aggregate == Aggregate::Unique {
            let number = usize::try_from(quantity).map_err(|_| Fault::ours("a value without a number"))?;
            quantity = i128::from(self.value_places[number]);
        }
        let slot = Slot::new(measure.slot.subscription(), cell);
        Ok(Settled { quantity, slot, time: measure.time, origin: measure.origin })
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

    /// Keeps one record: all its measures, or its place in suspense. Of `copies` of it something was decided.
    fn keep(&self, shard: &mut Shard, measures: &[Metered], copies: &[Origin]) -> Outcome<Verdict> {
        let Some(first) = measures.first() else { return Ok(Verdict::Nowhere) };
        let verdict = self.judged(shard, measures, copies)?;
        if let Some(decided) = self.job.decided.latest(copies) {
            // A record counts once: as the copy in suspense, or as the one that was decided last.
            let one = if verdict.is_suspended() { first.origin } else { decided };
            shard.kept_for.push((one, copies.iter().copied().filter(|copy| *copy != one).collect()));
        }
        Ok(verdict)
    }

    fn judged(&self, shard: &mut Shard, measures: &[Metered], copies: &[Origin]) -> Outcome<Verdict> {
        let Some(first) = measures.first() else { return Ok(Verdict::Nowhere) };
        let tally = &mut shard.tallies[first.origin.file()];
        if first.slot == Slot::NOWHERE {
            tally.suspended += 1;
            shard.nowhere.push(first.origin);
            return Ok(Verdict::Nowhere);
        }
        if let Some(charge) = self.without_price(&mut shard.priced, measures) {
            tally.suspended += 1;
            shard.unpriced.push((first.origin, charge));
            return Ok(Verdict::Unpriced);
        }
        if let Some(copy) = self.job.decided.written_off(copies) {
            tally.suspended += 1;
            shard.written_off.push((first.origin, copy));
            return Ok(Verdict::WrittenOff);
        }
        if self.job.decided.held(first.origin).is_some() {
            tally.suspended += 1;
            shard.held.push(first.origin);
            return Ok(Verdict::Held);
        }
        tally.rated += 1;
        for measure in measures {
            let settled = self.settled(measure)?;
            let meter = self.cells[settled.slot.cell() as usize].meter as usize;
            let total = &mut shard.metered[meter];
            total.0 += 1;
            if self.job.book.meters[meter].aggregate.adds_up() {
                let sum = total.1.plus(Decimal::from_units(settled.quantity));
                total.1 = sum.ok_or_else(|| too_much(&self.job.book.meters[meter]))?;
            }
            shard.settled[self.shard_of(settled.slot.subscription())].push(settled);
        }
        Ok(Verdict::Counts)
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
