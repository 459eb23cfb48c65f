//! Tables of input text -> records and reasons, per format.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use chrono_tz::Tz;

use super::{Batch, input_schema, open};
use crate::fault::{Located, Outcome, Place};
use crate::money::Decimal;
use crate::pipeline::model::{Column, ColumnKind, Format, Limits, Source};

mod any;
mod csv;
mod discover;
mod ndjson;
mod packed;
mod parquet;
mod values;

const CSV: Format = Format::Csv { delimiter: b',', header: true };
const LIMITS: Limits = Limits { suspense_records: Decimal::ZERO, decompressed_file: 1 << 20, row_bytes: 200 };

/// Declares columns as `name:type`, a `?` after the type for an optional one, a `~` for a float one.
fn source(format: Format, columns: &str) -> Source {
    let columns = columns.split_whitespace().map(|text| {
        let (name, kind) = text.split_once(':').unwrap();
        let (optional, float) = (kind.ends_with('?'), kind.ends_with('~'));
        let kind = match kind.trim_end_matches(['?', '~']) {
            "text" => ColumnKind::Text,
            "int" => ColumnKind::Int,
            "bool" => ColumnKind::Bool,
            "date" => ColumnKind::Date,
            "time" => ColumnKind::Timestamp(Tz::UTC),
            "berlin" => ColumnKind::Timestamp(Tz::Europe__Berlin),
            kind => {
                let (precision, scale) = kind.strip_prefix("dec").unwrap().split_once('.').unwrap();
                ColumnKind::Decimal(precision.parse().unwrap(), scale.parse().unwrap())
            }
        };
        Column { name: name.to_owned(), header: name.to_owned(), kind, optional, float }
    });
    let place = Place::file("pipeline.yaml");
    let located = |text: &str| Located { text: text.to_owned(), place: place.clone() };
    Source {
        expect: None,
        name: "calls".to_owned(),
        path: located("usage"),
        format,
        columns: columns.collect(),
        mediate: located(""),
        dedup_key: Vec::new(),
        dedup_window_days: 0,
        suspend: Vec::new(),
        place: place.clone(),
    }
}

/// Reads a file in batches of `batch_rows`.
fn batches(source: &Source, name: &str, bytes: &[u8], batch_rows: usize) -> Outcome<Vec<Batch>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let schema = input_schema(source, Some(&bytes))?;
    let batches: Outcome<Vec<Batch>> = open(source, &schema, name, bytes, &LIMITS, batch_rows)?.collect();
    for batch in batches.iter().flatten() {
        assert_eq!(batch.records.schema(), schema);
    }
    batches
}

/// The value of a cell as text, `-` for null.
fn shown(records: &RecordBatch, column: usize, row: usize) -> String {
    let options = FormatOptions::default().with_null("-");
    ArrayFormatter::try_new(records.column(column), &options).unwrap().value(row).to_string()
}

/// Everything that comes out of a file, in record order: `0 a|1.50` for a record, `1 !reason field <raw>` for a broken
/// one. The same for every batch size, or the test fails.
fn read(source: &Source, name: &str, bytes: &[u8]) -> Outcome<Vec<String>> {
    let mut outcomes = [1, 2, 3, 1000].into_iter().map(|batch_rows| {
        let mut lines = Vec::new();
        for batch in batches(source, name, bytes, batch_rows)? {
            assert!(!batch.is_empty() && batch.records.num_rows() <= batch_rows);
            for row in 0..batch.records.num_rows() {
                let values: Vec<String> =
                    (0..batch.records.num_columns()).map(|column| shown(&batch.records, column, row)).collect();
                lines.push((batch.rows.get(row).unwrap(), values.join("|")));
            }
            for broken in &batch.broken {
                assert!(super::reasons::ALL.iter().any(|(code, _)| *code == broken.reason), "{broken:?}");
                let field = broken.field.as_deref().unwrap_or("-");
                lines.push((broken.row, format!("!{} {field} <{}>", broken.reason, broken.raw)));
            }
        }
        lines.sort();
        let numbers: Vec<u32> = lines.iter().map(|(row, _)| *row).collect();
        assert_eq!(numbers, (0..u32::try_from(lines.len()).unwrap()).collect::<Vec<_>>(), "every record once");
        Outcome::Ok(lines.into_iter().map(|(row, line)| format!("{row} {line}")).collect::<Vec<_>>())
    });
    let first = outcomes.next().unwrap()?;
    for other in outcomes {
        assert_eq!(first, other?);
    }
    Ok(first)
}

/// The one fault of a file that cannot be read.
fn refused(source: &Source, name: &str, bytes: &[u8]) -> String {
    let faults = read(source, name, bytes).unwrap_err();
    let lines = faults.0.iter().map(|fault| format!("{fault} ({})", fault.hint.as_deref().unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}
