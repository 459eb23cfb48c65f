//! Charges without usage: recurring by the day, and one-time.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::bill::{Draft, holders};
use super::exact::Exact;
use super::measure::Prices;
use super::price::{Stretch, period};
use super::words::{Case, Days, Read};

pub(crate) fn fixed(case: &Case, prices: &Prices, charge: usize) -> Vec<Draft> {
    let (first, after) = period(&case.settings);
    let mut drafts = Vec::new();
    for whose in holders(prices, charge) {
        let subscription = &case.subscriptions[whose];
        let start = subscription.days.from.unwrap_or(first);
        let end = subscription.days.to.unwrap_or(after);
        let times =
            if subscription.quantity.is_empty() { Exact::whole(1) } else { Exact::read(&subscription.quantity) };
        for stretch in &prices[&(whose, charge)] {
            let from = start.max(stretch.days.from.unwrap());
            let to = end.min(stretch.days.to.unwrap());
            if from >= to || times.is_zero() {
                continue;
            }
            // A price that is not prorated is that of the first day, for all of them.
            let whole = stretch.price.word("prorate", "by_day") == "none";
            let to = if whole { end.min(after) } else { to };
            if whole && from > start.max(first) {
                continue;
            }
            let Some((share, days)) = share(stretch, (start, from, to), (first, after)) else { continue };
            let unit_price = stretch.price.number("amount").unwrap();
            drafts.push(Draft {
                subscription: whose,
                charge,
                kind: if stretch.model() == "one_time" { "one_time" } else { "recurring" },
                model: stretch.model().to_owned(),
                layer: stretch.layer.clone(),
                days,
                group: BTreeMap::new(),
                tier: String::new(),
                amount: unit_price.times(&times).times(&share).kept(),
                quantity: times.clone(),
                unit_price: Some(unit_price),
                records: 0,
            });
        }
    }
    drafts
}

/// The part of the amount that is due, and the days it is for.
fn share(
    stretch: &Stretch,
    (start, from, to): (NaiveDate, NaiveDate, NaiveDate),
    (first, after): (NaiveDate, NaiveDate),
) -> Option<(Exact, Days)> {
    let days = |from, to| Days { from: Some(from), to: Some(to) };
    if stretch.model() == "one_time" {
        let due = start >= first && start == from;
        // It bills the day it is due on.
        return due.then(|| (Exact::whole(1), days(from, from.succ_opt().unwrap())));
    }
    if stretch.price.word("prorate", "by_day") == "none" {
        return Some((Exact::whole(1), days(from, to)));
    }
    let share = Exact::whole((to - from).num_days()).over(&Exact::whole((after - first).num_days()));
    Some((share, days(from, to)))
}
