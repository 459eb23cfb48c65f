//! One part of a table as Parquet bytes, the same for the same rows.
//!
//! Everything a writer could choose by itself (name, compression, row groups, statistics, encodings) is fixed here.
//! Dictionaries of the memory are not kept as types: every reader sees plain text columns. Nothing here writes.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, DynComparator, RecordBatch, make_comparator};
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

mod chunk;
mod exact;
mod hybrid;
mod texts;

use chunk::{PAGE_ROWS, Packer};
use texts::Numbered;

const ZSTD_LEVEL: i32 = 1;
/// Rows of a row group: what a reader skips, or reads on one thread.
const ROW_GROUP_ROWS: usize = super::PART_ROWS;
/// Columns whose values do not repeat: a dictionary would only be built and thrown away.
const DISTINCT: [&str; 12] = [
    "line_id",
    "quantity",
    "amount_rated",
    "amount_list",
    "amount_net",
    "taxable_amount",
    "amount",
    "record_id",
    "raw",
    "key_high",
    "key_low",
    "content",
];
/// Numbers that are the same or differ little from row to row: their differences are stored.
const STEPPING: [&str; 10] = [
    "period_start",
    "period_end",
    "service_start",
    "service_end",
    "first_record_time",
    "last_record_time",
    "record_count",
    "line_count",
    "row",
    "record_time",
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

/// How a column is written.
enum Way<'a> {
    /// Texts by number, leaf by leaf.
    Numbered(Vec<Numbered<'a>>),
    /// Exact decimals.
    Exact(&'a [i128]),
    /// Whatever else, by the Arrow writer.
    Arrow,
}

impl<'a> Way<'a> {
    fn of(name: &str, column: &'a ArrayRef) -> Self {
        let exact = || exact::values(column).filter(|_| DISTINCT.contains(&name));
        Numbered::leaves(column).map(Self::Numbered).or_else(|| exact().map(Self::Exact)).unwrap_or(Self::Arrow)
    }
}

fn encode(table: Table, rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let fields = rows.schema_ref().fields();
    let ways: Vec<Way<'_>> =
        fields.iter().zip(rows.columns()).map(|(field, column)| Way::of(field.name(), column)).collect();
    let options = ArrowWriterOptions::new().with_properties(properties(table, &ways)?).with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
    let (mut file, writers) = writer.into_serialized_writer()?;
    if rows.num_rows() > 0 {
        let mut packer = Packer::new()?;
        let leaves = file.schema_descr().columns().to_vec();
        let mut leaves = leaves.iter().zip(writers.create_column_writers(0)?);
        let mut next = || leaves.next().ok_or_else(|| ParquetError::General("a column too many".to_owned()));
        let mut group = file.next_row_group()?;
        for ((field, column), way) in fields.iter().zip(rows.columns()).zip(&ways) {
            match way {
                Way::Numbered(columns) => {
                    let bounds = LOOKED_UP.contains(&field.name().as_str());
                    for column in columns {
                        texts::append(&mut packer, &mut group, next()?.0, column, bounds)?;
                    }
                }
                Way::Exact(values) => exact::append(&mut packer, &mut group, next()?.0, values)?,
                Way::Arrow => {
                    for values in compute_leaves(field, column)? {
                        let (_, mut writer) = next()?;
                        writer.write(&values)?;
                        writer.close()?.append_to_row_group(&mut group)?;
                    }
                }
            }
        }
        group.close()?;
    }
    file.into_inner()
}

fn properties(table: Table, ways: &[Way<'_>]) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by("ratemill".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_write_batch_size(PAGE_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS)
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
    // The Arrow writer makes a codec for every column, used or not.
    let unused = table.columns().iter().zip(ways).filter(|(_, way)| !matches!(way, Way::Arrow));
    for path in unused.flat_map(|(column, _)| leaves(column)) {
        properties = properties
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path, false);
    }
    Ok(properties.build())
}

/// The leaves of a column that hold text.
fn text_leaves(column: &Column) -> Vec<ColumnPath> {
    if matches!(column.kind, Kind::Text | Kind::TextMap | Kind::Texts) { leaves(column) } else { Vec::new() }
}

/// The leaves of a column.
fn leaves(column: &Column) -> Vec<ColumnPath> {
    let leaf =
        |parts: &[&str]| ColumnPath::new([column.name].iter().chain(parts).map(|part| (*part).to_owned()).collect());
    match column.kind {
        Kind::TextMap => vec![leaf(&["key_value", "key"]), leaf(&["key_value", "value"])],
        Kind::Texts => vec![leaf(&["list", "element"])],
        _ => vec![leaf(&[])],
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
    use std::sync::Arc;

    use arrow::compute::take_record_batch;
    use arrow::util::display::array_value_to_string;
    use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use parquet::basic::BoundaryOrder;
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::page_index::column_index::ColumnIndexMetaData;

    use super::*;
    use crate::control::tests::fixture;
    use crate::tables::build;

    #[test]
    fn rows_out_of_their_declared_order_are_refused() {
        let (table, lines) = fixture().0.swap_remove(0);
        let turned = take_record_batch(&lines, &arrow::array::UInt32Array::from(vec![0, 2, 1])).unwrap();
        let faults = part(table, &turned).unwrap_err();
        assert_eq!(faults.0[0].message, "table invoice_lines: row 2 is not in sort order");
    }

    #[test]
    fn every_way_of_writing_reads_back_the_same_with_bounds() {
        let rows = 2 * PAGE_ROWS + 7;
        let sets = vec![vec![], vec![("device", "phone"), ("region", "emea")], vec![("region", "apac")]];
        let code = |row: usize, of: usize| i32::try_from(row / 3 % of).unwrap();
        let codes = |of: usize| (0..rows).map(|row| code(row, of)).collect::<Vec<i32>>();
        let units = |row: usize| i128::try_from(row).unwrap() - 20_000;
        let accounts: Vec<String> = (0..5000).map(|number| format!("A{number:05}")).collect();
        let sorted = || (0..rows).map(|row| i32::try_from(row / 9).unwrap()).collect();
        let given = Table::UsageBuckets.empty();
        let mut columns: Vec<ArrayRef> = given.columns().to_vec();
        for (column, place) in columns.iter_mut().zip(Table::UsageBuckets.columns()) {
            *column = match (place.kind, place.name) {
                (_, "account_id") => build::dictionary(&accounts, sorted()).unwrap(),
                (Kind::Text, "meter") => build::dictionary(&["b", "c", "a"], codes(3)).unwrap(),
                (Kind::Text, _) => build::constant("same", rows),
                (Kind::TextMap, _) => build::dimensions(&sets, &codes(3)).unwrap(),
                (Kind::Exact, _) => build::decimal38((0..rows).map(units).collect()),
                (Kind::Whole, _) => build::whole(vec![1; rows]),
                (Kind::Instant, _) => build::instants(vec![5; rows]),
                (Kind::Day, _) => build::days(vec![7; rows]),
                _ => build::no_text_lists(rows),
            };
        }
        let written = Table::UsageBuckets.batch(columns).unwrap();
        let bytes: Bytes = encode(Table::UsageBuckets, &written).unwrap().into();
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).unwrap();
        let metadata = Arc::clone(reader.metadata());
        let read = reader.with_batch_size(rows).build().unwrap().next().unwrap().unwrap();
        let shown = |batch: &RecordBatch, column: usize, row| array_value_to_string(batch.column(column), row).unwrap();
        for column in 0..written.num_columns() {
            for row in (0..rows).step_by(101).chain([rows - 1]) {
                assert_eq!(shown(&read, column, row), shown(&written, column, row), "{column} {row}");
            }
        }
        let of = |name: &str| {
            let at = metadata.row_group(0).columns().iter().position(|chunk| chunk.column_path().string() == name);
            (metadata.row_group(0).column(at.unwrap()).statistics().cloned(), at.unwrap())
        };
        let (meter, _) = of("meter");
        let (least, most) =
            (meter.as_ref().and_then(|m| m.min_bytes_opt()), meter.as_ref().and_then(|m| m.max_bytes_opt()));
        assert_eq!((least, most), (Some(&b"a"[..]), Some(&b"c"[..])));
        let (quantity, at) = of("quantity");
        assert_eq!(quantity.unwrap().min_bytes_opt(), Some(&units(0).to_be_bytes()[..]));
        let index = &metadata.column_index().unwrap()[0];
        assert_eq!(index[at].get_boundary_order(), Some(BoundaryOrder::ASCENDING));
        let (_, at) = of("account_id");
        assert_eq!(index[at].get_boundary_order(), Some(BoundaryOrder::ASCENDING));
        let (_, at) = of("run_id");
        assert!(matches!(index[at], ColumnIndexMetaData::NONE));
    }

    #[test]
    fn the_declared_order_names_leaf_columns() {
        let rows = Table::UsageBuckets.empty();
        let file = part(Table::UsageBuckets, &rows).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let leaves: Vec<String> = reader.parquet_schema().columns().iter().map(|leaf| leaf.path().string()).collect();
        for table in Table::ALL {
            assert_eq!(sorting(table).len(), table.sort_columns().len());
        }
        assert_eq!(leaves[7], "dimensions.key_value.key");
        assert_eq!(leaves[14], "values.list.element");
        assert_eq!(reader.metadata().file_metadata().created_by(), Some("ratemill"));
    }
}
