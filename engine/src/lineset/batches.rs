//! The rows of a committed table, read back from its parts: of other bytes than were committed, none.

use arrow::array::{RecordBatch, RecordBatchReader};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::Manifest;
use super::manifest::Part;
use super::parts::{broken, whole};
use crate::fault::{Fault, Outcome};
use crate::store::Location;
use crate::tables::Table;

/// Gives `each` the rows of `table`, in order, a batch at a time.
///
/// # Errors
/// `O001` when the store does not answer, `O006` for a file that is not what was committed; what `each` says.
pub async fn batches(
    output: &Location,
    manifest: &Manifest,
    table: Table,
    mut each: impl FnMut(&RecordBatch) -> Outcome<()> + Send,
) -> Outcome<()> {
    for part in manifest.tables.get(table.name()).into_iter().flatten() {
        let (reader, broken) = open(output, part).await?;
        for batch in reader {
            each(&batch.map_err(|cause| broken(&cause.to_string()))?)?;
        }
    }
    Ok(())
}

/// The names of the columns of `table`; none when the line set has no such table.
///
/// # Errors
/// `O001` when the store does not answer, `O006` for a file that is not what was committed.
pub async fn columns(output: &Location, manifest: &Manifest, table: Table) -> Outcome<Vec<String>> {
    let Some(part) = manifest.tables.get(table.name()).and_then(|parts| parts.first()) else { return Ok(Vec::new()) };
    let (reader, _) = open(output, part).await?;
    Ok(reader.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// A part, and what to say when it cannot be read on.
async fn open<'p>(
    output: &'p Location,
    part: &'p Part,
) -> Outcome<(ParquetRecordBatchReader, impl Fn(&str) -> Fault + 'p)> {
    let broken = move |cause: &str| broken(output, part, cause);
    let reader = ParquetRecordBatchReaderBuilder::try_new(whole(output, part).await?);
    let reader = reader.and_then(|builder| builder.build()).map_err(|cause| broken(&cause.to_string()))?;
    Ok((reader, broken))
}
