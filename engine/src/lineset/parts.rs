//! Parts of committed tables, read back column by column for a run that goes on from them. Texts that repeat themselves
//! stay dictionaries, so that whoever looks something up does so once for each text.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::manifest::Part;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::store::Location;
use crate::tables::Table;

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 15;
/// Bytes that hold most footers.
const FOOTER: usize = 1 << 14;

/// All columns of a part of `table`; its bytes must be those that were committed.
///
/// # Errors
/// `O001` when it cannot be read, `O006` when it is not what was committed.
pub async fn read_part(output: &Location, table: Table, part: &Part) -> Outcome<Vec<RecordBatch>> {
    let bytes = whole(output, part).await?;
    let decoded = tokio::task::spawn_blocking(move || decode(table, bytes)).await;
    let decoded = decoded.map_err(|cause| Fault::ours(format!("reading a part broke off: {cause}")))?;
    decoded.map_err(|cause| broken(output, part, &cause.to_string()).into())
}

/// The bytes of a part, the same that were committed.
///
/// # Errors
/// `O001` when it cannot be read, `O006` when it is missing or has other bytes.
pub(super) async fn whole(output: &Location, part: &Part) -> Outcome<Bytes> {
    let Some(bytes) = output.join(&part.path)?.read_if_there().await? else {
        let hint = "`ratemill gc` deletes files of superseded line sets: the same facts, run again, write them again";
        return Err(broken(output, part, "it is missing").hint(hint).into());
    };
    let kept = bytes.clone();
    let digest = tokio::task::spawn_blocking(move || blake3::hash(&bytes).to_hex()).await;
    let digest = digest.map_err(|cause| Fault::ours(format!("reading a part broke off: {cause}")))?;
    if digest.as_str() == part.digest { Ok(kept) } else { Err(broken(output, part, "its bytes are others").into()) }
}

/// The fault of a part that is not what was committed.
pub(super) fn broken(output: &Location, part: &Part, cause: &str) -> Fault {
    let message = format!("`{}/{}` is not what was committed: {cause}", output.display(), part.path);
    Fault::new(&codes::O006, message).hint("restore the file, or move the manifest away and run again")
}

fn decode(table: Table, bytes: Bytes) -> Result<Vec<RecordBatch>, ParquetError> {
    let options = ArrowReaderOptions::new().with_schema(Arc::new(held(table)));
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
    let reader = builder.with_batch_size(BATCH_ROWS).build()?;
    Ok(reader.collect::<Result<Vec<RecordBatch>, _>>()?)
}

/// The schema of `table` with its texts as dictionaries.
fn held(table: Table) -> Schema {
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let schema = table.schema();
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Field::new(field.name(), text.clone(), field.is_nullable()),
        other => Field::new(field.name(), other.clone(), field.is_nullable()),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// An object that is read by ranges.
struct Ranged {
    location: Location,
    bytes: u64,
}

impl AsyncFileReader for Ranged {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        let read = async move { self.location.read_range(range).await };
        read.map_err(|faults| ParquetError::External(faults.into())).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let options = options.map(|options| options.metadata_options().clone());
        let bytes = self.bytes;
        let reader = ParquetMetaDataReader::new().with_metadata_options(options).with_prefetch_hint(Some(FOOTER));
        async move { reader.load_and_finish(self, bytes).await.map(Arc::new) }.boxed()
    }
}

/// One column of a part, fetched alone.
///
/// # Errors
/// Those of [`read_columns`].
pub async fn read_column(output: &Location, part: &Part, column: &str) -> Outcome<Vec<RecordBatch>> {
    read_columns(output, part, &[column]).await
}

/// Some columns of a part, in the order of the table; nothing else of it is fetched.
///
/// # Errors
/// `O001` when the store does not answer, `O006` when there is no such column or it cannot be read.
pub async fn read_columns(output: &Location, part: &Part, columns: &[&str]) -> Outcome<Vec<RecordBatch>> {
    let ranged = Ranged { location: output.join(&part.path)?, bytes: part.bytes };
    let read = async {
        let builder = ParquetRecordBatchStreamBuilder::new(ranged).await?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let stream = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?;
        stream.try_collect::<Vec<RecordBatch>>().await
    };
    read.await.map_err(|cause: ParquetError| match cause {
        // What the store has said, handed through the reader.
        ParquetError::External(cause) if cause.is::<Faults>() => {
            cause.downcast().map(|faults| *faults).unwrap_or_default()
        }
        cause => broken(output, part, &cause.to_string()).into(),
    })
}

/// `read` of every part, up to `threads` at once, in their order.
///
/// # Errors
/// Those of `read`.
pub async fn of_all<'p, T, F>(
    parts: impl IntoIterator<Item = &'p Part>,
    threads: usize,
    read: impl Fn(&'p Part) -> F,
) -> Outcome<Vec<T>>
where
    F: Future<Output = Outcome<T>>,
{
    futures::stream::iter(parts.into_iter().map(read)).buffered(threads.max(1)).try_collect().await
}
