//! Exact decimals, their rounding, and the minor units of currencies.
//!
//! Everything that is money, a price or a quantity is a [`Decimal`]: an integer count of 10⁻¹⁸. Products and quotients
//! are formed in 256 bits and rounded once (DESIGN section 5, "Numbers"). There is no float in this room and none may
//! enter it.

use std::fmt;

use arrow::datatypes::i256;

pub mod currency;
#[cfg(test)]
mod properties;
pub mod split;

/// Digits after the decimal point of every [`Decimal`].
pub const SCALE: u32 = 18;
/// Digits in all: the precision of the Arrow type `DECIMAL(38,18)`.
pub const PRECISION: u32 = 38;
const ONE: i128 = 10_i128.pow(SCALE);
const LIMIT: i128 = 10_i128.pow(PRECISION);

/// An exact decimal number with 18 digits after the point and at most 20 before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

/// Why a number is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Not a decimal number at all (`NaN` and `Infinity` included).
    Malformed,
    /// It has more than 18 digits after the point.
    TooPrecise,
    /// It needs more than 20 digits before the point.
    OutOfRange,
    /// The divisor is zero.
    DividedByZero,
}

impl fmt::Display for NumberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a decimal number",
            Self::TooPrecise => "more than 18 digits after the decimal point",
            Self::OutOfRange => "more than 20 digits before the decimal point",
            Self::DividedByZero => "division by zero",
        })
    }
}

/// How a number between two representable ones is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest, halves away from zero.
    #[default]
    HalfUp,
    /// To the nearest, halves to the even neighbour.
    HalfEven,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(ONE);

    /// The number that is `units` × 10⁻¹⁸.
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The number in units of 10⁻¹⁸, as Arrow stores a `DECIMAL(38,18)`.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i64) -> Self {
        // An i64 times 10^18 is below 10^37.
        Self(number as i128 * ONE)
    }

    /// `unscaled` × 10^-`scale`, as Arrow stores a `DECIMAL(p, scale)`; `None` when it does not fit or is too precise.
    #[must_use]
    pub fn rescaled(unscaled: i128, scale: u32) -> Option<Self> {
        if scale <= SCALE {
            return unscaled.checked_mul(10_i128.pow(SCALE - scale)).and_then(Self::in_range);
        }
        let divisor = 10_i128.checked_pow(scale - SCALE)?;
        (unscaled % divisor == 0).then_some(Self(unscaled / divisor))
    }

    /// Reads a decimal number, exponents included; what would have to be rounded is refused.
    ///
    /// # Errors
    /// `Malformed`, `TooPrecise` or `OutOfRange`.
    pub fn parse(text: &str) -> Result<Self, NumberFault> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| NumberFault::Malformed)?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(NumberFault::Malformed);
        }
        let units = parse_units(whole, fraction, exponent)?;
        Ok(Self(if negative { -units } else { units }))
    }

    fn in_range(units: i128) -> Option<Self> {
        (units > -LIMIT && units < LIMIT).then_some(Self(units))
    }

    /// Sum; `None` when it does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::in_range)
    }

    /// Difference; `None` when it does not fit.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::in_range)
    }

    /// Product, rounded half up once to 18 digits; `None` when it does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        self.ratio(other, Self::ONE)
    }

    /// Quotient, rounded half up once to 18 digits; `None` when `other` is zero or the result does not fit.
    #[must_use]
    pub fn over(self, other: Self) -> Option<Self> {
        self.ratio(Self::ONE, other)
    }

    /// `self` × `numerator` ÷ `denominator`, rounded half up once; `None` when that does not fit or divides by zero.
    #[must_use]
    pub fn ratio(self, numerator: Self, denominator: Self) -> Option<Self> {
        if denominator.0 == 0 {
            return None;
        }
        // Most products fit 128 bits; the wide path is several times slower.
        if let Some(product) = self.0.checked_mul(numerator.0) {
            return Self::in_range(rounded_quotient(product, denominator.0, Rounding::HalfUp)?);
        }
        let product = i256::from_i128(self.0).wrapping_mul(i256::from_i128(numerator.0));
        wide_quotient(product, i256::from_i128(denominator.0))
    }

    /// This percentage of `base`: `base` × self ÷ 100, rounded half up once.
    #[must_use]
    pub fn percent_of(self, base: Self) -> Option<Self> {
        base.ratio(self, Self::whole(100))
    }

    /// Rounded to `digits` after the point.
    #[must_use]
    pub fn rounded(self, digits: u32, mode: Rounding) -> Option<Self> {
        if digits >= SCALE {
            return Some(self);
        }
        let unit = 10_i128.pow(SCALE - digits);
        rounded_quotient(self.0, unit, mode)?.checked_mul(unit).and_then(Self::in_range)
    }

    /// How many times `step` goes into self, rounded to a whole number by `mode`; `None` for a zero step.
    #[must_use]
    pub fn steps(self, step: Self, mode: Rounding) -> Option<Self> {
        rounded_quotient(self.0, step.0, mode)?.checked_mul(ONE).and_then(Self::in_range)
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// An exact sum of decimals, each taken a whole number of times; in 256 bits, so that it is rounded only once at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weighted(i256);

impl Weighted {
    /// With `value` taken `times` more; `None` when it does not fit.
    #[must_use]
    pub fn plus(self, value: Decimal, times: i64) -> Option<Self> {
        let product = i256::from_i128(value.0).checked_mul(i256::from_i128(times.into()))?;
        self.0.checked_add(product).map(Self)
    }

    /// The sum of two sums; `None` when it does not fit.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// A `whole`-th of it, rounded half up once; `None` when it does not fit, or for a `whole` of zero.
    #[must_use]
    pub fn over(self, whole: i64) -> Option<Decimal> {
        wide_quotient(self.0, i256::from_i128(whole.into()))
    }
}

/// `product` ÷ `denominator`, rounded half up once.
fn wide_quotient(product: i256, denominator: i256) -> Option<Decimal> {
    let quotient = product.checked_div(denominator)?;
    let rest = product.checked_rem(denominator)?.wrapping_abs();
    let half = denominator.wrapping_abs().wrapping_sub(rest);
    let away = if rest >= half { if product.is_negative() == denominator.is_negative() { 1 } else { -1 } } else { 0 };
    Decimal::in_range(quotient.wrapping_add(i256::from_i128(away)).to_i128()?)
}

impl std::ops::Neg for Decimal {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// The number `units` × 10^-`scale` in plain digits, whatever its size: no exponent, no trailing zeros.
#[must_use]
pub fn plain_digits(units: i128, scale: usize) -> String {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let (sign, point) = (if units < 0 { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
    format!("{sign}{whole}{point}{fraction}")
}

impl fmt::Display for Decimal {
    /// Plain digits, no exponent, no trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) =
            (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:018}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// `dividend` ÷ `divisor` as a whole number; `None` when the divisor is zero or the result does not fit.
fn rounded_quotient(dividend: i128, divisor: i128, mode: Rounding) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = (dividend % divisor).unsigned_abs();
    let other_half = divisor.unsigned_abs() - rest;
    let away = match mode {
        Rounding::HalfUp => rest >= other_half,
        Rounding::HalfEven => rest > other_half || (rest == other_half && quotient % 2 != 0),
        Rounding::Up => rest > 0,
        Rounding::Down => false,
    };
    let sign = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    if away { quotient.checked_add(sign) } else { Some(quotient) }
}

/// The digits `whole`.`fraction` × 10^`exponent` in units of 10⁻¹⁸.
fn parse_units(whole: &str, fraction: &str, exponent: i32) -> Result<i128, NumberFault> {
    let mut units: i128 = 0;
    // Power of ten, in units, of the digit at hand; starts at the first digit of `whole`.
    let first =
        i64::try_from(whole.len()).map_err(|_| NumberFault::OutOfRange)? + i64::from(exponent) + i64::from(SCALE) - 1;
    for (index, byte) in whole.bytes().chain(fraction.bytes()).enumerate() {
        if !byte.is_ascii_digit() {
            return Err(NumberFault::Malformed);
        }
        let digit = i128::from(byte - b'0');
        if digit == 0 {
            continue;
        }
        let power = first - i64::try_from(index).map_err(|_| NumberFault::OutOfRange)?;
        let power = u32::try_from(power).map_err(|_| NumberFault::TooPrecise)?;
        if power >= PRECISION {
            return Err(NumberFault::OutOfRange);
        }
        units += digit * 10_i128.pow(power);
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_keep_every_digit_of_their_text() {
        for (text, shown) in [
            ("0.10", "0.1"),
            ("9.052E-7", "0.0000009052"),
            ("-0", "0"),
            ("+12", "12"),
            ("1e19", "10000000000000000000"),
            ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1000e-3", "1"),
        ] {
            assert_eq!(dec(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_not_rounded() {
        use NumberFault::{Malformed, OutOfRange, TooPrecise};
        for (text, fault) in [
            ("0.0000000000000000001", TooPrecise),
            ("1e-19", TooPrecise),
            ("100000000000000000000", OutOfRange),
            ("1e20", OutOfRange),
            ("NaN", Malformed),
            ("", Malformed),
            (".", Malformed),
            ("-", Malformed),
            ("1,5", Malformed),
            ("0x1", Malformed),
            ("1e", Malformed),
            ("--1", Malformed),
            ("1 ", Malformed),
            ("Infinity", Malformed),
            ("1.2.3", Malformed),
            ("١", Malformed),
        ] {
            assert_eq!(Decimal::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn trailing_zeros_beyond_18_digits_lose_nothing() {
        assert_eq!(dec("1.0000000000000000000000"), Decimal::ONE);
        assert_eq!(dec("0e999999999"), Decimal::ZERO);
    }

    #[test]
    fn products_and_quotients_are_rounded_once() {
        assert_eq!(dec("99999999999").times(dec("0.000000000000000001")).unwrap(), dec("0.000000099999999999"));
        assert_eq!(
            dec("12345678901.123456789").times(dec("98765432.987654321")).unwrap(),
            dec("1219326322196006607.472031700112635269")
        );
        assert_eq!(dec("10").over(dec("3")).unwrap(), dec("3.333333333333333333"));
        assert_eq!(dec("-20").over(dec("3")).unwrap(), dec("-6.666666666666666667"));
        assert_eq!(dec("0.000000000000000001").times(dec("0.5")).unwrap(), dec("0.000000000000000001"));
        assert_eq!(dec("90000000000").times(dec("90000000000")), None);
        assert_eq!(dec("1").over(Decimal::ZERO), None);
    }

    #[test]
    fn a_weighted_sum_is_rounded_once_at_its_end() {
        let third = Weighted::default().plus(dec("1"), 1).unwrap();
        assert_eq!(third.over(3).unwrap(), dec("0.333333333333333333"));
        assert_eq!(third.plus(dec("1"), 1).unwrap().over(3).unwrap(), dec("0.666666666666666667"));
        assert_eq!(
            third.and(third).unwrap().plus(dec("-1"), 4).unwrap().over(3).unwrap(),
            dec("-0.666666666666666667")
        );
        let month = 31 * 24 * 3_600_000_000;
        let largest = dec("99999999999999999999.999999999999999999");
        assert_eq!(Weighted::default().plus(largest, month).unwrap().over(month).unwrap(), largest);
        assert_eq!(Weighted::default().plus(largest, month).unwrap().over(month - 1), None);
        assert_eq!(third.over(0), None);
    }

    #[test]
    fn each_rounding_mode_settles_halves_its_own_way() {
        use Rounding::{Down, HalfEven, HalfUp, Up};
        for (text, mode, rounded) in [
            ("0.125", HalfUp, "0.13"),
            ("0.125", HalfEven, "0.12"),
            ("0.135", HalfEven, "0.14"),
            ("-0.125", HalfUp, "-0.13"),
            ("0.121", Up, "0.13"),
            ("0.129", Down, "0.12"),
            ("-0.121", Up, "-0.13"),
        ] {
            assert_eq!(dec(text).rounded(2, mode).unwrap(), dec(rounded), "{text} {mode:?}");
        }
    }
}
