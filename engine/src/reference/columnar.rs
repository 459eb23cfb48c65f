//! Reference tables written as Parquet: each column becomes the plain text a CSV file would hold.
//!
//! One checking path for every format is worth the detour; reference tables are small. Floats and nested columns have no
//! one plain text and are refused here.

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::table::Table;

/// Reads a Parquet file; rows are numbered from 1.
pub(super) fn parquet(bytes: Bytes, table: &mut Table) -> Result<(), String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|cause| cause.to_string())?;
    for field in builder.schema().fields() {
        if !is_plain(field.data_type()) {
            let (name, kind) = (field.name(), field.data_type());
            return Err(format!("column `{name}` is a {kind}; write it as a decimal or text, or leave it out"));
        }
    }
    table.columns = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut row = 0;
    for batch in builder.build().map_err(|cause| cause.to_string())? {
        let batch = batch.map_err(|cause| cause.to_string())?;
        let texts = batch.columns().iter().map(texts).collect::<Result<Vec<_>, _>>()?;
        for at in 0..batch.num_rows() {
            row += 1;
            table.begin_row(row);
            push_row(&texts, at, table);
        }
    }
    Ok(())
}

fn push_row(texts: &[StringArray], at: usize, table: &mut Table) {
    let mut nul = false;
    for column in texts {
        let cell = if column.is_null(at) { "" } else { column.value(at) };
        nul |= cell.contains('\0');
        table.push_cell(cell);
    }
    if nul {
        table.break_row("the row holds a NUL character");
    }
}

fn texts(column: &ArrayRef) -> Result<StringArray, String> {
    // A date of 64 bits would be written with a time and pass for an instant.
    let day = matches!(column.data_type(), DataType::Date64).then(|| cast(column, &DataType::Date32)).transpose();
    let day = day.map_err(|cause| cause.to_string())?;
    let text = cast(day.as_ref().unwrap_or(column), &DataType::Utf8).map_err(|cause| cause.to_string())?;
    text.as_any().downcast_ref::<StringArray>().cloned().ok_or_else(|| "a column has no plain text".to_owned())
}

/// Whether values of this type have exactly one plain text.
fn is_plain(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_plain(values),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Boolean
        | DataType::Null
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(_, _) => true,
        kind => kind.is_integer() || kind.is_decimal(),
    }
}
