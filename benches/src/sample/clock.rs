//! October 2026 in Denver, in microseconds since 1970 (UTC).
//! Denver is at UTC-6 from the first to the last moment of the month: its clocks go back on 1 November at 02:00.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta};

use super::dice::Dice;

/// One second.
pub(crate) const SECOND: i64 = 1_000_000;
/// One hour.
pub(crate) const HOUR: i64 = 3_600 * SECOND;
/// One day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-10-01T00:00:00-06:00.
pub(crate) const PERIOD_START: i64 = 1_790_834_400 * SECOND;
/// 2026-11-01T00:00:00-06:00.
pub(crate) const PERIOD_END: i64 = PERIOD_START + 31 * DAY;

/// Midnight in Denver on a day of October 2026 (1 to 31; 32 is 1 November, 0 the last of September).
pub(crate) fn midnight(october: i64) -> i64 {
    PERIOD_START + (october - 1) * DAY
}

/// The calendar date of a day of October 2026, as `2026-10-05`.
pub(crate) fn date_text(october: i64) -> String {
    let first = NaiveDate::from_ymd_opt(2026, 10, 1).unwrap_or_default();
    let offset = Days::new(october.abs_diff(1));
    let date = if october >= 1 { first.checked_add_days(offset) } else { first.checked_sub_days(offset) };
    date.unwrap_or(first).format("%Y-%m-%d").to_string()
}

/// RFC 3339 at a fixed offset of whole hours, to the second: `2026-10-05T14:03:22Z`, `2026-10-05T23:03:22+09:00`.
pub(crate) fn rfc3339(at: i64, offset_hours: i64) -> String {
    let utc = DateTime::from_timestamp_micros(at).unwrap_or_default().naive_utc();
    let local = utc + TimeDelta::hours(offset_hours);
    let zone = if offset_hours == 0 { "Z".to_owned() } else { format!("{offset_hours:+03}:00") };
    format!("{}{zone}", local.format("%Y-%m-%dT%H:%M:%S"))
}

/// A working moment inside `[from, until)`: mostly weekdays, mostly office hours at the given offset from UTC.
pub(crate) fn working_moment(dice: &mut Dice, from: i64, until: i64, offset_hours: i64) -> i64 {
    const HOURS: [i64; 24] = [1, 1, 1, 1, 1, 2, 4, 10, 24, 40, 42, 36, 22, 34, 40, 38, 30, 18, 8, 6, 5, 4, 2, 1];
    for _ in 0..200 {
        let day = dice.roll(0, 32);
        let date = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap_or_default() + TimeDelta::days(day);
        if date.weekday().num_days_from_monday() >= 5 && !dice.chance(150) {
            continue;
        }
        let hour = i64::try_from(dice.weighted(&HOURS)).unwrap_or(0);
        let local = midnight(day) - 6 * HOUR + hour * HOUR + dice.roll(0, 3_599) * SECOND;
        let at = local - offset_hours * HOUR;
        if (from..until).contains(&at) {
            return at;
        }
    }
    from + dice.roll(0, (until - from) / SECOND - 1) * SECOND
}
