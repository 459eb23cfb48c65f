//! Settled measures -> usage buckets.

use std::sync::Arc;

use super::merge::merged;
use crate::book::model::{Aggregate, Meter, Windowed, nearest_rank};
use crate::fault::{Fault, Outcome};
use crate::money::Decimal;
use crate::period::Period;
use crate::pieces::{Share, in_order};
use crate::usage::{Bucket, Buckets, Cell, Records, Settled, Slot};

/// The shard of `subscription` among `shards` ascending ranges of subscriptions.
#[must_use]
pub fn shard_of(subscription: u32, subscriptions: usize, shards: usize) -> usize {
    (subscription as usize * shards / subscriptions.max(1)).min(shards - 1)
}

/// The meters of a run, and which of them must keep their single records.
#[derive(Clone, Copy, Debug)]
pub struct Metering<'m> {
    /// All meters.
    pub meters: &'m [Meter],
    /// By meter: whether its single records are kept beside the buckets.
    pub by_record: &'m [bool],
}

/// Folds measures into buckets. `shards` hold ascending, disjoint ranges of subscriptions; the result is the same
/// whatever their number and the order within. `cells` have the values of attributes behind those of dimensions; the
/// buckets have those of dimensions only. `standing` are buckets of days that no measure is of, in any order.
///
/// # Errors
/// Our bug when a record lies outside the period; a fault when a bucket's sum has more than 20 digits before the point.
pub fn bucketed(
    shards: Vec<Vec<Vec<Settled>>>,
    cells: Vec<Cell>,
    values: &[Arc<str>],
    metering: Metering<'_>,
    period: &Period,
    standing: Vec<Bucket>,
) -> Outcome<Buckets> {
    let reduced = Reduced::of(&cells, metering.meters);
    let windows = metering.meters.iter().map(|meter| windows(meter, period)).collect();
    let folding = Folding { cells: &cells, reduced: &reduced, values, metering, period, windows };
    let (mut buckets, mut broken) = (Buckets::default(), Ok(()));
    let folded = |shard: &mut Vec<Settled>, pieces| folding.shard(shard, pieces);
    in_order(shards, folded, |part: Outcome<Buckets>, share| {
        if broken.is_ok() {
            broken = part.and_then(|part| append(&mut buckets, part, share));
        }
    });
    broken?;
    if !standing.is_empty() {
        let slotted = standing.into_iter().map(|bucket| Bucket { slot: reduced.slot(bucket.slot), ..bucket });
        buckets = merged(buckets, slotted.collect())?;
    }
    buckets.cells = reduced.cells.unwrap_or_else(|| cells.clone());
    if !buckets.singles.origin.is_empty() {
        buckets.singles.cells = cells;
    }
    Ok(buckets)
}

/// Cells without the values of attributes.
struct Reduced {
    /// The cells, sorted; `None` when no cell has an attribute.
    cells: Option<Vec<Cell>>,
    /// By whole cell: its place among them.
    places: Vec<u32>,
}

impl Reduced {
    fn of(cells: &[Cell], meters: &[Meter]) -> Self {
        if meters.iter().all(|meter| meter.attributes.is_empty()) {
            return Self { cells: None, places: Vec::new() };
        }
        let (mut reduced, mut places): (Vec<Cell>, Vec<u32>) = (Vec::new(), Vec::with_capacity(cells.len()));
        for cell in cells {
            let dimensions = meters[cell.meter as usize].dimensions.len().min(cell.values.len());
            let short = Cell { meter: cell.meter, values: cell.values[..dimensions].to_vec() };
            // Sorted cells are sorted by their first values too.
            if reduced.last() != Some(&short) {
                reduced.push(short);
            }
            places.push(u32::try_from(reduced.len() - 1).unwrap_or(u32::MAX));
        }
        Self { cells: Some(reduced), places }
    }

    fn slot(&self, slot: Slot) -> Slot {
        match self.cells {
            Some(_) => Slot::new(slot.subscription(), self.places[slot.cell() as usize]),
            None => slot,
        }
    }
}

struct Folding<'f> {
    cells: &'f [Cell],
    reduced: &'f Reduced,
    values: &'f [Arc<str>],
    metering: Metering<'f>,
    period: &'f Period,
    /// By meter: where its windows start; empty when it has none.
    windows: Vec<Vec<i64>>,
}

fn windows(meter: &Meter, period: &Period) -> Vec<i64> {
    match meter.aggregate {
        Aggregate::Windowed(windowed) => period.windows(windowed.minutes),
        _ => Vec::new(),
    }
}

impl Folding<'_> {
    /// The buckets of one shard; `shard` is room that is used again.
    fn shard(&self, shard: &mut Vec<Settled>, pieces: Vec<Vec<Settled>>) -> Outcome<Buckets> {
        shard.clear();
        shard.reserve(pieces.iter().map(Vec::len).sum());
        pieces.into_iter().for_each(|piece| shard.extend(piece));
        let mut part = Buckets::default();
        self.keep_records(shard, &mut part.singles);
        shard.iter_mut().for_each(|settled| settled.slot = self.reduced.slot(settled.slot));
        shard.sort_unstable_by_key(|settled| (settled.slot, settled.time, settled.origin));
        let cells = self.reduced.cells.as_deref().unwrap_or(self.cells);
        let mut rest = shard.as_slice();
        while let Some(first) = rest.first() {
            let day = self.period.day_of(first.time).ok_or_else(|| Fault::ours("a record outside the period"))?;
            let end = self.period.midnights[usize::from(day) + 1];
            let length = rest.iter().take_while(|next| next.slot == first.slot && next.time < end).count();
            let (bucket, after) = rest.split_at(length);
            let meter = cells[first.slot.cell() as usize].meter as usize;
            let quantity = self.quantity(&mut part, bucket, meter)?;
            push(&mut part, bucket, day, quantity)?;
            rest = after;
        }
        Ok(part)
    }

    /// What the bucket of `records` holds: one slot and day, in order of time. For aggregates that only single records can
    /// tell it is the day's own: the change of a level (or the last one, when records are levels), the percentile of the
    /// day, and what its windows come to.
    fn quantity(&self, part: &mut Buckets, records: &[Settled], meter: usize) -> Outcome<i128> {
        let declared = &self.metering.meters[meter];
        let quantities = records.iter().map(|record| record.quantity);
        let last = records.last().map(|record| record.quantity).unwrap_or_default();
        Ok(match declared.aggregate {
            Aggregate::Sum => sum(quantities).ok_or_else(|| too_much(declared))?,
            Aggregate::WeightedSum(level) | Aggregate::ProratedSum(level) if !level.absolute => {
                sum(quantities).ok_or_else(|| too_much(declared))?
            }
            Aggregate::Count => count_of(records.len()),
            Aggregate::Max => quantities.max().unwrap_or_default(),
            Aggregate::Min => quantities.min().unwrap_or_default(),
            Aggregate::Latest | Aggregate::WeightedSum(_) | Aggregate::ProratedSum(_) => last,
            Aggregate::Percentile(percent) => nearest_rank(percent, &mut quantities.collect::<Vec<_>>()).units(),
            Aggregate::Windowed(windowed) => {
                windows_of(windowed, &self.windows[meter], records).ok_or_else(|| too_much(declared))?
            }
            Aggregate::Unique => {
                let mut places: Vec<i128> = quantities.collect();
                places.sort_unstable();
                places.dedup();
                // A record without a value counts as used, but adds no value.
                let texts = places.iter().filter_map(|place| self.values.get(usize::try_from(*place).ok()?));
                let texts: Vec<Arc<str>> = texts.filter(|text| !text.is_empty()).cloned().collect();
                let count = texts.len();
                let row = u32::try_from(part.len()).map_err(|_| Fault::ours("more than 2^32 usage buckets"))?;
                part.values.push((row, texts));
                count_of(count)
            }
        })
    }

    /// Copies the records of the meters that keep them.
    fn keep_records(&self, shard: &[Settled], records: &mut Records) {
        if !self.metering.by_record.contains(&true) {
            return;
        }
        let meter_of = |settled: &Settled| self.cells[settled.slot.cell() as usize].meter;
        let mut kept: Vec<&Settled> =
            shard.iter().filter(|settled| self.metering.by_record[meter_of(settled) as usize]).collect();
        kept.sort_unstable_by_key(|one| (one.slot.subscription(), meter_of(one), one.time, one.origin));
        for settled in kept {
            records.subscription.push(settled.slot.subscription());
            records.cell.push(settled.slot.cell());
            records.time.push(settled.time);
            records.quantity.push(settled.quantity);
            records.origin.push(settled.origin);
        }
    }
}

/// Adds the bucket of `records`: one slot and day, in order of time.
fn push(part: &mut Buckets, records: &[Settled], day: u16, quantity: i128) -> Outcome<()> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
    part.subscription.push(first.slot.subscription());
    part.cell.push(first.slot.cell());
    part.day.push(day);
    part.quantity.push(quantity);
    part.records.push(u32::try_from(records.len()).map_err(|_| Fault::ours("more than 2^32 records in a bucket"))?);
    part.first.push(first.time);
    part.last.push(last.time);
    Ok(())
}

/// What the windows of a day come to.
fn windows_of(windowed: Windowed, windows: &[i64], records: &[Settled]) -> Option<i128> {
    let mut all: Option<Decimal> = None;
    let window = |record: &Settled| windows.partition_point(|start| *start <= record.time);
    for records in records.chunk_by(|a, b| window(a) == window(b)) {
        let mut value = None;
        for record in records {
            value = Some(windowed.of.after(value, Decimal::from_units(record.quantity))?);
        }
        let value = value.unwrap_or_default();
        all = Some(all.map_or(Some(value), |all| windowed.then.together(all, value))?);
    }
    Some(all.unwrap_or_default().units())
}

fn count_of(count: usize) -> i128 {
    i64::try_from(count).map_or(i128::MAX, |count| Decimal::whole(count).units())
}

fn too_much(meter: &Meter) -> Fault {
    let message = format!("the usage of meter `{}` in one bucket has more than 20 digits", meter.id);
    let fault = Fault::new(&crate::fault::codes::G002, message).at(&meter.place);
    fault.hint("look for records with a wrong quantity")
}

fn sum(quantities: impl Iterator<Item = i128>) -> Option<i128> {
    let mut total = Decimal::ZERO;
    for quantity in quantities {
        total = total.plus(Decimal::from_units(quantity))?;
    }
    Some(total.units())
}

fn append(whole: &mut Buckets, mut part: Buckets, share: Share) -> Outcome<()> {
    let offset = u32::try_from(whole.len()).map_err(|_| Fault::ours("more than 2^32 usage buckets"))?;
    whole.values.extend(part.values.into_iter().map(|(row, values)| (row + offset, values)));
    add(&mut whole.subscription, &mut part.subscription, share);
    add(&mut whole.cell, &mut part.cell, share);
    add(&mut whole.day, &mut part.day, share);
    add(&mut whole.quantity, &mut part.quantity, share);
    add(&mut whole.records, &mut part.records, share);
    add(&mut whole.first, &mut part.first, share);
    add(&mut whole.last, &mut part.last, share);
    add(&mut whole.singles.subscription, &mut part.singles.subscription, share);
    add(&mut whole.singles.cell, &mut part.singles.cell, share);
    add(&mut whole.singles.time, &mut part.singles.time, share);
    add(&mut whole.singles.quantity, &mut part.singles.quantity, share);
    add(&mut whole.singles.origin, &mut part.singles.origin, share);
    Ok(())
}

fn add<T>(whole: &mut Vec<T>, own: &mut Vec<T>, share: Share) {
    share.grow(whole, own.len());
    whole.append(own);
}
