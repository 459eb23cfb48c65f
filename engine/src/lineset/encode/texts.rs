//! Text columns whose rows already say by number which text of a pool they have, as Parquet column chunks.
//!
//! Separate from the Arrow writer because that looks every row's text up again to number it, and compares it with the
//! smallest and largest so far: most of the cost of writing a line set. Here a row costs one step in a list of numbers. The
//! chunk is a plain Parquet one: a dictionary page, then pages of RLE-encoded numbers.

use std::io::Write;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{Bounds, Chunk, PAGE_ROWS, Packer, length};
use super::hybrid::{hybrid, level_block};

/// A leaf column of texts by number, every one of them given.
pub(super) struct Numbered<'a> {
    keys: &'a Int32Array,
    pool: &'a StringArray,
    /// Of an entry of a map: where each row's entries begin in `keys`, and the last one's end.
    offsets: Option<&'a [i32]>,
}

impl<'a> Numbered<'a> {
    /// The leaves of `column`, when all of them are texts by number, there is one at least and none is null.
    pub(super) fn leaves(column: &'a ArrayRef) -> Option<Vec<Self>> {
        match column.data_type() {
            DataType::Dictionary(..) => Some(vec![Self::leaf(column, None)?]),
            DataType::Map(..) => {
                let map = column.as_map_opt()?;
                let offsets = Some(&**map.offsets());
                let entries = [map.keys(), map.values()];
                let leaves = entries.into_iter().map(|entries| Self::leaf(entries, offsets));
                if map.null_count() > 0 { None } else { leaves.collect() }
            }
            _ => None,
        }
    }

    fn leaf(column: &'a ArrayRef, offsets: Option<&'a [i32]>) -> Option<Self> {
        let texts = column.as_dictionary_opt::<Int32Type>()?;
        let pool = texts.values().as_string_opt::<i32>()?;
        let whole = texts.null_count() == 0 && pool.null_count() == 0 && !texts.is_empty();
        whole.then_some(Self { keys: texts.keys(), pool, offsets })
    }

    fn rows(&self) -> usize {
        self.offsets.map_or(self.keys.len(), |offsets| offsets.len().saturating_sub(1))
    }

    /// The entries of these rows.
    fn entries(&self, rows: Range<usize>) -> Range<usize> {
        let at = |row: usize| match self.offsets {
            Some(offsets) => offsets.get(row).and_then(|at| usize::try_from(*at).ok()).unwrap_or(0),
            None => row,
        };
        at(rows.start)..at(rows.end)
    }
}

/// The texts of a chunk, in the order in which they are met.
struct Met {
    /// By entry.
    codes: Vec<u32>,
    /// Position in the pool, by number.
    texts: Vec<usize>,
}

const UNMET: u32 = u32::MAX;

/// Appends `column` to the row group as its next column, `leaf`; `bounds` says whether smallest and largest texts are
/// noted.
pub(super) fn append<W: Write + Send>(
    packer: &mut Packer,
    group: &mut SerializedRowGroupWriter<'_, W>,
    leaf: &ColumnDescPtr,
    column: &Numbered<'_>,
    bounds: bool,
) -> Result<(), ParquetError> {
    let met = met(column)?;
    let mut chunk = Chunk::new(leaf, Encoding::RLE_DICTIONARY);
    packer.page.clear();
    for at in &met.texts {
        let text = column.pool.value(*at);
        packer.page.extend(length(text.len())?.to_le_bytes());
        packer.page.extend(text.as_bytes());
    }
    chunk.dictionary(packer, met.texts.len())?;
    let (order, ranks) = if bounds { ranked(column.pool, &met.texts) } else { (Vec::new(), Vec::new()) };
    let mut ends = Vec::new();
    let width = width(met.texts.len().saturating_sub(1));
    let rows = column.rows();
    for start in (0..rows).step_by(PAGE_ROWS) {
        let range = start..rows.min(start + PAGE_ROWS);
        let codes = met.codes.get(column.entries(range.clone())).unwrap_or_default();
        packer.page.clear();
        let values = levels(leaf, column, range.clone(), &mut packer.page);
        packer.page.push(width);
        hybrid(codes, width, &mut packer.page);
        chunk.values(packer, values, range.len())?;
        if bounds {
            let ranks = || codes.iter().filter_map(|code| ranks.get(*code as usize).copied());
            ends.extend(ranks().min().zip(ranks().max()));
        }
    }
    let text = |rank: u32| order.get(rank as usize).map_or(Vec::new(), |at| column.pool.value(*at).as_bytes().to_vec());
    chunk.close(group, rows, bounds.then(|| Bounds::of(&ends, text)))
}

/// Numbers the texts of a column in the order in which its entries meet them.
fn met(column: &Numbered<'_>) -> Result<Met, ParquetError> {
    let mut numbers = vec![UNMET; column.pool.len()];
    let mut texts = Vec::new();
    let whole = column.entries(0..column.rows());
    let outside = || ParquetError::General("a text outside its pool".to_owned());
    // The entries of a sliced map begin past 0; codes are looked up by the same positions.
    let mut codes = Vec::with_capacity(whole.end);
    codes.resize(whole.start, 0);
    for key in column.keys.values().get(whole).ok_or_else(outside)? {
        let at = usize::try_from(*key).map_err(|_| outside())?;
        let number = numbers.get_mut(at).ok_or_else(outside)?;
        if *number == UNMET {
            *number = length(texts.len())?;
            texts.push(at);
        }
        codes.push(*number);
    }
    Ok(Met { codes, texts })
}

/// Begins a page with the levels of its rows; returns how many values it will have, empty rows among them.
fn levels(leaf: &ColumnDescPtr, column: &Numbered<'_>, rows: Range<usize>, page: &mut Vec<u8>) -> usize {
    let entries = column.entries(rows.clone());
    if column.offsets.is_none() {
        if leaf.max_def_level() > 0 {
            level_block(&vec![1; entries.len()], page);
        }
        return entries.len();
    }
    let (mut repeated, mut defined) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
    for row in rows {
        let count = column.entries(row..row + 1).len();
        repeated.push(0);
        defined.push(u32::from(count > 0));
        repeated.extend(std::iter::repeat_n(1, count.saturating_sub(1)));
        defined.extend(std::iter::repeat_n(1, count.saturating_sub(1)));
    }
    level_block(&repeated, page);
    level_block(&defined, page);
    repeated.len()
}

/// The texts of the chunk sorted, as positions in the pool, and by number the place of each among them.
fn ranked(pool: &StringArray, met: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let mut order: Vec<(u32, usize)> = (0_u32..).zip(met.iter().copied()).collect();
    if !order.is_sorted_by(|a, b| pool.value(a.1) <= pool.value(b.1)) {
        order.sort_unstable_by(|a, b| pool.value(a.1).cmp(pool.value(b.1)));
    }
    let mut ranks = vec![0; met.len()];
    for (rank, (number, _)) in (0_u32..).zip(&order) {
        ranks[*number as usize] = rank;
    }
    (order.into_iter().map(|(_, at)| at).collect(), ranks)
}

/// Bits that hold `largest`.
fn width(largest: usize) -> u8 {
    u8::try_from(usize::BITS - largest.leading_zeros()).unwrap_or(32)
}
