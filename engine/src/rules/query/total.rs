//! `sum` and `avg` of exact numbers.
//!
//! Separate from DataFusion's, which wrap around or widen. Numbers are added up in 256 bits, where no number of rows can
//! overflow, and looked at once at the end: so the result, and whether there is one, does not depend on the order of
//! the rows. An average is divided once, as `/` divides.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Int64Type, i256};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};

use crate::money::NumberFault;
use crate::rules::decimal::{EXACT, numbers_only, signature, to_exact};

/// The sum; integers give an integer.
pub(super) fn sum() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Total { average: false, signature: signature() }))
}

/// The average, rounded half up to 18 digits.
pub(super) fn avg() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Total { average: true, signature: signature() }))
}

/// How sums are kept between rows.
const STATE: DataType = DataType::Decimal256(76, 18);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Total {
    average: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Total {
    fn name(&self) -> &str {
        if self.average { "avg" } else { "sum" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        if kinds.len() != 1 {
            return plan_err!("`{}` takes one number", self.name());
        }
        numbers_only(self.name(), kinds)
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        let whole = kinds.first().is_some_and(|kind| kind.is_integer() && *kind != DataType::UInt64);
        Ok(if whole && !self.average { DataType::Int64 } else { EXACT })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let sum = Field::new(format!("{}[sum]", args.name), STATE, false);
        Ok(vec![Arc::new(sum), Arc::new(Field::new(format!("{}[count]", args.name), DataType::Int64, false))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let finish = self.finish(&args)?;
        Ok(Box::new(One { finish, held: Held::default() }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let finish = self.finish(&args)?;
        Ok(Box::new(Many { finish, held: Vec::new() }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

impl Total {
    fn finish(&self, args: &AccumulatorArgs) -> Result<Finish> {
        if args.is_distinct {
            return plan_err!("`{}` does not take DISTINCT", self.name());
        }
        Ok(Finish { average: self.average, whole: *args.return_field.data_type() == DataType::Int64 })
    }
}

/// What has been added up so far: units of 10^-18, and how many numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    sum: i256,
    count: i64,
}

impl Held {
    fn add(&mut self, number: i128) {
        self.sum = self.sum.wrapping_add(i256::from_i128(number));
        self.count += 1;
    }
}

/// What becomes of a sum at the end.
#[derive(Clone, Copy, Debug)]
struct Finish {
    average: bool,
    whole: bool,
}

/// The unit of a whole number.
const ONE: i128 = 1_000_000_000_000_000_000;

impl Finish {
    /// Units of the result, or the number itself when it is whole.
    fn of(self, held: Held) -> Result<Option<i128>> {
        if held.count == 0 {
            return Ok(None);
        }
        let result = match self {
            Self { average: true, .. } => average(held),
            Self { whole: true, .. } => held.sum.checked_div(i256::from_i128(ONE)),
            _ => Some(held.sum),
        };
        let digits = 10_u128.pow(38);
        let units = result.and_then(i256::to_i128);
        match units {
            Some(number) if self.whole && i64::try_from(number).is_ok() => Ok(units),
            Some(number) if !self.whole && number.unsigned_abs() < digits => Ok(units),
            _ if self.whole => exec_err!("`sum`: the result does not fit 64 bits"),
            _ => exec_err!("`sum`: {}", NumberFault::OutOfRange),
        }
    }

    fn all(self, held: &[Held]) -> Result<ArrayRef> {
        let results = held.iter().map(|held| self.of(*held)).collect::<Result<Vec<_>>>()?;
        if self.whole {
            let whole = results.iter().map(|number| number.and_then(|number| i64::try_from(number).ok()));
            return Ok(Arc::new(whole.collect::<Int64Array>()));
        }
        let exact = results.into_iter().collect::<arrow::array::Decimal128Array>();
        Ok(Arc::new(exact.with_data_type(EXACT)))
    }
}

/// The sum by the count, rounded half away from zero.
fn average(held: Held) -> Option<i256> {
    let count = i256::from_i128(i128::from(held.count));
    let (quotient, rest) = (held.sum.checked_div(count)?, held.sum.checked_rem(count)?);
    let rest = rest.wrapping_abs();
    let away = if held.sum.is_negative() { i256::MINUS_ONE } else { i256::ONE };
    let up = rest.wrapping_add(rest) >= count;
    Some(if up { quotient.wrapping_add(away) } else { quotient })
}

fn states(held: &[Held]) -> Result<Vec<ArrayRef>> {
    let sums = Decimal256Array::from_iter_values(held.iter().map(|held| held.sum)).with_data_type(STATE);
    let counts = Int64Array::from_iter_values(held.iter().map(|held| held.count));
    Ok(vec![Arc::new(sums), Arc::new(counts)])
}

fn merged(states: &[ArrayRef], mut add: impl FnMut(usize, Held)) -> Result<()> {
    let [sums, counts] = states else { return plan_err!("a sum is kept in two columns") };
    let (sums, counts) = (sums.as_primitive::<Decimal256Type>(), counts.as_primitive::<Int64Type>());
    for row in 0..sums.len() {
        add(row, Held { sum: sums.value(row), count: counts.value(row) });
    }
    Ok(())
}

fn numbers(values: &[ArrayRef]) -> Result<arrow::array::PrimitiveArray<Decimal128Type>> {
    let Some(values) = values.first() else { return plan_err!("a sum takes one number") };
    to_exact(values)
}

/// The sum of all rows, or of a window's.
#[derive(Debug)]
struct One {
    finish: Finish,
    held: Held,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        numbers(values)?.iter().flatten().for_each(|number| self.held.add(number));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for number in numbers(values)?.iter().flatten() {
            self.held.sum = self.held.sum.wrapping_sub(i256::from_i128(number));
            self.held.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.finish.all(&[self.held])?, 0)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        states(&[self.held])?.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let held = &mut self.held;
        merged(states, |_, other| {
            held.sum = held.sum.wrapping_add(other.sum);
            held.count += other.count;
        })
    }
}

/// A sum per group.
#[derive(Debug)]
struct Many {
    finish: Finish,
    held: Vec<Held>,
}

impl GroupsAccumulator for Many {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.held.resize(total_num_groups, Held::default());
        for (row, (number, group)) in numbers(values)?.iter().zip(group_indices).enumerate() {
            let kept = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if let (Some(number), true) = (number, kept) {
                self.held[*group].add(number);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.held.resize(total_num_groups, Held::default());
        merged(values, |row, other| {
            let held = &mut self.held[group_indices[row]];
            held.sum = held.sum.wrapping_add(other.sum);
            held.count += other.count;
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.finish.all(&emit_to.take_needed(&mut self.held))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        states(&emit_to.take_needed(&mut self.held))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |values| values.len());
        let mut each = Self { finish: self.finish, held: Vec::new() };
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), opt_filter, rows)?;
        states(&each.held)
    }

    fn size(&self) -> usize {
        self.held.capacity() * size_of::<Held>()
    }
}
