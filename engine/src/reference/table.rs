//! One reference table as plain texts, whatever file it came from: CSV, NDJSON or Parquet.
//!
//! Every format ends here, so that there is one way to check a value. A row that could not be read at all keeps its
//! place as a broken row, so that nothing said about it later hides the cause. It never judges a readable value.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;

use super::{columnar, text};
use crate::fault::{Fault, Located, Outcome, Place, SourceText, codes};

/// Bytes a table may decompress to: reference data are held in memory.
const LIMIT: u64 = 1 << 30;

/// The cells of a table, row by row in one text.
#[derive(Debug)]
pub(super) struct Table {
    /// Column names; those of blank headers are empty.
    pub(super) columns: Vec<String>,
    /// Rows that cannot be read, with why; ascending.
    pub(super) broken: Vec<(usize, String)>,
    source: Arc<SourceText>,
    text: String,
    /// End of each cell in `text`, row by row.
    ends: Vec<usize>,
    /// Line (Parquet: row number) of each row, from 1.
    lines: Vec<usize>,
}

impl Table {
    /// Reads the table in `bytes`; the ending of `path` says how it is written.
    ///
    /// # Errors
    /// `R001` when it cannot be read, `R004` when it names a column twice.
    pub(super) fn open(path: &Located, bytes: Bytes) -> Outcome<Self> {
        let unreadable = |cause: String| {
            let fault = Fault::new(&codes::R001, format!("`{}` cannot be read: {cause}", path.text));
            fault.at(&path.place)
        };
        let (stem, bytes) = unpacked(&path.text, bytes).map_err(unreadable)?;
        if bytes.is_empty() {
            let hint = "leave the table out of the pipeline when there is nothing in it";
            return Err(unreadable("it is empty".to_owned()).hint(hint).into());
        }
        let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        let mut table = Self::new(&path.text);
        match ending.as_str() {
            "csv" => text::csv(&bytes, &mut table).map_err(unreadable)?,
            "ndjson" | "jsonl" => text::ndjson(&bytes, &mut table).map_err(unreadable)?,
            "parquet" => columnar::parquet(bytes, &mut table).map_err(unreadable)?,
            _ => {
                let fault = unreadable("its ending does not say what it is".to_owned());
                return Err(fault.hint("name it .csv, .ndjson (also .gz, .zst) or .parquet").into());
            }
        }
        table.without_twins()
    }

    /// An empty table of the file `name`.
    pub(super) fn new(name: &str) -> Self {
        let source = Arc::new(SourceText { name: name.to_owned(), text: String::new() });
        let (columns, broken, lines) = (Vec::new(), Vec::new(), Vec::new());
        Self { columns, broken, source, text: String::new(), ends: Vec::new(), lines }
    }

    /// Starts the next row; as many cells as there are columns must follow.
    pub(super) fn begin_row(&mut self, line: usize) {
        self.lines.push(line);
    }

    /// Appends one cell to the row at hand.
    pub(super) fn push_cell(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Says that the row at hand cannot be read.
    pub(super) fn break_row(&mut self, why: impl Into<String>) {
        self.broken.push((self.lines.len().saturating_sub(1), why.into()));
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The text of a cell; empty for a column the table does not have.
    pub(super) fn cell(&self, row: usize, column: Option<usize>) -> &str {
        let Some(column) = column else { return "" };
        let at = row * self.columns.len() + column;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.text.get(start..*end)).unwrap_or("")
    }

    /// The position of the column named `name`.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The line of a row.
    pub(super) fn line(&self, row: usize) -> usize {
        self.lines.get(row).copied().unwrap_or(0)
    }

    /// The place of a row.
    pub(super) fn place(&self, row: usize) -> Place {
        Place { source: Arc::clone(&self.source), line: self.line(row), column: 0, offset: 0, length: 0 }
    }

    /// The place of the table as a whole.
    pub(super) fn whole(&self) -> Place {
        Place { source: Arc::clone(&self.source), line: 0, column: 0, offset: 0, length: 0 }
    }

    /// Whether the row could not be read.
    pub(super) fn is_broken(&self, row: usize) -> bool {
        self.broken.binary_search_by_key(&row, |(broken, _)| *broken).is_ok()
    }

    fn without_twins(self) -> Outcome<Self> {
        for (at, name) in self.columns.iter().enumerate() {
            if !name.is_empty() && self.columns.iter().take(at).any(|earlier| earlier == name) {
                let fault = Fault::new(&codes::R004, format!("the column `{name}` stands twice"));
                return Err(fault.at(&self.whole()).hint("rename one of the two").into());
            }
        }
        Ok(self)
    }
}

/// The path without its compression ending, and the bytes as they were before compression.
fn unpacked(path: &str, bytes: Bytes) -> Result<(&str, Bytes), String> {
    if let Some(stem) = path.strip_suffix(".gz") {
        return Ok((stem, read_all(flate2::read::MultiGzDecoder::new(bytes.as_ref()))?));
    }
    if let Some(stem) = path.strip_suffix(".zst") {
        let decoder = zstd::stream::read::Decoder::with_buffer(bytes.as_ref()).map_err(|cause| cause.to_string())?;
        return Ok((stem, read_all(decoder)?));
    }
    Ok((path, bytes))
}

fn read_all(decoder: impl Read) -> Result<Bytes, String> {
    let mut plain = Vec::new();
    let read = decoder.take(LIMIT + 1).read_to_end(&mut plain).map_err(|cause| cause.to_string())?;
    if u64::try_from(read).is_ok_and(|read| read > LIMIT) {
        return Err("it decompresses to more than 1 GiB".to_owned());
    }
    Ok(plain.into())
}
