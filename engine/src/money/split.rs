//! Splitting an amount over weights without losing a minor unit.

use arrow::datatypes::i256;

use super::{Decimal, SCALE};

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

    /// `part` × `total`, `whole` × `weight`: an exact share differs by less than a minor unit exactly when these differ by
    /// less than `unit` × `total`.
    fn is_fair(part: Decimal, whole: Decimal, weight: i128, total: i128, unit: i128) -> bool {
        let (part, whole) = (part.units() / unit, whole.units() / unit);
        (part * total - whole * weight).abs() < total
    }

    proptest! {
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
