//! The pages of one column chunk, and what the footer says of them.

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::ZSTD_LEVEL;

/// Rows of a page.
pub(super) const PAGE_ROWS: usize = 20_000;

/// Packs pages; kept from chunk to chunk.
pub(super) struct Packer {
    zstd: zstd::bulk::Compressor<'static>,
    /// The page at hand.
    pub(super) page: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Result<Self, ParquetError> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)?, page: Vec::new() })
    }

    fn packed(&mut self) -> Result<Bytes, ParquetError> {
        Ok(self.zstd.compress(&self.page)?.into())
    }
}

/// One chunk, written page by page.
pub(super) struct Chunk {
    leaf: ColumnDescPtr,
    bytes: TrackedWrite<Vec<u8>>,
    encoding: Encoding,
    dictionary: bool,
    plain: usize,
    values: usize,
    pages: i32,
    values_at: usize,
    offsets: OffsetIndexBuilder,
}

impl Chunk {
    /// A chunk of `leaf` whose data pages are encoded so.
    pub(super) fn new(leaf: &ColumnDescPtr, encoding: Encoding) -> Self {
        Self {
            leaf: ColumnDescPtr::clone(leaf),
            bytes: TrackedWrite::new(Vec::new()),
            encoding,
            dictionary: false,
            plain: 0,
            values: 0,
            pages: 0,
            values_at: 0,
            offsets: OffsetIndexBuilder::new(),
        }
    }

    /// Writes the packer's page as the dictionary, of so many texts; comes before all data pages.
    pub(super) fn dictionary(&mut self, packer: &mut Packer, count: usize) -> Result<(), ParquetError> {
        let (num_values, encoding, is_sorted) = (length(count)?, Encoding::PLAIN, false);
        let page = Page::DictionaryPage { buf: packer.packed()?, num_values, encoding, is_sorted };
        let page = CompressedPage::new(page, packer.page.len());
        let written = SerializedPageWriter::new(&mut self.bytes).write_page(page)?;
        self.plain += written.uncompressed_size;
        (self.dictionary, self.values_at) = (true, self.bytes.bytes_written());
        Ok(())
    }

    /// Writes the packer's page, of so many values in so many rows.
    pub(super) fn values(&mut self, packer: &mut Packer, values: usize, rows: usize) -> Result<(), ParquetError> {
        let page = Page::DataPage {
            buf: packer.packed()?,
            num_values: length(values)?,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let page = CompressedPage::new(page, packer.page.len());
        let written = SerializedPageWriter::new(&mut self.bytes).write_page(page)?;
        self.plain += written.uncompressed_size;
        self.values += values;
        self.pages += 1;
        self.offsets.append_row_count(signed(rows)?);
        let size = i32::try_from(written.compressed_size).map_err(|_| too_long())?;
        self.offsets.append_offset_and_size(i64::try_from(written.offset).map_err(|_| too_long())?, size);
        Ok(())
    }

    /// Makes the chunk the next column of the row group; `bounds` are noted where they are given for every page.
    pub(super) fn close<W: std::io::Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        rows: usize,
        bounds: Option<Bounds>,
    ) -> Result<(), ParquetError> {
        let written = self.bytes.bytes_written();
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE];
        let mut pages = vec![stats(PageType::DATA_PAGE, self.encoding, self.pages)];
        if self.dictionary {
            encodings.push(self.encoding);
            pages.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let mut chunk = ColumnChunkMetaData::builder(ColumnDescPtr::clone(&self.leaf))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_encodings(encodings)
            .set_total_compressed_size(signed(written)?)
            .set_total_uncompressed_size(signed(self.plain)?)
            .set_num_values(signed(self.values)?)
            .set_dictionary_page_offset(self.dictionary.then_some(0))
            .set_data_page_offset(signed(self.values_at)?)
            .set_page_encoding_stats(pages);
        let mut column_index = None;
        let noted = bounds.filter(|bounds| i32::try_from(bounds.pages.len()) == Ok(self.pages));
        if let Some((bounds, whole)) = noted.and_then(|bounds| bounds.whole.clone().map(|whole| (bounds, whole))) {
            chunk = chunk.set_statistics(statistics(self.leaf.physical_type(), whole));
            column_index = Some(bounds.index(self.leaf.physical_type())?);
        }
        let close = ColumnCloseResult {
            bytes_written: u64::try_from(written).map_err(|_| too_long())?,
            rows_written: u64::try_from(rows).map_err(|_| too_long())?,
            metadata: chunk.build()?,
            bloom_filter: None,
            column_index,
            offset_index: Some(self.offsets.build()),
        };
        group.append_column(&Bytes::from(self.bytes.into_inner()?), close)
    }
}

/// Smallest and largest value of each page and of the whole, as bytes.
pub(super) struct Bounds {
    pages: Vec<(Vec<u8>, Vec<u8>)>,
    whole: Option<(Vec<u8>, Vec<u8>)>,
    ascending: bool,
}

impl Bounds {
    /// The bounds of pages, each smallest and largest, whose order is that of `T`.
    pub(super) fn of<T: Ord + Copy>(pages: &[(T, T)], bytes: impl Fn(T) -> Vec<u8>) -> Self {
        let whole = pages.iter().map(|page| page.0).min().zip(pages.iter().map(|page| page.1).max());
        Self {
            ascending: pages.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1),
            whole: whole.map(|(least, most)| (bytes(least), bytes(most))),
            pages: pages.iter().map(|(least, most)| (bytes(*least), bytes(*most))).collect(),
        }
    }

    fn index(self, kind: Type) -> Result<parquet::file::page_index::column_index::ColumnIndexMetaData, ParquetError> {
        let mut index = ColumnIndexBuilder::new(kind);
        for (least, most) in self.pages {
            index.append(false, least, most, 0);
        }
        if self.ascending {
            index.set_boundary_order(BoundaryOrder::ASCENDING);
        }
        index.build()
    }
}

fn statistics(kind: Type, (least, most): (Vec<u8>, Vec<u8>)) -> Statistics {
    if kind == Type::FIXED_LEN_BYTE_ARRAY {
        let (least, most) = (FixedLenByteArray::from(least), FixedLenByteArray::from(most));
        return Statistics::fixed_len_byte_array(Some(least), Some(most), None, Some(0), false);
    }
    Statistics::byte_array(Some(ByteArray::from(least)), Some(ByteArray::from(most)), None, Some(0), false)
}

fn too_long() -> ParquetError {
    ParquetError::General("a column is too long for one part".to_owned())
}

pub(super) fn length(of: usize) -> Result<u32, ParquetError> {
    u32::try_from(of).map_err(|_| too_long())
}

fn signed(number: usize) -> Result<i64, ParquetError> {
    i64::try_from(number).map_err(|_| too_long())
}
