//! Delimited text -> rows and fields, strictly: a quoted field must end where a field ends. The CSV crates read over such
//! damage, and one lost quote then swallows the rows after it; here only its own line is set aside, and reading goes on
//! at the next one. Fields are slices of the window; only those with doubled quotes are rewritten.

use super::cells::{Cell, Cells, Span, shown};
use super::header;
use super::reasons;
use super::text::{Rows, Step};
use super::values::Reason;
use super::window::Window;
use crate::fault::Outcome;
use crate::pipeline::model::Column;

/// A CSV file whose header has been read.
pub(super) struct Csv {
    delimiter: u8,
    row_bytes: usize,
    /// Where each declared column stands in a row; `None`: this file does not have it.
    places: Vec<Option<usize>>,
    width: Width,
    /// Fields of the row at hand, kept to save allocations.
    fields: Vec<Field>,
}

/// How many fields a row must have.
enum Width {
    /// As many as the header.
    Exactly(usize),
    /// No header: the required columns must be there.
    AtLeast(usize),
}

#[derive(Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    /// It holds doubled quotes.
    escaped: bool,
}

impl Csv {
    /// Reads the header (if `has_header`) and finds the declared columns.
    pub(super) fn open(
        name: &str,
        columns: &[Column],
        (delimiter, has_header): (u8, bool),
        row_bytes: usize,
        window: &mut Window,
    ) -> Outcome<Self> {
        let required = columns.iter().rposition(|column| !column.optional).map_or(0, |last| last + 1);
        let (places, width) = ((0..columns.len()).map(Some).collect(), Width::AtLeast(required));
        let mut csv = Self { delimiter, row_bytes, places, width, fields: Vec::new() };
        if !has_header {
            return Ok(csv);
        }
        let found = loop {
            match csv.find(window)? {
                Split::Blank => {}
                found => break found,
            }
        };
        match found {
            Split::End | Split::Blank => {}
            Split::Row { next, .. } => {
                let names: Vec<String> = csv.fields.iter().map(|field| field.name(&window.text)).collect();
                csv.places = header::places(name, columns, &names)?;
                csv.width = Width::Exactly(names.len());
                window.at = next;
            }
            Split::More | Split::Stray => return Err(header::unreadable(name, row_bytes).into()),
        }
        Ok(csv)
    }

    /// The next row, or blank lines passed over; `More` only for a row that is too long.
    fn find(&mut self, window: &mut Window) -> Outcome<Split> {
        loop {
            let blank = blank_lines(window.ahead());
            if blank > 0 {
                window.at += blank;
                return Ok(Split::Blank);
            }
            if window.ended && window.ahead().is_empty() {
                return Ok(Split::End);
            }
            // No row may be longer, so nothing beyond is looked at: a lost quote costs one such stretch at most.
            let ahead = window.ahead();
            let near = ahead.get(..self.row_bytes.saturating_add(2)).unwrap_or(ahead);
            let (whole, far) = (window.ended && near.len() == ahead.len(), near.len() > self.row_bytes);
            match split(near, window.at, self.delimiter, whole, &mut self.fields) {
                Split::Row { end, .. } if end - window.at > self.row_bytes => return Ok(Split::More),
                Split::More if far => return Ok(Split::More),
                Split::More => window.grow()?,
                found => return Ok(found),
            }
        }
    }

    /// What is wrong with the number of fields, if anything: the reason, the declared column and what to say.
    fn misfit(&self, text: &[u8]) -> Option<(Reason, Option<usize>, String)> {
        let count = self.fields.len();
        let (required, most) = match self.width {
            Width::Exactly(width) => (width, width),
            Width::AtLeast(width) => (width, usize::MAX),
        };
        if count < required {
            let missing = |place: &Option<usize>| place.is_some_and(|place| place >= count);
            let detail = format!("{count} fields instead of {required}");
            return Some((reasons::MISSING_FIELD, self.places.iter().position(missing), detail));
        }
        let extra = self.fields.iter().skip(most).find(|field| field.start < field.end)?;
        let detail = format!("{count} fields instead of {most}: `{}`", shown(extra.bytes(text)));
        Some((reasons::EXTRA_FIELD, None, detail))
    }

    fn add_cells(&self, text: &[u8], cells: &mut Cells) {
        for (column, place) in self.places.iter().enumerate() {
            let field = place.and_then(|place| self.fields.get(place));
            let cell = match field {
                None => Cell::Null,
                Some(field) if field.escaped => cells.spilled(&field.unescaped(text)),
                Some(field) => Cell::Text(Span::new(field.start, field.end)),
            };
            cells.push(column, cell);
        }
    }

    /// Sets the line at hand aside, not the lines it runs on into.
    fn set_aside(&self, window: &mut Window, reason: Reason, detail: String) -> Outcome<Step> {
        let raw = window.cut_line(self.row_bytes)?;
        Ok(Step::Broken { reason, column: None, detail, raw })
    }
}

impl Rows for Csv {
    fn step(&mut self, window: &mut Window, cells: &mut Cells) -> Outcome<Step> {
        match self.find(window)? {
            Split::End => Ok(Step::End),
            Split::Blank => Ok(Step::Blank),
            Split::More => {
                let raw = window.cut_line(self.row_bytes)?;
                // A short line that goes on and on in quotes has lost one.
                let reason = if raw.len() < self.row_bytes { reasons::BAD_QUOTE } else { reasons::ROW_TOO_LONG };
                let detail = format!("the row is not over after {} bytes", self.row_bytes);
                Ok(Step::Broken { reason, column: None, detail, raw })
            }
            Split::Stray => self.set_aside(window, reasons::BAD_QUOTE, String::new()),
            Split::Row { end, next } => {
                let start = window.at;
                if let Some((reason, column, detail)) = self.misfit(&window.text) {
                    let row = window.text.get(start..end).unwrap_or_default();
                    if row.contains(&b'\n') {
                        // Most likely a lost quote that met another one further down.
                        return self.set_aside(window, reasons::BAD_QUOTE, detail);
                    }
                    let raw = row.to_vec();
                    window.at = next;
                    return Ok(Step::Broken { reason, column, detail, raw });
                }
                self.add_cells(&window.text, cells);
                window.at = next;
                Ok(Step::Row(Span::new(start, end)))
            }
        }
    }
}

/// What a row looks like from its first byte on.
#[derive(Clone, Copy)]
enum Split {
    /// A whole row: where its text ends, and where the next row starts.
    Row { end: usize, next: usize },
    /// It goes on after what has been read.
    More,
    /// Line ends without a row.
    Blank,
    /// A quote that does not end with its field, or never.
    Stray,
    /// No row at all.
    End,
}

/// Splits the row at the start of `text`, which lies at `base` of the window.
fn split(text: &[u8], base: usize, delimiter: u8, ended: bool, fields: &mut Vec<Field>) -> Split {
    fields.clear();
    let mut at = 0;
    loop {
        let field = if text.get(at) == Some(&b'"') { quoted(text, at) } else { plain(text, at, delimiter) };
        let Some((start, mut end, after, escaped)) = field else {
            return if ended { Split::Stray } else { Split::More };
        };
        let mut done = |end: usize| fields.push(Field { start: base + start, end: base + end, escaped });
        match text.get(after) {
            Some(byte) if *byte == delimiter => {
                done(end);
                at = after + 1;
            }
            Some(b'\n') => {
                // A carriage return before the line end belongs to it, unless it was quoted.
                let returned = after > 0 && text.get(after - 1) == Some(&b'\r') && end == after;
                end -= usize::from(returned);
                done(end);
                return Split::Row { end: base + after - usize::from(returned), next: base + after + 1 };
            }
            Some(b'\r') if text.get(after + 1) == Some(&b'\n') => {
                done(end);
                return Split::Row { end: base + after, next: base + after + 2 };
            }
            Some(b'\r') if text.len() == after + 1 && !ended => return Split::More,
            Some(_) => return Split::Stray,
            None if !ended => return Split::More,
            None => {
                let returned = end == after && end > start && text.get(end - 1) == Some(&b'\r');
                done(end - usize::from(returned));
                return Split::Row { end: base + after, next: base + after };
            }
        }
    }
}

/// A field without quotes: start, end, what comes after, no escapes.
fn plain(text: &[u8], at: usize, delimiter: u8) -> Option<(usize, usize, usize, bool)> {
    let rest = text.get(at..)?;
    let length = rest.iter().position(|byte| *byte == delimiter || *byte == b'\n').unwrap_or(rest.len());
    Some((at, at + length, at + length, false))
}

/// A quoted field; `None` when its closing quote has not been read.
fn quoted(text: &[u8], at: usize) -> Option<(usize, usize, usize, bool)> {
    let start = at + 1;
    let (mut from, mut escaped) = (start, false);
    loop {
        let close = from + text.get(from..)?.iter().position(|byte| *byte == b'"')?;
        if text.get(close + 1) != Some(&b'"') {
            return Some((start, close, close + 1, escaped));
        }
        escaped = true;
        from = close + 2;
    }
}

/// Bytes of the line ends at the start of `text`.
fn blank_lines(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match text.get(at..) {
            Some([b'\n', ..]) => at += 1,
            Some([b'\r', b'\n', ..]) => at += 2,
            _ => return at,
        }
    }
}

impl Field {
    fn bytes(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    fn unescaped(self, text: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(self.end - self.start);
        let mut bytes = self.bytes(text).iter();
        while let Some(byte) = bytes.next() {
            plain.push(*byte);
            if *byte == b'"' {
                bytes.next();
            }
        }
        plain
    }

    fn name(self, text: &[u8]) -> String {
        let bytes = if self.escaped { self.unescaped(text) } else { self.bytes(text).to_vec() };
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}
