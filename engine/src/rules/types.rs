//! Which types rule SQL may name, use and give out, and what they are called to the user.
//!
//! Separate, because the syntax check (casts), the planner and the check of the analysed plan must agree on it. A float
//! never passes.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::datatype::DataTypeExt;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{self, ExactNumberInfo};

use super::decimal::{EXACT, is_exact_number};

/// Instants in rule SQL: microseconds, in UTC.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// Why a type of SQL cannot be named.
pub(super) enum Unfit {
    /// It is a float.
    Float,
    /// A decimal beyond `DECIMAL(38,18)`.
    Decimal,
    /// Not a type of rule SQL.
    Unknown,
}

/// The Arrow type a type of SQL stands for.
pub(super) fn named(kind: &ast::DataType) -> std::result::Result<DataType, Unfit> {
    use ast::DataType as Sql;
    match kind {
        Sql::SmallInt(_) | Sql::Int(_) | Sql::Integer(_) | Sql::BigInt(_) | Sql::Int64 => Ok(DataType::Int64),
        Sql::Decimal(size) | Sql::Numeric(size) | Sql::Dec(size) => decimal(*size),
        Sql::Text | Sql::String(_) | Sql::Varchar(None) | Sql::Char(None) => Ok(DataType::Utf8),
        Sql::Boolean | Sql::Bool => Ok(DataType::Boolean),
        Sql::Date => Ok(DataType::Date32),
        Sql::Timestamp(None, _) => Ok(instant()),
        Sql::Float(_)
        | Sql::Float4
        | Sql::Float8
        | Sql::Float32
        | Sql::Float64
        | Sql::Real
        | Sql::Double(_)
        | Sql::DoublePrecision => Err(Unfit::Float),
        _ => Err(Unfit::Unknown),
    }
}

fn decimal(size: ExactNumberInfo) -> std::result::Result<DataType, Unfit> {
    let (precision, scale) = match size {
        ExactNumberInfo::None => return Ok(EXACT),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale @ 0..=18)) if i16::from(scale) <= i16::from(precision) => {
            Ok(DataType::Decimal128(precision, scale))
        }
        _ => Err(Unfit::Decimal),
    }
}

/// Whether the type is a float or holds one.
pub(super) fn has_float(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => has_float(values),
        kind => kind.is_floating(),
    }
}

/// Whether the type is text in any of its layouts.
pub(super) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_text(values),
        DataType::RunEndEncoded(_, values) => is_text(values.data_type()),
        kind => kind.is_string(),
    }
}

/// Whether a mediated column may have the type.
pub(super) fn is_column(kind: &DataType) -> bool {
    let scale_fits = !matches!(kind, DataType::Decimal128(_, scale) if !(0..=18).contains(scale));
    let plain = matches!(kind, DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _));
    scale_fits && (is_text(kind) || is_exact_number(kind) || plain)
}

/// The type in the user's words.
pub(super) fn spoken(kind: &DataType) -> String {
    match kind {
        kind if is_text(kind) => "text".to_owned(),
        kind if kind.is_integer() => "an integer".to_owned(),
        DataType::Decimal128(precision, scale) => format!("a decimal({precision},{scale})"),
        DataType::Boolean => "true or false".to_owned(),
        DataType::Date32 | DataType::Date64 => "a date".to_owned(),
        DataType::Timestamp(_, _) => "a timestamp".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "an interval".to_owned(),
        DataType::Null => "NULL".to_owned(),
        kind if has_float(kind) => "a float".to_owned(),
        kind => kind.to_string(),
    }
}

/// Lets DataFusion's planner use [`named`].
#[derive(Debug)]
pub(super) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, kind: &ast::DataType) -> Result<Option<FieldRef>> {
        match named(kind) {
            Ok(found) => Ok(Some(found.into_nullable_field_ref())),
            Err(_) => plan_err!("the type {kind} cannot be used"),
        }
    }
}
