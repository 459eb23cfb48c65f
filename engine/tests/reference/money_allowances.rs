//! Allowances of money: they cover what usage comes to, after its model.

use std::collections::BTreeMap;

use super::bill::{Draft, name};
use super::exact::Exact;
use super::pools::{Draw, Grant, drawn_on};
use super::stages::Line;
use super::words::Case;

/// Adds a line of what is covered to each line of usage: of lower subscriptions first, charge after charge, of each those at
/// prices that hold earlier first. The lines of a charge are together covered to zero and not below: one below zero leaves less to cover of the others.
pub(crate) fn cover(case: &Case, grants: &[Grant], lines: &mut Vec<Line>, draws: &mut Vec<Draw>) {
    let mut left: BTreeMap<usize, Exact> = BTreeMap::new();
    let usage = lines.iter().map(|line| &line.draft).filter(|draft| draft.kind == "usage");
    let mut used: Vec<Draft> = usage.cloned().collect();
    used.sort_by_cached_key(|draft| (draft.subscription, case.charges[draft.charge].id.clone(), draft.days.from));
    for own in used.chunk_by(|one, next| (one.subscription, one.charge) == (next.subscription, next.charge)) {
        let mut open = own.iter().fold(Exact::zero(), |sum, draft| sum.plus(&draft.amount));
        for draft in own {
            let covered = cover_line(case, grants, draft, &mut left, &open, draws);
            if !covered.is_zero() {
                open = open.less(&covered);
                lines.push(Line::new(Draft { amount: covered.negated(), ..included(draft) }));
            }
        }
    }
}

/// The line of what is covered of a line of usage.
fn included(draft: &Draft) -> Draft {
    let (model, tier) = ("allowance".to_owned(), "included".to_owned());
    Draft { kind: "allowance", model, tier, quantity: Exact::zero(), unit_price: None, ..draft.clone() }
}

/// What is covered of a line of usage, of which `open` is the most.
fn cover_line(
    case: &Case,
    grants: &[Grant],
    draft: &Draft,
    left: &mut BTreeMap<usize, Exact>,
    open: &Exact,
    draws: &mut Vec<Draw>,
) -> Exact {
    let most = draft.amount.clone().least(open.clone()).most(Exact::zero());
    let mut rest = most.clone();
    for at in drawn_on(case, grants, draft.subscription, draft.charge, true) {
        let grant = left.entry(at).or_insert_with(|| grants[at].units.clone());
        let part = rest.clone().least(grant.clone());
        (*grant, rest) = (grant.less(&part), rest.less(&part));
        if !part.is_zero() {
            let (line, who, charge) = (name(case, &included(draft)), draft.subscription, draft.charge);
            draws.push(Draw { line, grant: at, who, charge, quantity: Exact::zero(), amount: part });
        }
    }
    most.less(&rest)
}
