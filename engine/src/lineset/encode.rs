//! One part of a table as Parquet bytes, the same for the same rows.
//!
//! Everything a writer could choose by itself (name, compression, row groups, statistics, encodings) is fixed here.
//! Dictionaries of the memory are not kept as types: every reader sees plain text columns. Nothing here writes.

use std::cmp::Ordering;

use arrow::array::{DynComparator, RecordBatch, make_comparator};
use arrow::compute::SortOptions;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::fault::{Fault, Outcome};
use crate::tables::Table;
use crate::tables::columns::{Column, Kind};

mod hybrid;
mod texts;

use texts::{Numbered, TextWriter};

const ZSTD_LEVEL: i32 = 1;
/// Values the writer is given at once, which is also the least a page has.
const BATCH_VALUES: usize = 20_000;
/// Rows of a row group: what a reader skips, or reads on one thread.
const ROW_GROUP_ROWS: usize = super::PART_ROWS;
/// Columns whose values do not repeat: a dictionary would only be built and thrown away.
const DISTINCT: [&str; 9] = [
    "line_id",
    "quantity",
    "amount_rated",
    "amount_list",
    "amount_net",
    "taxable_amount",
    "amount",
    "record_id",
    "raw",
];
/// Numbers that are the same or differ little from row to row: their differences are stored.
const STEPPING: [&str; 9] = [
    "period_start",
    "period_end",
    "service_start",
    "service_end",
    "first_record_time",
    "last_record_time",
    "record_count",
    "line_count",
    "row",
];
/// Texts readers look rows up by. Of other texts, smallest and largest value tell a reader nothing (hashes, constants,
/// free text), and comparing every value for them costs more than any other part of writing.
const LOOKED_UP: [&str; 9] =
    ["account_id", "bill_to_account_id", "subscription_id", "product", "charge", "meter", "source", "file", "reason"];

/// The Parquet file of `rows`.
///
/// # Errors
/// `X001` when the rows do not fit the table.
pub fn part(table: Table, rows: &RecordBatch) -> Outcome<Bytes> {
    // Fails when a column is of another type than the table says.
    let rows = table.batch(rows.columns().to_vec())?;
    // Readers believe the sort order the file declares; the code that sorts is checked wherever tests run.
    if cfg!(debug_assertions)
        && let Some(row) = unsorted(table, &rows).map_err(|cause| Fault::ours(cause.to_string()))?
    {
        return Err(Fault::ours(format!("table {}: row {row} is not in sort order", table.name())).into());
    }
    let broken = |cause: ParquetError| Fault::ours(format!("table {} cannot be encoded: {cause}", table.name()));
    Ok(encode(table, &rows).map_err(broken)?.into())
}

fn encode(table: Table, rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let numbered: Vec<Option<Vec<Numbered<'_>>>> = rows.columns().iter().map(Numbered::leaves).collect();
    let properties = properties(table, &numbered)?;
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
    let (mut file, writers) = writer.into_serialized_writer()?;
    if rows.num_rows() > 0 {
        let mut texts = TextWriter::new()?;
        let leaves = file.schema_descr().columns().to_vec();
        let mut leaves = leaves.iter().zip(writers.create_column_writers(0)?);
        let mut next = || leaves.next().ok_or_else(|| ParquetError::General("a column too many".to_owned()));
        let mut group = file.next_row_group()?;
        for ((column, field), numbered) in rows.columns().iter().zip(rows.schema_ref().fields()).zip(&numbered) {
            if let Some(numbered) = numbered {
                let bounds = LOOKED_UP.contains(&field.name().as_str());
                for column in numbered {
                    texts.append(&mut group, next()?.0, column, bounds)?;
                }
                continue;
            }
            for values in compute_leaves(field, column)? {
                let (_, mut writer) = next()?;
                writer.write(&values)?;
                writer.close()?.append_to_row_group(&mut group)?;
            }
        }
        group.close()?;
    }
    file.into_inner()
}

fn properties(table: Table, numbered: &[Option<Vec<Numbered<'_>>>]) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by("ratemill".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_write_batch_size(BATCH_VALUES)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting(table)));
    for name in DISTINCT.into_iter().chain(STEPPING) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for name in STEPPING {
        properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for path in table.columns().iter().filter(|column| !LOOKED_UP.contains(&column.name)).flat_map(text_leaves) {
        properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    // The writer makes a codec for every column, used or not; these columns are written by `texts`.
    let by_number = table.columns().iter().zip(numbered).filter(|(_, numbered)| numbered.is_some());
    for path in by_number.flat_map(|(column, _)| text_leaves(column)) {
        properties = properties
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path, false);
    }
    Ok(properties.build())
}

/// The leaves of a column that hold text.
fn text_leaves(column: &Column) -> Vec<ColumnPath> {
    let leaf =
        |parts: &[&str]| ColumnPath::new([column.name].iter().chain(parts).map(|part| (*part).to_owned()).collect());
    match column.kind {
        Kind::Text => vec![leaf(&[])],
        Kind::TextMap => vec![leaf(&["key_value", "key"]), leaf(&["key_value", "value"])],
        Kind::Texts => vec![leaf(&["list", "element"])],
        _ => Vec::new(),
    }
}

/// The sort order by leaf column: a map has two leaves, so positions after one shift.
fn sorting(table: Table) -> Vec<SortingColumn> {
    let leaves = |column: &Column| if column.kind == Kind::TextMap { 2 } else { 1 };
    let leaf = |name: &str| table.columns().iter().take_while(|column| column.name != name).map(leaves).sum();
    let ascending = |name: &&str| SortingColumn { column_idx: leaf(name), descending: false, nulls_first: true };
    table.sort_columns().iter().map(ascending).collect()
}

/// The first row that stands before its place by the table's sort columns.
fn unsorted(table: Table, rows: &RecordBatch) -> Result<Option<usize>, ArrowError> {
    let options = SortOptions { descending: false, nulls_first: true };
    let columns = table.sort_columns().iter().filter_map(|name| rows.column_by_name(name));
    let comparators = columns.map(|column| make_comparator(column, column, options));
    let comparators = comparators.collect::<Result<Vec<DynComparator>, ArrowError>>()?;
    let order = |row: usize| comparators.iter().fold(Ordering::Equal, |order, by| order.then_with(|| by(row - 1, row)));
    Ok((1..rows.num_rows()).find(|row| order(*row) == Ordering::Greater))
}

#[cfg(test)]
mod tests {
    use arrow::compute::take_record_batch;

    use super::*;
    use crate::control::tests::fixture;

    #[test]
    fn rows_out_of_their_declared_order_are_refused() {
        let (table, lines) = fixture().0.swap_remove(0);
        let turned = take_record_batch(&lines, &arrow::array::UInt32Array::from(vec![0, 2, 1])).unwrap();
        let faults = part(table, &turned).unwrap_err();
        assert_eq!(faults.0[0].message, "table invoice_lines: row 2 is not in sort order");
    }

    #[test]
    fn the_declared_order_names_leaf_columns() {
        let rows = Table::UsageBuckets.empty();
        let file = part(Table::UsageBuckets, &rows).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let leaves: Vec<String> = reader.parquet_schema().columns().iter().map(|leaf| leaf.path().string()).collect();
        for table in Table::ALL {
            assert_eq!(sorting(table).len(), table.sort_columns().len());
        }
        assert_eq!(leaves[7], "dimensions.key_value.key");
        assert_eq!(leaves[14], "values.list.element");
        assert_eq!(reader.metadata().file_metadata().created_by(), Some("ratemill"));
    }
}
