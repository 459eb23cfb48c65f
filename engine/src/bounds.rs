//! Bounds: the least and the greatest amount of lines together. It knows how much a bound is by its days, and what a sum
//! lacks of it or has beyond it; it does not know which lines those are.

use crate::money::{Decimal, Weighted};

/// An amount that holds for some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// For the whole.
    pub amount: Decimal,
    /// Days it holds for.
    pub days: i64,
}

/// The amount of `spans` together, each for its days of `of`, rounded half up once; `None` when it does not fit.
#[must_use]
pub fn by_days(spans: &[Span], of: i64) -> Option<Decimal> {
    // Whole days of everything are the amount itself, whatever its size.
    if let [only] = spans
        && only.days == of
    {
        return Some(only.amount);
    }
    spans.iter().try_fold(Weighted::default(), |sum, span| sum.plus(span.amount, span.days))?.over(of)
}

/// Which bound a sum is moved to, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Up to the least amount.
    ToMinimum(Decimal),
    /// Down to the greatest amount; negative.
    ToMaximum(Decimal),
}

/// What must be added to `sum`, if anything; the minimum comes first. The outer `None`: it does not fit.
#[must_use]
pub fn moved(sum: Decimal, minimum: Option<Decimal>, maximum: Option<Decimal>) -> Option<Option<Moved>> {
    if let Some(least) = minimum.filter(|least| sum < *least) {
        return Some(Some(Moved::ToMinimum(least.minus(sum)?)));
    }
    match maximum.filter(|most| sum > *most) {
        Some(most) => Some(Some(Moved::ToMaximum(most.minus(sum)?))),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn a_bound_of_two_stretches_is_that_of_the_month() {
        let span = |amount, days| Span { amount: dec(amount), days };
        assert_eq!(by_days(&[span("100", 15), span("100", 16)], 31), Some(dec("100")));
        assert_eq!(by_days(&[span("100", 15), span("131", 16)], 31), Some(dec("116")));
        assert_eq!(by_days(&[span("100", 10)], 31), Some(dec("32.258064516129032258")));
        assert_eq!(by_days(&[], 31), Some(Decimal::ZERO));
        let most = dec("99999999999999999999");
        assert_eq!(by_days(&[Span { amount: most, days: 31 }], 31), Some(most));
    }

    #[test]
    fn a_sum_is_moved_to_the_bound_it_is_past() {
        let bounds = (Some(dec("100")), Some(dec("125")));
        let to = |sum: &str| moved(dec(sum), bounds.0, bounds.1).unwrap();
        assert_eq!(to("99.5"), Some(Moved::ToMinimum(dec("0.5"))));
        assert_eq!((to("100"), to("110"), to("125")), (None, None, None));
        assert_eq!(to("150"), Some(Moved::ToMaximum(dec("-25"))));
        assert_eq!(to("-10"), Some(Moved::ToMinimum(dec("110"))));
        assert_eq!(moved(dec("5"), None, None), Some(None));
    }
}
