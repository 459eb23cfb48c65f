//! One JSON object per line -> rows and fields. Numbers stay the text they are, so that no digit is lost to a float;
//! keys that are not declared are skipped without being read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::cells::{Cell, Cells, Span};
use super::reasons;
use super::text::{Rows, Step};
use super::values::Reason;
use super::window::Window;
use crate::fault::Outcome;
use crate::pipeline::model::Column;

/// An NDJSON file.
pub(super) struct Ndjson {
    row_bytes: usize,
    keys: Keys,
    optional: Vec<bool>,
}

/// Declared keys; several columns may read the same key.
type Keys = BTreeMap<String, Vec<usize>>;

impl Ndjson {
    pub(super) fn new(columns: &[Column], row_bytes: usize) -> Self {
        let mut keys = Keys::new();
        for (index, column) in columns.iter().enumerate() {
            keys.entry(column.header.clone()).or_default().push(index);
        }
        Self { row_bytes, keys, optional: columns.iter().map(|column| column.optional).collect() }
    }

    /// Adds the cells of the object in `line`, which starts at `base` of the window; or says what it is instead.
    fn add_cells(&self, line: &[u8], base: usize, cells: &mut Cells) -> Result<(), (Reason, Option<usize>, String)> {
        let text = std::str::from_utf8(line).map_err(|cause| (reasons::NOT_UTF8, None, cause.to_string()))?;
        let mut values = vec![None; self.optional.len()];
        let mut json = serde_json::Deserializer::from_str(text);
        let object = Object { keys: &self.keys, values: &mut values };
        let twice = json.deserialize_map(object).and_then(|twice| json.end().map(|()| twice));
        let twice = twice.map_err(|cause| match cause.classify() {
            Category::Data => (reasons::NOT_AN_OBJECT, None, String::new()),
            _ => (reasons::NOT_JSON, None, cause.to_string()),
        })?;
        if let Some(column) = twice {
            return Err((reasons::DUPLICATE_KEY, Some(column), String::new()));
        }
        let lacking = values.iter().zip(&self.optional).position(|(value, optional)| value.is_none() && !optional);
        if let Some(column) = lacking {
            return Err((reasons::MISSING_FIELD, Some(column), String::new()));
        }
        for (column, value) in values.into_iter().enumerate() {
            let cell = value.map_or(Cell::Null, |value| cell(value, text, base, column, cells));
            cells.push(column, cell);
        }
        Ok(())
    }
}

impl Rows for Ndjson {
    fn step(&mut self, window: &mut Window, cells: &mut Cells) -> Outcome<Step> {
        loop {
            let start = window.at;
            let newline = window.ahead().iter().position(|byte| *byte == b'\n');
            let length = newline.unwrap_or(window.ahead().len());
            if length > self.row_bytes {
                let detail = format!("more than {} bytes", self.row_bytes);
                let raw = window.cut_line(self.row_bytes)?;
                return Ok(Step::Broken { reason: reasons::ROW_TOO_LONG, column: None, detail, raw });
            }
            if newline.is_none() && !window.ended {
                window.grow()?;
                continue;
            }
            let line = window.text.get(start..start + length).unwrap_or_default();
            window.at = start + length + usize::from(newline.is_some());
            if line.trim_ascii().is_empty() {
                return Ok(if newline.is_some() { Step::Blank } else { Step::End });
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            return Ok(match self.add_cells(line, start, cells) {
                Ok(()) => Step::Row(Span::new(start, start + line.len())),
                Err((reason, column, detail)) => Step::Broken { reason, column, detail, raw: line.to_vec() },
            });
        }
    }
}

/// Where the value's text lies. A string is meant without its quotes and escapes.
fn cell(value: &RawValue, line: &str, base: usize, column: usize, cells: &mut Cells) -> Cell {
    let raw = value.get();
    // The value borrows from the line, so the difference of the addresses is its offset there.
    let at = base + raw.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    match raw.as_bytes() {
        b"null" => Cell::Null,
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Cell::Text(Span::new(at + 1, at + raw.len() - 1)),
        [b'"', ..] => match serde_json::from_str::<String>(raw) {
            Ok(text) => cells.spilled(text.as_bytes()),
            Err(cause) => {
                // A lone surrogate escape passes the first reading, which only looks for the end of the string.
                let (position, detail) = (cells.len(), cause.to_string());
                cells.failures.note(position, column, reasons::NOT_JSON, detail.as_bytes());
                Cell::Null
            }
        },
        [b'{' | b'[', ..] => {
            let position = cells.len();
            cells.failures.note(position, column, reasons::NOT_A_SCALAR, raw.as_bytes());
            Cell::Null
        }
        _ => Cell::Text(Span::new(at, at + raw.len())),
    }
}

/// Collects the raw values of the declared keys; its value is the first declared column whose key stands twice.
struct Object<'k, 'v, 'de> {
    keys: &'k Keys,
    values: &'v mut [Option<&'de RawValue>],
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut twice: Option<usize> = None;
        while let Some(columns) = map.next_key_seed(Key(self.keys))? {
            if columns.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<&RawValue>()?;
            for column in columns {
                let slot = self.values.get_mut(*column).ok_or_else(|| A::Error::custom("no such column"))?;
                if slot.replace(value).is_some() {
                    twice = Some(twice.map_or(*column, |known| known.min(*column)));
                }
            }
        }
        Ok(twice)
    }
}

/// Reads a key as the columns it fills, without keeping its text.
struct Key<'k>(&'k Keys);

impl<'de, 'k> DeserializeSeed<'de> for Key<'k> {
    type Value = &'k [usize];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'k> Visitor<'_> for Key<'k> {
    type Value = &'k [usize];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(key).map(Vec::as_slice).unwrap_or_default())
    }
}
