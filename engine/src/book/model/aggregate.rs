//! Aggregates that must see single records: levels held over time, percentiles, and windows of local time.

use crate::money::Decimal;

/// Minutes of a local day: a window that is one.
pub const DAY: u16 = 24 * 60;

/// A quantity that goes on until the next record changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Level {
    /// Whether a record says the level itself; else by how much it changes.
    pub absolute: bool,
    /// Whether the level that closed the period before opens this one.
    pub carry: bool,
}

impl Level {
    /// The level after a record of `quantity`; `None` when it does not fit.
    #[must_use]
    pub fn after(self, level: Decimal, quantity: Decimal) -> Option<Decimal> {
        if self.absolute { Some(quantity) } else { level.plus(quantity) }
    }
}

/// Windows of local time, and what they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Windowed {
    /// Length of a window; it divides a day, at whose start a window starts.
    pub minutes: u16,
    /// What the records of one window come to.
    pub of: OfWindow,
    /// What the windows come to.
    pub then: Then,
}

/// What the records of one window come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OfWindow {
    /// Greatest quantity.
    Max,
    /// Smallest quantity.
    Min,
    /// Sum of the quantities.
    Sum,
    /// Number of records.
    Count,
    /// Quantity of the last record.
    Latest,
}

/// What the windows of a period come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// Their sum.
    Sum,
    /// The greatest.
    Max,
    /// The smallest.
    Min,
}

impl OfWindow {
    /// The window's value once a record of `quantity` follows those that came to `value`; `None` when it does not fit.
    #[must_use]
    pub fn after(self, value: Option<Decimal>, quantity: Decimal) -> Option<Decimal> {
        match (self, value) {
            (Self::Count, value) => value.unwrap_or_default().plus(Decimal::ONE),
            (Self::Latest, _) | (_, None) => Some(quantity),
            (Self::Max, Some(value)) => Some(value.max(quantity)),
            (Self::Min, Some(value)) => Some(value.min(quantity)),
            (Self::Sum, Some(value)) => value.plus(quantity),
        }
    }
}

impl Then {
    /// The value of two windows, or of two days, together; `None` when it does not fit.
    #[must_use]
    pub fn together(self, one: Decimal, other: Decimal) -> Option<Decimal> {
        match self {
            Self::Sum => one.plus(other),
            Self::Max => Some(one.max(other)),
            Self::Min => Some(one.min(other)),
        }
    }
}

/// The value at position ceil(`percent` ÷ 100 × n) of the n sorted `values` (nearest rank); zero when there is none.
#[must_use]
pub fn nearest_rank(percent: Decimal, values: &mut [i128]) -> Decimal {
    let hundred = Decimal::whole(100).units();
    let ranked = i128::try_from(values.len()).ok().and_then(|count| count.checked_mul(percent.units()));
    let position = ranked.map(|ranked| ranked / hundred + i128::from(ranked % hundred != 0));
    let position = position.and_then(|position| usize::try_from(position).ok()).unwrap_or_default();
    let index = position.clamp(1, values.len().max(1)) - 1;
    if index >= values.len() {
        return Decimal::ZERO;
    }
    let (_, value, _) = values.select_nth_unstable(index);
    Decimal::from_units(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_at_its_nearest_rank() {
        let rank = |percent: &str, count: i128| {
            let mut values: Vec<i128> = (1..=count).rev().map(|value| value * Decimal::ONE.units()).collect();
            nearest_rank(Decimal::parse(percent).unwrap(), &mut values).to_string()
        };
        for (percent, count, value) in [
            ("95", 100, "95"),
            ("95", 20, "19"),
            ("95", 21, "20"),
            ("50", 1, "1"),
            ("0.000000000000000001", 7, "1"),
            ("100", 7, "7"),
            ("33.333333333333333333", 3, "1"),
            ("33.333333333333333334", 3, "2"),
            ("95", 0, "0"),
        ] {
            assert_eq!(rank(percent, count), value, "p{percent} of {count}");
        }
    }
}
