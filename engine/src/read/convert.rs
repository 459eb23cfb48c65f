//! A Parquet column as it is in the file -> the column as it is declared. What loses nothing is accepted (narrower
//! integers, decimals of smaller scale, other time units), a value that does not fit sets its row aside, and a type
//! that means something else is a fault of the file.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, PrimitiveArray, PrimitiveBuilder, StringArray,
    new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, i256,
};
use chrono_tz::Tz;

use super::cells::Failures;
use super::values::{self, Reason};
use super::{UTC, float, reasons};
use crate::fault::{Fault, Outcome, Place, codes};
use crate::pipeline::model::{Column, ColumnKind};

/// What to do with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Nothing.
    Same,
    /// Text.
    Text,
    /// Bytes that may be text.
    Bytes,
    /// Every value is null.
    Nulls,
    /// Any integer to 64 bits.
    Integer,
    /// An exact number of this scale to a decimal.
    Exact { scale: u8, precision: u8, to: u8 },
    /// A wide decimal (over 38 digits) of this scale to a decimal.
    Wide { scale: u8, precision: u8, to: u8 },
    /// A float to a decimal.
    Float { precision: u8, to: u8 },
    /// Instants or, with a zone, local times in other units.
    Time { local_in: Option<Tz> },
}

/// How a column of `kind` in the file becomes the declared one.
pub(super) fn choose(file: &str, column: &Column, kind: &DataType) -> Outcome<Conversion> {
    use DataType as T;
    let conversion = match (column.kind, kind) {
        (_, T::Null) => Some(Conversion::Nulls),
        (ColumnKind::Text, T::Utf8View | T::Dictionary(..)) => Some(Conversion::Text),
        (ColumnKind::Text, T::Utf8 | T::Binary) => Some(Conversion::Bytes),
        (ColumnKind::Bool, T::Boolean) | (ColumnKind::Date, T::Date32) | (ColumnKind::Int, T::Int64) => {
            Some(Conversion::Same)
        }
        (ColumnKind::Int, kind) if kind.is_integer() => Some(Conversion::Integer),
        (ColumnKind::Decimal(precision, to), kind) => decimal(precision, to, kind, column.float),
        (ColumnKind::Timestamp(zone), T::Timestamp(_, offset)) => {
            Some(Conversion::Time { local_in: offset.is_none().then_some(zone) })
        }
        _ => None,
    };
    conversion.ok_or_else(|| mismatch(file, column, kind).into())
}

fn decimal(precision: u8, to: u8, kind: &DataType, float: bool) -> Option<Conversion> {
    match kind {
        DataType::Decimal128(_, scale) => Some(Conversion::Exact { scale: u8::try_from(*scale).ok()?, precision, to }),
        DataType::Decimal256(_, scale) => Some(Conversion::Wide { scale: u8::try_from(*scale).ok()?, precision, to }),
        kind if kind.is_integer() => Some(Conversion::Exact { scale: 0, precision, to }),
        DataType::Float32 | DataType::Float64 if float => Some(Conversion::Float { precision, to }),
        _ => None,
    }
}

fn mismatch(file: &str, column: &Column, kind: &DataType) -> Fault {
    let message = format!("the column `{}` is {} in the file, declared {}", column.header, kind, declared(column.kind));
    let hint = match (column.kind, kind) {
        (ColumnKind::Decimal(..), DataType::Float32 | DataType::Float64) => {
            "floats are not exact: say `float: true` to have them rounded once to the declared scale".to_owned()
        }
        _ => format!("declare `{}` as the file has it and convert it in `mediate`, or mend the file", column.name),
    };
    Fault::new(&codes::U003, message).at(&Place::file(file)).hint(hint)
}

/// A declared type as it stands in the pipeline file.
fn declared(kind: ColumnKind) -> String {
    match kind {
        ColumnKind::Text => "string".to_owned(),
        ColumnKind::Int => "int".to_owned(),
        ColumnKind::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
        ColumnKind::Bool => "bool".to_owned(),
        ColumnKind::Date => "date".to_owned(),
        ColumnKind::Timestamp(Tz::UTC) => "timestamp".to_owned(),
        ColumnKind::Timestamp(zone) => format!("timestamp({zone})"),
    }
}

/// Converts `array` to `wanted`; rows whose value does not fit are noted.
pub(super) fn apply(
    conversion: Conversion,
    array: &ArrayRef,
    wanted: &DataType,
    column: usize,
    failures: &mut Failures,
) -> Outcome<ArrayRef> {
    let as_decimal =
        |array: PrimitiveArray<Decimal128Type>| -> ArrayRef { Arc::new(array.with_data_type(wanted.clone())) };
    let mut each = Each { column, failures };
    Ok(match conversion {
        Conversion::Same => Arc::clone(array),
        Conversion::Text => text(array, wanted)?,
        Conversion::Bytes => {
            let texts = each.texts(array.as_binary());
            cast(&texts, wanted).map_err(|cause| Fault::ours(cause.to_string()))?
        }
        Conversion::Nulls => new_null_array(wanted, array.len()),
        Conversion::Integer => {
            let wide = widened(array)?;
            let narrow = |value| i64::try_from(value).map_err(|_| reasons::INTEGER_OUT_OF_RANGE);
            Arc::new(each.value::<Decimal128Type, Int64Type>(wide.as_primitive(), narrow))
        }
        Conversion::Exact { scale, precision, to } => {
            let wide = widened(array)?;
            let values = wide.as_primitive::<Decimal128Type>();
            if scale == to && values.iter().flatten().all(|value| values::in_precision(value, precision).is_ok()) {
                return Ok(as_decimal(values.clone()));
            }
            let fit = |value| values::rescale(value, u32::from(scale), precision, to);
            as_decimal(each.value::<Decimal128Type, Decimal128Type>(values, fit))
        }
        Conversion::Wide { scale, precision, to } => {
            as_decimal(each.value::<Decimal256Type, Decimal128Type>(array.as_primitive(), |value| {
                narrowed(value, scale, precision, to)
            }))
        }
        Conversion::Float { precision, to } => as_decimal(match array.data_type() {
            DataType::Float32 => {
                each.value::<Float32Type, _>(array.as_primitive(), |v| float::decimal(v, precision, to))
            }
            _ => each.value::<Float64Type, _>(array.as_primitive(), |v| float::decimal(v, precision, to)),
        }),
        Conversion::Time { local_in } => Arc::new(each.instants(array, local_in.unwrap_or(Tz::UTC))?),
    })
}

/// Notes the rows of one column whose value does not fit.
struct Each<'a> {
    column: usize,
    failures: &'a mut Failures,
}

impl Each<'_> {
    fn value<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<F>,
        fit: impl Fn(F::Native) -> Result<T::Native, Reason>,
    ) -> PrimitiveArray<T> {
        let mut values = PrimitiveBuilder::<T>::with_capacity(array.len());
        for (position, value) in array.iter().enumerate() {
            values.append_option(value.and_then(|value| {
                let detail = || format!("{value:?}").into_bytes();
                fit(value).map_err(|reason| self.failures.note(position, self.column, reason, &detail())).ok()
            }));
        }
        values.finish()
    }

    fn texts(&mut self, array: &BinaryArray) -> StringArray {
        let texts = array.iter().enumerate().map(|(position, bytes)| {
            let bytes = bytes?;
            let refuse = |_| self.failures.note(position, self.column, reasons::NOT_UTF8, bytes);
            std::str::from_utf8(bytes).map_err(refuse).ok()
        });
        texts.collect()
    }

    fn instants(&mut self, array: &ArrayRef, zone: Tz) -> Outcome<PrimitiveArray<TimestampMicrosecondType>> {
        let shift = |micros: i64| values::zoned_micros(micros, zone);
        Ok(match array.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>();
                if zone == Tz::UTC { micros.clone() } else { self.value(micros, shift) }
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                let micros = |millis: i64| millis.checked_mul(1000).ok_or(reasons::NOT_A_TIMESTAMP);
                self.value(array.as_primitive::<TimestampMillisecondType>(), |millis| micros(millis).and_then(shift))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.value(array.as_primitive::<TimestampNanosecondType>(), |nanos: i64| shift(nanos.div_euclid(1000)))
            }
            other => return Err(Fault::ours(format!("times in {other}")).into()),
        }
        .with_timezone(UTC))
    }
}

/// Integers and decimals alike as 128-bit units.
fn widened(array: &ArrayRef) -> Outcome<ArrayRef> {
    if matches!(array.data_type(), DataType::Decimal128(..)) {
        return Ok(Arc::clone(array));
    }
    cast(array, &DataType::Decimal128(20, 0)).map_err(|cause| Fault::ours(cause.to_string()).into())
}

fn narrowed(value: i256, scale: u8, precision: u8, to: u8) -> Result<i128, Reason> {
    let spare = u32::from(scale.saturating_sub(to));
    let divisor = i256::from_i128(10).checked_pow(spare).ok_or(reasons::DECIMAL_TOO_PRECISE)?;
    if value.checked_rem(divisor) != Some(i256::ZERO) {
        return Err(reasons::DECIMAL_TOO_PRECISE);
    }
    let units = value.checked_div(divisor).and_then(i256::to_i128).ok_or(reasons::DECIMAL_OUT_OF_RANGE)?;
    values::rescale(units, u32::from(scale.min(to)), precision, to)
}

/// Text as it stands. Parquet tells null from blank, so blank text stays text here; in CSV and NDJSON it is no value.
fn text(array: &ArrayRef, wanted: &DataType) -> Outcome<ArrayRef> {
    if array.data_type() != wanted {
        return Err(Fault::ours(format!("text is {}, not {wanted}", array.data_type())).into());
    }
    Ok(Arc::clone(array))
}
