//! Charges without usage: recurring by intervals, and one-time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::bill::{Draft, holders};
use super::conditions::Facts;
use super::exact::Exact;
use super::intervals::{intervals, share};
use super::measure::Prices;
use super::price::{Stretch, period};
use super::words::{Case, Days, Read};

/// Days of one version of a subscription at one price.
#[derive(Clone, Copy)]
struct Piece<'a> {
    whose: usize,
    stretch: &'a Stretch,
    from: NaiveDate,
    to: NaiveDate,
}

pub(crate) fn fixed(case: &Case, facts: &Facts<'_>, charge: usize) -> Vec<Draft> {
    let prices = facts.prices;
    let mut versions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for whose in holders(prices, charge) {
        versions.entry(&case.subscriptions[whose].id).or_default().push(whose);
    }
    let mut drafts = Vec::new();
    for versions in versions.into_values() {
        let pieces = pieces(case, prices, charge, &versions);
        let Some(first) = pieces.first() else { continue };
        if first.stretch.model() == "one_time" {
            drafts.extend(once(case, charge, &pieces));
        } else if first.stretch.price.word("bill", "advance") == "arrears" {
            drafts.extend(in_arrears(case, charge, &pieces));
        } else {
            drafts.extend(in_advance(case, charge, &pieces));
        }
    }
    let when = case.charges[charge].price.one("when");
    drafts.retain(|draft| facts.hold(case, draft.subscription, when));
    drafts
}

/// What is known at the end of the period: versions that begin later are not, and the last one goes on. Prices of earlier
/// days are that of the first day of the period, those of later days that of its last.
fn pieces<'a>(case: &Case, prices: &'a Prices, charge: usize, versions: &[usize]) -> Vec<Piece<'a>> {
    let (_, after) = period(&case.settings);
    let mut found = Vec::new();
    for whose in versions.iter().copied() {
        let days = case.subscriptions[whose].days;
        let start = days.from.unwrap_or(NaiveDate::MIN);
        let end = days.to.filter(|to| *to < after).unwrap_or(NaiveDate::MAX);
        let stretches = &prices[&(whose, charge)];
        for (at, stretch) in stretches.iter().enumerate() {
            let from = if at == 0 { start } else { start.max(stretch.days.from.unwrap()) };
            // What is free is not there: the end of a trial is a beginning.
            let from = from.max(paid_from(case, whose, stretch));
            let to = if at + 1 == stretches.len() { end } else { end.min(stretch.days.to.unwrap()) };
            if from < to && from < after {
                found.push(Piece { whose, stretch, from, to });
            }
        }
    }
    found.sort_by_key(|piece| piece.from);
    found
}

/// A charge that is due once: on the day the subscription first has it.
fn once(case: &Case, charge: usize, pieces: &[Piece<'_>]) -> Option<Draft> {
    let (first, after) = period(&case.settings);
    let start = pieces[0].from;
    let due = start >= first && start < after;
    due.then(|| draft(case, charge, pieces[0], "one_time", (start, start.succ_opt().unwrap()), &Exact::whole(1)))
        .filter(|draft| !draft.quantity.is_zero())
}

fn draft(
    case: &Case,
    charge: usize,
    piece: Piece<'_>,
    kind: &'static str,
    (from, to): (NaiveDate, NaiveDate),
    part: &Exact,
) -> Draft {
    let text = &case.subscriptions[piece.whose].quantity;
    let times = if text.is_empty() { Exact::whole(1) } else { Exact::read(text) };
    let unit_price = piece.stretch.price.number("amount").unwrap();
    let amount = unit_price.times(&times).times(part).kept();
    Draft {
        subscription: piece.whose,
        charge,
        kind,
        model: piece.stretch.model().to_owned(),
        layer: piece.stretch.layer.clone(),
        days: Days { from: Some(from), to: Some(to) },
        group: BTreeMap::new(),
        tier: String::new(),
        window: 0,
        amount: if kind == "credit" { amount.negated() } else { amount },
        quantity: times,
        unit_price: Some(unit_price),
        records: 0,
    }
}

/// The first day that is paid.
fn paid_from(case: &Case, whose: usize, stretch: &Stretch) -> NaiveDate {
    let trial = case.subscriptions[whose].more.get("trial_end").and_then(|text| text.parse().ok());
    let billed = stretch.model() != "recurring" || stretch.price.word("in_trial", "free") == "billed";
    trial.filter(|_| !billed).unwrap_or(NaiveDate::MIN)
}

/// A line of some days of an interval.
fn part(
    case: &Case,
    charge: usize,
    piece: Piece<'_>,
    kind: &'static str,
    interval: (NaiveDate, NaiveDate),
    (from, to): (NaiveDate, NaiveDate),
) -> Option<Draft> {
    let share = share(case, &piece.stretch.price, interval, (from, to));
    Some(draft(case, charge, piece, kind, (from, to), &share)).filter(|draft| !draft.quantity.is_zero())
}

/// A line for each piece of an interval; a price that is not prorated is that of the first day, for all of them.
fn whole(case: &Case, charge: usize, pieces: &[Piece<'_>], interval: (NaiveDate, NaiveDate)) -> Vec<Draft> {
    let inside = |piece: &Piece<'_>| (piece.from.max(interval.0), piece.to.min(interval.1));
    let held: Vec<Piece<'_>> = pieces.iter().copied().filter(|piece| inside(piece).0 < inside(piece).1).collect();
    let Some(first) = held.first() else { return Vec::new() };
    if first.stretch.price.word("prorate", "by_day") == "none" {
        let version = held.iter().rfind(|piece| piece.whose == first.whose).unwrap();
        let days = (inside(first).0, inside(version).1);
        return part(case, charge, *first, "recurring", interval, days).into_iter().collect();
    }
    held.iter().filter_map(|piece| part(case, charge, *piece, "recurring", interval, inside(piece))).collect()
}

/// Intervals that end in the period.
fn in_arrears(case: &Case, charge: usize, pieces: &[Piece<'_>]) -> Vec<Draft> {
    let (first, after) = period(&case.settings);
    let all = intervals(case, pieces[0].whose, &pieces[0].stretch.price, (first, after));
    let due = all.into_iter().filter(|(_, ends)| *ends > first && *ends <= after);
    due.flat_map(|interval| whole(case, charge, pieces, interval)).collect()
}

/// Intervals that begin in the period; and of those that began before it, what changes.
fn in_advance(case: &Case, charge: usize, pieces: &[Piece<'_>]) -> Vec<Draft> {
    let (first, after) = period(&case.settings);
    let mut drafts = Vec::new();
    for interval in intervals(case, pieces[0].whose, &pieces[0].stretch.price, (first, after)) {
        if interval.0 >= first {
            drafts.extend(whole(case, charge, pieces, interval));
            continue;
        }
        let changes: BTreeSet<NaiveDate> = pieces.iter().flat_map(|piece| [piece.from, piece.to]).collect();
        for day in changes.into_iter().filter(|day| *day >= first && *day < interval.1.min(after)) {
            let rest = (day, interval.1);
            for old in pieces.iter().filter(|piece| piece.to == day) {
                let price = &old.stretch.price;
                if price.word("credit_unused", "true") == "true" && price.word("prorate", "by_day") != "none" {
                    drafts.extend(part(case, charge, *old, "credit", interval, rest));
                }
            }
            for new in pieces.iter().filter(|piece| piece.from == day) {
                let begun = pieces.iter().any(|piece| piece.from < day && piece.to > interval.0);
                if new.stretch.price.word("prorate", "by_day") != "none" || !begun {
                    drafts.extend(part(case, charge, *new, "recurring", interval, rest));
                }
            }
        }
    }
    drafts
}
