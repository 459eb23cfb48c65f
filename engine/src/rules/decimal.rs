//! Columns of numbers as exact decimals, and the functions every arithmetic operator of rule SQL becomes.
//!
//! Separate from DataFusion's own operators, which change precision and scale by their own rules and wrap integers.
//! A result that does not fit, or a division by zero, is an error: `narrow.rs` finds the record it comes from, which then
//! goes to suspense. Never rounds more than once, never wraps, and never makes a NULL of what is none.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::money::{Decimal, NumberFault, SCALE, plain_digits};

/// The Arrow type of every exact result.
pub(super) const EXACT: DataType = DataType::Decimal128(38, 18);

/// What an operator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
    /// `%`, with the sign of the dividend.
    Remainder,
}

/// The function for `operation`; `whole` keeps integers integers.
pub(super) fn arithmetic(operation: Operation, whole: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Arithmetic { operation, whole, signature: signature() }))
}

/// The signature of functions that settle their argument types themselves.
pub(super) fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

/// Whether the type is a number that is held exactly.
pub(super) fn is_exact_number(kind: &DataType) -> bool {
    kind.is_integer() || matches!(kind, DataType::Decimal128(_, _))
}

/// Lets exact numbers and NULL through as they are; an error for everything else.
pub(super) fn numbers_only(name: &str, kinds: &[DataType]) -> Result<Vec<DataType>> {
    if let Some(kind) = kinds.iter().find(|kind| !is_exact_number(kind) && !kind.is_null()) {
        return plan_err!("`{name}` takes exact numbers, not {}", super::types::spoken(kind));
    }
    Ok(kinds.to_vec())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    operation: Operation,
    whole: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        match self.operation {
            Operation::Plus => "plus",
            Operation::Minus => "minus",
            Operation::Times => "times",
            Operation::Over => "over",
            Operation::Remainder => "mod",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        if kinds.len() != 2 {
            return plan_err!("`{}` takes two numbers", self.name());
        }
        numbers_only(self.name(), kinds)
    }

    fn return_type(&self, _kinds: &[DataType]) -> Result<DataType> {
        Ok(if self.whole { DataType::Int64 } else { EXACT })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return plan_err!("`{}` takes two numbers", self.name()) };
        if self.whole {
            return integers(self.operation, left, right);
        }
        let operation = self.operation;
        match (Numbers::of(left)?, Numbers::of(right)?) {
            (Numbers::One(left), Numbers::One(right)) => {
                Ok(one(left.zip(right).map(|(left, right)| apply(operation, left, right)).transpose()?))
            }
            (_, Numbers::One(None)) | (Numbers::One(None), _) => Ok(one(None)),
            (Numbers::Many(left), Numbers::One(Some(right))) => by_constant(operation, &left, right),
            (Numbers::One(Some(left)), Numbers::Many(right)) => each(&right, |right| apply(operation, left, right)),
            (Numbers::Many(left), Numbers::Many(right)) => {
                let pairs = left.iter().zip(right.iter());
                let results = pairs.map(|(left, right)| {
                    let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
                    apply(operation, Decimal::from_units(left), Decimal::from_units(right))
                        .map(|result| Some(result.units()))
                });
                let results = results.collect::<Result<Decimal128Array>>()?;
                Ok(ColumnarValue::Array(Arc::new(results.with_data_type(EXACT))))
            }
        }
    }
}

/// One number for all rows, or one per row.
pub(super) enum Numbers {
    /// The same for every row; `None` is NULL.
    One(Option<Decimal>),
    /// One per row, as `DECIMAL(38,18)`.
    Many(Decimal128Array),
}

impl Numbers {
    /// Reads an evaluated argument.
    pub(super) fn of(value: &ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Scalar(scalar) => {
                let one = to_exact(&scalar.to_array()?)?;
                Ok(Self::One((!one.is_null(0)).then(|| Decimal::from_units(one.value(0)))))
            }
            ColumnarValue::Array(array) => to_exact(array).map(Self::Many),
        }
    }
}

/// Any column of exact numbers as `DECIMAL(38,18)`; what does not fit is an error.
pub(super) fn to_exact(array: &ArrayRef) -> Result<Decimal128Array> {
    let exact = match array.data_type() {
        &EXACT => array.as_primitive::<Decimal128Type>().clone(),
        DataType::Decimal128(_, scale) => {
            let numbers = array.as_primitive::<Decimal128Type>();
            let Ok(scale) = u32::try_from(*scale) else { return plan_err!("a decimal with a negative scale") };
            let factor = 10_i64.pow(SCALE.saturating_sub(scale));
            numbers.try_unary::<_, Decimal128Type, DataFusionError>(|number| match i64::try_from(number) {
                // One multiplication instruction that cannot overflow, for nearly all usage there is.
                Ok(small) if scale <= SCALE => Ok(i128::from(small) * i128::from(factor)),
                _ => Decimal::rescaled(number, scale).map(Decimal::units).ok_or_else(|| too_large(number, scale)),
            })?
        }
        DataType::Null => new_null_array(&EXACT, array.len()).as_primitive::<Decimal128Type>().clone(),
        DataType::Int64 => whole_to_exact(array.as_primitive::<Int64Type>()),
        DataType::UInt64 => return to_exact(&cast(array, &DataType::Decimal128(20, 0))?),
        kind if kind.is_integer() => whole_to_exact(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>()),
        kind => return plan_err!("Not an exact number: {kind}"),
    };
    Ok(exact.with_data_type(EXACT))
}

#[cold]
fn too_large(number: i128, scale: u32) -> DataFusionError {
    let number = plain_digits(number, usize::try_from(scale).unwrap_or(0));
    DataFusionError::Execution(format!("`{number}`: {}", NumberFault::OutOfRange))
}

fn whole_to_exact(numbers: &Int64Array) -> Decimal128Array {
    numbers.unary(|number| Decimal::whole(number).units())
}

/// `change` of every number of a column; NULL stays NULL.
pub(super) fn each(numbers: &Decimal128Array, change: impl Fn(Decimal) -> Result<Decimal>) -> Result<ColumnarValue> {
    let changed: Decimal128Array =
        numbers.try_unary(|number| change(Decimal::from_units(number)).map(Decimal::units))?;
    Ok(ColumnarValue::Array(Arc::new(changed.with_data_type(EXACT))))
}

/// A number that holds for every row.
pub(super) fn one(number: Option<Decimal>) -> ColumnarValue {
    ColumnarValue::Scalar(ScalarValue::Decimal128(number.map(Decimal::units), 38, 18))
}

fn apply(operation: Operation, left: Decimal, right: Decimal) -> Result<Decimal> {
    let result = match operation {
        Operation::Plus => left.plus(right),
        Operation::Minus => left.minus(right),
        Operation::Times => left.times(right),
        Operation::Over => left.over(right),
        Operation::Remainder => left.units().checked_rem(right.units()).map(Decimal::from_units),
    };
    result.ok_or_else(|| uncomputed(operation, left, right, right.is_zero(), NumberFault::OutOfRange))
}

/// Why `left` and `right` have no result: a division by zero, or else `unfit`.
#[cold]
fn uncomputed(
    operation: Operation,
    left: impl Display,
    right: impl Display,
    zero: bool,
    unfit: impl Display,
) -> DataFusionError {
    let (sign, divides) = match operation {
        Operation::Plus => ('+', false),
        Operation::Minus => ('-', false),
        Operation::Times => ('*', false),
        Operation::Over => ('/', true),
        Operation::Remainder => ('%', true),
    };
    DataFusionError::Execution(if divides && zero {
        format!("`{left} {sign} {right}`: {}", NumberFault::DividedByZero)
    } else {
        format!("`{left} {sign} {right}`: {unfit}")
    })
}

/// A column and a constant. Multiplying or dividing by a whole number needs no 256 bits: same digits, several times faster.
fn by_constant(operation: Operation, left: &Decimal128Array, right: Decimal) -> Result<ColumnarValue> {
    let one_unit = Decimal::from_units(1);
    let whole = (right.units() % Decimal::ONE.units() == 0).then(|| right.units() / Decimal::ONE.units());
    let unfit = |left: Decimal| uncomputed(operation, left, right, right.is_zero(), NumberFault::OutOfRange);
    match (operation, whole.map(Decimal::from_units)) {
        (Operation::Times, Some(whole)) => each(left, |left| left.ratio(whole, one_unit).ok_or_else(|| unfit(left))),
        (Operation::Over, Some(whole)) => each(left, |left| left.ratio(one_unit, whole).ok_or_else(|| unfit(left))),
        _ => each(left, |left| apply(operation, left, right)),
    }
}

fn integers(operation: Operation, left: &ColumnarValue, right: &ColumnarValue) -> Result<ColumnarValue> {
    let compute = |left: i64, right: i64| match operation {
        Operation::Plus => left.checked_add(right),
        Operation::Minus => left.checked_sub(right),
        Operation::Times => left.checked_mul(right),
        Operation::Over => None,
        Operation::Remainder => left.checked_rem(right),
    };
    let scalar = matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
    let sides = ColumnarValue::values_to_arrays(&[left.clone(), right.clone()])?;
    let sides = sides.iter().map(|side| Ok(cast(side, &DataType::Int64)?)).collect::<Result<Vec<_>>>()?;
    let [left, right] = sides.as_slice() else { return plan_err!("an operator takes two numbers") };
    let pairs = left.as_primitive::<Int64Type>().iter().zip(right.as_primitive::<Int64Type>());
    let results = pairs.map(|(left, right)| {
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        let unfit = || uncomputed(operation, left, right, right == 0, "the result does not fit 64 bits");
        compute(left, right).map(Some).ok_or_else(unfit)
    });
    let results = results.collect::<Result<Int64Array>>()?;
    if scalar {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&results, 0)?));
    }
    Ok(ColumnarValue::Array(Arc::new(results)))
}
