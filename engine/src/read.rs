//! Usage files -> Arrow batches of exactly the declared columns: CSV, NDJSON and Parquet, plain or packed.
//!
//! Every CSV row, NDJSON line (blank ones aside) and Parquet row is one record and has a number, from 0, in its file. A
//! record that cannot be read is set aside with its reason, field and raw text, never dropped and never an error; a file
//! that cannot be read, or is not of the declared shape, is a fault, and then nothing of the run may be rated. Blank
//! text of CSV and NDJSON, JSON null and a missing optional column are null; blank text of Parquet, which tells the two
//! apart, stays blank.
//!
//! This room is synchronous once it has the bytes, bounded in memory by the batch, and knows nothing of what a record
//! means. It never rounds: the one exception is a float column of Parquet that its source declares so (`float.rs`).

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;

use crate::fault::Outcome;
use crate::pipeline::model::{Column, ColumnKind, Format, Limits, Source};

mod cells;
mod columns;
mod convert;
mod csv;
mod discover;
mod float;
mod header;
mod ndjson;
mod parquet;
mod raw;
pub mod reasons;
mod text;
mod unpack;
mod values;
mod window;

#[cfg(test)]
mod tests;

pub use discover::{Discovered, InputFile, Known, KnownFile, Stamped, discover, discover_more, numbered};

/// The zone of every timestamp column.
pub const UTC: &str = "UTC";

/// Records of one file, in its order.
pub struct Batch {
    /// The readable records: the declared columns, in declared order.
    pub records: RecordBatch,
    /// Their numbers in the file.
    pub rows: RowNumbers,
    /// The records that cannot be read, by number.
    pub broken: Vec<BrokenRow>,
    raw: raw::Raw,
}

impl Batch {
    /// The raw text of the readable record `index`: its line or, from Parquet, a JSON object of its columns.
    #[must_use]
    pub fn raw(&self, index: usize) -> String {
        self.raw.text(index)
    }

    /// Records in all: readable and broken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.num_rows() + self.broken.len()
    }

    /// Whether there is no record at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The record numbers of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowNumbers {
    /// Without a gap.
    Range(Range<u32>),
    /// Ascending.
    List(Vec<u32>),
}

impl RowNumbers {
    /// The number of record `index` of the batch.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<u32> {
        match self {
            Self::Range(range) => {
                let row = range.start.checked_add(u32::try_from(index).ok()?)?;
                (row < range.end).then_some(row)
            }
            Self::List(rows) => rows.get(index).copied(),
        }
    }

    fn of(rows: Vec<u32>) -> Self {
        match (rows.first(), rows.last()) {
            (Some(first), Some(last)) if usize::try_from(last - first) == Ok(rows.len() - 1) => {
                Self::Range(*first..last.saturating_add(1))
            }
            _ => Self::List(rows),
        }
    }
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// Its number in the file.
    pub row: u32,
    /// One of [`reasons::ALL`].
    pub reason: &'static str,
    /// The declared column that is meant; of several the first by declared order.
    pub field: Option<String>,
    /// The field's text, or what else there is to say.
    pub detail: String,
    /// The record as it stands in the file; what is no UTF-8 replaced, a too long row cut.
    pub raw: String,
}

/// The batches of one file.
pub type Batches = Box<dyn Iterator<Item = Outcome<Batch>> + Send>;

/// The Arrow schema of `input`, fixed for all files of `source`. Of a Parquet source the first file decides how text
/// is held: dictionaries for columns that repeat themselves, views for others. Text of CSV and NDJSON is plain.
///
/// # Errors
/// None today.
pub fn input_schema(source: &Source, first_file: Option<&Bytes>) -> Outcome<SchemaRef> {
    let first_file = first_file.filter(|bytes| !bytes.is_empty() && source.format == Format::Parquet);
    let text_types = match first_file {
        Some(bytes) => parquet::text_types(&source.name, &source.columns, bytes),
        None => Ok(vec![DataType::Utf8View; source.columns.len()]),
    };
    // A damaged file is reported by `open`, which knows its name.
    let text_types = text_types.unwrap_or_else(|_| vec![DataType::Utf8View; source.columns.len()]);
    let fields = source.columns.iter().zip(text_types).map(|(column, text_type)| {
        let parquet_text = column.kind == ColumnKind::Text && source.format == Format::Parquet;
        Field::new(&column.name, if parquet_text { text_type } else { columns::arrow_type(column.kind) }, true)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// Opens a usage file for reading in batches of about `batch_rows` records (fewer when they are wide). `name` is the
/// file's name, whose ending says how it is packed; `schema` is that of [`input_schema`].
///
/// # Errors
/// `U002` when the file is damaged, `U003` when it is not of the declared shape, `U004` when it is too large; the
/// iterator may give `U002` and `U004` later and ends then.
pub fn open(
    source: &Source,
    schema: &SchemaRef,
    name: &str,
    bytes: Bytes,
    limits: &Limits,
    batch_rows: usize,
) -> Outcome<Batches> {
    if bytes.is_empty() && !unpack::is_packed(name) && source.format != Format::Parquet {
        // An hour without usage is often delivered as an empty text file; any other format says itself that it is empty.
        return Ok(Box::new(std::iter::empty()));
    }
    let batch_rows = batch_rows.max(1);
    let columns: &[Column] = &source.columns;
    let window = |bytes| window::Window::open(unpack::Unpacked::new(name, bytes, limits)?);
    match source.format {
        Format::Parquet => {
            let bytes = unpack::Unpacked::whole(name, bytes, limits)?;
            Ok(Box::new(parquet::ParquetBatches::open(name, columns, schema, bytes, limits, batch_rows)?))
        }
        Format::Csv { delimiter, header } => {
            let mut window = window(bytes)?;
            let rows = csv::Csv::open(name, columns, (delimiter, header), limits.row_bytes, &mut window)?;
            Ok(Box::new(text::TextBatches::new(rows, window, columns, schema, batch_rows)))
        }
        Format::Ndjson => {
            let rows = ndjson::Ndjson::new(columns, limits.row_bytes);
            Ok(Box::new(text::TextBatches::new(rows, window(bytes)?, columns, schema, batch_rows)))
        }
    }
}
