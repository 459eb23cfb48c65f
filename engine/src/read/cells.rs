//! The cells of one batch of text rows, by column: where each field's text lies, not what it means. Formats fill it row
//! by row without copying text; `columns.rs` then reads one column after the other.

use std::collections::BTreeMap;

use super::values::Reason;

/// Where the text of one field is.
#[derive(Clone, Copy)]
pub(super) enum Cell {
    /// No value.
    Null,
    /// As it stands in the window.
    Text(Span),
    /// Without its escapes, in the spill.
    Spilled(Span),
}

/// Bytes `start..end`; a window never holds 4 GiB.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        let narrow = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// The bytes it means in `text`.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        let wide = |at| usize::try_from(at).unwrap_or(usize::MAX);
        text.get(wide(self.start)..wide(self.end)).unwrap_or_default()
    }
}

/// The rows of a batch, before their values are read.
pub(super) struct Cells {
    /// Per declared column, one cell per row.
    pub(super) columns: Vec<Vec<Cell>>,
    /// Text of fields that had to be rewritten.
    pub(super) spill: Vec<u8>,
    /// Where each row stands in the window, for its raw text.
    pub(super) spans: Vec<Span>,
    /// The record number of each row.
    pub(super) rows: Vec<u32>,
    /// Rows with a field that cannot be read.
    pub(super) failures: Failures,
}

impl Cells {
    /// No rows yet, of `columns` columns.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns: (0..columns).map(|_| Vec::with_capacity(rows)).collect(),
            spill: Vec::new(),
            spans: Vec::with_capacity(rows),
            rows: Vec::with_capacity(rows),
            failures: Failures::default(),
        }
    }

    /// Adds a field of the row at hand.
    pub(super) fn push(&mut self, column: usize, cell: Cell) {
        if let Some(cells) = self.columns.get_mut(column) {
            cells.push(cell);
        }
    }

    /// Adds text to the spill.
    pub(super) fn spilled(&mut self, text: &[u8]) -> Cell {
        let start = self.spill.len();
        self.spill.extend_from_slice(text);
        Cell::Spilled(Span::new(start, self.spill.len()))
    }

    /// Number of finished rows, which is the position of the row at hand.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }
}

/// One field that cannot be read.
pub(super) struct Failure {
    /// Its column, by declared order.
    pub(super) column: usize,
    /// Why.
    pub(super) reason: Reason,
    /// Its text, or what else there is to say.
    pub(super) detail: String,
}

/// The broken rows of a batch by position: of several bad fields the first by declared order counts.
#[derive(Default)]
pub(super) struct Failures(pub(super) BTreeMap<usize, Failure>);

impl Failures {
    /// Notes that the field at `position` and `column` cannot be read.
    pub(super) fn note(&mut self, position: usize, column: usize, reason: Reason, detail: &[u8]) {
        let first = self.0.get(&position).is_none_or(|known| column < known.column);
        if first {
            self.0.insert(position, Failure { column, reason, detail: shown(detail) });
        }
    }
}

/// Field text fit for a table: what is no UTF-8 replaced, and cut when it is long (the raw row has the rest).
pub(super) fn shown(text: &[u8]) -> String {
    const LENGTH: usize = 120;
    let whole = String::from_utf8_lossy(text.get(..4 * LENGTH).unwrap_or(text)).into_owned();
    match whole.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", whole.get(..at).unwrap_or_default()),
        None => whole,
    }
}
