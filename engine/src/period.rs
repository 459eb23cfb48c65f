//! Periods: the half-open stretch of time a run bills, its local days, and exact part-period fractions.
//!
//! Every instant is an `i64` of microseconds since 1970 UTC; every day is counted from the period's first local day.
//! There is no clock here: the period is always given.

use chrono::{Datelike, Days, Months, NaiveDate, TimeZone};
use chrono_tz::Tz;

use crate::fault::{Fault, Outcome, codes};

/// One calendar month in a time zone, `[start, end)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// `YYYY-MM`.
    pub label: String,
    /// The zone whose midnights bound the days.
    pub timezone: Tz,
    /// First local day.
    pub first_day: NaiveDate,
    /// UTC microseconds of each local midnight of the period, and of the one that ends it: `days() + 1` values.
    pub midnights: Vec<i64>,
}

impl Period {
    /// The month written `YYYY-MM` in `timezone`.
    ///
    /// # Errors
    /// `P003` when `label` is not such a month.
    pub fn month(label: &str, timezone: Tz) -> Outcome<Self> {
        let broken =
            || Fault::new(&codes::P003, format!("the period `{label}` is not a month")).hint("write it as 2026-10");
        let shaped = label.len() == 7 && label.as_bytes().get(4) == Some(&b'-');
        let first_day = shaped.then(|| NaiveDate::parse_from_str(&format!("{label}-01"), "%Y-%m-%d").ok()).flatten();
        let first_day = first_day.ok_or_else(broken)?;
        let end_day = first_day.checked_add_months(Months::new(1)).ok_or_else(broken)?;
        let midnights: Option<Vec<i64>> =
            first_day.iter_days().take_while(|day| *day <= end_day).map(|day| midnight(day, timezone)).collect();
        Ok(Self { label: label.to_owned(), timezone, first_day, midnights: midnights.ok_or_else(broken)? })
    }

    /// First instant, inclusive.
    #[must_use]
    pub fn start(&self) -> i64 {
        self.midnights.first().copied().unwrap_or_default()
    }

    /// First instant after the period.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.midnights.last().copied().unwrap_or_default()
    }

    /// Number of local days.
    #[must_use]
    pub fn days(&self) -> usize {
        self.midnights.len() - 1
    }

    /// The local day (0 is the first) `instant` falls on; `None` outside the period.
    #[must_use]
    pub fn day_of(&self, instant: i64) -> Option<u16> {
        let after = self.midnights.partition_point(|midnight| *midnight <= instant);
        (after > 0 && after < self.midnights.len()).then(|| u16::try_from(after - 1).ok()).flatten()
    }

    /// The date of local day `day`.
    #[must_use]
    pub fn date(&self, day: u16) -> NaiveDate {
        self.first_day.checked_add_days(Days::new(u64::from(day))).unwrap_or(self.first_day)
    }

    /// The first day after the period.
    #[must_use]
    pub fn end_day(&self) -> NaiveDate {
        self.first_day.checked_add_months(Months::new(1)).unwrap_or(self.first_day)
    }

    /// Days of `[start, end)` inside the period, of all its days: the exact by-day proration fraction
    /// (DESIGN section 5, "proration: actual days").
    #[must_use]
    pub fn days_within(&self, start: NaiveDate, end: Option<NaiveDate>) -> (i64, i64) {
        let from = start.max(self.first_day);
        let to = end.unwrap_or_else(|| self.end_day()).min(self.end_day());
        let whole = (self.end_day() - self.first_day).num_days();
        ((to - from).num_days().max(0), whole)
    }

    /// Whether `day` is one of the period's days.
    #[must_use]
    pub fn holds(&self, day: NaiveDate) -> bool {
        day.year() == self.first_day.year() && day.month() == self.first_day.month()
    }
}

/// UTC microseconds of the start of `day` in `timezone`; where a clock change skips midnight, the first instant after it.
#[must_use]
pub fn midnight(day: NaiveDate, timezone: Tz) -> Option<i64> {
    let minutes = (0..=180).step_by(15).filter_map(|minute| day.and_hms_opt(minute / 60, minute % 60, 0));
    minutes
        .filter_map(|local| timezone.from_local_datetime(&local).earliest())
        .map(|instant| instant.timestamp_micros())
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_local_days_even_over_a_clock_change() {
        let period = Period::month("2026-11", chrono_tz::America::Denver).unwrap();
        assert_eq!(period.days(), 30);
        assert_eq!(period.end() - period.start(), (30 * 24 + 1) * 3_600_000_000);
        assert_eq!(period.day_of(period.start()), Some(0));
        assert_eq!(period.day_of(period.start() - 1), None);
        assert_eq!(period.day_of(period.end()), None);
        assert_eq!(period.day_of(period.end() - 1), Some(29));
    }

    #[test]
    fn part_periods_are_exact_fractions() {
        let period = Period::month("2026-10", chrono_tz::UTC).unwrap();
        let day = |d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap();
        assert_eq!(period.days_within(day(16), None), (16, 31));
        assert_eq!(period.days_within(day(1), Some(day(1))), (0, 31));
    }

    #[test]
    fn only_year_dash_month_is_a_period() {
        for label in ["2026-13", "2026-1", "October", "2026-10-01", ""] {
            assert!(Period::month(label, chrono_tz::UTC).is_err(), "{label}");
        }
    }
}
