//! Columns of exact decimals as Parquet column chunks: 16 bytes a value, as they are.
//!
//! Separate from the Arrow writer because that makes a value of its own of every 16 bytes.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{Bounds, Chunk, PAGE_ROWS, Packer};

/// The values of a column that takes 16 bytes a value, when there is one at least and none is null.
pub(super) fn values(column: &ArrayRef) -> Option<&[i128]> {
    let wide = matches!(column.data_type(), DataType::Decimal128(38, _));
    let whole = wide && column.null_count() == 0 && !column.is_empty();
    whole.then(|| column.as_primitive_opt::<Decimal128Type>().map(|column| &**column.values())).flatten()
}

/// Appends `values` to the row group as its next column, `leaf`.
pub(super) fn append<W: Write + Send>(
    packer: &mut Packer,
    group: &mut SerializedRowGroupWriter<'_, W>,
    leaf: &ColumnDescPtr,
    values: &[i128],
) -> Result<(), ParquetError> {
    let mut chunk = Chunk::new(leaf, Encoding::PLAIN);
    let mut bounds = Vec::new();
    for rows in values.chunks(PAGE_ROWS) {
        packer.page.clear();
        rows.iter().for_each(|value| packer.page.extend_from_slice(&value.to_be_bytes()));
        chunk.values(packer, rows.len(), rows.len())?;
        bounds.extend(rows.iter().copied().min().zip(rows.iter().copied().max()));
    }
    chunk.close(group, values.len(), Some(Bounds::of(&bounds, |value: i128| value.to_be_bytes().to_vec())))
}
