//! Meters that count how long a level was held: by time (`weighted_sum`) and by whole local days (`prorated_sum`).

use chrono::{DateTime, NaiveDate, Utc};

use super::exact::Exact;
use super::measure::{Use, quantity};
use super::words::{Meter, Read};

/// The period whose share is taken, as instants and as days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) instants: (DateTime<Utc>, DateTime<Utc>),
    pub(crate) days: (NaiveDate, NaiveDate),
    /// Where the price begins: what was there before counts from here.
    pub(crate) since: (DateTime<Utc>, NaiveDate),
    /// Where it ends: with the subscription or the price, at the latest with the period.
    pub(crate) until: (DateTime<Utc>, NaiveDate),
}

/// The change of the level that each record means: itself, or the way from the level before.
fn changes(meter: &Meter, uses: &[Use<'_>]) -> Vec<Exact> {
    let levels = meter.more.one("records_are") == Some("level");
    let mut before = Exact::zero();
    let mut found = Vec::new();
    for used in uses {
        let read = quantity(meter, used.record);
        found.push(if levels { read.less(&before) } else { read.clone() });
        before = read;
    }
    found
}

/// The sum of levels, each times the share of the period it was held: a change counts from its record to the end.
pub(crate) fn held(meter: &Meter, uses: &[Use<'_>], span: Span) -> Exact {
    let by_day = meter.aggregate == "prorated_sum";
    let (first, after) = span.days;
    let (start, end) = span.instants;
    let length = if by_day { (after - first).num_days() } else { (end - start).num_microseconds().unwrap() };
    let mut sum = Exact::zero();
    for (used, change) in uses.iter().zip(changes(meter, uses)) {
        let left = if by_day {
            (span.until.1 - used.day.max(span.since.1)).num_days()
        } else {
            (span.until.0 - used.record.time.max(span.since.0)).num_microseconds().unwrap()
        };
        sum = sum.plus(&change.times(&Exact::whole(left)));
    }
    sum.over(&Exact::whole(length)).kept()
}
