//! Cells of published tables as texts that can be compared: numbers without trailing zeros, instants in one zone, maps
//! key by key. What a test expects and what a run has written pass through here, so that equal values are equal texts.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::columns::Texts;
use crate::fault::{Fault, Outcome};
use crate::money::Decimal;
use crate::tables::columns::{Column, Kind};

/// A row of a table: the text of each column, and of each key of a map as `column.key`.
pub(super) type Row = BTreeMap<String, String>;

/// The comparable text of `text`, written where a value of `kind` is meant; what is needed instead, otherwise.
pub(super) fn expected(kind: Kind, text: &str, timezone: Tz) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    match kind {
        Kind::Whole | Kind::Exact | Kind::Money => {
            Decimal::parse(text).map(|number| number.to_string()).map_err(|_| "a number")
        }
        Kind::Instant => instant(text, timezone)
            .and_then(|micros| shown(micros, timezone))
            .ok_or("a time such as 2026-10-05T10:00:00, or a day"),
        Kind::Day => text.parse::<NaiveDate>().map(|day| day.to_string()).map_err(|_| "a day such as 2026-10-05"),
        Kind::Flag if !matches!(text, "true" | "false") => Err("true or false"),
        Kind::Flag | Kind::Text | Kind::Texts | Kind::TextMap => Ok(text.to_owned()),
    }
}

/// Microseconds of a time with an offset, of a local time, or of the start of a day.
pub(super) fn instant(text: &str, timezone: Tz) -> Option<i64> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return crate::period::midnight(day, timezone);
    }
    let local = text.replacen(' ', "T", 1).parse::<NaiveDateTime>().ok()?;
    timezone.from_local_datetime(&local).earliest().map(|instant| instant.timestamp_micros())
}

fn shown(micros: i64, timezone: Tz) -> Option<String> {
    let instant = DateTime::from_timestamp_micros(micros)?.with_timezone(&timezone);
    Some(instant.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// The rows of `batch`, of which `columns` says what they hold; columns it does not have are left out.
pub(super) fn rows(batch: &RecordBatch, columns: &[Column], timezone: Tz) -> Outcome<Vec<Row>> {
    let mut rows = vec![Row::new(); batch.num_rows()];
    for column in columns {
        let Some(array) = batch.column_by_name(column.name) else { continue };
        if column.kind == Kind::TextMap {
            spread(column.name, array, &mut rows).ok_or_else(|| unreadable(column, array))?;
            continue;
        }
        let texts = texts(column.kind, array, timezone).ok_or_else(|| unreadable(column, array))?;
        for (row, text) in rows.iter_mut().zip(texts) {
            row.insert(column.name.to_owned(), text);
        }
    }
    Ok(rows)
}

fn unreadable(column: &Column, array: &ArrayRef) -> Fault {
    Fault::ours(format!("the column `{}` is {}", column.name, array.data_type()))
}

/// The text of every row; nothing for null.
fn texts(kind: Kind, array: &ArrayRef, timezone: Tz) -> Option<Vec<String>> {
    let known = |row: usize| array.is_valid(row);
    let each = |text: &dyn Fn(usize) -> Option<String>| -> Option<Vec<String>> {
        (0..array.len()).map(|row| if known(row) { text(row) } else { Some(String::new()) }).collect()
    };
    match kind {
        Kind::Text => {
            let plain = plain(array)?;
            let texts = Texts::of(&plain)?;
            each(&|row| Some(texts.get(row).unwrap_or_default().to_owned()))
        }
        Kind::Whole => {
            let numbers = array.as_primitive_opt::<Int64Type>()?;
            each(&|row| Some(numbers.value(row).to_string()))
        }
        Kind::Exact | Kind::Money => {
            let numbers = array.as_primitive_opt::<Decimal128Type>()?;
            let scale = u32::try_from(numbers.scale()).ok()?;
            each(&|row| Decimal::rescaled(numbers.value(row), scale).map(|number| number.to_string()))
        }
        Kind::Instant => {
            let instants = array.as_primitive_opt::<TimestampMicrosecondType>()?;
            each(&|row| shown(instants.value(row), timezone))
        }
        Kind::Day => {
            let days = array.as_primitive_opt::<Date32Type>()?;
            each(&|row| {
                NaiveDate::default()
                    .checked_add_signed(TimeDelta::try_days(i64::from(days.value(row)))?)
                    .map(|day| day.to_string())
            })
        }
        Kind::Flag => {
            let flags = array.as_boolean_opt()?;
            each(&|row| Some(flags.value(row).to_string()))
        }
        Kind::Texts => {
            let lists = array.as_list_opt::<i32>()?;
            each(&|row| {
                let list = plain(&lists.value(row))?;
                let texts = Texts::of(&list)?;
                Some((0..texts.len()).filter_map(|at| texts.get(at)).collect::<Vec<_>>().join(";"))
            })
        }
        Kind::TextMap => None,
    }
}

fn plain(array: &ArrayRef) -> Option<ArrayRef> {
    if Texts::of(array).is_some() { Some(ArrayRef::clone(array)) } else { cast(array, &DataType::Utf8).ok() }
}

/// A map column as one text in key order, and as one column for each of its keys.
fn spread(name: &str, array: &ArrayRef, rows: &mut [Row]) -> Option<()> {
    let maps = array.as_map_opt()?;
    for (at, row) in rows.iter_mut().enumerate() {
        let entries = maps.value(at);
        let (keys, values) = (plain(entries.column(0))?, plain(entries.column(1))?);
        let (keys, values) = (Texts::of(&keys)?, Texts::of(&values)?);
        let pairs = (0..keys.len()).map(|at| (keys.get(at).unwrap_or_default(), values.get(at).unwrap_or_default()));
        let pairs: BTreeMap<&str, &str> = pairs.collect();
        let whole: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        row.insert(name.to_owned(), whole.join(";"));
        row.extend(pairs.into_iter().map(|(key, value)| (format!("{name}.{key}"), value.to_owned())));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_texts() {
        let denver = chrono_tz::America::Denver;
        let text = |kind, text| expected(kind, text, denver).unwrap();
        assert_eq!(text(Kind::Money, "1.50"), text(Kind::Exact, "1.5"));
        assert_eq!(text(Kind::Exact, "9.052E-7"), "0.0000009052");
        assert_eq!(text(Kind::Instant, "2026-10-05"), text(Kind::Instant, "2026-10-05T06:00:00Z"));
        assert_eq!(text(Kind::Instant, "2026-10-05 10:00:00"), "2026-10-05T10:00:00-06:00");
        assert_eq!(text(Kind::Text, "01"), "01");
        assert!(expected(Kind::Money, "1,000", denver).is_err() && expected(Kind::Flag, "yes", denver).is_err());
    }
}
