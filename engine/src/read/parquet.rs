//! Parquet files -> batches of the declared columns, and only those are decoded. The reader is told the Arrow types we
//! want, so that the columns of a well-made file come out as they are used, without a pass over their values; what a
//! file has in another shape is converted by `convert.rs`. Row groups are not mixed unless they are small: the batches
//! of one row group then share their dictionaries.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;

use super::cells::Failures;
use super::convert::{self, Conversion};
use super::raw::{Raw, json_object};
use super::text::retain;
use super::unpack::{too_large, unreadable};
use super::{Batch, BrokenRow, RowNumbers, header};
use crate::fault::{Fault, Faults, Outcome};
use crate::pipeline::model::{Column, Limits};

/// The batches of one Parquet file.
pub(super) struct ParquetBatches {
    name: String,
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    batch_rows: usize,
    /// Row groups still to be read, those read together in one entry.
    groups: VecDeque<Vec<usize>>,
    reader: Option<ParquetRecordBatchReader>,
    columns: Vec<Column>,
    /// For each declared column its place in what is read and what to do with it; `None`: the file lacks it.
    sources: Vec<Option<(usize, Conversion)>>,
    schema: SchemaRef,
    /// Number of the next record.
    next: u32,
}

impl ParquetBatches {
    /// Reads the footer and matches it with the declared columns.
    pub(super) fn open(
        name: &str,
        columns: &[Column],
        schema: &SchemaRef,
        bytes: Bytes,
        limits: &Limits,
        batch_rows: usize,
    ) -> Outcome<Self> {
        let footer = footer(name, &bytes)?;
        let names: Vec<String> = footer.schema().fields().iter().map(|field| field.name().clone()).collect();
        let places = header::places(name, columns, &names)?;
        let mut read: Vec<usize> = places.iter().flatten().copied().collect();
        read.sort_unstable();
        read.dedup();
        let mut faults = Faults::default();
        let mut sources = Vec::with_capacity(columns.len());
        for (column, place) in columns.iter().zip(&places) {
            let field = place.and_then(|place| footer.schema().fields().get(place));
            let conversion = field.and_then(|field| faults.keep(convert::choose(name, column, field.data_type())));
            let position = place.and_then(|place| read.binary_search(&place).ok());
            sources.push(position.zip(conversion));
        }
        faults.or(())?;
        let metadata = typed(name, &footer, &places, schema)?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), read);
        let groups = grouped(&metadata, batch_rows);
        within_limit(name, &metadata, &mask, limits)?;
        let (name, columns, schema) = (name.to_owned(), columns.to_vec(), Arc::clone(schema));
        Ok(Self { name, bytes, metadata, mask, batch_rows, groups, reader: None, columns, sources, schema, next: 0 })
    }

    fn read(&mut self) -> Outcome<Option<RecordBatch>> {
        loop {
            if let Some(reader) = &mut self.reader {
                match guarded(&self.name, || Ok(reader.next().transpose()?))? {
                    Some(batch) => return Ok(Some(batch)),
                    None => self.reader = None,
                }
            }
            let Some(groups) = self.groups.pop_front() else { return Ok(None) };
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone());
            let builder = builder.with_projection(self.mask.clone()).with_row_groups(groups);
            self.reader = Some(guarded(&self.name, || builder.with_batch_size(self.batch_rows).build())?);
        }
    }

    fn batch(&mut self, read: RecordBatch) -> Outcome<Batch> {
        let ours = |cause: arrow::error::ArrowError| Fault::ours(format!("Parquet usage does not fit: {cause}"));
        let (first, count) = (self.next, read.num_rows());
        let past = u32::try_from(count).ok().and_then(|count| first.checked_add(count));
        self.next = past.ok_or_else(|| Fault::ours("a file of more than 2^32 records"))?;
        let mut failures = Failures::default();
        let mut arrays = Vec::with_capacity(self.sources.len());
        for (index, (source, field)) in self.sources.iter().zip(self.schema.fields()).enumerate() {
            let array = source.as_ref().and_then(|(place, conversion)| Some((read.columns().get(*place)?, conversion)));
            arrays.push(match array {
                Some((array, conversion)) => {
                    convert::apply(*conversion, array, field.data_type(), index, &mut failures)?
                }
                None => new_null_array(field.data_type(), count),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let records = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(ours)?;
        if failures.0.is_empty() {
            let raw = Raw::Columns { read, kept: None };
            return Ok(Batch { records, rows: RowNumbers::Range(first..self.next), broken: Vec::new(), raw });
        }
        let good: Vec<bool> = (0..count).map(|position| !failures.0.contains_key(&position)).collect();
        let mut rows: Vec<u32> = (first..self.next).collect();
        let mut kept: Vec<usize> = (0..count).collect();
        let broken = failures.0.into_iter().map(|(position, failure)| BrokenRow {
            row: rows.get(position).copied().unwrap_or_default(),
            reason: failure.reason,
            field: self.columns.get(failure.column).map(|column| column.name.clone()),
            detail: failure.detail,
            raw: json_object(&read, Some(position)),
        });
        let broken = broken.collect();
        retain(&mut rows, &good);
        retain(&mut kept, &good);
        let records = filter_record_batch(&records, &BooleanArray::from(good)).map_err(ours)?;
        Ok(Batch { records, rows: RowNumbers::of(rows), broken, raw: Raw::Columns { read, kept: Some(kept) } })
    }
}

impl Iterator for ParquetBatches {
    type Item = Outcome<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.read().and_then(|read| read.map(|read| self.batch(read)).transpose());
        if batch.is_err() {
            self.groups.clear();
            self.reader = None;
        }
        batch.transpose()
    }
}

/// The Arrow types of the text columns, chosen by a source's first file: a dictionary where every page of the column
/// has one and its values come back often, views otherwise. Later files are read as the same types.
pub(super) fn text_types(name: &str, columns: &[Column], bytes: &Bytes) -> Outcome<Vec<DataType>> {
    let footer = footer(name, bytes)?;
    let metadata = footer.metadata();
    let leaves = metadata.file_metadata().schema_descr();
    let types = columns.iter().map(|column| {
        let leaf = leaves.columns().iter().position(|leaf| leaf.path().parts() == [column.header.as_str()]);
        let chunks = || leaf.map(|leaf| metadata.row_groups().iter().map(move |group| group.column(leaf)));
        let suited = chunks().is_some_and(|mut chunks| chunks.len() > 0 && chunks.all(repeats));
        if suited { dictionary() } else { DataType::Utf8View }
    });
    Ok(types.collect())
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Whether a chunk is dictionary-encoded throughout and small for its number of values. A column of ids is often
/// encoded so, too, but gains nothing from it: it takes more than 8 bytes a value, keys of repeated values far less.
fn repeats(chunk: &ColumnChunkMetaData) -> bool {
    let small = chunk.uncompressed_size() <= chunk.num_values().saturating_mul(8);
    let throughout = chunk
        .page_encoding_stats_mask()
        .is_none_or(|mask| mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY));
    small && throughout && chunk.dictionary_page_offset().is_some()
}

/// The footer, with plain Arrow types: what a writer says in `ARROW:schema` is its own business.
fn footer(name: &str, bytes: &Bytes) -> Outcome<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_encoding_stats_as_mask(true);
    guarded(name, || ArrowReaderMetadata::load(bytes, options))
}

/// The footer again with the types we want: text as `schema` has it, old 96-bit times in microseconds.
fn typed(
    name: &str,
    footer: &ArrowReaderMetadata,
    places: &[Option<usize>],
    schema: &SchemaRef,
) -> Outcome<ArrowReaderMetadata> {
    let mut fields: Vec<Arc<Field>> = footer.schema().fields().iter().cloned().collect();
    for (place, wanted) in places.iter().zip(schema.fields()) {
        let Some(field) = place.and_then(|place| fields.get_mut(place)) else { continue };
        let kind = match (field.data_type(), wanted.data_type()) {
            (DataType::Utf8 | DataType::Binary, wanted) => wanted.clone(),
            (DataType::Timestamp(TimeUnit::Nanosecond, None), _) if is_96_bit(footer, field.name()) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            (same, _) => same.clone(),
        };
        *field = Arc::new(field.as_ref().clone().with_data_type(kind));
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let metadata = Arc::clone(footer.metadata());
    guarded(name, || ArrowReaderMetadata::try_new(metadata, options))
}

/// Runs a step of the Parquet reader, which panics on some damaged files: they are `U002` like all others.
fn guarded<T>(name: &str, step: impl FnOnce() -> Result<T, ParquetError>) -> Outcome<T> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|cause| unreadable(name, &cause.to_string()).into()),
        Err(_) => Err(unreadable(name, "the Parquet pages are damaged").into()),
    }
}

fn is_96_bit(footer: &ArrowReaderMetadata, name: &str) -> bool {
    let leaves = footer.parquet_schema().columns();
    let leaf = leaves.iter().find(|leaf| leaf.path().parts() == [name]);
    leaf.is_some_and(|leaf| leaf.physical_type() == parquet::basic::Type::INT96)
}

/// Row groups in order; neighbours that fit one batch together are read together.
fn grouped(metadata: &ArrowReaderMetadata, batch_rows: usize) -> VecDeque<Vec<usize>> {
    let mut groups: VecDeque<Vec<usize>> = VecDeque::new();
    let mut rows_together = usize::MAX;
    for (index, group) in metadata.metadata().row_groups().iter().enumerate() {
        let rows = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
        rows_together = rows_together.saturating_add(rows);
        match groups.back_mut() {
            Some(last) if rows_together <= batch_rows => last.push(index),
            _ => {
                rows_together = rows;
                groups.push_back(vec![index]);
            }
        }
    }
    groups
}

/// `U004` when the columns to be read unpack to more than the limit.
fn within_limit(name: &str, metadata: &ArrowReaderMetadata, mask: &ProjectionMask, limits: &Limits) -> Outcome<()> {
    let groups = metadata.metadata().row_groups().iter();
    let chunks = groups.flat_map(|group| group.columns().iter().enumerate());
    let sizes = chunks.filter(|(leaf, _)| mask.leaf_included(*leaf)).map(|(_, chunk)| chunk.uncompressed_size());
    let whole = sizes.fold(0_u64, |sum, size| sum.saturating_add(u64::try_from(size).unwrap_or(u64::MAX)));
    if whole > limits.decompressed_file { Err(too_large(name, limits.decompressed_file).into()) } else { Ok(()) }
}
