//! Text columns whose rows already say by number which text of a pool they have, as Parquet column chunks.
//!
//! Separate from the Arrow writer because that looks every row's text up again to number it, and compares it with the
//! smallest and largest so far: most of the cost of writing a line set. Here a row costs one step in a list of numbers. The
//! chunk is a plain Parquet one: a dictionary page, then pages of RLE-encoded numbers.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::ZSTD_LEVEL;
use super::hybrid::{hybrid, level_block};

/// Rows of a page.
const PAGE_ROWS: usize = 20_000;

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
    fn entries(&self, rows: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let at = |row: usize| match self.offsets {
            Some(offsets) => offsets.get(row).and_then(|at| usize::try_from(*at).ok()).unwrap_or(0),
            None => row,
        };
        at(rows.start)..at(rows.end)
    }
}

/// Writes leaf columns one after another and keeps what they can share.
pub(super) struct TextWriter {
    zstd: zstd::bulk::Compressor<'static>,
    /// By text of the pool at hand: its number in the chunk.
    numbers: Vec<u32>,
    page: Vec<u8>,
}

/// The texts of a chunk, in the order in which they are met.
struct Chunk {
    /// By entry.
    codes: Vec<u32>,
    /// Position in the pool, by number.
    met: Vec<usize>,
}

const UNMET: u32 = u32::MAX;

impl TextWriter {
    pub(super) fn new() -> Result<Self, ParquetError> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)?, numbers: Vec::new(), page: Vec::new() })
    }

    /// Appends `column` to the row group as its next column, `leaf`; `bounds` says whether smallest and largest texts are
    /// noted.
    pub(super) fn append<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        leaf: &ColumnDescPtr,
        column: &Numbered<'_>,
        bounds: bool,
    ) -> Result<(), ParquetError> {
        let chunk = self.number(column)?;
        let ranks = if bounds { ranks(column.pool, &chunk.met) } else { Vec::new() };
        let mut sink = TrackedWrite::new(Vec::new());
        let mut written = Written::new(leaf);
        written.dictionary(self.dictionary(&mut sink, column.pool, &chunk.met)?);
        let width = width(chunk.met.len().saturating_sub(1));
        let rows = column.rows();
        for start in (0..rows).step_by(PAGE_ROWS) {
            let range = start..rows.min(start + PAGE_ROWS);
            let entries = column.entries(range.clone());
            let codes = chunk.codes.get(entries).unwrap_or_default();
            let levels = self.levels(leaf, column, range.clone());
            self.page.push(width);
            hybrid(codes, width, &mut self.page);
            let page = self.values_page(levels)?;
            written.page(&SerializedPageWriter::new(&mut sink).write_page(page)?, range.len());
            if bounds {
                written.bounds(codes, &ranks);
            }
        }
        let text = |number: u32| chunk.met.get(number as usize).map_or("", |at| column.pool.value(*at));
        let close = written.close(rows, bounds, text)?;
        group.append_column(&Bytes::from(sink.into_inner()?), close)
    }

    /// Numbers the texts of a column in the order in which its entries meet them.
    fn number(&mut self, column: &Numbered<'_>) -> Result<Chunk, ParquetError> {
        self.numbers.clear();
        self.numbers.resize(column.pool.len(), UNMET);
        let mut met = Vec::new();
        let whole = column.entries(0..column.rows());
        let keys = column.keys.values();
        let outside = || ParquetError::General("a text outside its pool".to_owned());
        // The entries of a sliced map begin past 0; codes are looked up by the same positions.
        let mut codes = vec![0; whole.start];
        codes.reserve(whole.len());
        for key in keys.get(whole).ok_or_else(outside)? {
            let at = usize::try_from(*key).map_err(|_| outside())?;
            let number = self.numbers.get_mut(at).ok_or_else(outside)?;
            if *number == UNMET {
                *number = u32::try_from(met.len()).map_err(|_| outside())?;
                met.push(at);
            }
            codes.push(*number);
        }
        Ok(Chunk { codes, met })
    }

    fn dictionary(
        &mut self,
        sink: &mut TrackedWrite<Vec<u8>>,
        pool: &StringArray,
        met: &[usize],
    ) -> Result<PageWriteSpec, ParquetError> {
        self.page.clear();
        for at in met {
            let text = pool.value(*at);
            self.page.extend(length(text.len())?.to_le_bytes());
            self.page.extend(text.as_bytes());
        }
        let buf = self.compressed()?;
        let (num_values, encoding, is_sorted) = (length(met.len())?, Encoding::PLAIN, false);
        let page = Page::DictionaryPage { buf, num_values, encoding, is_sorted };
        SerializedPageWriter::new(sink).write_page(CompressedPage::new(page, self.page.len()))
    }

    /// Begins a page with the levels of its rows; returns how many values it will have, empty rows among them.
    fn levels(&mut self, leaf: &ColumnDescPtr, column: &Numbered<'_>, rows: std::ops::Range<usize>) -> usize {
        self.page.clear();
        let entries = column.entries(rows.clone());
        if column.offsets.is_none() {
            if leaf.max_def_level() > 0 {
                level_block(&vec![1; entries.len()], &mut self.page);
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
        level_block(&repeated, &mut self.page);
        level_block(&defined, &mut self.page);
        repeated.len()
    }

    fn values_page(&mut self, values: usize) -> Result<CompressedPage, ParquetError> {
        let page = Page::DataPage {
            buf: self.compressed()?,
            num_values: length(values)?,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        Ok(CompressedPage::new(page, self.page.len()))
    }

    fn compressed(&mut self) -> Result<Bytes, ParquetError> {
        Ok(self.zstd.compress(&self.page)?.into())
    }
}

/// What the footer says of a chunk, gathered page by page.
struct Written {
    leaf: ColumnDescPtr,
    compressed: usize,
    plain: usize,
    values: usize,
    pages: usize,
    values_at: u64,
    offsets: OffsetIndexBuilder,
    /// Smallest and largest text of each page, by number; `None` of a page without any.
    bounds: Vec<Option<(u32, u32)>>,
    /// Ranks of the same, to tell whether the pages are in order.
    ordered: Vec<(u32, u32)>,
}

impl Written {
    fn new(leaf: &ColumnDescPtr) -> Self {
        let (leaf, offsets) = (ColumnDescPtr::clone(leaf), OffsetIndexBuilder::new());
        let (bounds, ordered) = (Vec::new(), Vec::new());
        Self { leaf, compressed: 0, plain: 0, values: 0, pages: 0, values_at: 0, offsets, bounds, ordered }
    }

    fn dictionary(&mut self, page: PageWriteSpec) {
        (self.compressed, self.plain) = (page.compressed_size, page.uncompressed_size);
        self.values_at = page.bytes_written;
    }

    fn page(&mut self, page: &PageWriteSpec, rows: usize) {
        self.compressed += page.compressed_size;
        self.plain += page.uncompressed_size;
        self.values += page.num_values as usize;
        self.pages += 1;
        self.offsets.append_row_count(rows as i64);
        self.offsets
            .append_offset_and_size(signed(page.offset), i32::try_from(page.compressed_size).unwrap_or(i32::MAX));
    }

    /// Notes the smallest and largest text of a page.
    fn bounds(&mut self, codes: &[u32], ranks: &[u32]) {
        let rank = |code: &u32| ranks.get(*code as usize).copied().unwrap_or(0);
        let ends = codes.iter().min_by_key(|code| rank(code)).zip(codes.iter().max_by_key(|code| rank(code)));
        self.bounds.push(ends.map(|(least, most)| (*least, *most)));
        self.ordered.extend(ends.map(|(least, most)| (rank(least), rank(most))));
    }

    fn close<'t>(
        self,
        rows: usize,
        bounds: bool,
        text: impl Fn(u32) -> &'t str,
    ) -> Result<ColumnCloseResult, ParquetError> {
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let pages = i32::try_from(self.pages).unwrap_or(i32::MAX);
        let mut chunk = ColumnChunkMetaData::builder(ColumnDescPtr::clone(&self.leaf))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_total_compressed_size(self.compressed as i64)
            .set_total_uncompressed_size(self.plain as i64)
            .set_num_values(self.values as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(signed(self.values_at))
            .set_page_encoding_stats(vec![
                stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, pages),
            ]);
        let mut column_index = None;
        if bounds && self.bounds.iter().all(Option::is_some) && !self.bounds.is_empty() {
            let mut index = ColumnIndexBuilder::new(Type::BYTE_ARRAY);
            let pages: Vec<(&str, &str)> =
                self.bounds.iter().flatten().map(|(least, most)| (text(*least), text(*most))).collect();
            pages.iter().for_each(|(least, most)| {
                index.append(false, least.as_bytes().to_vec(), most.as_bytes().to_vec(), 0);
            });
            if self.ordered.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1) {
                index.set_boundary_order(BoundaryOrder::ASCENDING);
            }
            column_index = Some(index.build()?);
            let bytes = |text: Option<&str>| text.map(|text| ByteArray::from(text.as_bytes().to_vec()));
            let (least, most) = (pages.iter().map(|page| page.0).min(), pages.iter().map(|page| page.1).max());
            chunk = chunk.set_statistics(Statistics::byte_array(bytes(least), bytes(most), None, Some(0), false));
        }
        Ok(ColumnCloseResult {
            bytes_written: self.compressed as u64,
            rows_written: rows as u64,
            metadata: chunk.build()?,
            bloom_filter: None,
            column_index,
            offset_index: Some(self.offsets.build()),
        })
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn length(of: usize) -> Result<u32, ParquetError> {
    u32::try_from(of).map_err(|_| ParquetError::General("a text column is too long for one part".to_owned()))
}

/// By number: the place of its text among the sorted texts of the chunk.
fn ranks(pool: &StringArray, met: &[usize]) -> Vec<u32> {
    let mut order: Vec<(u32, usize)> = (0_u32..).zip(met.iter().copied()).collect();
    if !order.is_sorted_by(|a, b| pool.value(a.1) <= pool.value(b.1)) {
        order.sort_unstable_by(|a, b| pool.value(a.1).cmp(pool.value(b.1)));
    }
    let mut ranks = vec![0; met.len()];
    for (rank, (number, _)) in (0_u32..).zip(order) {
        ranks[number as usize] = rank;
    }
    ranks
}

/// Bits that hold `largest`.
fn width(largest: usize) -> u8 {
    u8::try_from(usize::BITS - largest.leading_zeros()).unwrap_or(32)
}
