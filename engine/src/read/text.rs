//! Text files (CSV, NDJSON) -> batches. A [`Rows`] finds one row after the other and says where its fields are; this
//! file numbers the rows, reads the columns and sets broken rows aside. Memory is bounded by the batch, not by the file.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;

use super::cells::{Cells, Span};
use super::raw::{Raw, lossy};
use super::values::Reason;
use super::window::Window;
use super::{Batch, BrokenRow, RowNumbers, columns};
use crate::fault::{Fault, Outcome};
use crate::pipeline::model::Column;

/// A batch ends here even when it has few rows, so that wide rows do not add up.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What a format found at the window's place.
pub(super) enum Step {
    /// A row; its cells have been added.
    Row(Span),
    /// A row that cannot be split into fields; no cells have been added.
    Broken { reason: Reason, column: Option<usize>, detail: String, raw: Vec<u8> },
    /// Nothing that is a record.
    Blank,
    /// The end of the file.
    End,
}

/// A text format: finds rows and their fields.
pub(super) trait Rows: Send {
    /// Moves over the next row.
    fn step(&mut self, window: &mut Window, cells: &mut Cells) -> Outcome<Step>;
}

/// The batches of one text file.
pub(super) struct TextBatches<R> {
    rows: R,
    window: Window,
    columns: Vec<Column>,
    schema: SchemaRef,
    batch_rows: usize,
    /// Number of the next record.
    next: u32,
    ended: bool,
}

impl<R: Rows> Iterator for TextBatches<R> {
    type Item = Outcome<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let batch = self.batch();
            self.ended |= batch.is_err();
            if let Some(batch) = batch.transpose() {
                return Some(batch);
            }
        }
        None
    }
}

impl<R: Rows> TextBatches<R> {
    /// The rows of `window` as the declared columns.
    pub(super) fn new(rows: R, window: Window, columns: &[Column], schema: &SchemaRef, batch_rows: usize) -> Self {
        let (columns, schema) = (columns.to_vec(), Arc::clone(schema));
        Self { rows, window, columns, schema, batch_rows, next: 0, ended: false }
    }

    fn batch(&mut self) -> Outcome<Option<Batch>> {
        let mut cells = Cells::new(self.columns.len(), self.batch_rows);
        let mut broken = Vec::new();
        while cells.len() < self.batch_rows && self.window.at < BATCH_BYTES {
            match self.rows.step(&mut self.window, &mut cells)? {
                Step::Row(span) => {
                    cells.spans.push(span);
                    cells.rows.push(self.next);
                }
                Step::Broken { reason, column, detail, raw } => {
                    let field = column.and_then(|column| self.columns.get(column)).map(|column| column.name.clone());
                    broken.push(BrokenRow { row: self.next, reason, field, detail, raw: line(&raw) });
                }
                Step::Blank => continue,
                Step::End => {
                    self.ended = true;
                    break;
                }
            }
            self.next = self.next.checked_add(1).ok_or_else(|| Fault::ours("a file of more than 2^32 records"))?;
        }
        if cells.len() == 0 && broken.is_empty() {
            self.window.take();
            return Ok(None);
        }
        self.finish(cells, broken).map(Some)
    }

    fn finish(&mut self, mut cells: Cells, mut broken: Vec<BrokenRow>) -> Outcome<Batch> {
        let text = self.window.take();
        let arrays = columns::build(&self.columns, &self.schema, &mut cells, &text);
        let count = RecordBatchOptions::new().with_row_count(Some(cells.len()));
        let records = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &count).map_err(ours)?;
        let Cells { failures, mut spans, mut rows, .. } = cells;
        let records = if failures.0.is_empty() {
            records
        } else {
            let good: Vec<bool> = (0..rows.len()).map(|position| !failures.0.contains_key(&position)).collect();
            for (position, failure) in failures.0 {
                let field = self.columns.get(failure.column).map(|column| column.name.clone());
                let raw = lossy(spans.get(position).map(|span| span.of(&text)).unwrap_or_default());
                let row = rows.get(position).copied().unwrap_or_default();
                broken.push(BrokenRow { row, reason: failure.reason, field, detail: failure.detail, raw });
            }
            broken.sort_by_key(|broken| broken.row);
            retain(&mut spans, &good);
            retain(&mut rows, &good);
            filter_record_batch(&records, &BooleanArray::from(good)).map_err(ours)?
        };
        Ok(Batch { records, rows: RowNumbers::of(rows), broken, raw: Raw::Lines { text, spans } })
    }
}

/// Keeps the values whose flag is set.
pub(super) fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
    let mut flags = keep.iter();
    values.retain(|_| flags.next().copied().unwrap_or(true));
}

/// A raw line without its line end.
fn line(raw: &[u8]) -> String {
    lossy(raw.strip_suffix(b"\r").unwrap_or(raw))
}

fn ours(cause: arrow::error::ArrowError) -> Fault {
    Fault::ours(format!("a batch of usage does not fit its schema: {cause}"))
}
