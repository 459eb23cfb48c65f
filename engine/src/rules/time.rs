//! The time functions rule SQL has beside DataFusion's: instants from counts, exact seconds between instants.
//!
//! Separate, because DataFusion's own (`date_part('epoch', …)`) give floats. Never reads a clock.

use std::sync::Arc;

use arrow::array::{AsArray, Decimal128Array, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::decimal::{EXACT, numbers_only, signature, to_exact};
use super::types::{instant, spoken};
use crate::money::Decimal;

/// All of them.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let counted = [("to_timestamp_seconds", 1_000_000), ("to_timestamp_millis", 1_000), ("to_timestamp_micros", 1)];
    let mut functions: Vec<_> = counted
        .map(|(name, micros)| Arc::new(ScalarUDF::from(FromCount { name, micros, signature: signature() })))
        .into();
    functions.push(Arc::new(ScalarUDF::from(SecondsBetween { signature: signature() })));
    functions
}

/// The instant so many units after 1970-01-01T00:00:00Z; digits below the microsecond are cut, an error beyond the range.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FromCount {
    name: &'static str,
    micros: i64,
    signature: Signature,
}

impl ScalarUDFImpl for FromCount {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        if kinds.len() != 1 {
            return plan_err!("`{}` takes one number", self.name);
        }
        numbers_only(self.name, kinds)
    }

    fn return_type(&self, _kinds: &[DataType]) -> Result<DataType> {
        Ok(instant())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let counts = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(counts) = counts.first() else { return plan_err!("`{}` takes one number", self.name) };
        let micros = Decimal::whole(self.micros);
        let instants = to_exact(counts)?.try_unary::<_, TimestampMicrosecondType, DataFusionError>(|count| {
            let count = Decimal::from_units(count);
            let instant = count.times(micros).map(|micros| micros.units().div_euclid(Decimal::ONE.units()));
            let unfit = || DataFusionError::Execution(format!("`{}({count})` is beyond all times", self.name));
            instant.and_then(|instant| i64::try_from(instant).ok()).ok_or_else(unfit)
        })?;
        Ok(ColumnarValue::Array(Arc::new(instants.with_timezone("UTC"))))
    }
}

/// `seconds_between(start, end)`: the exact seconds from start to end, to the microsecond.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SecondsBetween {
    signature: Signature,
}

impl ScalarUDFImpl for SecondsBetween {
    fn name(&self) -> &str {
        "seconds_between"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let wrong = kinds.iter().find(|kind| !matches!(kind, DataType::Timestamp(_, _) | DataType::Null));
        match (kinds.len(), wrong) {
            (2, None) => Ok(kinds.to_vec()),
            (2, Some(kind)) => plan_err!("`seconds_between` takes two timestamps, not {}", spoken(kind)),
            _ => plan_err!("`seconds_between` takes two timestamps: the start and the end"),
        }
    }

    fn return_type(&self, _kinds: &[DataType]) -> Result<DataType> {
        Ok(EXACT)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let sides = ColumnarValue::values_to_arrays(&args.args)?;
        let sides = sides.iter().map(|side| Ok(cast(side, &instant())?)).collect::<Result<Vec<_>>>()?;
        let [start, end] = sides.as_slice() else { return plan_err!("`seconds_between` takes two timestamps") };
        let (start, end): (&TimestampMicrosecondArray, &TimestampMicrosecondArray) =
            (start.as_primitive(), end.as_primitive());
        // A microsecond is 10^12 units of 10^-18 seconds; two i64 are far below the 38 digits.
        let seconds = start
            .iter()
            .zip(end.iter())
            .map(|(start, end)| Some((i128::from(end?) - i128::from(start?)) * 1_000_000_000_000));
        Ok(ColumnarValue::Array(Arc::new(seconds.collect::<Decimal128Array>().with_data_type(EXACT))))
    }
}
