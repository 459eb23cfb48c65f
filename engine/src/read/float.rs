//! The one place where a float is looked at: a Parquet float column that its source declares `decimal(p,s)` with
//! `float: true`. Each value is taken by its shortest decimal text (the digits its writer meant) and rounded once, half
//! up, to the declared scale. There is no float arithmetic even here, and no float leaves this file.

use std::fmt::LowerExp;

use super::reasons;
use super::values::{Reason, in_precision};

/// `value` in units of 10^-`scale`.
pub(super) fn decimal(value: impl LowerExp, precision: u8, scale: u8) -> Result<i128, Reason> {
    // The shortest text that reads back as the same float: `-9.052e-7`, or `NaN` and `inf`.
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').ok_or(reasons::NOT_A_DECIMAL)?;
    let exponent: i32 = exponent.parse().map_err(|_| reasons::NOT_A_DECIMAL)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().map_err(|_| reasons::NOT_A_DECIMAL)?;
    let after_point = i32::try_from(fraction.len()).map_err(|_| reasons::NOT_A_DECIMAL)?;
    let shift = exponent - after_point + i32::from(scale);
    in_precision(shifted(digits, shift).ok_or(reasons::DECIMAL_OUT_OF_RANGE)?, precision)
}

/// `digits` × 10^`shift`, rounded half away from zero; `None` when it does not fit.
fn shifted(digits: i128, shift: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return if digits == 0 { Some(0) } else { digits.checked_mul(power?) };
    }
    // A float has at most 17 digits: so far below the last digit kept, there is nothing left of it.
    let Some(divisor) = power else { return Some(0) };
    let (quotient, rest) = (digits / divisor, (digits % divisor).unsigned_abs());
    let away = i128::from(rest >= divisor.unsigned_abs() - rest);
    Some(if digits < 0 { quotient - away } else { quotient + away })
}
