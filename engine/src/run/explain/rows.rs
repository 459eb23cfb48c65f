//! Rows of a committed line set, read back one table at a time: only those that are asked for are kept.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, TimeDelta};
use serde_json::{Map, Value};

use super::model::Row;
use crate::fault::Outcome;
use crate::lineset::Manifest;
use crate::lineset::batches::batches;
use crate::money::plain_digits;
use crate::store::Location;
use crate::tables::Table;

/// The rows of `table` that `wanted` keeps, each with its position in the table.
///
/// # Errors
/// `O001` when a file cannot be read, `O006` when it is not what was committed.
pub(super) async fn rows(
    output: &Location,
    manifest: &Manifest,
    table: Table,
    wanted: &(dyn Fn(&RecordBatch, usize) -> bool + Sync),
) -> Outcome<Vec<(usize, Row)>> {
    let (mut found, mut start) = (Vec::new(), 0);
    batches(output, manifest, table, |batch| {
        for at in (0..batch.num_rows()).filter(|at| wanted(batch, *at)) {
            found.push((start + at, row(batch, at)));
        }
        start += batch.num_rows();
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The text of a column of a row.
pub(super) fn text<'b>(batch: &'b RecordBatch, column: &str, row: usize) -> &'b str {
    let column = batch.column_by_name(column).and_then(|column| column.as_string_opt::<i32>());
    column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row))
}

fn row(batch: &RecordBatch, at: usize) -> Row {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.map(|(field, column)| (field.name().clone(), value(column, at))).collect()
}

fn value(column: &ArrayRef, at: usize) -> Value {
    if column.is_null(at) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(at).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(at).into(),
        DataType::Boolean => column.as_boolean().value(at).into(),
        DataType::Decimal128(_, scale) => {
            let scale = usize::try_from(*scale).unwrap_or_default();
            plain_digits(column.as_primitive::<Decimal128Type>().value(at), scale).into()
        }
        DataType::Timestamp(..) => instant(column.as_primitive::<TimestampMicrosecondType>().value(at)).into(),
        DataType::Date32 => {
            let day = TimeDelta::try_days(i64::from(column.as_primitive::<Date32Type>().value(at)));
            let date = day.and_then(|days| NaiveDate::default().checked_add_signed(days));
            date.map(|date| date.to_string()).into()
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(at);
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
            let pairs = (0..entries.len()).map(|at| (keys.value(at).to_owned(), values.value(at).into()));
            Value::Object(pairs.collect::<Map<String, Value>>())
        }
        DataType::List(_) => {
            let values = column.as_list::<i32>().value(at);
            (0..values.len()).map(|at| value(&values, at)).collect::<Vec<_>>().into()
        }
        other => other.to_string().into(),
    }
}

/// An instant as RFC 3339 in UTC.
pub(in crate::run) fn instant(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        .unwrap_or_default()
}
