//! Splitting an amount over weights without losing a minor unit.

use arrow::datatypes::i256;

use super::{Decimal, Rounding, SCALE};

/// Divides `whole` over `weights` in proportion, each part rounded to `digits` after the point, so that the parts add up
/// to the whole exactly: every part gets its share rounded towards zero, and the minor units left go to the largest
/// remainders, of equal ones to the earlier part.
///
/// `None` when a weight is negative, the whole is not zero but all weights are (or there are none), or the whole itself has more than
/// `digits` digits after the point.
#[must_use]
pub fn split(whole: Decimal, weights: &[Decimal], digits: u32) -> Option<Vec<Decimal>> {
    if whole.is_zero() {
        return weights.iter().all(|weight| !weight.is_negative()).then(|| vec![Decimal::ZERO; weights.len()]);
    }
    let unit = 10_i128.checked_pow(SCALE.saturating_sub(digits))?;
    if whole.units() % unit != 0 || weights.iter().any(|weight| weight.is_negative()) {
        return None;
    }
    let count = i256::from_i128((whole.units() / unit).checked_abs()?);
    let total = weights.iter().fold(i256::ZERO, |sum, weight| sum.wrapping_add(i256::from_i128(weight.units())));
    if total == i256::ZERO {
        return None;
    }
    // A count and a weight are below 10^38 each, so their product fits 256 bits.
    let mut parts = Vec::with_capacity(weights.len());
    let mut rests = Vec::with_capacity(weights.len());
    let mut left = count;
    for (at, weight) in weights.iter().enumerate() {
        let product = count.checked_mul(i256::from_i128(weight.units()))?;
        let share = product.checked_div(total)?;
        rests.push((std::cmp::Reverse(product.checked_rem(total)?), at));
        left = left.wrapping_sub(share);
        parts.push(share.to_i128()?);
    }
    rests.sort_unstable();
    for (_, at) in rests.iter().take(left.to_i128().and_then(|left| usize::try_from(left).ok())?) {
        *parts.get_mut(*at)? += 1;
    }
    let sign = if whole.is_negative() { -unit } else { unit };
    Some(parts.into_iter().map(|part| Decimal::from_units(part * sign)).collect())
}

/// Rounds `parts` so that they add up to their exact sum rounded once by `mode`: every part is rounded down to `digits`, and
/// the minor units left go one each to the largest remainders, of equal ones to the earlier part. Parts may be of either
/// sign; where their sum is below zero, all of it is the mirror of the opposite parts. `None` when the sum does not fit.
#[must_use]
pub fn round_together(parts: &[Decimal], digits: u32, mode: Rounding) -> Option<Vec<Decimal>> {
    let unit = 10_i128.checked_pow(SCALE.saturating_sub(digits))?;
    let sum = parts.iter().try_fold(Decimal::ZERO, |sum, part| sum.plus(*part))?;
    let whole = sum.rounded(digits, mode)?.units() / unit;
    // A credit is the mirror of the bill it takes back.
    let sign = if sum.is_negative() { -1 } else { 1 };
    let mut units: Vec<i128> = parts.iter().map(|part| (part.units() * sign).div_euclid(unit)).collect();
    let mut left = usize::try_from(whole * sign - units.iter().sum::<i128>()).ok()?;
    let mut rests: Vec<(std::cmp::Reverse<i128>, usize)> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| (std::cmp::Reverse((part.units() * sign).rem_euclid(unit)), at))
        .collect();
    rests.sort_unstable();
    for (_, at) in rests {
        if left == 0 {
            break;
        }
        *units.get_mut(at)? += 1;
        left -= 1;
    }
    Some(units.into_iter().map(|part| Decimal::from_units(part * unit * sign)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn parts(whole: &str, weights: &[&str], digits: u32) -> Option<Vec<String>> {
        let weights: Vec<Decimal> = weights.iter().map(|weight| dec(weight)).collect();
        split(dec(whole), &weights, digits).map(|parts| parts.iter().map(Decimal::to_string).collect())
    }

    #[test]
    fn what_is_left_goes_to_the_largest_remainders_and_then_to_the_earlier() {
        for (whole, weights, digits, expected) in [
            ("10", &["1", "1", "1"][..], 2, &["3.34", "3.33", "3.33"][..]),
            ("-10", &["1", "1", "1"], 2, &["-3.34", "-3.33", "-3.33"]),
            ("0.05", &["1", "2", "3"], 2, &["0.01", "0.02", "0.02"]),
            ("100", &["0.5", "0.25", "0.25"], 0, &["50", "25", "25"]),
            ("1", &["0", "7", "0"], 3, &["0", "1", "0"]),
            ("0.01", &["5", "5"], 2, &["0.01", "0"]),
            ("0", &["0", "0"], 2, &["0", "0"]),
            ("0", &[], 2, &[]),
        ] {
            assert_eq!(parts(whole, weights, digits).unwrap(), expected, "{whole} over {weights:?}");
        }
    }

    #[test]
    fn what_cannot_be_split_to_the_minor_unit_is_not_split() {
        for (whole, weights, digits) in
            [("1", &["0", "0"][..], 2), ("1", &[], 2), ("1", &["2", "-1"], 2), ("0", &["-1"], 2), ("0.005", &["1"], 2)]
        {
            assert_eq!(parts(whole, weights, digits), None, "{whole} over {weights:?}");
        }
    }

    #[test]
    fn the_largest_amounts_and_weights_fit() {
        let most = "99999999999999999999.999999999999999999";
        let thirds = parts(most, &[most, most, most], 18).unwrap();
        assert_eq!(thirds, vec!["33333333333333333333.333333333333333333"; 3]);
    }

    fn together(parts: &[&str], digits: u32, mode: Rounding) -> Vec<String> {
        let parts: Vec<Decimal> = parts.iter().map(|part| dec(part)).collect();
        round_together(&parts, digits, mode).unwrap().iter().map(Decimal::to_string).collect()
    }

    #[test]
    fn parts_rounded_together_come_to_the_rounded_sum() {
        for (parts, digits, mode, expected) in [
            // 0.0125 is 0.01 with one rounding, 0 with three.
            (&["0.004", "0.004", "0.0045"][..], 2, Rounding::HalfUp, &["0", "0", "0.01"][..]),
            (&["0.335", "0.335", "0.33"], 2, Rounding::HalfUp, &["0.34", "0.33", "0.33"]),
            (&["-0.335", "-0.335", "-0.33"], 2, Rounding::HalfUp, &["-0.34", "-0.33", "-0.33"]),
            (&["10.006", "-3.003"], 2, Rounding::HalfUp, &["10", "-3"]),
            (&["0.001", "0"], 2, Rounding::Up, &["0.01", "0"]),
            (&["0.009", "0.009"], 2, Rounding::Down, &["0.01", "0"]),
            (&["1.5", "1.5"], 0, Rounding::HalfEven, &["2", "1"]),
            (&["2"], 2, Rounding::HalfUp, &["2"]),
            (&[], 2, Rounding::HalfUp, &[]),
        ] {
            assert_eq!(together(parts, digits, mode), expected, "{parts:?}");
        }
    }

    /// `part` × `total`, `whole` × `weight`: an exact share differs by less than a minor unit exactly when these differ by
    /// less than `unit` × `total`.
    fn is_fair(part: Decimal, whole: Decimal, weight: i128, total: i128, unit: i128) -> bool {
        let (part, whole) = (part.units() / unit, whole.units() / unit);
        (part * total - whole * weight).abs() < total
    }

    proptest! {
        #[test]
        fn parts_rounded_together_are_none_a_minor_unit_off(
            parts in prop::collection::vec(-1_000_000_000_000_000_000_000_i128..1_000_000_000_000_000_000_000, 0..40),
            digits in 0_u32..=4,
            mode in prop::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down]),
        ) {
            let unit = 10_i128.pow(SCALE - digits);
            let given: Vec<Decimal> = parts.iter().map(|part| Decimal::from_units(*part)).collect();
            let rounded = round_together(&given, digits, mode).unwrap();
            let sum = Decimal::from_units(parts.iter().sum());
            prop_assert_eq!(rounded.iter().map(|part| part.units()).sum::<i128>(), sum.rounded(digits, mode).unwrap().units());
            for (part, rounded) in parts.iter().zip(&rounded) {
                prop_assert_eq!(rounded.units() % unit, 0);
                prop_assert!((part - rounded.units()).abs() <= unit);
            }
        }

        #[test]
        fn parts_add_up_and_none_is_a_minor_unit_off(
            minor in -1_000_000_000_000_000_000_i128..1_000_000_000_000_000_000,
            weights in prop::collection::vec(prop_oneof![0_i128..5, 0_i128..1_000_000_000_000_000_000], 1..40),
            digits in 0_u32..=4,
        ) {
            let unit = 10_i128.pow(SCALE - digits);
            let minor = minor % 10_i128.pow(16 + digits);
            let whole = Decimal::from_units(minor * unit);
            let total: i128 = weights.iter().sum();
            let given: Vec<Decimal> = weights.iter().map(|weight| Decimal::from_units(*weight)).collect();
            let Some(parts) = split(whole, &given, digits) else {
                prop_assert!(total == 0);
                return Ok(());
            };
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().map(|part| part.units()).sum::<i128>(), whole.units());
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert_eq!(part.units() % unit, 0);
                prop_assert!(total == 0 || is_fair(*part, whole, *weight, total, unit), "{} of {}", part, whole);
            }
            for (at, (part, weight)) in parts.iter().zip(&weights).enumerate() {
                for (later, other) in parts.iter().zip(&weights).skip(at + 1).filter(|(_, other)| *other == weight) {
                    prop_assert!(part.units().abs() >= later.units().abs(), "equal weights {}: the earlier first", other);
                }
            }
        }
    }
}
