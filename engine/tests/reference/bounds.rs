//! Least and greatest amounts: of a charge before or after its discounts, and of all that an account owes.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::bill::{Draft, holders};
use super::conditions::{Facts, active};
use super::exact::Exact;
use super::features;
use super::fx;
use super::measure::Prices;
use super::portion::sharers;
use super::price::{Stretch, lineage, period, stretches};
use super::promises;
use super::stages::Line;
use super::totals::{bill_to, to_money};
use super::words::{Case, Fields, Read, Row, row};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    BeforeDiscounts,
    AfterDiscounts,
}

/// Adds a line for whatever the lines of a charge fall short of its minimum or go over its maximum.
pub(crate) fn of_charges(case: &Case, prices: &Prices, lines: &mut Vec<Line>, place: Place) {
    for charge in (0..case.charges.len()).filter(|at| case.charges[*at].meter.is_some()) {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for whose in holders(prices, charge) {
            // Who shares is said by the first price of the period.
            let price = &prices[&(whose, charge)][0];
            let sharers = sharers(case, whose, price.price.word("scope", "subscription"));
            let price = if features::SCOPE_BY_PRICE { price.course.as_str() } else { "" };
            groups.entry(format!("{sharers} {price}")).or_default().push(whose);
        }
        for whose in groups.into_values() {
            // The last price at which anybody is there, and the first who is.
            let all = stretches(case, &case.subscriptions[whose[0]], charge);
            let there = |stretch: &Stretch, at: usize| {
                let (days, held) = (case.subscriptions[at].days, stretch.days);
                days.from.max(held.from) < [days.to, held.to].into_iter().flatten().min()
            };
            let last = all.iter().rev().find_map(|stretch| {
                let first = whose.iter().copied().find(|at| there(stretch, *at))?;
                Some((stretch, first))
            });
            let Some((stretch, first)) = last else { continue };
            let early = stretch.price.one("bounds") == Some("before_discounts");
            let bounded = stretch.price.contains_key("minimum") || stretch.price.contains_key("maximum");
            if !bounded || stretch.model() == "percentage" || early != (place == Place::BeforeDiscounts) {
                continue;
            }
            let theirs = |line: &&Line| line.draft.charge == charge && whose.contains(&line.draft.subscription);
            let theirs = lines.iter().filter(theirs);
            let left = |line: &Line| if early { line.left(case) } else { line.net.clone() };
            let reached = theirs.fold(Exact::zero(), |sum, line| sum.plus(&left(line)));
            let draft = bounded_by(case, stretch, (first, charge), &whose, &reached);
            lines.extend(draft.map(if early { Line::new } else { Line::settled }));
        }
    }
}

fn bounded_by(
    case: &Case,
    stretch: &Stretch,
    (first, charge): (usize, usize),
    whose: &[usize],
    reached: &Exact,
) -> Option<Draft> {
    let draft = Draft {
        subscription: first,
        charge,
        kind: "usage",
        model: stretch.model().to_owned(),
        layer: stretch.layer.clone(),
        days: stretch.days,
        group: BTreeMap::new(),
        tier: String::new(),
        window: 0,
        quantity: Exact::zero(),
        unit_price: None,
        amount: Exact::zero(),
        records: 0,
    };
    let rate = fx::rate_of(case, &draft).unwrap_or_else(|| Exact::whole(1));
    let (start, end) = period(&case.settings);
    let whole = Exact::whole((end - start).num_days());
    // Days on which any of them is there.
    let there = |day: &NaiveDate| whose.iter().any(|whose| case.subscriptions[*whose].days.hold(*day));
    let days = start.iter_days().take_while(|day| *day < end).filter(there).count();
    let part = match stretch.price.word("minimum_prorate", "prorated") {
        "full" => Exact::whole(1),
        _ => Exact::whole(days).over(&whole),
    };
    // After discounts a bound is kept to the cent.
    let early = stretch.price.one("bounds") == Some("before_discounts");
    let account = case.subscriptions[first].account;
    let kept = |bound: &Exact| if early { bound.kept() } else { to_money(case, account, bound) };
    // A bound is converted like any amount, to 18 digits; its days are counted after that.
    let least = stretch.price.number("minimum").map(|least| kept(&least.times(&rate).kept().times(&part)));
    let most = stretch.price.number("maximum").map(|most| kept(&most.times(&rate)));
    let over = match (least, most) {
        (Some(least), _) if *reached < least => ("minimum", least.less(reached)),
        (_, Some(most)) if *reached > most => ("maximum", most.less(reached)),
        _ => return None,
    };
    Some(Draft { tier: over.0.to_owned(), amount: over.1, ..draft })
}

/// Adds a line for whatever an account owes less than its minimum or more than its maximum.
pub(crate) fn of_accounts(case: &Case, facts: &Facts<'_>, lines: &mut Vec<Line>) {
    for bounds in &case.account_bounds {
        for account in 0..case.accounts.len() {
            let own = |whose: usize| case.subscriptions[whose].account == account && active(case, whose);
            let Some(first) = (0..case.subscriptions.len()).find(|whose| own(*whose)) else { continue };
            if !facts.hold(case, first, bounds.one("when")) {
                continue;
            }
            let theirs = lines.iter().filter(|line| line.account(case) == account);
            let reached = theirs.fold(Exact::zero(), |sum, line| sum.plus(&line.net));
            let bound = |key: &str| bounds.number(key).map(|bound| to_money(case, account, &bound));
            let (kind, tier, amount) = match (bound("minimum"), bound("maximum")) {
                (Some(least), _) if reached < least => ("commitment", "minimum", least.less(&reached)),
                (_, Some(most)) if reached > most => ("credit", "maximum", most.less(&reached)),
                _ => continue,
            };
            lines.push(Line::settled(promises::draft(
                case,
                first,
                bounds,
                "list".to_owned(),
                (kind, "account_bound"),
                (tier, amount),
            )));
        }
    }
}

/// Thresholds that are reached, told to the first subscription of those who share their scope.
pub(crate) fn notices(case: &Case, facts: &Facts<'_>, lines: &[Line]) -> Vec<Row> {
    let mut rows = Vec::new();
    for threshold in &case.thresholds {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let kind = threshold.word("scope", "subscription");
        for whose in (0..case.subscriptions.len()).filter(|whose| active(case, *whose)) {
            groups.entry(sharers(case, whose, kind)).or_default().push(whose);
        }
        for whose in groups.into_values() {
            let reached = reached(case, facts, threshold, &whose, lines);
            if reached >= threshold.number("at").unwrap() {
                let account = case.subscriptions[whose[0]].account;
                let stands = match kind {
                    "subtree" => *lineage(case, account).last().unwrap(),
                    "invoice" => bill_to(case, account),
                    _ => account,
                };
                let alone = kind == "subscription";
                let subscription = if alone { case.subscriptions[whose[0]].id.clone() } else { String::new() };
                rows.push(row([
                    ("account_id", case.accounts[stands].id.clone()),
                    ("subscription_id", subscription),
                    ("threshold", threshold.one("id").unwrap().to_owned()),
                    ("reached", reached.to_string()),
                    ("message", threshold.one("notice").unwrap().to_owned()),
                ]));
            }
        }
    }
    rows
}

fn reached(case: &Case, facts: &Facts<'_>, threshold: &Fields, whose: &[usize], lines: &[Line]) -> Exact {
    if let Some(meter) = threshold.one("meter") {
        return facts.used(case, |other| whose.contains(&other), meter);
    }
    let fits = |line: &&Line| {
        whose.contains(&line.draft.subscription)
            && Some(case.charges[line.draft.charge].id.as_str()) == threshold.one("charge")
    };
    lines.iter().filter(fits).fold(Exact::zero(), |sum, line| sum.plus(&line.net))
}
