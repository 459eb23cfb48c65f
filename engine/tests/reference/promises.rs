//! Commitments of contracts: what is lacking is billed, what goes over may cost more.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};

use super::bill::{Draft, name};
use super::conditions::{Facts, days_in_period};
use super::exact::Exact;
use super::price::{lineage, period};
use super::split::{split, sum};
use super::stages::Line;
use super::totals::{minor, to_money};
use super::words::{Case, Charge, Days, Fields, Read, Row, row};

/// Adds a charge for each commitment and account bound of the book, whose lines they become.
pub(crate) fn expand(case: &mut Case) {
    let all: Vec<Fields> = case.contracts.iter().flat_map(|contract| contract.commitments.clone()).collect();
    for promise in all.iter().chain(&case.account_bounds.clone()) {
        let product = promise.one("product").unwrap();
        let id = format!("{product}/{}", promise.one("id").unwrap());
        let product = case.products.iter().position(|known| known.id == product).unwrap();
        let (versions, price) = (Vec::new(), Fields::new());
        case.charges.push(Charge { id, product, meter: None, price, versions, steady: true });
    }
}

/// A line of a commitment or an account bound.
pub(crate) fn draft(
    case: &Case,
    subscription: usize,
    promise: &Fields,
    layer: String,
    (kind, model): (&'static str, &str),
    (tier, amount): (&str, Exact),
) -> Draft {
    let id = format!("{}/{}", promise.one("product").unwrap(), promise.one("id").unwrap());
    let (first, after) = period(&case.settings);
    Draft {
        subscription,
        charge: case.charges.iter().rposition(|charge| charge.id == id).unwrap(),
        kind,
        model: model.to_owned(),
        layer,
        days: Days { from: Some(first), to: Some(after) },
        group: BTreeMap::new(),
        tier: tier.to_owned(),
        window: 0,
        quantity: Exact::whole(1),
        unit_price: None,
        amount,
        records: 0,
    }
}

/// Parts of commitments that lines cover, and what is known of terms for the next run.
#[derive(Default)]
pub(crate) struct Shares {
    pub(crate) rows: Vec<Row>,
    pub(crate) balances: Vec<Row>,
}

/// Who holds a commitment together: the subscriptions with the contract, and the lines that count.
struct Party {
    holders: Vec<usize>,
    /// All subscriptions whose lines count.
    members: Vec<usize>,
    lines: Vec<usize>,
}

pub(crate) fn apply(case: &Case, facts: &Facts<'_>, lines: &mut Vec<Line>) -> Shares {
    let mut shares = Shares::default();
    for (at, contract) in case.contracts.iter().enumerate() {
        for promise in &contract.commitments {
            for party in parties(case, at, promise, lines) {
                if promise.contains_key("quantity") {
                    lines.extend(missing_units(case, facts, at, promise, &party));
                } else {
                    hold(case, at, promise, &party, lines, &mut shares);
                }
            }
        }
    }
    shares
}

fn parties(case: &Case, contract: usize, promise: &Fields, lines: &[Line]) -> Vec<Party> {
    let holders: Vec<usize> =
        (0..case.subscriptions.len()).filter(|at| case.subscriptions[*at].contract == Some(contract)).collect();
    let holders: Vec<usize> = holders.into_iter().filter(|at| held(case, contract, *at) > 0).collect();
    let over = promise.word("over", "contract");
    let mut all: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for whose in &holders {
        let account = case.subscriptions[*whose].account;
        let topmost = *lineage(case, account).last().unwrap();
        let key = if over == "contract" { topmost } else { account };
        all.entry(key).or_default().push(*whose);
    }
    let party = |(key, holders): (usize, Vec<usize>)| {
        let member = |whose: &usize| {
            let account = case.subscriptions[*whose].account;
            match over {
                "contract" => holders.contains(whose),
                "account" => account == key,
                _ => lineage(case, account).contains(&key),
            }
        };
        let members: Vec<usize> = (0..case.subscriptions.len()).filter(member).collect();
        let counts = |line: &Line| {
            members.contains(&line.draft.subscription) && line.draft.kind != "commitment" && meant(case, promise, line)
        };
        let lines = (0..lines.len()).filter(|at| counts(&lines[*at])).collect();
        Party { holders, members, lines }
    };
    all.into_iter().map(party).collect()
}

fn meant(case: &Case, promise: &Fields, line: &Line) -> bool {
    let charge = &case.charges[line.draft.charge];
    let names = promise.many("on");
    names.is_empty() || names.iter().any(|name| *name == charge.id || *name == case.products[charge.product].id)
}

/// Days of the period on which a subscription has the contract.
fn held(case: &Case, contract: usize, whose: usize) -> i64 {
    let mut bounded = case.clone();
    let days = &mut bounded.subscriptions[whose].days;
    let known = case.contracts[contract].days;
    days.from = [days.from, known.from].into_iter().flatten().max();
    days.to = [days.to, known.to].into_iter().flatten().min();
    days_in_period(&bounded, whose)
}

/// The part of the period or the term over which the contract is held.
fn part(case: &Case, contract: usize, promise: &Fields, party: &Party) -> Exact {
    let (first, after) = period(&case.settings);
    let held = |day: &NaiveDate| {
        case.contracts[contract].days.hold(*day)
            && party.holders.iter().any(|whose| case.subscriptions[*whose].days.hold(*day))
    };
    let days = first.iter_days().take_while(|day| *day < after).filter(held).count();
    match promise.word("prorate", "prorated") {
        "prorated" if promise.one("per") == Some("term") => part_of_term(case, promise, &party.holders),
        "prorated" => Exact::whole(days).over(&Exact::whole((after - first).num_days())),
        _ => Exact::whole(1),
    }
}

/// Units that were promised and not used, at the price of each.
fn missing_units(case: &Case, facts: &Facts<'_>, contract: usize, promise: &Fields, party: &Party) -> Option<Line> {
    let promised = promise.number("quantity")?.times(&part(case, contract, promise, party)).kept();
    let used = facts.used(case, |whose| party.members.contains(&whose), promise.one("meter")?);
    let missing = promised.less(&used);
    if !missing.is_positive() || promise.word("true_up", "true") != "true" {
        return None;
    }
    let first = party.holders[0];
    let price = promise.number("shortfall_price")?;
    let amount = to_money(case, case.subscriptions[first].account, &missing.times(&price));
    let layer = format!("contract:{}", case.contracts[contract].id);
    let line = draft(case, first, promise, layer, ("commitment", "commitment"), ("", amount));
    let days = held_days(case, contract, &party.holders[..1]);
    Some(Line::settled(Draft { quantity: missing, unit_price: Some(price), days, ..line }))
}

/// From the first to the last day of the period on which these have the contract.
fn held_days(case: &Case, contract: usize, holders: &[usize]) -> Days {
    let (first, after) = period(&case.settings);
    let known = case.contracts[contract].days;
    let all = holders.iter().map(|whose| case.subscriptions[*whose].days);
    let from = all.clone().map(|days| days.from.unwrap_or(first)).min().unwrap_or(first);
    let to = all.map(|days| days.to.unwrap_or(after)).max().unwrap_or(after);
    let from = from.max(known.from.unwrap_or(first)).max(first);
    Days { from: Some(from), to: Some(to.min(known.to.unwrap_or(after)).min(after)) }
}

fn hold(case: &Case, contract: usize, promise: &Fields, party: &Party, lines: &mut Vec<Line>, shares: &mut Shares) {
    let first = party.holders[0];
    let account = case.subscriptions[first].account;
    let net: Vec<Exact> = party.lines.iter().map(|at| lines[*at].net.clone()).collect();
    let now = sum(net.iter());
    let (start, _) = period(&case.settings);
    let term = promise.one("per") == Some("term");
    let part = part(case, contract, promise, party);
    let committed = to_money(case, account, &promise.number("amount").unwrap().times(&part));
    let before = if term { billed(case, promise, party) } else { Exact::zero() };
    let total = before.plus(&now);
    let layer = || format!("contract:{}", case.contracts[contract].id);
    let days = held_days(case, contract, &party.holders[..1]);
    let due = !term || last_of_term(case, promise, first);
    let mut put = |tier: &str, amount: Exact| {
        if !amount.is_zero() {
            let line = draft(case, first, promise, layer(), ("commitment", "commitment"), (tier, amount));
            lines.push(Line::settled(Draft { days, ..line }));
        }
    };
    if due && promise.word("true_up", "true") == "true" {
        put("", committed.less(&total).most(Exact::zero()));
    }
    let over = |total: &Exact| total.less(&committed).most(Exact::zero());
    let factor = promise.number("overage_factor").unwrap_or_else(|| Exact::whole(1)).less(&Exact::whole(1));
    put("overage", to_money(case, account, &over(&total).less(&over(&before)).times(&factor)));
    let room = committed.less(&before).most(Exact::zero());
    let covered = now.least(room).most(Exact::zero());
    let parts = split(&covered, &net, minor(&case.accounts[account].currency));
    for (at, part) in party.lines.iter().zip(parts).filter(|(_, part)| !part.is_zero()) {
        shares.rows.push(row([
            ("line", name(case, &lines[*at].draft)),
            ("commitment", promise.one("id").unwrap().to_owned()),
            ("amount_covered", part.to_string()),
        ]));
    }
    if term {
        let earlier = case.table("commitment_balances").iter().filter(|known| counts(case, promise, party, known));
        shares.balances.extend(earlier.cloned());
        shares.balances.push(row([
            ("subscription_id", case.subscriptions[first].id.clone()),
            ("commitment", promise.one("id").unwrap().to_owned()),
            ("period", start.format("%Y-%m").to_string()),
            ("billed", sum(net.iter()).to_string()),
        ]));
    }
}

/// Whether a row tells what was billed in an earlier period of the term.
fn counts(case: &Case, promise: &Fields, party: &Party, known: &Row) -> bool {
    let month: NaiveDate = format!("{}-01", known["period"]).parse().unwrap();
    Some(known["commitment"].as_str()) == promise.one("id")
        && party.holders.iter().any(|whose| case.subscriptions[*whose].id == known["subscription_id"])
        && month >= term(case, promise, party.holders[0]).0
}

/// What was billed in earlier periods of the term.
fn billed(case: &Case, promise: &Fields, party: &Party) -> Exact {
    let known = case.table("commitment_balances").iter().filter(|known| counts(case, promise, party, known));
    known.fold(Exact::zero(), |sum, known| sum.plus(&Exact::read(&known["billed"])))
}

/// The term that the period lies in: its first month and the day after its last.
fn term(case: &Case, promise: &Fields, whose: usize) -> (NaiveDate, NaiveDate) {
    let months: u32 = promise.one("term_months").unwrap().parse().unwrap();
    let (first, _) = period(&case.settings);
    let mut start = case.subscriptions[whose].start.unwrap_or(first);
    while start + Months::new(months) <= first {
        start = start + Months::new(months);
    }
    (start.with_day(1).unwrap(), start + Months::new(months))
}

/// The part of the term over which the contract is held, when it ends before the term does.
fn part_of_term(case: &Case, promise: &Fields, holders: &[usize]) -> Exact {
    let (starts, ends) = term(case, promise, holders[0]);
    let starts = starts.max(case.subscriptions[holders[0]].start.unwrap_or(starts));
    let (_, after) = period(&case.settings);
    let until =
        holders.iter().map(|whose| case.subscriptions[*whose].days.to.filter(|to| *to <= after)).max().flatten();
    let open = holders.iter().any(|whose| case.subscriptions[*whose].days.to.is_none_or(|to| to > after));
    let until = until.filter(|until| !open && *until < ends).unwrap_or(ends);
    Exact::whole((until - starts).num_days()).over(&Exact::whole((ends - starts).num_days()))
}

/// Whether the term ends in the period, or the subscription does.
fn last_of_term(case: &Case, promise: &Fields, whose: usize) -> bool {
    let (_, after) = period(&case.settings);
    term(case, promise, whose).1 <= after || case.subscriptions[whose].days.to.is_some_and(|to| to <= after)
}
