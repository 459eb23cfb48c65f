//! Allowances of money: they cover what usage comes to, after its model.

use std::collections::BTreeMap;

use super::bill::{Draft, name};
use super::exact::Exact;
use super::pools::{Draw, Grant, drawn_on};
use super::stages::Line;
use super::words::Case;

/// Adds a line of what is covered to each line of usage: of earlier prices first, then of lower subscriptions.
pub(crate) fn cover(case: &Case, grants: &[Grant], lines: &mut Vec<Line>, draws: &mut Vec<Draw>) {
    let mut left: BTreeMap<usize, Exact> = BTreeMap::new();
    let mut used: Vec<Draft> =
        lines.iter().map(|line| line.draft.clone()).filter(|draft| draft.kind == "usage").collect();
    used.sort_by_key(|draft| (draft.days.from, draft.subscription));
    for draft in used {
        let mut open = draft.amount.clone().most(Exact::zero());
        let all = open.clone();
        let line = Draft {
            kind: "allowance",
            model: "allowance".to_owned(),
            tier: "included".to_owned(),
            quantity: Exact::zero(),
            unit_price: None,
            ..draft
        };
        for at in drawn_on(case, grants, line.subscription, line.charge, true) {
            let rest = left.entry(at).or_insert_with(|| grants[at].units.clone());
            let part = open.clone().least(rest.clone());
            *rest = rest.less(&part);
            open = open.less(&part);
            if !part.is_zero() {
                let (line, who, charge) = (name(case, &line), line.subscription, line.charge);
                draws.push(Draw { line, grant: at, who, charge, quantity: Exact::zero(), amount: part });
            }
        }
        let amount = open.less(&all);
        if !amount.is_zero() {
            lines.push(Line::new(Draft { amount, ..line }));
        }
    }
}
