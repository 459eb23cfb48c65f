//! Text to exact numbers: what `CAST(text AS DECIMAL)` and `TRY_CAST` read.
//!
//! Separate from Arrow's own cast, which rounds what it cannot hold and knows no exponents.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::decimal::{EXACT, signature};
use super::types::is_text;
use crate::money::{Decimal, plain_digits};

/// The function that reads numbers; `lenient` gives NULL for what is none, otherwise the batch fails.
pub(super) fn parse_number(lenient: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(ParseNumber { lenient, signature: signature() }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ParseNumber {
    lenient: bool,
    signature: Signature,
}

impl ScalarUDFImpl for ParseNumber {
    fn name(&self) -> &str {
        "parse_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        match kinds {
            [kind] if is_text(kind) => Ok(vec![DataType::Utf8]),
            _ => plan_err!("a number is read from one text"),
        }
    }

    fn return_type(&self, _kinds: &[DataType]) -> Result<DataType> {
        Ok(EXACT)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(texts) = texts.first() else { return plan_err!("a number is read from one text") };
        let texts = cast(texts, &DataType::Utf8)?;
        let read = |text: Option<&str>| match text.map(|text| Decimal::parse(text.trim())) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number.units())),
            Some(Err(_)) if self.lenient => Ok(None),
            Some(Err(fault)) => exec_err!("`{}`: {fault}", text.unwrap_or_default()),
        };
        let numbers = texts.as_string::<i32>().iter().map(read).collect::<Result<Decimal128Array>>()?;
        Ok(ColumnarValue::Array(Arc::new(numbers.with_data_type(EXACT))))
    }
}

/// Numbers as text, without trailing zeros, so that equal numbers are equal texts.
pub(super) fn shown(numbers: &ArrayRef) -> Result<ArrayRef> {
    let numbers = numbers.as_primitive::<Decimal128Type>();
    let Ok(scale) = usize::try_from(numbers.scale()) else { return plan_err!("a decimal with a negative scale") };
    let texts = numbers.iter().map(|number| number.map(|units| plain_digits(units, scale)));
    Ok(Arc::new(texts.collect::<StringArray>()))
}
