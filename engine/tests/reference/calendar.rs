//! Prices by the time of day, the day of the week and the date, in a time zone with its clock changes.

use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::exact::{Exact, Mode};
use super::model::{Part, Thing};
use super::records::connected;
use super::words::{Fields, Read, Settings};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Whether a window is open at an instant.
fn open(price: &Fields, window: &Fields, zone: Tz, at: DateTime<Utc>) -> bool {
    let local = at.with_timezone(&zone);
    let clock = |key: &str| window.one(key).map(|text| NaiveTime::parse_from_str(text, "%H:%M").unwrap());
    let from = clock("from").unwrap_or(NaiveTime::MIN);
    let to = clock("to");
    let time = local.time();
    let mut day = local.date_naive();
    // A window that passes midnight belongs to the day it opens on, also in the hours after midnight.
    let open = match to {
        None => time >= from,
        Some(to) if to > from => time >= from && time < to,
        Some(to) if time < to => {
            day = day.pred_opt().unwrap();
            true
        }
        Some(_) => time >= from,
    };
    let weekday = DAYS[usize::try_from(day.weekday().num_days_from_monday()).unwrap()];
    let date = day.to_string();
    let days = window.many("days");
    let dates = window.many("dates");
    let holidays = window.one("holidays") == Some("true");
    open && (days.is_empty() || days.iter().any(|known| known == weekday))
        && (dates.is_empty() || dates.contains(&date))
        && (!holidays || price.many("holidays").contains(&date))
}

fn window_at(price: &Fields, zone: Tz, at: DateTime<Utc>) -> &Fields {
    price.rows("windows").iter().find(|window| open(price, window, zone, at)).unwrap()
}

pub(crate) fn calendar(settings: &Settings, price: &Fields, thing: &Thing<'_>) -> Vec<Part> {
    let zone: Tz = price.one("timezone").map_or(settings.zone, |name| name.parse().unwrap());
    let unit = match price.word("spans", "none") {
        "second" => Some(1),
        "minute" => Some(60),
        "hour" => Some(3600),
        _ => None,
    };
    let carries = price.one("increment_carries") == Some("true");
    let start = thing.uses[0].record.time;
    let pieces = match unit {
        Some(unit) if thing.quantity.is_positive() => split(price, zone, thing, unit, carries),
        _ => vec![whole(window_at(price, zone, start), thing.quantity.clone())],
    };
    let mut parts = Vec::new();
    for (window, quantity, units) in pieces {
        let unit_price = window.number("unit_price").unwrap();
        let per = window.number("per").unwrap_or_else(|| Exact::whole(1));
        let amount = units.times(&unit_price).over(&per).kept();
        parts.push(Part::new(window.one("name").unwrap(), quantity, Some(unit_price.over(&per).kept()), amount));
    }
    parts.extend(connected(price, &thing.quantity));
    parts
}

/// A piece: its window, its quantity, and the units that are priced.
type Piece<'a> = (&'a Fields, Exact, Exact);

fn whole(window: &Fields, quantity: Exact) -> Piece<'_> {
    let units = window.number("increment").map_or(quantity.clone(), |step| quantity.to_step(&step, Mode::Up));
    (window, quantity, units)
}

/// The pieces of a record, each with the window it lies in; looked for quarter by quarter, for generated windows open and
/// close on quarters of an hour, and so do the clocks of all zones.
fn split<'a>(price: &'a Fields, zone: Tz, thing: &Thing<'_>, unit: i64, carries: bool) -> Vec<Piece<'a>> {
    let million = Exact::whole(1_000_000);
    let micros = Exact::whole(unit).times(&million);
    // What is included is its beginning, to the microsecond.
    let begun = thing.included.times(&micros).round(0, Mode::named("half_up"));
    let start = thing.uses[0].record.time + TimeDelta::microseconds(begun.to_string().parse().unwrap());
    let length = thing.quantity.times(&micros);
    let mut pieces = Vec::new();
    // How far the rest has been cut up, in microseconds from its start.
    let mut cut = Exact::zero();
    while cut < length {
        let mut ends = start + TimeDelta::microseconds(cut.round(0, Mode::Down).to_string().parse().unwrap());
        let window = window_at(price, zone, ends);
        let longest = start + TimeDelta::microseconds(length.round(0, Mode::Up).to_string().parse().unwrap());
        while ends < longest && std::ptr::eq(window_at(price, zone, ends), window) {
            let next = ends + TimeDelta::minutes(15);
            ends = next - TimeDelta::microseconds(next.timestamp_micros().rem_euclid(15 * 60_000_000));
        }
        let end = Exact::whole((ends - start).num_microseconds().unwrap()).least(length.clone());
        let mut piece = end.less(&cut);
        let step = window.number("increment").filter(|_| carries);
        if let Some(step) = step {
            // Rounding up uses up time of the next window.
            piece = piece.to_step(&step.times(&micros), Mode::Up);
            let quantity = piece.clone().least(length.less(&cut)).over(&micros).kept();
            pieces.push((window, quantity, piece.over(&micros).kept()));
        } else {
            pieces.push(whole(window, piece.over(&micros).kept()));
        }
        cut = cut.plus(&piece);
    }
    pieces
}
