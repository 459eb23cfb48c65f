//! Periods: the half-open stretch of time a run bills, its local days, and exact part-period fractions.
//!
//! Every instant is an `i64` of microseconds since 1970 UTC; every day is counted from the period's first local day.
//! There is no clock here: the period is always given.

use chrono::{Datelike, Days, MappedLocalTime, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::fault::{Fault, Outcome, codes};

pub mod month;

pub use month::Month;

/// Seconds of a day without a clock change.
const DAY: i64 = 24 * 3600;

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
        let fits = |(at, byte): (usize, &u8)| if at == 4 { *byte == b'-' } else { byte.is_ascii_digit() };
        let shaped = label.len() == 7 && label.as_bytes().iter().enumerate().all(fits);
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

    /// First instants of all windows of `minutes`, which divide a day, and the end of the period. Windows start where the
    /// local clock shows a whole number of them since midnight: where a clock change skips that, at the first instant
    /// after it; where it shows a whole window twice, twice.
    #[must_use]
    pub fn windows(&self, minutes: u16) -> Vec<i64> {
        let step = i64::from(minutes.max(1)) * 60;
        let mut starts = self.midnights.clone();
        for day in self.first_day.iter_days().take(if step < DAY { self.days() } else { 0 }) {
            for seconds in (0..DAY).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
                let local = day.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::seconds(seconds));
                match local.map(|local| self.timezone.from_local_datetime(&local)) {
                    Some(MappedLocalTime::Ambiguous(one, other)) => {
                        let (one, other) = (one.timestamp_micros(), other.timestamp_micros());
                        starts.push(one);
                        starts.extend((other - one >= step * 1_000_000).then_some(other));
                    }
                    Some(MappedLocalTime::Single(one)) => starts.push(one.timestamp_micros()),
                    _ => starts.extend(local.and_then(|local| first_instant(local, self.timezone))),
                }
            }
        }
        starts.retain(|start| (self.start()..=self.end()).contains(start));
        starts.sort_unstable();
        starts.dedup();
        starts
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

    /// The local day that is this many days after 1970-01-01; `None` outside the period.
    #[must_use]
    pub fn day_at(&self, date: i32) -> Option<u16> {
        let first = self.first_day.signed_duration_since(NaiveDate::default()).num_days();
        let day = i64::from(date) - first;
        u16::try_from(day).ok().filter(|day| usize::from(*day) < self.days())
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

/// Days of `[from, to)` on which at least one of `runs` (`[start, end)`, open without an end) holds.
#[must_use]
pub fn days_together(runs: &[(NaiveDate, Option<NaiveDate>)], from: NaiveDate, to: NaiveDate) -> i64 {
    let within = |(start, end): &(NaiveDate, Option<NaiveDate>)| ((*start).max(from), end.unwrap_or(to).min(to));
    let mut within: Vec<(NaiveDate, NaiveDate)> = runs.iter().map(within).collect();
    within.sort_unstable();
    let (mut days, mut counted) = (0, from);
    for (start, end) in within {
        days += (end - start.max(counted)).num_days().max(0);
        counted = counted.max(end);
    }
    days
}

/// UTC microseconds of the start of `day` in `timezone`; where a clock change skips midnight, or the whole day, the first
/// instant after it.
#[must_use]
pub fn midnight(day: NaiveDate, timezone: Tz) -> Option<i64> {
    first_instant(day.and_time(NaiveTime::MIN), timezone)
}

/// The first instant at which the clock shows `start`, or something later when it skips that.
fn first_instant(start: NaiveDateTime, timezone: Tz) -> Option<i64> {
    let instant = |seconds: i64| {
        let local = start.checked_add_signed(TimeDelta::try_seconds(seconds)?)?;
        timezone.from_local_datetime(&local).earliest().map(|instant| instant.timestamp_micros())
    };
    if let Some(instant) = instant(0) {
        return Some(instant);
    }
    // No zone has ever skipped more than a day: the end of the gap lies between these two.
    let (mut skipped, mut there) = (0, 2 * DAY);
    while there - skipped > 1 {
        let middle = i64::midpoint(skipped, there);
        if instant(middle).is_some() { there = middle } else { skipped = middle }
    }
    instant(there)
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
    fn a_local_day_that_a_zone_skips_has_no_length() {
        let period = Period::month("2011-12", chrono_tz::Pacific::Apia).unwrap();
        assert_eq!((period.days(), period.end() - period.start()), (31, 30 * 24 * 3_600_000_000));
        let skipped = period.midnights[29];
        assert_eq!(skipped, period.midnights[30]);
        assert_eq!((period.day_of(skipped - 1), period.day_of(skipped)), (Some(28), Some(30)));
        assert_eq!(period.date(30), NaiveDate::from_ymd_opt(2011, 12, 31).unwrap());
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_begins_when_the_clock_goes_on() {
        let start = |y, m, d, zone| midnight(NaiveDate::from_ymd_opt(y, m, d).unwrap(), zone).unwrap();
        let utc = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
        assert_eq!(start(2018, 11, 4, chrono_tz::America::Sao_Paulo), utc("2018-11-04T03:00:00Z"));
        // By 44 minutes and 30 seconds.
        assert_eq!(start(1972, 1, 7, chrono_tz::Africa::Monrovia), utc("1972-01-07T00:44:30Z"));
    }

    #[test]
    fn windows_start_where_the_local_clock_says_so() {
        let lengths = |label: &str, zone, minutes: u16| {
            let windows = Period::month(label, zone).unwrap().windows(minutes);
            let lengths: Vec<i64> = windows.windows(2).map(|pair| (pair[1] - pair[0]) / 60_000_000).collect();
            let usual = i64::from(minutes);
            let odd = lengths.iter().enumerate().filter(|(_, length)| **length != usual);
            (lengths.len(), odd.map(|(at, length)| (at, *length)).collect::<Vec<_>>())
        };
        let (denver, howe) = (chrono_tz::America::Denver, chrono_tz::Australia::Lord_Howe);
        // The hour skipped is no window; the hour repeated is two.
        assert_eq!(lengths("2026-03", denver, 60), (31 * 24 - 1, vec![]));
        assert_eq!(lengths("2026-11", denver, 60), (30 * 24 + 1, vec![]));
        assert_eq!(lengths("2026-11", denver, 5), ((30 * 24 + 1) * 12, vec![]));
        // Six hours and a day are what the clock says, whatever their length.
        assert_eq!(lengths("2026-03", denver, 360), (31 * 4, vec![(28, 300)]));
        assert_eq!(lengths("2026-11", denver, 360), (30 * 4, vec![(0, 420)]));
        assert_eq!(lengths("2026-11", denver, 1440), (30, vec![(0, 1500)]));
        // A clock that is changed by half an hour.
        assert_eq!(lengths("2026-10", howe, 60), (31 * 24, vec![(74, 30)]));
        assert_eq!(lengths("2026-04", howe, 60), (30 * 24, vec![(97, 90)]));
    }

    #[test]
    fn part_periods_are_exact_fractions() {
        let period = Period::month("2026-10", chrono_tz::UTC).unwrap();
        let day = |d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap();
        assert_eq!(period.days_within(day(16), None), (16, 31));
        assert_eq!(period.days_within(day(1), Some(day(1))), (0, 31));
    }

    #[test]
    fn days_on_which_something_runs_count_once() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap();
        let days = |runs: &[(NaiveDate, Option<NaiveDate>)]| days_together(runs, day(1), day(31));
        assert_eq!(days(&[(day(5), Some(day(10))), (day(8), Some(day(12)))]), 7);
        assert_eq!(days(&[(day(20), None), (day(1), Some(day(1))), (day(2), Some(day(4)))]), 13);
        assert_eq!(days(&[(day(31), None)]), 0);
        assert_eq!(days(&[]), 0);
    }

    #[test]
    fn only_year_dash_month_is_a_period() {
        for label in
            ["2026-13", "2026-1", "October", "2026-10-01", "", "+026-10", "-026-10", " 026-10", "2026-+1", "２6-10"]
        {
            assert!(Period::month(label, chrono_tz::UTC).is_err(), "{label}");
        }
    }
}
