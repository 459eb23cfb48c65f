//! The line set of a run: Parquet parts under the run's own folder, and one manifest that makes all of them visible.
//!
//! [`write`](fn@write) turns sorted rows into parts whose bytes depend on the rows alone; [`commit`] is the only commit point
//! (put-if-absent of the manifest); [`current`] finds what is committed. Nothing here computes an amount, and nothing
//! but [`sweep`] deletes.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use bytes::Bytes;

use crate::fault::{Fault, Faults, Outcome};
use crate::store::Location;
use crate::tables::Table;

pub mod batches;
pub mod commit;
pub mod decisions;
pub mod diff;
pub mod encode;
pub mod failpoint;
pub mod manifest;
pub mod parts;
pub mod plans;
pub mod survey;
pub mod sweep;

pub use commit::{Commit, commit, current};
pub use manifest::Manifest;

/// Rows of a part; every part of a table but the last has exactly as many. One row group: small enough that all workers
/// have parts to write even for a medium run.
pub const PART_ROWS: usize = 1 << 17;

/// One written part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its table.
    pub table: Table,
    /// Its path below the output.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// BLAKE3 of its bytes, hex.
    pub digest: String,
}

/// The rows of a table, made part by part: `make` gives the rows of a range, already sorted over the whole.
pub struct Rows<'r> {
    /// The table.
    pub table: Table,
    /// Number of rows.
    pub count: usize,
    /// Makes the rows of a range.
    pub make: Box<dyn Fn(Range<usize>) -> Outcome<RecordBatch> + Send + Sync + 'r>,
}

impl Rows<'_> {
    /// Rows that exist already.
    #[must_use]
    pub fn of(table: Table, batch: RecordBatch) -> Self {
        let count = batch.num_rows();
        Self { table, count, make: Box::new(move |range| Ok(batch.slice(range.start, range.len()))) }
    }
}

/// Writes the tables of a run and says what was written, in the order of `tables`. `threads` workers each make a part,
/// show it to `inspect`, encode it and put it whole, so no more than that many parts are in memory; the same rows give
/// the same bytes for any number of workers. Needs a multi-threaded runtime.
///
/// # Errors
/// What `make` and `inspect` say; `O001` when the store refuses; `X001` when a batch does not fit its table.
pub fn write<'r>(
    output: &Location,
    folder: &RunFolder<'_>,
    tables: &[Rows<'r>],
    threads: usize,
    inspect: &(dyn Fn(Table, &RecordBatch) -> Outcome<()> + Sync),
) -> Outcome<Vec<Written>> {
    let mut parts: Vec<(usize, Part<'_, 'r>)> = tables.iter().flat_map(cut).enumerate().collect();
    // The largest first: no worker is left with one when the others are done.
    parts.sort_by_key(|(_, (_, _, range))| Reverse(range.len()));
    let runtime = tokio::runtime::Handle::current();
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Outcome<Written>)> {
        let mut done = Vec::new();
        loop {
            let taken = parts.get(next.fetch_add(1, Ordering::Relaxed));
            let Some((at, (rows, number, range))) = taken else { return done };
            let path = folder.part(rows.table, *number);
            let written = (rows.make)(range.clone()).and_then(|batch| {
                inspect(rows.table, &batch)?;
                let (count, bytes) = (batch.num_rows(), encode::part(rows.table, &batch)?);
                drop(batch);
                runtime.block_on(put_part(output, rows.table, path, count, bytes))
            });
            done.push((*at, written));
        }
    };
    let mut written = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let lost = |_| vec![(usize::MAX, Err(Fault::ours("a worker died while it wrote").into()))];
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(lost)).collect::<Vec<_>>()
        })
    });
    written.sort_by_key(|(at, _)| *at);
    let mut faults = Faults::default();
    let written = written.into_iter().filter_map(|(_, part)| faults.keep(part)).collect();
    faults.or(written)
}

/// Where the parts of a run go, below the output.
#[derive(Clone, Copy, Debug)]
pub struct RunFolder<'n> {
    /// The period.
    pub period: &'n str,
    /// The run.
    pub run_id: &'n str,
}

impl RunFolder<'_> {
    fn part(&self, table: Table, number: usize) -> String {
        format!("{}/period={}/run={}/part-{number:03}.parquet", table.name(), self.period, self.run_id)
    }
}

/// A part to be written: of which rows, its number, and where they stand.
type Part<'a, 'r> = (&'a Rows<'r>, usize, Range<usize>);

/// The parts of a table, cut at fixed places: an empty table has one, which shows its columns.
fn cut<'a, 'r>(rows: &'a Rows<'r>) -> impl Iterator<Item = Part<'a, 'r>> {
    let starts = (0..rows.count.max(1)).step_by(PART_ROWS).enumerate();
    starts.map(move |(number, start)| (rows, number, start..rows.count.min(start + PART_ROWS)))
}

async fn put_part(output: &Location, table: Table, path: String, rows: usize, bytes: Bytes) -> Outcome<Written> {
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let size = bytes.len();
    output.join(&path)?.put(bytes).await?;
    failpoint::failpoint("after_first_part");
    let too_large = |_| Fault::ours("a part is too large to count");
    let (rows, bytes) = (u64::try_from(rows).map_err(too_large)?, u64::try_from(size).map_err(too_large)?);
    Ok(Written { table, path, rows, bytes, digest })
}

#[cfg(test)]
mod tests;
