//! Commitments of contracts: what is lacking is billed, what goes over may cost more.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};

use super::bill::{Draft, name};
use super::conditions::Facts;
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
    /// Whom its lines are billed to: the lowest that holds the contract in the period; over a subtree, at its topmost
    /// account if one is there.
    first: usize,
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
    let over = promise.word("over", "contract");
    let holds = |account: &usize| holders.iter().any(|whose| case.subscriptions[*whose].account == *account);
    let mut all: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for whose in &holders {
        let above = lineage(case, case.subscriptions[*whose].account);
        let key = match over {
            "contract" => *above.last().unwrap(),
            "account" => above[0],
            _ => above.iter().copied().rfind(holds).unwrap(),
        };
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
        let (start, end) = period(&case.settings);
        let there = holders.iter().copied().filter(|whose| days_held(case, contract, &[*whose], (start, end)) > 0);
        let below = |whose: &usize| over == "subtree" && case.subscriptions[*whose].account != key;
        let first = there.min_by_key(|whose| (below(whose), *whose))?;
        Some(Party { holders, first, members, lines })
    };
    all.into_iter().filter_map(party).collect()
}

fn meant(case: &Case, promise: &Fields, line: &Line) -> bool {
    let charge = &case.charges[line.draft.charge];
    let names = promise.many("on");
    names.is_empty() || names.iter().any(|name| *name == charge.id || *name == case.products[charge.product].id)
}

/// Days of a stretch of time on which any of these subscriptions has the contract.
fn days_held(case: &Case, contract: usize, holders: &[usize], (from, to): (NaiveDate, NaiveDate)) -> i64 {
    let held = |day: &NaiveDate| {
        case.contracts[contract].days.hold(*day)
            && holders.iter().any(|whose| case.subscriptions[*whose].days.hold(*day))
    };
    i64::try_from(from.iter_days().take_while(|day| *day < to).filter(held).count()).unwrap()
}

/// The part of the period or the term over which the contract is held.
fn part(case: &Case, contract: usize, promise: &Fields, party: &Party) -> Exact {
    if promise.word("prorate", "prorated") == "full" {
        return Exact::whole(1);
    }
    let (from, to) = match promise.one("per") {
        Some("term") => {
            let term = term(case, contract, promise, party);
            (term.from, term.to)
        }
        _ => period(&case.settings),
    };
    Exact::whole(days_held(case, contract, &party.holders, (from, to))).over(&Exact::whole((to - from).num_days()))
}

/// Units that were promised and not used, at the price of each.
fn missing_units(case: &Case, facts: &Facts<'_>, contract: usize, promise: &Fields, party: &Party) -> Option<Line> {
    let promised = promise.number("quantity")?.times(&part(case, contract, promise, party)).kept();
    let used = facts.used(case, |whose| party.members.contains(&whose), promise.one("meter")?);
    let missing = promised.less(&used);
    if !missing.is_positive() || promise.word("true_up", "true") != "true" {
        return None;
    }
    let first = party.first;
    let price = promise.number("shortfall_price")?;
    let amount = to_money(case, case.subscriptions[first].account, &missing.times(&price).kept());
    let layer = format!("contract:{}", case.contracts[contract].id);
    let line = draft(case, first, promise, layer, ("commitment", "commitment"), ("", amount));
    let days = held_days(case, contract, first);
    Some(Line::settled(Draft { quantity: missing, unit_price: Some(price), days, ..line }))
}

/// From the first to the last day of the period on which a subscription has the contract.
fn held_days(case: &Case, contract: usize, whose: usize) -> Days {
    let (first, after) = period(&case.settings);
    let (own, known) = (case.subscriptions[whose].days, case.contracts[contract].days);
    let from = [own.from, known.from, Some(first)].into_iter().flatten().max();
    let to = [own.to, known.to, Some(after)].into_iter().flatten().min();
    Days { from, to }
}

fn hold(case: &Case, contract: usize, promise: &Fields, party: &Party, lines: &mut Vec<Line>, shares: &mut Shares) {
    let first = party.first;
    let account = case.subscriptions[first].account;
    let net: Vec<Exact> = party.lines.iter().map(|at| lines[*at].net.clone()).collect();
    let now = sum(net.iter());
    let (start, _) = period(&case.settings);
    let term = promise.one("per") == Some("term");
    let part = part(case, contract, promise, party);
    let committed = to_money(case, account, &promise.number("amount").unwrap().times(&part));
    let before = if term { billed(case, contract, promise, party) } else { Exact::zero() };
    let total = before.plus(&now);
    let layer = || format!("contract:{}", case.contracts[contract].id);
    let days = held_days(case, contract, first);
    let due = !term || last_of_term(case, contract, promise, party);
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
        let earlier =
            case.table("commitment_balances").iter().filter(|known| counts(case, contract, promise, party, known));
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
fn counts(case: &Case, contract: usize, promise: &Fields, party: &Party, known: &Row) -> bool {
    let month: NaiveDate = format!("{}-01", known["period"]).parse().unwrap();
    let term = term(case, contract, promise, party);
    // What began before the first term began belongs to it, as far as it is of its first month.
    let first = if term.follows { term.from } else { term.from.with_day(1).unwrap() };
    Some(known["commitment"].as_str()) == promise.one("id")
        && at_last(case, contract, known).is_some_and(|whose| party.holders.contains(&whose))
        && first <= month
        && month < period(&case.settings).0
}

/// The subscription that a row is of, as it was at the end of the row's period.
fn at_last(case: &Case, contract: usize, known: &Row) -> Option<usize> {
    let month: NaiveDate = format!("{}-01", known["period"]).parse().unwrap();
    let begun = |from: Option<NaiveDate>| from.is_none_or(|from| from < month + Months::new(1));
    let theirs = |at: &usize| {
        let own = &case.subscriptions[*at];
        own.id == known["subscription_id"] && own.contract == Some(contract)
    };
    let all: Vec<usize> = (0..case.subscriptions.len()).filter(theirs).collect();
    all.iter().copied().rfind(|at| begun(case.subscriptions[*at].days.from)).or(all.last().copied())
}

/// What was billed in earlier periods of the term.
fn billed(case: &Case, contract: usize, promise: &Fields, party: &Party) -> Exact {
    let known = case.table("commitment_balances").iter();
    let known = known.filter(|known| counts(case, contract, promise, party, known));
    known.fold(Exact::zero(), |sum, known| sum.plus(&Exact::read(&known["billed"])))
}

/// A term, and whether one came before it.
struct Term {
    from: NaiveDate,
    to: NaiveDate,
    follows: bool,
}

/// The term whose end the period sees, counted from the first day on which any of the subscriptions had the contract.
fn term(case: &Case, contract: usize, promise: &Fields, party: &Party) -> Term {
    let months: u32 = promise.one("term_months").unwrap().parse().unwrap();
    let (first, _) = period(&case.settings);
    let began = party.holders.iter().filter_map(|whose| case.subscriptions[*whose].days.from).min();
    let began = began.max(case.contracts[contract].days.from).unwrap_or(first);
    let number = (1..).find(|number| began + Months::new(months * number) > first).unwrap();
    Term {
        from: began + Months::new(months * (number - 1)),
        to: began + Months::new(months * number),
        follows: number > 1,
    }
}

/// Whether the term ends in the period, or nobody has the contract after it.
fn last_of_term(case: &Case, contract: usize, promise: &Fields, party: &Party) -> bool {
    let (_, after) = period(&case.settings);
    let ends = |to: Option<NaiveDate>| to.is_some_and(|to| to <= after);
    let gone = |whose: &usize| ends(case.subscriptions[*whose].days.to) || ends(case.contracts[contract].days.to);
    term(case, contract, promise, party).to <= after || party.holders.iter().all(gone)
}
