//! The intervals of recurring amounts: half-open stretches of local days that follow one another without a gap, before and
//! after whatever they are counted from.
//!
//! It knows no amounts and no subscriptions; which run bills an interval is said by `fixed`.

use chrono::{Datelike, Months, NaiveDate, TimeDelta, Weekday};
use chrono_tz::Tz;

use crate::book::model::{Anchor, Every, Prorate, Schedule};
use crate::period::midnight;

/// One interval, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First day.
    pub start: NaiveDate,
    /// First day after it.
    pub end: NaiveDate,
}

/// What intervals may be counted from, of one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// First day of the subscription.
    pub begins: NaiveDate,
    /// Day of the month, 1 to 28, on which the cycles of its account begin.
    pub cycle_day: u32,
}

/// Intervals counted from one day: number 0 begins on it.
#[derive(Clone, Copy, Debug)]
struct Grid {
    every: Every,
    origin: NaiveDate,
}

impl Grid {
    fn of(schedule: &Schedule, anchors: Anchors) -> Option<Self> {
        // Whole years, quarters and other parts of a year begin with January; 2000 is a year like any other.
        let origin = match (schedule.every, schedule.anchor) {
            (_, Anchor::Start) | (Every::Days(_), Anchor::Cycle) => anchors.begins,
            (Every::Days(_), Anchor::Calendar) => anchors.begins.week(Weekday::Mon).checked_first_day()?,
            (Every::Months(_), Anchor::Calendar) => NaiveDate::from_ymd_opt(2000, 1, 1)?,
            (Every::Months(_), Anchor::Cycle) => NaiveDate::from_ymd_opt(2000, 1, anchors.cycle_day.clamp(1, 28))?,
        };
        Some(Self { every: schedule.every, origin })
    }

    /// First day of interval `number`. Months that lack the day of the origin begin on their last day, and the next ones on
    /// the day itself again.
    fn start(&self, number: i64) -> Option<NaiveDate> {
        match self.every {
            Every::Days(days) => {
                self.origin.checked_add_signed(TimeDelta::try_days(number.checked_mul(i64::from(days))?)?)
            }
            Every::Months(months) => {
                let all = number.checked_mul(i64::from(months))?;
                let count = Months::new(u32::try_from(all.unsigned_abs()).ok()?);
                if all < 0 { self.origin.checked_sub_months(count) } else { self.origin.checked_add_months(count) }
            }
        }
    }

    /// Number of the interval that holds `day`.
    fn holding(&self, day: NaiveDate) -> Option<i64> {
        let number = match self.every {
            Every::Days(days) => (day - self.origin).num_days().div_euclid(i64::from(days)),
            Every::Months(months) => {
                let month = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
                (month(day) - month(self.origin)).div_euclid(i64::from(months))
            }
        };
        // Counted by months alone the day may still lie in the interval before.
        if self.start(number)? > day { number.checked_sub(1) } else { Some(number) }
    }
}

/// The intervals that hold a day of `[from, to)`, ascending.
pub fn intervals(
    schedule: &Schedule,
    anchors: Anchors,
    (from, to): (NaiveDate, NaiveDate),
) -> impl Iterator<Item = Interval> + use<> {
    let grid = Grid::of(schedule, anchors);
    let first = grid.and_then(|grid| grid.holding(from));
    let all = grid.zip(first).into_iter().flat_map(|(grid, first)| {
        (first..).map_while(move |number| Some(Interval { start: grid.start(number)?, end: grid.start(number + 1)? }))
    });
    all.take_while(move |interval| interval.start < to)
}

/// A part of something, as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Days (or seconds) of the part.
    pub part: i64,
    /// Days (or seconds) of the whole.
    pub of: i64,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { part: 1, of: 1 };
}

/// The share of the days `[from, to)` in `interval`; `None` for days without a beginning in the zone. `changed` says that the
/// part ends with a change inside the interval.
#[must_use]
pub fn share(
    prorate: Prorate,
    (from, to): (NaiveDate, NaiveDate),
    interval: Interval,
    changed: bool,
    zone: Tz,
) -> Option<Share> {
    let days = |from: NaiveDate, to: NaiveDate| (to - from).num_days();
    let seconds = |from: NaiveDate, to: NaiveDate| Some((midnight(to, zone)? - midnight(from, zone)?) / 1_000_000);
    Some(match prorate {
        Prorate::ByDay => Share { part: days(from, to), of: days(interval.start, interval.end) },
        // Both sides of a change have its day.
        Prorate::BothEnds => {
            Share { part: days(from, to) + i64::from(changed), of: days(interval.start, interval.end) }
        }
        Prorate::BySecond => Share { part: seconds(from, to)?, of: seconds(interval.start, interval.end)? },
        Prorate::ThirtyDay => {
            Share { part: thirty(to) - thirty(from), of: thirty(interval.end) - thirty(interval.start) }
        }
        Prorate::None => Share::WHOLE,
    })
}

/// The number of a day where every month has 30 of them: the 31st has that of the 30th.
fn thirty(day: NaiveDate) -> i64 {
    i64::from(day.year()) * 360 + i64::from(day.month0()) * 30 + i64::from(day.day().min(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn schedule(every: Every, anchor: Anchor) -> Schedule {
        let prorate = Prorate::ByDay;
        Schedule { every, anchor, advance: true, prorate, billed_in_trial: false, credit_unused: true }
    }

    fn shown(every: Every, anchor: Anchor, begins: &str, cycle_day: u32, within: (&str, &str)) -> String {
        let anchors = Anchors { begins: day(begins), cycle_day };
        let found = intervals(&schedule(every, anchor), anchors, (day(within.0), day(within.1)));
        found.map(|one| format!("{}..{}", one.start, one.end)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn calendar_intervals_are_those_of_the_calendar() {
        let october = ("2026-10-01", "2026-11-01");
        let calendar = |every| shown(every, Anchor::Calendar, "2026-08-19", 15, october);
        assert_eq!(calendar(Every::Months(1)), "2026-10-01..2026-11-01");
        assert_eq!(calendar(Every::Months(3)), "2026-10-01..2027-01-01");
        assert_eq!(calendar(Every::Months(12)), "2026-01-01..2027-01-01");
        assert_eq!(calendar(Every::Months(2)), "2026-09-01..2026-11-01");
        assert_eq!(
            calendar(Every::Days(7)),
            "2026-09-28..2026-10-05 2026-10-05..2026-10-12 2026-10-12..2026-10-19 2026-10-19..2026-10-26 2026-10-26..2026-11-02"
        );
    }

    #[test]
    fn cycles_begin_on_the_day_of_the_account() {
        let october = ("2026-10-01", "2026-11-01");
        let cycle = |every| shown(every, Anchor::Cycle, "2026-08-19", 15, october);
        assert_eq!(cycle(Every::Months(1)), "2026-09-15..2026-10-15 2026-10-15..2026-11-15");
        assert_eq!(cycle(Every::Months(3)), "2026-07-15..2026-10-15 2026-10-15..2027-01-15");
        assert_eq!(cycle(Every::Months(12)), "2026-01-15..2027-01-15");
    }

    #[test]
    fn intervals_from_the_start_keep_its_day_where_months_have_it() {
        let start = |every, begins, within| shown(every, Anchor::Start, begins, 1, within);
        let months = Every::Months(1);
        assert_eq!(
            start(months, "2026-01-31", ("2026-02-01", "2026-03-01")),
            "2026-01-31..2026-02-28 2026-02-28..2026-03-31"
        );
        assert_eq!(
            start(months, "2026-01-31", ("2026-04-01", "2026-05-01")),
            "2026-03-31..2026-04-30 2026-04-30..2026-05-31"
        );
        // Before the subscription, too: nobody is billed for those.
        assert_eq!(
            start(months, "2026-10-16", ("2026-10-01", "2026-11-01")),
            "2026-09-16..2026-10-16 2026-10-16..2026-11-16"
        );
        assert_eq!(
            start(Every::Months(12), "2024-02-29", ("2025-02-01", "2025-03-01")),
            "2024-02-29..2025-02-28 2025-02-28..2026-02-28"
        );
        assert_eq!(
            start(Every::Days(30), "2026-09-16", ("2026-10-01", "2026-11-01")),
            "2026-09-16..2026-10-16 2026-10-16..2026-11-15"
        );
    }

    #[test]
    fn shares_are_counted_as_the_price_says() {
        let interval = Interval { start: day("2026-03-01"), end: day("2026-04-01") };
        let zone = chrono_tz::America::Denver;
        let count = |prorate, from: &str, to: &str, changed| {
            let share = share(prorate, (day(from), day(to)), interval, changed, zone).unwrap();
            (share.part, share.of)
        };
        assert_eq!(count(Prorate::ByDay, "2026-03-15", "2026-04-01", false), (17, 31));
        assert_eq!(count(Prorate::BothEnds, "2026-03-01", "2026-03-15", true), (15, 31));
        assert_eq!(count(Prorate::BothEnds, "2026-03-15", "2026-04-01", false), (17, 31));
        // The clock is put forward on the 8th.
        assert_eq!(
            count(Prorate::BySecond, "2026-03-01", "2026-03-15", true),
            (14 * 86_400 - 3_600, 31 * 86_400 - 3_600)
        );
        assert_eq!(count(Prorate::ThirtyDay, "2026-03-16", "2026-04-01", false), (15, 30));
        assert_eq!(count(Prorate::ThirtyDay, "2026-03-31", "2026-04-01", false), (1, 30));
        assert_eq!(count(Prorate::ThirtyDay, "2026-03-30", "2026-03-31", false), (0, 30));
        assert_eq!(count(Prorate::None, "2026-03-30", "2026-03-31", false), (1, 1));
        let february = Interval { start: day("2026-02-01"), end: day("2026-03-01") };
        let half = share(Prorate::ThirtyDay, (day("2026-02-16"), day("2026-03-01")), february, false, zone);
        assert_eq!(half, Some(Share { part: 15, of: 30 }));
    }
}
