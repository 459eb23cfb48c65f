//! Allowances of money: they cover what usage comes to, after its model.

use std::collections::BTreeMap;

use super::bill::{Draft, name};
use super::exact::Exact;
use super::pools::{Draw, Grant, drawn_on};
use super::stages::Line;
use super::words::Case;

/// Adds a line of what is covered for each subscription, charge and stretch with usage.
pub(crate) fn cover(case: &Case, grants: &[Grant], lines: &mut Vec<Line>, draws: &mut Vec<Draw>) {
    let mut left: BTreeMap<usize, Exact> = BTreeMap::new();
    let mut covered: BTreeMap<(usize, usize, String, String), (Draft, Exact)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.draft.kind == "usage") {
        let draft = &line.draft;
        let (days, group) = (format!("{:?}", draft.days), format!("{:?}", draft.group));
        let key = (draft.subscription, draft.charge, days, group);
        let sum = &mut covered.entry(key).or_insert_with(|| (draft.clone(), Exact::zero())).1;
        *sum = sum.plus(&draft.amount);
    }
    for (draft, owed) in covered.into_values() {
        let mut open = owed.most(Exact::zero());
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
