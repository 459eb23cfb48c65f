//! The line set of a run: Parquet parts under the run's own folder, and one manifest that makes all of them visible.
//!
//! [`write`] turns sorted tables into parts whose bytes depend on the rows alone; [`commit`] is the only commit point
//! (put-if-absent of the manifest); [`current`] finds what is committed. Nothing here computes an amount, and nothing
//! here deletes.

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::fault::{Fault, Outcome};
use crate::store::Location;
use crate::tables::Table;

pub mod commit;
pub mod encode;
pub mod failpoint;
pub mod manifest;

pub use commit::{Commit, commit, current};
pub use manifest::Manifest;

/// Rows of a part; every part of a table but the last has exactly as many.
pub const PART_ROWS: usize = 1 << 20;

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

/// Writes the tables of a run, each already sorted, and says what was written, in the order of `tables`. A part is
/// encoded in memory on one of `threads` threads and put whole; the same rows give the same bytes for any number of them.
///
/// # Errors
/// `O001` when the store refuses; `X001` when a batch does not fit its table.
pub async fn write(
    output: &Location,
    period: &str,
    run_id: &str,
    tables: Vec<(Table, RecordBatch)>,
    threads: usize,
) -> Outcome<Vec<Written>> {
    let parts = tables.into_iter().flat_map(|(table, batch)| cut(table, &batch));
    let writes = parts.map(|(table, number, rows)| {
        let path = format!("{}/period={period}/run={run_id}/part-{number:03}.parquet", table.name());
        write_part(output, table, path, rows)
    });
    // `buffered` keeps the order, and at most `threads` parts in memory.
    futures::stream::iter(writes).buffered(threads.max(1)).try_collect().await
}

/// The parts of a table, cut at fixed places: an empty table has one, which shows its columns.
fn cut(table: Table, batch: &RecordBatch) -> Vec<(Table, usize, RecordBatch)> {
    let starts = (0..batch.num_rows().max(1)).step_by(PART_ROWS).enumerate();
    let part = |start| batch.slice(start, PART_ROWS.min(batch.num_rows() - start));
    starts.map(|(number, start)| (table, number, part(start))).collect()
}

async fn write_part(output: &Location, table: Table, path: String, rows: RecordBatch) -> Outcome<Written> {
    let count = rows.num_rows();
    let encoded = tokio::task::spawn_blocking(move || -> Outcome<(Bytes, String)> {
        let bytes = encode::part(table, &rows)?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        Ok((bytes, digest))
    });
    let (bytes, digest) = encoded.await.map_err(|cause| Fault::ours(format!("writing {path}: {cause}")))??;
    let size = bytes.len();
    output.join(&path)?.put(bytes).await?;
    failpoint::failpoint("after_first_part");
    let too_large = |_| Fault::ours("a part is too large to count");
    let (rows, bytes) = (u64::try_from(count).map_err(too_large)?, u64::try_from(size).map_err(too_large)?);
    Ok(Written { table, path, rows, bytes, digest })
}

#[cfg(test)]
mod tests;
