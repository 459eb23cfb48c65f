//! calendar: every record at the prices of the windows of local time it lies in. A record whose quantity is a time is
//! split where a window ends, clock changes included; others are priced where they start.

use chrono::{NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::Facts;
use crate::book::model::{Calendar, Window};
use crate::lines::{Band, Part, Portion};
use crate::money::{Decimal, Rounding};

/// Changes of the clock's windows within one record: more of them, centuries, are no call but a mistake.
const CHANGES: usize = 200_000;

pub(super) fn rate(calendar: &Calendar, portions: &[Portion], facts: &dyn Facts) -> Option<Vec<Part>> {
    let zone = calendar.timezone.unwrap_or_else(|| facts.timezone());
    let mut parts = Vec::with_capacity(portions.len());
    for (index, portion) in portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()) {
        let (mut paid_ahead, mut connect_fee) = (Decimal::ZERO, None);
        for (number, quantity) in pieces(calendar, zone, portion)? {
            let window = calendar.windows.get(usize::try_from(number).ok()?)?;
            // The window that the record starts in says what connecting costs.
            connect_fee.get_or_insert(window.connect_fee);
            // Time that the piece before has paid for already.
            let ahead = paid_ahead.min(quantity).max(Decimal::ZERO);
            let price_of_one = window.unit_price.over(window.per)?;
            let (amount, billed) = priced(window, quantity.minus(ahead)?)?;
            if calendar.increment_carries {
                paid_ahead = paid_ahead.plus(billed)?.minus(quantity)?.max(Decimal::ZERO);
            }
            parts.push(super::part(index, portion, Band::Named(number), quantity, price_of_one, amount));
        }
        if let Some(fee) = connect_fee.filter(|fee| !fee.is_zero() && portion.quantity > Decimal::ZERO) {
            parts.push(super::fee(index, fee));
        }
    }
    Some(parts)
}

/// The amount of a piece, and the quantity it pays for.
fn priced(window: &Window, quantity: Decimal) -> Option<(Decimal, Decimal)> {
    let billed = match window.increment {
        Some(increment) => quantity.steps(increment, Rounding::Up)?.times(increment)?,
        None => quantity,
    };
    Some((billed.ratio(window.unit_price, window.per)?, billed))
}

/// The windows a record lies in, in order, with the quantity in each; they add up to the record.
fn pieces(calendar: &Calendar, zone: Tz, portion: &Portion) -> Option<Vec<(u32, Decimal)>> {
    let mut at = portion.time;
    let Some(unit) = calendar.spans.micros().filter(|_| portion.quantity > Decimal::ZERO) else {
        return Some(vec![(window_at(calendar, zone, at)?, portion.quantity)]);
    };
    if calendar.windows.len() == 1 {
        return Some(vec![(0, portion.quantity)]);
    }
    let mut left = portion.quantity;
    let mut pieces: Vec<(u32, Decimal)> = Vec::new();
    for _ in 0..CHANGES {
        let window = window_at(calendar, zone, at)?;
        let end = next_change(calendar, zone, at)?;
        // Whole microseconds are exact; of a minute or an hour they are rounded once, and the last piece has the rest.
        let until = Decimal::whole(end.checked_sub(at)?).over(Decimal::whole(unit))?;
        let quantity = left.min(until);
        left = left.minus(quantity)?;
        match pieces.last_mut().filter(|(last, _)| *last == window) {
            Some((_, same)) => *same = same.plus(quantity)?,
            None => pieces.push((window, quantity)),
        }
        if left.is_zero() {
            return Some(pieces);
        }
        at = end;
    }
    None
}

fn local(zone: Tz, instant: i64) -> Option<NaiveDateTime> {
    Some(zone.timestamp_micros(instant).single()?.naive_local())
}

/// The first window that holds at `instant`.
fn window_at(calendar: &Calendar, zone: Tz, instant: i64) -> Option<u32> {
    let local = local(zone, instant)?;
    let holds = |window: &Window| window.holds(local.date(), local.time(), &calendar.holidays);
    u32::try_from(calendar.windows.iter().position(holds)?).ok()
}

/// The next instant at which another window may hold: a time of day that some window names, midnight, or a clock change.
fn next_change(calendar: &Calendar, zone: Tz, instant: i64) -> Option<i64> {
    let now = local(zone, instant)?;
    let times = calendar.windows.iter().filter_map(|window| window.hours).flat_map(|(from, to)| [from, to]);
    let later = times.filter(|time| *time > now.time()).min();
    let until = match later {
        Some(time) => now.date().and_time(time),
        None => now.date().succ_opt()?.and_time(NaiveTime::MIN),
    };
    let ahead = instant.checked_add((until - now).num_microseconds()?)?;
    let offset = |instant: i64| Some(zone.timestamp_micros(instant).single()?.offset().fix());
    if offset(ahead)? == offset(instant)? {
        return Some(ahead);
    }
    // The clock changes before: the first instant at which it reads otherwise.
    let (mut same, mut other) = (instant, ahead);
    while other - same > 1 {
        let middle = i64::midpoint(same, other);
        if offset(middle)? == offset(instant)? { same = middle } else { other = middle }
    }
    Some(other)
}
