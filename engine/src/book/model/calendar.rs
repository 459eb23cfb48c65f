//! Calendars: windows of local time with prices of their own.

use chrono::{Datelike, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::money::Decimal;

/// A price that depends on when usage happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The zone of its clock; `None` for that of the pipeline.
    pub timezone: Option<Tz>,
    /// How long one unit of the quantity lasts.
    pub spans: Span,
    /// The first that holds wins; the last has no condition.
    pub windows: Vec<Window>,
    /// Public holidays, sorted.
    pub holidays: Vec<NaiveDate>,
    /// Whether rounding a piece up to its increment uses up time of the next one.
    pub increment_carries: bool,
}

/// How long one unit of a quantity lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// The quantity is no time: a record is priced where it starts.
    #[default]
    None,
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Span {
    /// Microseconds of one unit; `None` when the quantity is no time.
    #[must_use]
    pub fn micros(self) -> Option<i64> {
        match self {
            Self::None => None,
            Self::Second => Some(1_000_000),
            Self::Minute => Some(60_000_000),
            Self::Hour => Some(3_600_000_000),
        }
    }
}

/// A window of local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name on lines.
    pub name: String,
    /// Days of the week, Monday first; `None` for all.
    pub days: Option<[bool; 7]>,
    /// First and first time after it; where the end is not after the start it passes midnight. `None` for whole days.
    pub hours: Option<(NaiveTime, NaiveTime)>,
    /// Only on these dates, sorted; `None` for all.
    pub dates: Option<Vec<NaiveDate>>,
    /// Only on holidays (`true`), or on others (`false`).
    pub holidays: Option<bool>,
    /// Price of `per` units.
    pub unit_price: Decimal,
    /// Units the price is for; above zero.
    pub per: Decimal,
    /// A piece of a record is rounded up to whole increments.
    pub increment: Option<Decimal>,
    /// Due for each record of a quantity above zero that starts in it.
    pub connect_fee: Decimal,
}

impl Window {
    /// Whether it holds at this local date and time. A window that passes midnight belongs to the date it starts on.
    #[must_use]
    pub fn holds(&self, date: NaiveDate, time: NaiveTime, holidays: &[NaiveDate]) -> bool {
        let Some((from, to)) = self.hours else { return self.is_on(date, holidays) };
        if from < to {
            return from <= time && time < to && self.is_on(date, holidays);
        }
        (time >= from && self.is_on(date, holidays))
            || (time < to && date.pred_opt().is_some_and(|date| self.is_on(date, holidays)))
    }

    fn is_on(&self, date: NaiveDate, holidays: &[NaiveDate]) -> bool {
        let weekday = usize::try_from(date.weekday().num_days_from_monday()).unwrap_or(0);
        self.days.is_none_or(|days| days[weekday])
            && self.dates.as_ref().is_none_or(|dates| dates.binary_search(&date).is_ok())
            && self.holidays.is_none_or(|wanted| holidays.binary_search(&date).is_ok() == wanted)
    }

    /// Whether nothing restricts it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.days.is_none() && self.hours.is_none() && self.dates.is_none() && self.holidays.is_none()
    }
}
