//! Rated records of charges that publish them (`itemise: true`): kept while records are rated one by one, given to the
//! lines they became, and written as a table. Runs without such a charge keep none.

use std::ops::Range;

use arrow::array::RecordBatch;
use hashbrown::HashMap;

use super::Job;
use super::batches::tier;
use super::pools::{Pool, Pools};
use super::rater::Rater;
use super::rating::Billing;
use crate::book::model::Price;
use crate::control::ChargeTotals;
use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Band, Line, LineKind, Part, Portion};
use crate::money::Decimal;
use crate::rate::{Unrated, rate, rate_with_singles};
use crate::tables::{Table, build};
use crate::usage::Origin;

/// What makes a line: subscription, charge, kind, group, stretch as lines count it, band.
pub(super) type LineKey = (u32, u32, LineKind, u32, u16, Band);

/// A rated record, before it is known where its line stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct RatedRecord {
    line: LineKey,
    origin: Origin,
    time: i64,
    quantity: Decimal,
    amount: Decimal,
}

/// A rated record of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineRecord {
    /// Position of the line.
    pub(super) line: u32,
    time: i64,
    origin: Origin,
    quantity: Decimal,
    pub(super) amount: Decimal,
}

/// The record of a portion on the line of this kind and band, when its price publishes records.
fn record(
    (charge, prices): (usize, &[&Price]),
    portion: &Portion,
    (kind, band): (LineKind, Band),
    quantity: Decimal,
    amount: Decimal,
) -> Option<RatedRecord> {
    let origin =
        portion.origin.filter(|_| prices.get(usize::from(portion.stretch)).is_some_and(|price| price.itemise))?;
    let stretch = if prices.len() > 1 { portion.stretch + 1 } else { 0 };
    let line = (portion.subscription, u32::try_from(charge).ok()?, kind, portion.group, stretch, band);
    Some(RatedRecord { line, origin, time: portion.time, quantity, amount })
}

/// The records of which an allowance has covered something: what `before` has more than `after`.
pub(super) fn covered_records(of: (usize, &[&Price]), before: &[Portion], after: &[Portion]) -> Vec<RatedRecord> {
    let covered = |(before, after): (&Portion, &Portion)| {
        let taken = before.quantity.minus(after.quantity).filter(|taken| !taken.is_zero())?;
        record(of, before, (LineKind::Allowance, Band::Included), taken, Decimal::ZERO)
    };
    before.iter().zip(after).filter_map(covered).collect()
}

impl Rater<'_> {
    /// Rates portions; the rated records of prices that publish them go to `records`.
    pub(super) fn rate_itemised(
        &self,
        of: (usize, &[&Price]),
        portions: &[Portion],
        records: &mut Vec<RatedRecord>,
    ) -> Result<Vec<Part>, Unrated> {
        if !self.job.catalog.itemised[of.0] {
            return rate(of.1, portions, self);
        }
        let (parts, singles) = rate_with_singles(of.1, portions, self)?;
        let rated = |part: &Part| {
            let kind =
                if matches!(part.band, Band::Included | Band::Free) { LineKind::Allowance } else { LineKind::Usage };
            record(of, portions.get(part.portion)?, (kind, part.band), part.quantity, part.amount)
        };
        records.extend(singles.iter().filter_map(rated));
        Ok(parts)
    }
}

/// The records with the positions of their lines, in order of the lines, then of time and origin.
pub(super) fn of_lines(job: &Job<'_>, records: Vec<RatedRecord>, lines: &[Line]) -> Outcome<Vec<LineRecord>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let mut places: HashMap<LineKey, u32> = HashMap::new();
    for (at, line) in (0..).zip(lines).filter(|(_, line)| job.catalog.itemised[line.charge as usize]) {
        places.insert((line.subscription, line.charge, line.kind, line.group, line.stretch, line.band), at);
    }
    let placed = |record: RatedRecord| {
        let RatedRecord { line, origin, time, quantity, amount } = record;
        places.get(&line).map(|line| LineRecord { line: *line, time, origin, quantity, amount })
    };
    let placed: Option<Vec<LineRecord>> = records.into_iter().map(placed).collect();
    let mut placed = placed.ok_or_else(|| Fault::ours("a rated record has no line"))?;
    // Stable: a record that is priced in several pieces of one band keeps their order.
    placed.sort_by_key(|record| (record.line, record.time, record.origin));
    Ok(placed)
}

/// Adds what the lines of charges that publish their records have of them.
pub(super) fn add_itemised(job: &Job<'_>, lines: &[Line], totals: &mut [ChargeTotals]) -> Outcome<()> {
    if !job.catalog.itemised.contains(&true) {
        return Ok(());
    }
    let mut sums: HashMap<&str, (u64, Decimal)> = HashMap::new();
    // What a bound or included amount adds has no records.
    let of_records = |line: &Line| !matches!(line.band, Band::Minimum | Band::Maximum | Band::Amount(_));
    let is_itemised = |line: &&Line| job.catalog.prices[line.price as usize].itemise && of_records(line);
    for line in lines.iter().filter(is_itemised) {
        let sum = sums.entry(job.book.charges[line.charge as usize].id.as_str()).or_default();
        let amount = sum.1.plus(line.rated);
        let too_much = || Fault::new(&codes::G002, "the amounts of a charge have more than 20 digits before the point");
        *sum = (sum.0 + line.records, amount.ok_or_else(too_much)?);
    }
    for total in totals {
        total.itemised = sums.get(total.charge.as_str()).copied();
    }
    Ok(())
}

/// A part of `rated_usage`.
pub(super) fn rated_usage(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let records = &billing.records[range];
    let line = |record: &LineRecord| &billing.lines[record.line as usize];
    let subscription = |record: &LineRecord| &job.reference.subscriptions[line(record).subscription as usize];
    let file = |record: &LineRecord| &job.files[record.origin.file()];
    let source = |record: &LineRecord| u32::try_from(file(record).source).unwrap_or(u32::MAX);
    let ids: Vec<u128> = records.iter().map(|record| pools.line_ids[record.line as usize]).collect();
    let tiers: Vec<String> = records.iter().map(|record| tier(job, line(record))).collect();
    Table::RatedUsage.batch(vec![
        build::hex_ids(&ids)?,
        build::constant(&pools.run_id, records.len()),
        pools.account_ids.column(records.iter().map(|record| subscription(record).account))?,
        pools.subscription_ids.column(records.iter().map(|record| line(record).subscription))?,
        pools.charge_ids.column(records.iter().map(|record| line(record).charge))?,
        build::text(&tiers),
        Pool::of(job.pipeline.sources.iter().map(|source| &source.name)).column(records.iter().map(source))?,
        Pool::of(job.files.iter().map(|file| &file.name)).column(records.iter().map(|record| file(record).index))?,
        build::whole(records.iter().map(|record| i64::from(record.origin.row())).collect()),
        build::instants(records.iter().map(|record| record.time).collect()),
        build::decimal38(records.iter().map(|record| record.quantity.units()).collect()),
        build::decimal38(records.iter().map(|record| record.amount.units()).collect()),
    ])
}
