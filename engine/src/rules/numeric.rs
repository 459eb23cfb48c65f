//! The numeric functions of rule SQL: abs, ceil, floor, round, trunc, mod, on exact decimals.
//!
//! Separate from DataFusion's functions of the same names, some of which compute in floats. A result that does not
//! fit is an error. None of them takes or gives a float.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::decimal::{EXACT, Numbers, Operation, arithmetic, each, numbers_only, one, signature};
use crate::money::{Decimal, NumberFault, Rounding, SCALE};

/// All of them; `mod` is the operator `%`.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let step = |step| Arc::new(ScalarUDF::from(Stepping { step, signature: signature() }));
    vec![
        step(Step::Abs),
        step(Step::Ceil),
        step(Step::Floor),
        step(Step::Round),
        step(Step::Trunc),
        arithmetic(Operation::Remainder, false),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Abs,
    Ceil,
    Floor,
    Round,
    Trunc,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Stepping {
    step: Step,
    signature: Signature,
}

impl ScalarUDFImpl for Stepping {
    fn name(&self) -> &str {
        match self.step {
            Step::Abs => "abs",
            Step::Ceil => "ceil",
            Step::Floor => "floor",
            Step::Round => "round",
            Step::Trunc => "trunc",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let most = if matches!(self.step, Step::Round | Step::Trunc) { 2 } else { 1 };
        if kinds.is_empty() || kinds.len() > most {
            return plan_err!(
                "`{}` takes {}",
                self.name(),
                if most == 1 { "one number" } else { "a number and digits" }
            );
        }
        numbers_only(self.name(), kinds)
    }

    fn return_type(&self, _kinds: &[DataType]) -> Result<DataType> {
        Ok(EXACT)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [number, rest @ ..] = args.args.as_slice() else { return plan_err!("`{}` takes a number", self.name()) };
        let digits = match rest.first().map(Numbers::of).transpose()? {
            None => 0,
            Some(Numbers::One(Some(digits))) => whole_digits(digits)?,
            Some(_) => return exec_err!("the digits of `{}` must be a constant from 0 to 18", self.name()),
        };
        let step = self.step;
        match Numbers::of(number)? {
            Numbers::One(number) => Ok(one(number.map(|number| take(step, number, digits)).transpose()?)),
            Numbers::Many(numbers) => each(&numbers, |number| take(step, number, digits)),
        }
    }
}

fn whole_digits(digits: Decimal) -> Result<u32> {
    let whole = digits.units() / Decimal::ONE.units();
    match u32::try_from(whole) {
        Ok(whole) if whole <= SCALE && digits.units() % Decimal::ONE.units() == 0 => Ok(whole),
        _ => exec_err!("digits must be from 0 to 18, not {digits}"),
    }
}

fn take(step: Step, number: Decimal, digits: u32) -> Result<Decimal> {
    let away =
        |towards_infinity: bool| if number.is_negative() == towards_infinity { Rounding::Down } else { Rounding::Up };
    let result = match step {
        Step::Abs => Some(if number.is_negative() { -number } else { number }),
        Step::Ceil => number.rounded(0, away(true)),
        Step::Floor => number.rounded(0, away(false)),
        Step::Round => number.rounded(digits, Rounding::HalfUp),
        Step::Trunc => number.rounded(digits, Rounding::Down),
    };
    let unfit = || DataFusionError::Execution(format!("`{number}` rounded: {}", NumberFault::OutOfRange));
    result.ok_or_else(unfit)
}
