//! Charges without usage: recurring by intervals, and one-time.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::bill::{Draft, holders};
use super::conditions::Facts;
use super::exact::Exact;
use super::intervals::{intervals, share};
use super::measure::Prices;
use super::price::{Stretch, period, stretches};
use super::words::{Case, Days, Read};

/// Days of one version of a subscription at one price.
#[derive(Clone, Copy)]
struct Piece<'a> {
    whose: usize,
    stretch: &'a Stretch,
    from: NaiveDate,
    to: NaiveDate,
    /// The day its version ends.
    ends: NaiveDate,
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
                found.push(Piece { whose, stretch, from, to, ends: end });
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
    let share = share(case, &piece.stretch.price, interval, (from, to), to == piece.ends);
    Some(draft(case, charge, piece, kind, (from, to), &share)).filter(|draft| !draft.quantity.is_zero())
}

/// A line for each piece of a version in an interval; a price that is not prorated is that of the first day, for all of
/// them, and is owed by the first version alone.
fn whole(
    case: &Case,
    charge: usize,
    (all, version): (&[Piece<'_>], &[Piece<'_>]),
    interval: (NaiveDate, NaiveDate),
) -> Vec<Draft> {
    let inside = |piece: &Piece<'_>| (piece.from.max(interval.0), piece.to.min(interval.1));
    let held: Vec<Piece<'_>> = version.iter().copied().filter(|piece| inside(piece).0 < inside(piece).1).collect();
    let (Some(first), Some(last)) = (held.first(), held.last()) else { return Vec::new() };
    if first.stretch.price.word("prorate", "by_day") == "none" {
        let paid =
            |piece: &Piece<'_>| piece.whose != first.whose && piece.from < inside(first).0 && piece.to > interval.0;
        let days = (inside(first).0, inside(last).1);
        let owed = if all.iter().any(paid) { None } else { part(case, charge, *first, "recurring", interval, days) };
        return owed.into_iter().collect();
    }
    held.iter().filter_map(|piece| part(case, charge, *piece, "recurring", interval, inside(piece))).collect()
}

/// The intervals of each version of a subscription, which may have another account and its cycles.
fn each<'p, 'a>(
    case: &Case,
    pieces: &'p [Piece<'a>],
) -> impl Iterator<Item = (&'p [Piece<'a>], (NaiveDate, NaiveDate))> {
    let within = period(&case.settings);
    let versions = pieces.chunk_by(|one, next| one.whose == next.whose);
    versions.flat_map(move |version| {
        let all = intervals(case, version[0].whose, &version[0].stretch.price, within);
        all.into_iter().map(move |interval| (version, interval))
    })
}

/// Intervals that end in the period.
fn in_arrears(case: &Case, charge: usize, pieces: &[Piece<'_>]) -> Vec<Draft> {
    let (first, after) = period(&case.settings);
    let due = each(case, pieces).filter(|(_, (_, ends))| *ends > first && *ends <= after);
    due.flat_map(|(version, interval)| whole(case, charge, (pieces, version), interval)).collect()
}

/// Of each version the intervals that begin in the period, or in which it begins there; and what the end of one that has
/// begun earlier leaves unused of its interval.
fn in_advance(case: &Case, charge: usize, pieces: &[Piece<'_>]) -> Vec<Draft> {
    let (first, after) = period(&case.settings);
    let mut drafts = Vec::new();
    for (version, interval) in each(case, pieces) {
        let begins = version[0].from.max(interval.0);
        let ends = version.last().unwrap().to;
        if begins >= interval.1.min(after).min(ends) {
            continue;
        }
        if begins >= first {
            drafts.extend(whole(case, charge, (pieces, version), interval));
        } else if ends >= first && ends < interval.1.min(after) {
            drafts.extend(unused(case, charge, version[0], interval, (begins, ends)));
        }
    }
    drafts
}

/// What is given back of an interval, at the price of the last day of the period that has billed it.
fn unused(
    case: &Case,
    charge: usize,
    piece: Piece<'_>,
    interval: (NaiveDate, NaiveDate),
    (begun, ended): (NaiveDate, NaiveDate),
) -> Option<Draft> {
    let mut then = case.clone();
    (then.settings.year, then.settings.month) = (begun.year(), begun.month());
    let paid = stretches(&then, &then.subscriptions[piece.whose], charge);
    let stretch = paid.last().unwrap();
    let back = stretch.price.word("credit_unused", "true") == "true";
    let prorated = stretch.price.word("prorate", "by_day") != "none";
    let old = Piece { stretch, ..piece };
    (back && prorated).then(|| part(case, charge, old, "credit", interval, (ended, interval.1))).flatten()
}
