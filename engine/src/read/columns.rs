//! Cells -> Arrow columns, one tight loop per column. A field that cannot be read becomes null here and is noted, so
//! that its row can be set aside once all columns are known.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, PrimitiveArray, PrimitiveBuilder, StringBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};

use super::cells::{Cell, Cells, Failures, Span};
use super::values::{self, Reason};
use super::{UTC, reasons};
use crate::pipeline::model::{Column, ColumnKind};

/// The Arrow type of a column read from text.
pub(super) fn arrow_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Int => DataType::Int64,
        ColumnKind::Decimal(precision, scale) => {
            DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(i8::MAX))
        }
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Date => DataType::Date32,
        ColumnKind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
    }
}

/// All declared columns of the rows in `cells`, whose text is in `text`.
pub(super) fn build(columns: &[Column], schema: &SchemaRef, cells: &mut Cells, text: &[u8]) -> Vec<ArrayRef> {
    let Cells { columns: places, spill, failures, .. } = cells;
    let fields = columns.iter().zip(schema.fields()).zip(places).enumerate();
    let arrays = fields.map(|(index, ((column, field), places))| {
        let texts = Texts { places, text, spill, column: index };
        match column.kind {
            ColumnKind::Text => texts.strings(failures),
            ColumnKind::Bool => texts.booleans(failures),
            ColumnKind::Int => Arc::new(texts.primitives::<Int64Type>(failures, values::integer)),
            ColumnKind::Date => Arc::new(texts.primitives::<Date32Type>(failures, values::date)),
            ColumnKind::Decimal(precision, scale) => {
                let parse = |text: &[u8]| values::decimal(text, precision, scale);
                Arc::new(texts.primitives::<Decimal128Type>(failures, parse).with_data_type(field.data_type().clone()))
            }
            ColumnKind::Timestamp(zone) => {
                let parse = |text: &[u8]| values::timestamp(text, zone);
                Arc::new(texts.primitives::<TimestampMicrosecondType>(failures, parse).with_timezone(UTC))
            }
        }
    });
    arrays.collect()
}

/// The field texts of one column.
struct Texts<'a> {
    places: &'a [Cell],
    text: &'a [u8],
    spill: &'a [u8],
    column: usize,
}

impl Texts<'_> {
    /// The text of a field; a blank one is no value.
    fn text(&self, cell: Cell) -> Option<&[u8]> {
        let text = match cell {
            Cell::Null => return None,
            Cell::Text(span) => Span::of(span, self.text),
            Cell::Spilled(span) => Span::of(span, self.spill),
        };
        (!text.is_empty()).then_some(text)
    }

    /// The value of each field, spaces around it left out.
    fn each<T>(
        &self,
        failures: &mut Failures,
        parse: impl Fn(&[u8]) -> Result<T, Reason>,
        mut add: impl FnMut(Option<T>),
    ) {
        for (position, cell) in self.places.iter().enumerate() {
            let text = self.text(*cell).map(<[u8]>::trim_ascii).filter(|text| !text.is_empty());
            add(text.and_then(|text| {
                let refuse = |reason| failures.note(position, self.column, sharper(text, reason), text);
                parse(text).map_err(refuse).ok()
            }));
        }
    }

    fn primitives<T: ArrowPrimitiveType>(
        &self,
        failures: &mut Failures,
        parse: impl Fn(&[u8]) -> Result<T::Native, Reason>,
    ) -> PrimitiveArray<T> {
        let mut values = PrimitiveBuilder::<T>::with_capacity(self.places.len());
        self.each(failures, parse, |value| values.append_option(value));
        values.finish()
    }

    fn booleans(&self, failures: &mut Failures) -> ArrayRef {
        let mut values = BooleanBuilder::with_capacity(self.places.len());
        self.each(failures, values::boolean, |value| values.append_option(value));
        Arc::new(values.finish())
    }

    fn strings(&self, failures: &mut Failures) -> ArrayRef {
        let mut values = StringBuilder::with_capacity(self.places.len(), self.places.len() * 16);
        for (position, cell) in self.places.iter().enumerate() {
            let value = self.text(*cell).and_then(|text| {
                let refuse = |reason| failures.note(position, self.column, reason, text);
                string(text).map_err(refuse).ok()
            });
            values.append_option(value);
        }
        Arc::new(values.finish())
    }
}

fn string(text: &[u8]) -> Result<&str, Reason> {
    if text.contains(&0) {
        return Err(reasons::NUL_BYTE);
    }
    std::str::from_utf8(text).map_err(|_| reasons::NOT_UTF8)
}

/// Names damage as such rather than as a number or date written wrongly.
fn sharper(text: &[u8], reason: Reason) -> Reason {
    string(text).err().unwrap_or(reason)
}
