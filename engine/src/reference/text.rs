//! Reference tables written as text: CSV and NDJSON.
//!
//! Kept apart from [`super::table`] because each format has its own idea of a line. Lines are counted in the file, not
//! in records, so that an editor opens at the right place even after a cell with line breaks.

use std::fmt;

use csv::{ByteRecord, ReaderBuilder};
use hashbrown::HashMap;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::table::Table;

const BOM: &[u8] = b"\xEF\xBB\xBF";
/// A record of its own behind the file's last one: if it is not read back, a quote was left open.
const BEHIND: &[u8] = b"\n\x03";

/// Reads CSV with a header row: comma, double quotes, any line ending, UTF-8 with or without a mark.
pub(super) fn csv(bytes: &[u8], table: &mut Table) -> Result<(), String> {
    let bytes = utf8(bytes)?;
    let behind = std::io::Read::chain(bytes, BEHIND);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(behind);
    let mut record = ByteRecord::new();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut closed = false;
    while reader.read_byte_record(&mut record).map_err(|cause| cause.to_string())? {
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        closed = lines.at == bytes.len() && record.len() == 1 && record.get(0) == BEHIND.get(1..);
        if closed {
            break;
        }
        if table.columns.is_empty() {
            table.columns = header(&record)?;
            continue;
        }
        table.begin_row(line);
        csv_row(&record, table);
    }
    if table.columns.is_empty() {
        return Err("it has no header row".to_owned());
    }
    if !closed && table.rows() == 0 {
        return Err("a quote in its header row is never closed".to_owned());
    }
    if !closed {
        let last = table.rows() - 1;
        table.broken.retain(|(row, _)| *row < last);
        table.break_row("a quote that opens in this row is never closed");
    }
    Ok(())
}

fn header(record: &ByteRecord) -> Result<Vec<String>, String> {
    let names = record.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
    names.collect::<Result<_, _>>().map_err(|_| "its header is not UTF-8".to_owned())
}

fn csv_row(record: &ByteRecord, table: &mut Table) {
    let width = table.columns.len();
    // Blank cells behind the last column are what spreadsheets leave behind.
    let surplus = record.iter().skip(width).any(|cell| !cell.is_empty());
    let mut broken = (record.len() < width || surplus)
        .then(|| format!("the row has {} cells, the header has {width}", record.len()));
    for cell in record.iter().chain(std::iter::repeat(&b""[..])).take(width) {
        match std::str::from_utf8(cell) {
            Ok(cell) if !cell.contains('\0') => table.push_cell(cell),
            Ok(_) => {
                broken.get_or_insert("the row holds a NUL character".to_owned());
                table.push_cell("");
            }
            Err(_) => {
                broken.get_or_insert("the row is not UTF-8".to_owned());
                table.push_cell("");
            }
        }
    }
    if let Some(why) = broken {
        table.break_row(why);
    }
}

/// Reads one JSON object per line; numbers keep their text. A key no line has is a column the table lacks.
pub(super) fn ndjson(bytes: &[u8], table: &mut Table) -> Result<(), String> {
    let bytes = utf8(bytes)?;
    let rows: Vec<(usize, Result<Members, String>)> = bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(at, line)| (at + 1, ndjson_row(line)))
        .collect();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for (key, _) in rows.iter().filter_map(|(_, cells)| cells.as_ref().ok()).flatten() {
        if !positions.contains_key(key.as_str()) {
            positions.insert(key, table.columns.len());
            table.columns.push(key.clone());
        }
    }
    let mut cells: Vec<&str> = Vec::new();
    for (line, row) in &rows {
        cells.clear();
        cells.resize(table.columns.len(), "");
        for (key, text) in row.iter().flatten() {
            if let Some(cell) = positions.get(key.as_str()).and_then(|at| cells.get_mut(*at)) {
                *cell = text;
            }
        }
        table.begin_row(*line);
        cells.iter().for_each(|cell| table.push_cell(cell));
        if let Err(why) = row {
            table.break_row(why.clone());
        }
    }
    Ok(())
}

/// The keys and plain texts of one line.
type Members = Vec<(String, String)>;

fn ndjson_row(line: &[u8]) -> Result<Members, String> {
    let Pairs(pairs) = serde_json::from_slice(line).map_err(|cause| {
        let text = cause.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text).to_owned();
        format!("the line is not a JSON object: {text} at column {}", cause.column())
    })?;
    let mut cells = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        if cells.iter().any(|(earlier, _)| *earlier == key) {
            return Err(format!("the key `{key}` stands twice"));
        }
        let text = match value.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(value.get()).map_err(|cause| format!("`{key}`: {cause}"))?,
            Some(b'{' | b'[') => return Err(format!("`{key}` is not a plain value")),
            Some(b'n') => String::new(),
            _ => value.get().to_owned(),
        };
        if text.contains('\0') {
            return Err(format!("`{key}` holds a NUL character"));
        }
        cells.push((key, text));
    }
    Ok(cells)
}

/// The members of a JSON object in their order, twins included.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The text without its mark; UTF-16 is named, as spreadsheets write it.
fn utf8(bytes: &[u8]) -> Result<&[u8], String> {
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err("it is UTF-16; save it as UTF-8".to_owned());
    }
    Ok(bytes.strip_prefix(BOM).unwrap_or(bytes))
}

/// Counts lines up to growing byte positions.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of the record that starts at or, behind line ends, after `position`.
    fn of(&mut self, position: u64) -> usize {
        let mut start = usize::try_from(position).unwrap_or(usize::MAX).min(self.bytes.len());
        while self.bytes.get(start).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            start += 1;
        }
        let passed = self.bytes.get(self.at..start).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = start.max(self.at);
        self.line
    }
}
