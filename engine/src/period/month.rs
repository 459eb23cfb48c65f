//! Calendar months as a count, for what is carried from one period to later ones.

use std::fmt;

use chrono::{Datelike, NaiveDate};

/// A calendar month, written `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// January 1900, which stands for no period: before every date of a book.
    pub const BEFORE_ALL: Self = Self(1900 * 12);

    /// The month of `day`.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self(day.year() * 12 + day.month0().cast_signed())
    }

    /// The month written `YYYY-MM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        let (year, month) = (digits(year, 4).then_some(year)?, digits(month, 2).then_some(month)?);
        let (year, month): (i32, i32) = (year.parse().ok()?, month.parse().ok()?);
        (1..=12).contains(&month).then_some(Self(year * 12 + month - 1))
    }

    /// The month `count` months later; the last there is when that is too far.
    #[must_use]
    pub fn later(self, count: u32) -> Self {
        Self(i32::try_from(count).ok().and_then(|count| self.0.checked_add(count)).unwrap_or(i32::MAX).min(LAST))
    }
}

/// December 9999: later months cannot be written.
const LAST: i32 = 9999 * 12 + 11;

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_over_years() {
        let month = |text: &str| Month::parse(text).unwrap();
        assert_eq!(month("2026-11").later(3), month("2027-02"));
        assert_eq!(month("2026-12").to_string(), "2026-12");
        assert_eq!(Month::of(NaiveDate::from_ymd_opt(2026, 1, 31).unwrap()), month("2026-01"));
        assert_eq!(month("2026-01").later(u32::MAX).to_string(), "9999-12");
        for text in ["2026", "2026-13", "2026-00", "2026-1", "26-01", "+026-01", "2026-10-01", ""] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
