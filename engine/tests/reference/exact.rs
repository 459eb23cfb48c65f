//! Numbers of the reference rater: fractions of whole numbers of any size, so that nothing is rounded unless it is said.
//!
//! 28 digits do not hold a product of two quantities of 38, so these are not machine decimals. A result becomes a
//! `DECIMAL(38,18)` or an amount of money by `round`, and by nothing else.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// How a number is settled when it lies between two that are allowed; all of them judge the magnitude, so that a credit
/// is rounded like the debit it takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    HalfUp,
    HalfEven,
    Up,
    Down,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "half_up" => Self::HalfUp,
            "half_even" => Self::HalfEven,
            "up" => Self::Up,
            "down" => Self::Down,
            other => panic!("no rounding mode {other}"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HalfUp => "half_up",
            Self::HalfEven => "half_even",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A fraction; the part below the line is always above zero.
#[derive(Clone, Debug)]
pub(crate) struct Exact {
    above: BigInt,
    below: BigInt,
}

impl Exact {
    pub(crate) fn whole(value: impl Into<BigInt>) -> Self {
        Self { above: value.into(), below: BigInt::from(1) }
    }

    pub(crate) fn zero() -> Self {
        Self::whole(0)
    }

    /// Reads `-12.5` and `9.052E-7`.
    pub(crate) fn read(text: &str) -> Self {
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let above: BigInt = format!("{whole}{part}").parse().unwrap_or_else(|_| panic!("no number: {text:?}"));
        let power = exponent.parse::<i32>().unwrap() - i32::try_from(part.len()).unwrap();
        let ten = BigInt::from(10).pow(power.unsigned_abs());
        if power < 0 { Self { above, below: ten } } else { Self::whole(above * ten) }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        // Nearly all are of powers of ten: without this, what many discounts leave grows to thousands of digits.
        if (&self.below % &other.below).sign() == Sign::NoSign {
            let above = &self.above + &other.above * (&self.below / &other.below);
            return Self { above, below: self.below.clone() };
        }
        if (&other.below % &self.below).sign() == Sign::NoSign {
            return other.plus(self);
        }
        Self { above: &self.above * &other.below + &other.above * &self.below, below: &self.below * &other.below }
    }

    pub(crate) fn less(&self, other: &Self) -> Self {
        self.plus(&other.negated())
    }

    pub(crate) fn negated(&self) -> Self {
        Self { above: -&self.above, below: self.below.clone() }
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        Self { above: &self.above * &other.above, below: &self.below * &other.below }
    }

    pub(crate) fn over(&self, other: &Self) -> Self {
        let (above, below) = (&self.above * &other.below, &self.below * &other.above);
        assert!(below.sign() != Sign::NoSign, "division by zero");
        if below.sign() == Sign::Minus { Self { above: -above, below: -below } } else { Self { above, below } }
    }

    /// Settled to this many digits after the point.
    pub(crate) fn round(&self, digits: u32, mode: Mode) -> Self {
        let scale = BigInt::from(10).pow(digits);
        let scaled = &self.above * &scale;
        let (mut whole, rest) = (&scaled / &self.below, &scaled % &self.below);
        let twice = BigInt::from(rest.magnitude() * 2u32);
        let odd = (&whole % 2u32).sign() != Sign::NoSign;
        let away = match mode {
            Mode::Up => rest.sign() != Sign::NoSign,
            Mode::Down => false,
            Mode::HalfUp => twice >= self.below,
            Mode::HalfEven => twice > self.below || (twice == self.below && odd),
        };
        if away {
            whole += if scaled.sign() == Sign::Minus { -1 } else { 1 };
        }
        Self { above: whole, below: scale }
    }

    /// As the engine keeps quantities, prices and rated amounts: 18 digits, halves away from zero.
    pub(crate) fn kept(&self) -> Self {
        self.round(18, Mode::HalfUp)
    }

    /// The nearest whole multiple of `step` in this direction.
    pub(crate) fn to_step(&self, step: &Self, mode: Mode) -> Self {
        self.over(step).round(0, mode).times(step).kept()
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.above.sign() == Sign::NoSign
    }

    pub(crate) fn is_positive(&self) -> bool {
        self.above.sign() == Sign::Plus
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.above.sign() == Sign::Minus
    }

    pub(crate) fn least(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    pub(crate) fn most(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.above * &other.below).cmp(&(&other.above * &self.below))
    }
}

/// Up to 18 digits after the point, none of them a trailing zero.
impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept = self.kept();
        let digits = format!("{:0>19}", kept.above.magnitude().to_string());
        let (whole, part) = digits.split_at(digits.len() - 18);
        let text = format!("{whole}.{part}");
        let sign = if kept.is_negative() { "-" } else { "" };
        write!(f, "{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[test]
fn numbers_round_as_they_are_told() {
    let round = |text: &str, digits, mode| Exact::read(text).round(digits, mode).to_string();
    assert_eq!(round("0.125", 2, Mode::HalfUp), "0.13");
    assert_eq!(round("-0.125", 2, Mode::HalfUp), "-0.13");
    assert_eq!(round("0.125", 2, Mode::HalfEven), "0.12");
    assert_eq!(round("-0.001", 2, Mode::Up), "-0.01");
    assert_eq!(round("-0.009", 2, Mode::Down), "0");
    assert_eq!(Exact::read("9.052E-7").to_string(), "0.0000009052");
    assert_eq!(Exact::whole(61).over(&Exact::whole(60)).to_string(), "1.016666666666666667");
    assert_eq!(Exact::read("1.5").to_step(&Exact::read("-1").negated(), Mode::Up).to_string(), "2");
}
