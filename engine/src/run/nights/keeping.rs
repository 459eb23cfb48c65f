//! What a night keeps for the next: the records of the days it has settled, and where the records of every file went.
//!
//! Files of records are named by their bytes: a day without news keeps the ones it has, whichever night has written them,
//! and in the end they are those of one run over all files.

use std::collections::BTreeMap;

use chrono::Datelike;
use futures::{StreamExt, TryStreamExt};
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::super::Job;
use super::super::batches::EPOCH_DAYS;
use super::super::settle::{Names, Usage};
use super::Standing;
use super::reading::date_of;
use crate::book::model::Aggregate;
use crate::fault::{Fault, Outcome};
use crate::lineset::failpoint::failpoint;
use crate::lineset::manifest::Part;
use crate::lineset::{Manifest, PART_ROWS, encode};
use crate::store::Location;
use crate::tables::{Table, build};
use crate::usage::{Judged, Slot, Tally, Verdict};

/// The counts by file and day: what stands and what was settled.
type Counts = BTreeMap<(u32, Option<u16>), Tally>;

/// A part with its bytes.
type Encoded = (Part, bytes::Bytes);

/// A settled day as it is kept.
struct Day {
    day: u16,
    parts: Vec<Encoded>,
    counts: Counts,
}

/// Writes what is kept for the next night, and says the parts of its tables.
///
/// # Errors
/// `O001` when the store refuses; our bug when the counts by day are not those of the files.
pub(in crate::run) async fn keep(
    job: &Job<'_>,
    output: &Location,
    (run_id, before): (&str, Option<&Manifest>),
    (standing, usage): (KeptDays, &mut Usage),
    threads: usize,
) -> Outcome<BTreeMap<String, Vec<Part>>> {
    let KeptDays { mut counts, days } = standing;
    let mut written: Vec<(u16, Vec<Encoded>)> = Vec::new();
    let writing = Writing { job, names: &usage.names, cells: cell_texts(&usage.names)? };
    let judged = std::mem::take(&mut usage.judged);
    let settled: Vec<Outcome<Day>> = (0_u16..)
        .zip(judged)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(day, chunks)| writing.day(day, chunks))
        .collect();
    for day in settled {
        let Day { day, parts, counts: own } = day?;
        counts.extend(own);
        written.push((day, parts));
    }
    check(&counts, &usage.tallies)?;
    let mut records: Vec<Part> = Vec::new();
    let before = before.and_then(|before| before.tables.get(Table::UsageRecords.name())).map_or(&[][..], Vec::as_slice);
    let known: HashSet<&str> = before.iter().map(|part| part.path.as_str()).collect();
    let mut puts = Vec::new();
    for (day, parts) in written {
        if days.get(usize::from(day)).copied().unwrap_or(false) {
            let date = job.period.date(day);
            records.extend(before.iter().filter(|part| date_of(&part.path) == Some(date)).cloned());
            continue;
        }
        for (part, bytes) in parts {
            if !known.contains(part.path.as_str()) {
                puts.push((part.path.clone(), bytes));
            }
            records.push(part);
        }
    }
    let files = writing.files(&counts)?;
    let bytes = encode::part(Table::UsageFiles, &files)?;
    let path = format!("{}/period={}/run={run_id}/part-000.parquet", Table::UsageFiles.name(), job.period.label);
    let part = part_of(path, files.num_rows(), &bytes);
    puts.push((part.path.clone(), bytes));
    let put = |(path, bytes): (String, bytes::Bytes)| async move {
        output.join(&path)?.put(bytes).await?;
        failpoint("after_first_kept_part");
        Outcome::Ok(())
    };
    futures::stream::iter(puts).map(put).buffered(threads.max(1)).try_collect::<Vec<()>>().await?;
    let tables = [(Table::UsageFiles, vec![part]), (Table::UsageRecords, records)];
    Ok(tables.into_iter().map(|(table, parts)| (table.name().to_owned(), parts)).collect())
}

/// What stands of earlier nights, as far as it is kept on.
#[derive(Debug, Default)]
pub(in crate::run) struct KeptDays {
    counts: Counts,
    days: Vec<bool>,
}

impl KeptDays {
    /// Taken out of what stands, before that is settled with what is new.
    pub(in crate::run) fn of(standing: &mut Standing) -> Self {
        Self { counts: std::mem::take(&mut standing.files), days: standing.days.clone() }
    }
}

/// The counts by day must add up to those of the files: they are counted apart.
fn check(counts: &Counts, tallies: &[Tally]) -> Outcome<()> {
    let mut sums = vec![Tally::default(); tallies.len()];
    for ((file, _), tally) in counts {
        sums.get_mut(*file as usize).into_iter().for_each(|sum| sum.add(tally));
    }
    match sums.iter().zip(tallies).position(|(sum, tally)| sum != tally) {
        None => Ok(()),
        Some(file) => {
            let (sum, tally) = (sums[file], tallies[file]);
            Err(Fault::ours(format!("usage file {file}: {sum:?} by day, {tally:?} in all")).into())
        }
    }
}

fn part_of(path: String, rows: usize, bytes: &bytes::Bytes) -> Part {
    let digest = blake3::hash(bytes).to_hex().to_string();
    Part { path, rows: rows as u64, bytes: bytes.len() as u64, digest }
}

/// By place of a cell: its values as a JSON list.
fn cell_texts(names: &Names) -> Outcome<Vec<String>> {
    let text = |cell: &crate::usage::Cell| {
        let values: Vec<&str> = cell.values.iter().map(AsRef::as_ref).collect();
        serde_json::to_string(&values).map_err(|cause| Fault::ours(format!("a cell: {cause}")).into())
    };
    names.cells.iter().map(text).collect()
}

struct Writing<'w> {
    job: &'w Job<'w>,
    names: &'w Names,
    /// By place.
    cells: Vec<String>,
}

impl Writing<'_> {
    /// The parts of a day, with the counts of its files.
    fn day(&self, day: u16, chunks: Vec<Vec<Judged>>) -> Outcome<Day> {
        let mut rows: Vec<Judged> = Vec::with_capacity(chunks.iter().map(Vec::len).sum());
        chunks.into_iter().for_each(|chunk| rows.extend(chunk));
        let place = |slot: Slot| match slot {
            Slot::NOWHERE => slot,
            _ => Slot::new(slot.subscription(), self.names.places[slot.cell() as usize]),
        };
        rows.sort_unstable_by_key(|row| (row.measure.origin, place(row.measure.slot)));
        let mut counts = Counts::new();
        for record in rows.chunk_by(|a, b| a.measure.origin == b.measure.origin) {
            let Some(first) = record.first() else { continue };
            let file = u32::try_from(first.measure.origin.file()).unwrap_or(u32::MAX);
            let tally = counts.entry((file, Some(day))).or_default();
            tally.read += 1;
            match first.verdict {
                Verdict::Counts => tally.rated += 1,
                Verdict::Duplicate => tally.duplicate += 1,
                _ => tally.suspended += 1,
            }
        }
        let mut parts = Vec::new();
        for rows in rows.chunks(PART_ROWS) {
            let bytes = encode::part(Table::UsageRecords, &self.records(rows)?)?;
            let digest = blake3::hash(&bytes).to_hex();
            let name = digest.as_str().get(..32).unwrap_or_default();
            let (table, period) = (Table::UsageRecords.name(), &self.job.period.label);
            let path = format!("{table}/period={period}/day={}/{name}.parquet", self.job.period.date(day));
            parts.push((part_of(path, rows.len(), &bytes), bytes));
        }
        Ok(Day { day, parts, counts })
    }

    fn records(&self, rows: &[Judged]) -> Outcome<arrow::array::RecordBatch> {
        let job = self.job;
        let counted = |row: &Judged| (row.measure.slot != Slot::NOWHERE).then_some(row.measure.slot);
        let place = |row: &Judged| counted(row).map(|slot| self.names.places[slot.cell() as usize]);
        let meter = |row: &Judged| place(row).map(|place| self.names.cells[place as usize].meter);
        let unique = |row: &Judged| {
            let meter = meter(row)? as usize;
            (job.book.meters[meter].aggregate == Aggregate::Unique).then_some(row.measure.quantity)
        };
        let value = |row: &Judged| -> Option<u32> { self.value_place(unique(row)?) };
        let file = |row: &Judged| &job.files[row.measure.origin.file()];
        let quantity = |row: &Judged| if unique(row).is_some() { 0 } else { row.measure.quantity };
        let half = |row: &Judged, shift: u32| {
            u64::try_from(row.measure.key >> shift & u128::from(u64::MAX)).unwrap_or_default().cast_signed()
        };
        let subscription = |number: &u32| job.reference.subscriptions[*number as usize].id.as_str();
        Table::UsageRecords.batch(vec![
            pooled(rows.iter().map(|row| Some(file(row).source)), |at| &job.pipeline.sources[*at].name)?,
            pooled(rows.iter().map(|row| Some(row.measure.origin.file())), |at| &job.files[*at].name)?,
            build::whole(rows.iter().map(|row| i64::from(row.measure.origin.row())).collect()),
            build::instants(rows.iter().map(|row| row.measure.time).collect()),
            pooled(rows.iter().map(|row| Some(row.verdict)), |verdict| verdict.label())?,
            blankable(rows.iter().map(|row| counted(row).map(Slot::subscription)), subscription)?,
            blankable(rows.iter().map(meter), |number| &job.book.meters[*number as usize].id)?,
            blankable(rows.iter().map(place), |place| &self.cells[*place as usize])?,
            build::decimal38(rows.iter().map(quantity).collect()),
            pooled(rows.iter().map(value), |place| &*self.names.values[*place as usize])?,
            build::whole(rows.iter().map(|row| half(row, 64)).collect()),
            build::whole(rows.iter().map(|row| half(row, 0)).collect()),
            build::whole(rows.iter().map(|row| row.measure.content.cast_signed()).collect()),
        ])
    }

    fn value_place(&self, number: i128) -> Option<u32> {
        self.names.value_places.get(usize::try_from(number).ok()?).copied()
    }

    fn files(&self, counts: &Counts) -> Outcome<arrow::array::RecordBatch> {
        let first = self.job.period.first_day.num_days_from_ce() - EPOCH_DAYS;
        let file = |(file, _): &(u32, Option<u16>)| &self.job.files[*file as usize];
        let count = |of: fn(&Tally) -> u64| {
            build::whole(counts.values().map(|tally| i64::try_from(of(tally)).unwrap_or(i64::MAX)).collect())
        };
        Table::UsageFiles.batch(vec![
            pooled(counts.keys().map(|key| Some(file(key).source)), |at| &self.job.pipeline.sources[*at].name)?,
            pooled(counts.keys().map(|key| Some(key.0)), |at| &self.job.files[*at as usize].name)?,
            build::days_or_null(counts.keys().map(|(_, day)| day.map(|day| first + i32::from(day)))),
            count(|tally| tally.read),
            count(|tally| tally.rated),
            count(|tally| tally.suspended),
            count(|tally| tally.duplicate),
            count(|tally| tally.out_of_window),
            count(|tally| tally.filtered),
        ])
    }
}

/// A text column from what its rows mean: each text is made once.
fn pooled<'t, K: Eq + std::hash::Hash + Copy>(
    rows: impl Iterator<Item = Option<K>>,
    text: impl Fn(&K) -> &'t str,
) -> Outcome<arrow::array::ArrayRef> {
    let (mut texts, mut known): (Vec<&str>, HashMap<K, i32>) = (Vec::new(), HashMap::new());
    let codes: Vec<i32> = rows
        .map(|row| {
            row.map_or(-1, |key| {
                *known.entry(key).or_insert_with_key(|key| {
                    texts.push(text(key));
                    i32::try_from(texts.len() - 1).unwrap_or(i32::MAX)
                })
            })
        })
        .collect();
    build::dictionary(&texts, codes)
}

/// The same with blank text where there is nothing.
fn blankable<'t, K: Eq + std::hash::Hash + Copy>(
    rows: impl Iterator<Item = Option<K>>,
    text: impl Fn(&K) -> &'t str,
) -> Outcome<arrow::array::ArrayRef> {
    pooled(rows.map(Some), |key| key.as_ref().map_or("", &text))
}
