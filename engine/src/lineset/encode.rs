//! One part of a table as Parquet bytes, the same for the same rows.
//!
//! Everything a writer could choose by itself (name, compression, row groups, statistics, encodings) is fixed here.
//! Dictionaries of the memory are not kept as types: every reader sees plain text columns. Nothing here writes.

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::fault::{Fault, Outcome};
use crate::tables::Table;
use crate::tables::columns::{Column, Kind};

/// Rows of a row group: what a reader skips, or reads on one thread.
const ROW_GROUP_ROWS: usize = 1 << 18;
/// Columns whose values do not repeat: a dictionary would only be built and thrown away.
const DISTINCT: [&str; 5] = ["line_id", "amount_rated", "row", "record_id", "raw"];

/// The Parquet file of `rows`.
///
/// # Errors
/// `X001` when the rows do not fit the table.
pub fn part(table: Table, rows: &RecordBatch) -> Outcome<Bytes> {
    // Fails when a column is of another type than the table says.
    let rows = table.batch(rows.columns().to_vec())?;
    let broken = |cause: ParquetError| Fault::ours(format!("table {} cannot be encoded: {cause}", table.name()));
    Ok(encode(table, &rows).map_err(broken)?.into())
}

fn encode(table: Table, rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let options = ArrowWriterOptions::new().with_properties(properties(table)?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
    writer.write(rows)?;
    writer.into_inner()
}

fn properties(table: Table) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by("ratemill".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting(table)));
    for name in DISTINCT {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    Ok(properties.build())
}

/// The sort order by leaf column: a map has two leaves, so positions after one shift.
fn sorting(table: Table) -> Vec<SortingColumn> {
    let leaves = |column: &Column| if column.kind == Kind::TextMap { 2 } else { 1 };
    let leaf = |name: &str| table.columns().iter().take_while(|column| column.name != name).map(leaves).sum();
    let ascending = |name: &&str| SortingColumn { column_idx: leaf(name), descending: false, nulls_first: true };
    table.sort_columns().iter().map(ascending).collect()
}
