//! Prepaid credits: drawn against what an invoice comes to, by priority, then expiry, then id.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::exact::Exact;
use super::price::{lineage, period};
use super::stages::Line;
use super::totals::invoice;
use super::words::{Case, Row, row};

#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) draws: Vec<Row>,
    pub(crate) balances: Vec<Row>,
    pub(crate) by_invoice: BTreeMap<(String, String), Exact>,
}

pub(crate) fn draw(case: &Case, lines: &[Line]) -> Drawn {
    let mut credits: Vec<&Row> = case.table("credits").iter().collect();
    let whole = |text: &str| text.parse::<i64>().unwrap_or(0);
    let expires = |credit: &Row| credit["expires_on"].parse::<NaiveDate>().unwrap_or(NaiveDate::MAX);
    credits.sort_by_key(|credit| (whole(&credit["priority"]), expires(credit), credit["credit_id"].clone()));
    let (first, after) = period(&case.settings);
    let mut open: Vec<Exact> = lines.iter().map(|line| line.net.plus(&line.tax())).collect();
    let mut drawn = Drawn::default();
    for credit in credits {
        let opening = Exact::read(&credit["left"]);
        let mut left = opening.clone();
        let granted = credit["granted_on"].parse::<NaiveDate>().is_ok_and(|day| day >= after);
        let valid = !granted && expires(credit) > first;
        let mut by_invoice: BTreeMap<(String, String), Exact> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| valid && covers(case, credit, line)) {
            let part = open[at].clone().least(left.clone()).most(Exact::zero());
            open[at] = open[at].less(&part);
            left = left.less(&part);
            let sum = by_invoice.entry(invoice(case, line)).or_insert_with(Exact::zero);
            *sum = sum.plus(&part);
        }
        for (key, amount) in by_invoice.into_iter().filter(|(_, amount)| !amount.is_zero()) {
            drawn.draws.push(row([
                ("credit_id", credit["credit_id"].clone()),
                ("invoice", format!("{} {}", key.0, key.1)),
                ("amount", amount.to_string()),
            ]));
            let sum = drawn.by_invoice.entry(key).or_insert_with(Exact::zero);
            *sum = sum.plus(&amount);
        }
        let expired = if expires(credit) <= after { left.clone() } else { Exact::zero() };
        drawn.balances.push(row([
            ("credit_id", credit["credit_id"].clone()),
            ("account_id", credit["account_id"].clone()),
            ("currency", credit["currency"].clone()),
            ("opening", opening.to_string()),
            ("drawn", opening.less(&left).to_string()),
            ("expired", expired.to_string()),
            ("left", left.less(&expired).to_string()),
        ]));
    }
    drawn
}

/// Whether a credit may pay a line.
fn covers(case: &Case, credit: &Row, line: &Line) -> bool {
    let account = line.account(case);
    let product = &case.products[case.charges[line.draft.charge].product].id;
    lineage(case, account).iter().any(|at| case.accounts[*at].id == credit["account_id"])
        && case.accounts[account].currency == credit["currency"]
        && (credit["products"].is_empty() || credit["products"].split(';').any(|name| name == product))
}
