//! The raw text of records, for the few that are set aside: kept by where it stands, made only when asked for.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;

use super::cells::Span;

/// Where the raw text of a batch's records is.
pub(super) enum Raw {
    /// Text rows: the text of the batch and each record's part of it.
    Lines { text: Bytes, spans: Vec<Span> },
    /// Parquet rows as they were read, and which of them were kept (`None`: all).
    Columns { read: RecordBatch, kept: Option<Vec<usize>> },
}

impl Raw {
    /// The raw text of record `index` of the batch.
    pub(super) fn text(&self, index: usize) -> String {
        match self {
            Self::Lines { text, spans } => lossy(spans.get(index).map(|span| span.of(text)).unwrap_or_default()),
            Self::Columns { read, kept } => {
                json_object(read, kept.as_ref().map_or(Some(index), |kept| kept.get(index).copied()))
            }
        }
    }
}

/// Raw bytes as text; what is no UTF-8 is replaced.
pub(super) fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Row `row` of a batch as a JSON object, keyed by the file's own column names, nulls left out.
pub(super) fn json_object(batch: &RecordBatch, row: Option<usize>) -> String {
    let Some(row) = row.filter(|row| *row < batch.num_rows()) else { return String::new() };
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).filter(|(_, values)| !values.is_null(row));
    let members: Vec<String> =
        columns.map(|(field, values)| format!("{}:{}", quoted(field.name()), json_value(values, row))).collect();
    format!("{{{}}}", members.join(","))
}

/// Numbers as number text (every digit of a decimal), all else as a string.
fn json_value(values: &ArrayRef, row: usize) -> String {
    if let Some(bytes) = values.as_binary_opt::<i32>() {
        return quoted(&lossy(bytes.value(row)));
    }
    let options = FormatOptions::default().with_null("null");
    let text = match ArrayFormatter::try_new(values, &options) {
        // A time beyond the calendar has no text: it is shown as the count it is stored as.
        Ok(formatter) => formatter.value(row).try_to_string().unwrap_or_else(|_| stored(values, row)),
        Err(cause) => cause.to_string(),
    };
    let plain = match values.data_type() {
        DataType::Boolean => true,
        kind => kind.is_numeric() && text.starts_with(|first: char| first == '-' || first.is_ascii_digit()),
    };
    // `-inf` starts like a number, too.
    if plain && !text.ends_with("inf") { text } else { quoted(&text) }
}

/// The number a time is stored as.
fn stored(values: &ArrayRef, row: usize) -> String {
    match cast(&values.slice(row, 1), &DataType::Int64) {
        Ok(numbers) => numbers.as_primitive::<Int64Type>().value(0).to_string(),
        Err(cause) => cause.to_string(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
