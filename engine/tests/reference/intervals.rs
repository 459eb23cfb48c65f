//! The intervals of recurring charges: where they begin, and what part of one some days are.

use chrono::{Datelike, Days as Shift, Months, NaiveDate};

use super::exact::Exact;
use super::measure::midnight;
use super::price::lineage;
use super::words::{Case, Fields, Read};

/// The length of an interval.
#[derive(Clone, Copy)]
enum Length {
    Days(u64),
    Months(u32),
}

fn length(every: &str) -> Length {
    let number = |text: &str| text.trim().parse::<u32>().unwrap();
    match every {
        "day" => Length::Days(1),
        "week" => Length::Days(7),
        "month" => Length::Months(1),
        "quarter" => Length::Months(3),
        "year" => Length::Months(12),
        other => match other.split_once(' ').unwrap() {
            (count, "days" | "day") => Length::Days(number(count).into()),
            (count, _) => Length::Months(number(count)),
        },
    }
}

/// The intervals of a charge for a subscription that touch these days, in order.
pub(crate) fn intervals(
    case: &Case,
    whose: usize,
    price: &Fields,
    (from, to): (NaiveDate, NaiveDate),
) -> Vec<(NaiveDate, NaiveDate)> {
    let every = price.word("every", "month");
    let start = case.subscriptions[whose].start.unwrap_or(from);
    let length = length(every);
    let of_days = matches!(length, Length::Days(_)) && every != "week";
    let anchor = price.word("anchor", if of_days { "start" } else { "calendar" });
    // A Monday; and a January, from which months are counted.
    let calendar = NaiveDate::from_ymd_opt(2000, 1, if every == "week" { 3 } else { 1 }).unwrap();
    let base = match anchor {
        "start" => start,
        "cycle" => calendar.with_day(cycle_day(case, case.subscriptions[whose].account)).unwrap(),
        _ => calendar,
    };
    let bound = |number: u32| match length {
        Length::Days(days) => base + Shift::new(days * u64::from(number)),
        Length::Months(months) => base + Months::new(months * number),
    };
    let mut found = Vec::new();
    for number in 0.. {
        let (begins, ends) = (bound(number), bound(number + 1));
        if begins >= to {
            break;
        }
        if ends >= from {
            found.push((begins, ends));
        }
    }
    found
}

/// The day of the month on which an account is billed: its own, or that of the nearest account above it.
fn cycle_day(case: &Case, account: usize) -> u32 {
    let own = |at: usize| case.accounts[at].more.get("bill_cycle_day").filter(|text| !text.is_empty());
    lineage(case, account).into_iter().find_map(own).map_or(1, |text| text.parse().unwrap())
}

/// What part of an interval some days of it are; `changed` when the subscription changes or ends with them.
pub(crate) fn share(
    case: &Case,
    price: &Fields,
    (begins, ends): (NaiveDate, NaiveDate),
    (from, to): (NaiveDate, NaiveDate),
    changed: bool,
) -> Exact {
    let days = |from: NaiveDate, to: NaiveDate| Exact::whole((to - from).num_days());
    match price.word("prorate", "by_day") {
        "none" => Exact::whole(1),
        "by_second" => {
            let seconds = |from, to| {
                let instants = (midnight(&case.settings, from), midnight(&case.settings, to));
                Exact::whole((instants.1 - instants.0).num_seconds())
            };
            seconds(from, to).over(&seconds(begins, ends))
        }
        "thirty_day" => thirty(from, to).over(&thirty(begins, ends)),
        "both_ends" if changed && to < ends => days(from, to).plus(&Exact::whole(1)).over(&days(begins, ends)),
        _ => days(from, to).over(&days(begins, ends)),
    }
}

/// Days between two dates where every month has thirty.
fn thirty(from: NaiveDate, to: NaiveDate) -> Exact {
    let days =
        |day: NaiveDate| i64::from(day.year()) * 360 + i64::from(day.month0()) * 30 + i64::from(day.day().min(30));
    Exact::whole(days(to) - days(from))
}
