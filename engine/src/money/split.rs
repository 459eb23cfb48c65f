//! Splitting an amount over weights without losing a minor unit.

use arrow::datatypes::i256;

use super::{Decimal, SCALE};

/// Divides `whole` over `weights` in proportion, each part rounded to `digits` after the point, so that the parts add up
/// to the whole exactly: every part gets its share rounded towards zero, and the minor units left go to the largest
/// remainders, of equal ones to the earlier part.
///
/// `None` when a weight is negative, all weights are zero though the whole is not, or the whole itself has more than
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
