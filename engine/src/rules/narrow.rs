//! From a batch that cannot be computed to the records that cause it.
//!
//! Separate, because every rule needs it: arithmetic and casts fail as a whole batch, suspense wants single records and
//! their causes. A batch that can be computed costs nothing here, and gives every record what it gives alone: of a row, the
//! evaluation of a batch may look at more branches of a CASE, AND or OR than needed, never at fewer, and one branch too many
//! can only fail. Never decides what becomes of a record.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat, filter_record_batch, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::fault::{Fault, Faults, Outcome, codes};

/// A record on which a rule cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its row in the batch.
    pub row: usize,
    /// The cause, for people.
    pub cause: Arc<str>,
}

/// What was computed of each record, and which records failed: NULL there.
#[derive(Debug)]
pub(super) struct Apart {
    pub columns: Vec<ArrayRef>,
    pub failed: Vec<Failed>,
}

/// Batches of this size and below are not halved any more: halving costs up to two evaluations a record.
const FEW: usize = 8;

/// Longer causes are cut; the raw record has the rest.
const CAUSE: usize = 300;

/// `compute` of every row of `records` that is `wanted`, each as if it stood alone. Rows that are not wanted never fail;
/// what they hold means nothing. `kinds` are the types that `compute` gives.
pub(super) fn apart(
    records: &RecordBatch,
    wanted: impl Fn(usize) -> bool,
    kinds: &[DataType],
    compute: impl Fn(&RecordBatch) -> Outcome<Vec<ArrayRef>>,
) -> Outcome<Apart> {
    match compute(records) {
        Ok(columns) => return Ok(Apart { columns, failed: Vec::new() }),
        Err(faults) if !of_a_record(&faults) => return Err(faults),
        Err(_) => {}
    }
    let all = records.num_rows();
    let rows: Vec<usize> = (0..all).filter(|row| wanted(*row)).collect();
    let mut chosen = records.clone();
    if rows.len() < all {
        let mask: BooleanArray = (0..all).map(|row| Some(wanted(row))).collect();
        chosen = filter_record_batch(records, &mask).map_err(|error| Fault::ours(error.to_string()))?;
    }
    let places = vec![None; all];
    Search { records: chosen, rows, places, pieces: Vec::new(), computed: 0, failed: Vec::new() }.run(kinds, compute)
}

/// Whether the faults are those of a record, not ours or the rule's.
fn of_a_record(faults: &Faults) -> bool {
    faults.0.iter().all(|fault| fault.code == &codes::E007)
}

/// The rows still to be computed, and what has been found.
struct Search {
    records: RecordBatch,
    /// The row of each record in the whole batch.
    rows: Vec<usize>,
    /// By row of the whole batch: where its result stands.
    places: Vec<Option<u32>>,
    /// Results, piece by piece.
    pieces: Vec<Vec<ArrayRef>>,
    computed: u32,
    failed: Vec<Failed>,
}

impl Search {
    fn run(mut self, kinds: &[DataType], compute: impl Fn(&RecordBatch) -> Outcome<Vec<ArrayRef>>) -> Outcome<Apart> {
        // All rows together are known to fail; the wanted ones alone may not.
        let all = self.rows.len();
        let mut open = if all == self.places.len() && all > 1 { halves(0, all) } else { vec![(0, all)] };
        while let Some((start, length)) = open.pop().filter(|(_, length)| *length > 0) {
            match compute(&self.records.slice(start, length)) {
                Ok(columns) => self.keep(columns, start, length),
                Err(faults) if !of_a_record(&faults) => return Err(faults),
                Err(faults) if length == 1 => {
                    let cause = faults.0.first().map(|fault| cut(&fault.message)).unwrap_or_default();
                    self.failed.push(Failed { row: self.rows[start], cause: Arc::from(cause) });
                }
                // The first in order lies on top.
                Err(_) if length <= FEW => open.extend((start..start + length).rev().map(|row| (row, 1))),
                Err(_) => open.extend(halves(start, length)),
            }
        }
        self.finish(kinds)
    }

    fn keep(&mut self, columns: Vec<ArrayRef>, start: usize, length: usize) {
        for row in &self.rows[start..start + length] {
            self.places[*row] = Some(self.computed);
            self.computed += 1;
        }
        self.pieces.push(columns);
    }

    fn finish(self, kinds: &[DataType]) -> Outcome<Apart> {
        let places: UInt32Array = self.places.iter().copied().collect();
        let column = |(index, kind): (usize, &DataType)| {
            if self.pieces.is_empty() {
                return Ok(new_null_array(kind, places.len()));
            }
            let pieces: Vec<&dyn Array> = self.pieces.iter().map(|columns| columns[index].as_ref()).collect();
            take(&concat(&pieces)?, &places, None)
        };
        let columns = kinds.iter().enumerate().map(column).collect::<Result<Vec<_>, ArrowError>>();
        let columns = columns.map_err(|error| Fault::ours(format!("results of records do not fit: {error}")))?;
        Ok(Apart { columns, failed: self.failed })
    }
}

/// Two stretches, the first in order last.
fn halves(start: usize, length: usize) -> Vec<(usize, usize)> {
    vec![(start + length / 2, length - length / 2), (start, length / 2)]
}

fn cut(cause: &str) -> String {
    match cause.char_indices().nth(CAUSE) {
        Some((at, _)) => format!("{}…", cause.get(..at).unwrap_or_default()),
        None => cause.to_owned(),
    }
}
