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
    let mut invoices = open(case, lines);
    let mut drawn = Drawn::default();
    for credit in credits {
        let opening = Exact::read(&credit["left"]);
        let mut left = opening.clone();
        let granted = credit["granted_on"].parse::<NaiveDate>().is_ok_and(|day| day >= after);
        let valid = !granted && expires(credit) > first;
        for (key, open) in invoices.iter_mut().filter(|_| valid) {
            let mut covered: Vec<&mut Exact> = Vec::new();
            for ((account, product), rest) in &mut open.parts {
                if covers(case, credit, *account, product) {
                    covered.push(rest);
                }
            }
            // What is credited on lines it may pay for is taken off first.
            let due = covered.iter().fold(Exact::zero(), |sum, rest| sum.plus(rest));
            let paid = due.least(left.clone()).least(open.room.clone()).most(Exact::zero());
            let mut over = paid.clone();
            for rest in covered {
                let part = rest.clone().least(over.clone()).most(Exact::zero());
                *rest = rest.less(&part);
                over = over.less(&part);
            }
            open.room = open.room.less(&paid);
            left = left.less(&paid);
            if paid.is_zero() {
                continue;
            }
            drawn.draws.push(row([
                ("credit_id", credit["credit_id"].clone()),
                ("invoice", format!("{} {}", key.0, key.1)),
                ("amount", paid.to_string()),
            ]));
            let sum = drawn.by_invoice.entry(key.clone()).or_insert_with(Exact::zero);
            *sum = sum.plus(&paid);
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

/// What is still to be paid of an invoice: in all, and by account and product.
struct Open {
    room: Exact,
    parts: BTreeMap<(usize, String), Exact>,
}

fn open(case: &Case, lines: &[Line]) -> BTreeMap<(String, String), Open> {
    let mut all: BTreeMap<(String, String), Open> = BTreeMap::new();
    for line in lines {
        let nothing = || Open { room: Exact::zero(), parts: BTreeMap::new() };
        let open = all.entry(invoice(case, line)).or_insert_with(nothing);
        let gross = line.net.plus(&line.tax());
        open.room = open.room.plus(&gross);
        let product = case.products[case.charges[line.draft.charge].product].id.clone();
        let part = open.parts.entry((line.account(case), product)).or_insert_with(Exact::zero);
        *part = part.plus(&gross);
    }
    all
}

/// Whether a credit may pay a product of an account.
fn covers(case: &Case, credit: &Row, account: usize, product: &str) -> bool {
    lineage(case, account).iter().any(|at| case.accounts[*at].id == credit["account_id"])
        && case.accounts[account].currency == credit["currency"]
        && (credit["products"].is_empty() || credit["products"].split(';').any(|name| name == product))
}
