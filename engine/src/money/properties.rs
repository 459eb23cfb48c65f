//! Properties of [`Decimal`] against arithmetic of other hands: 256-bit school multiplication on halves, and
//! `rust_decimal` where its 96 bits reach.

use proptest::prelude::*;
use rust_decimal::{Decimal as Other, RoundingStrategy};

use super::{Decimal, LIMIT, Rounding, SCALE};

/// An unsigned 256-bit number, high half first: its order is that of the tuple.
type Wide = (u128, u128);

/// School multiplication on 64-bit halves.
fn product(a: u128, b: u128) -> Wide {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (low, cross, other, high) = (a0 * b0, a1 * b0, a0 * b1, a1 * b1);
    let middle = (low >> 64) + (cross & LOW) + (other & LOW);
    (high + (cross >> 64) + (other >> 64) + (middle >> 64), (middle << 64) | (low & LOW))
}

fn difference(a: Wide, b: Wide) -> Wide {
    let (a, b) = if a >= b { (a, b) } else { (b, a) };
    let (low, borrow) = a.1.overflowing_sub(b.1);
    (a.0 - b.0 - u128::from(borrow), low)
}

fn doubled(a: Wide) -> Wide {
    ((a.0 << 1) | (a.1 >> 127), a.1 << 1)
}

/// Whether `found` is `a` × `n` ÷ `d` rounded half away from zero, or rightly refused.
fn is_ratio(a: i128, n: i128, d: i128, found: Option<Decimal>) -> bool {
    let exact = product(a.unsigned_abs(), n.unsigned_abs());
    let divisor = d.unsigned_abs();
    let Some(found) = found.map(Decimal::units) else {
        // Refused: the exact quotient rounds to the limit or beyond, or there is none.
        return d == 0 || doubled(exact) >= product(2 * LIMIT.unsigned_abs() - 1, divisor);
    };
    let back = product(found.unsigned_abs(), divisor);
    let off = doubled(difference(exact, back));
    let nearest = off < (0, divisor) || (off == (0, divisor) && back > exact);
    let negative = (a < 0) ^ (n < 0) ^ (d < 0);
    nearest && found.unsigned_abs() < LIMIT.unsigned_abs() && (found == 0 || (found < 0) == negative)
}

/// Units of every magnitude alike, ends and round numbers included.
fn units() -> impl Strategy<Value = i128> {
    let mixed = (0_u32..=38, 0..LIMIT).prop_map(|(digits, number)| number % 10_i128.pow(digits));
    let round = (0_u32..38, 1_i128..10).prop_map(|(digits, number)| number * 10_i128.pow(digits));
    let magnitude = prop_oneof![6 => mixed, 2 => round, 1 => Just(LIMIT - 1), 1 => Just(0_i128)];
    (magnitude, any::<bool>()).prop_map(|(number, negative)| if negative { -number } else { number })
}

/// A decimal that `rust_decimal` holds exactly, as both.
fn both() -> impl Strategy<Value = (Decimal, Other)> {
    let magnitude = (0_u32..=27).prop_flat_map(|digits| 0..10_i128.pow(digits));
    (magnitude, any::<bool>()).prop_map(|(number, negative)| {
        let number = if negative { -number } else { number };
        (Decimal::from_units(number), Other::from_i128_with_scale(number, SCALE))
    })
}

const MODES: [(Rounding, RoundingStrategy); 4] = [
    (Rounding::HalfUp, RoundingStrategy::MidpointAwayFromZero),
    (Rounding::HalfEven, RoundingStrategy::MidpointNearestEven),
    (Rounding::Up, RoundingStrategy::AwayFromZero),
    (Rounding::Down, RoundingStrategy::ToZero),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn text_and_number_are_one(number in units()) {
        let shown = Decimal::from_units(number).to_string();
        prop_assert_eq!(Decimal::parse(&shown).map(Decimal::units), Ok(number), "{}", shown);
        prop_assert!(!shown.contains('.') || !shown.ends_with('0'));
    }

    #[test]
    fn exponents_move_the_point_and_nothing_else(number in units(), exponent in -20_i32..=20) {
        let moved = format!("{}E{exponent}", Decimal::from_units(number));
        let expected = match exponent {
            0.. => number.checked_mul(10_i128.pow(exponent.unsigned_abs())).filter(|units| units.abs() < LIMIT),
            _ => (number % 10_i128.pow(exponent.unsigned_abs()) == 0)
                .then(|| number / 10_i128.pow(exponent.unsigned_abs())),
        };
        prop_assert_eq!(Decimal::parse(&moved).ok().map(Decimal::units), expected, "{}", moved);
    }

    #[test]
    fn ratios_are_rounded_once(a in units(), n in units(), d in units()) {
        let [a, n, d] = [a, n, d].map(Decimal::from_units);
        prop_assert!(is_ratio(a.units(), n.units(), d.units(), a.ratio(n, d)), "{a} * {n} / {d}");
        prop_assert!(is_ratio(a.units(), n.units(), Decimal::ONE.units(), a.times(n)), "{a} * {n}");
        prop_assert!(is_ratio(a.units(), Decimal::ONE.units(), d.units(), a.over(d)), "{a} / {d}");
        prop_assert!(is_ratio(a.units(), n.units(), Decimal::whole(100).units(), n.percent_of(a)), "{n} % of {a}");
    }

    #[test]
    fn exact_halves_round_away_from_zero(q in -1_000_000_i128..1_000_000, half in 1_i128..1_000_000_000_000) {
        // (2q + 1) × half ÷ (2 × half) lies in the middle between q and q + 1 units.
        let [a, n, d] = [2 * q + 1, half, 2 * half].map(Decimal::from_units);
        let expected = if q >= 0 { q + 1 } else { q };
        prop_assert_eq!(a.ratio(n, d).map(Decimal::units), Some(expected));
        prop_assert_eq!((-a).ratio(n, -d).map(Decimal::units), Some(expected));
    }

    #[test]
    fn sums_are_those_of_whole_numbers(a in units(), b in units()) {
        let [x, y] = [a, b].map(Decimal::from_units);
        let fits = |units: i128| (units.abs() < LIMIT).then(|| Decimal::from_units(units));
        prop_assert_eq!(x.plus(y), a.checked_add(b).and_then(fits));
        prop_assert_eq!(x.minus(y), a.checked_sub(b).and_then(fits));
    }

    #[test]
    fn rounding_agrees_with_another_library((number, other) in both(), digits in 0_u32..=18) {
        for (mode, strategy) in MODES {
            let expected = other.round_dp_with_strategy(digits, strategy).normalize().to_string();
            let found = number.rounded(digits, mode).map(|rounded| rounded.to_string());
            prop_assert_eq!(found, Some(expected), "{} to {} {:?}", number, digits, mode);
        }
    }

    #[test]
    fn products_agree_with_another_library((a, x) in both(), (b, y) in both()) {
        let (x, y) = (x.normalize(), y.normalize());
        let digits = |number: Other| number.mantissa().unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
        // Only where the other library keeps every digit of the product, so that it too rounds once.
        if digits(x) + digits(y) <= 28 && x.scale() + y.scale() <= 28 {
            let exact = x.checked_mul(y).unwrap();
            let rounded = exact.round_dp_with_strategy(SCALE, RoundingStrategy::MidpointAwayFromZero);
            prop_assert_eq!(a.times(b).map(|found| found.to_string()), Some(rounded.normalize().to_string()));
        }
    }

    #[test]
    fn rounded_numbers_are_the_neighbours_of_the_number(number in units(), digits in 0_u32..=17) {
        let unit = 10_i128.pow(SCALE - digits);
        for (mode, _) in MODES {
            let Some(rounded) = Decimal::from_units(number).rounded(digits, mode) else {
                prop_assert!(number.abs() > LIMIT - unit, "{} refused", number);
                continue;
            };
            let off = rounded.units() - number;
            let in_mode = match mode {
                Rounding::HalfUp => 2 * off.abs() < unit || (2 * off.abs() == unit && (off > 0) == (number > 0)),
                Rounding::HalfEven => 2 * off.abs() < unit || (2 * off.abs() == unit && rounded.units() / unit % 2 == 0),
                Rounding::Up => off.abs() < unit && (off == 0 || (off > 0) == (number > 0)),
                Rounding::Down => off.abs() < unit && (off == 0 || (off > 0) == (number < 0)),
            };
            prop_assert!(rounded.units() % unit == 0 && in_mode, "{number} to {digits} {mode:?}");
        }
    }

    #[test]
    fn steps_count_how_often_a_step_goes_in(number in units(), step in units()) {
        let (number, step) = (Decimal::from_units(number), Decimal::from_units(step));
        match number.steps(step, Rounding::Up).map(|steps| steps.units() / Decimal::ONE.units()) {
            Some(steps) => {
                let covered = product(steps.unsigned_abs(), step.units().unsigned_abs());
                let wanted = (0, number.units().unsigned_abs());
                prop_assert!(covered >= wanted && difference(covered, wanted) < (0, step.units().unsigned_abs()));
            }
            None => prop_assert!(step.is_zero() || number.units().abs() / step.units().abs() >= 10_i128.pow(20) - 1),
        }
    }
}
