//! From rated amounts to money: rounding of lines, and the sums of invoices.

use std::collections::BTreeMap;

use super::discounts;
use super::exact::Exact;
use super::features::{Feature, on};
use super::price::lineage;
use super::stages::Line;
use super::words::{Case, Row, row};

/// Digits of the smallest unit of a currency.
pub(crate) fn minor(currency: &str) -> u32 {
    match currency {
        "JPY" => 0,
        "KWD" => 3,
        "CLF" => 4,
        _ => 2,
    }
}

/// Rounded as lines of an account are.
pub(crate) fn to_money(case: &Case, account: usize, amount: &Exact) -> Exact {
    amount.round(minor(&case.accounts[account].currency), case.settings.rounding)
}

/// The account that is billed: the one that it or the nearest account above it names, or the topmost.
pub(crate) fn bill_to(case: &Case, account: usize) -> usize {
    let above = lineage(case, account);
    above.iter().find_map(|at| case.accounts[*at].bill_to).unwrap_or(*above.last().unwrap())
}

/// What names the invoice of a line: who is billed, and the currency.
pub(crate) fn invoice(case: &Case, line: &Line) -> (String, String) {
    let account = line.account(case);
    (case.accounts[bill_to(case, account)].id.clone(), case.accounts[account].currency.clone())
}

/// Rounds a line: list, discount and net, and the parts of its discounts, which add up.
pub(crate) fn round(case: &Case, line: &mut Line) {
    let account = line.account(case);
    line.list = to_money(case, account, &line.draft.amount);
    line.net = to_money(case, account, &line.left(case));
    line.discount = line.list.less(&line.net);
    // What a discount takes off is what it makes the rounded rest smaller by.
    let mut left = discounts::whole(case, line);
    let mut rest = line.list.clone();
    for off in &mut line.off {
        left = left.less(&off.exact);
        let smaller = to_money(case, account, &left);
        off.amount = rest.less(&smaller);
        rest = smaller;
    }
}

/// Invoices by account and currency.
pub(crate) fn invoices(case: &Case, lines: &[Line], drawn: &BTreeMap<(String, String), Exact>) -> Vec<Row> {
    let mut all: BTreeMap<(String, String), (usize, [Exact; 4])> = BTreeMap::new();
    for line in lines {
        let nothing = || (0, std::array::from_fn(|_| Exact::zero()));
        let (count, sums) = all.entry(invoice(case, line)).or_insert_with(nothing);
        *count += 1;
        for (sum, more) in sums.iter_mut().zip([&line.list, &line.discount, &line.net, &line.tax()]) {
            *sum = sum.plus(more);
        }
    }
    let rows = all.into_iter().map(|(key, (count, [list, discount, net, tax]))| {
        let gross = net.plus(&tax);
        let credit = drawn.get(&key).cloned().unwrap_or_else(Exact::zero);
        let mut cells = row([
            ("bill_to_account_id", key.0),
            ("currency", key.1),
            ("line_count", count.to_string()),
            ("amount_list", list.to_string()),
            ("amount_discount", discount.to_string()),
            ("amount_net", net.to_string()),
            ("amount_gross", gross.to_string()),
            ("amount_tax", tax.to_string()),
        ]);
        if on(Feature::Credits) {
            cells.insert("amount_credit".to_owned(), credit.to_string());
            cells.insert("amount_payable".to_owned(), gross.less(&credit).to_string());
        }
        cells
    });
    rows.collect()
}

/// Net and tax of every account on the way from that of a line up to the billed one, by invoice and product: its own, and
/// with all below it.
pub(crate) fn subtotals(case: &Case, lines: &[Line]) -> Vec<Row> {
    let mut all: BTreeMap<(String, String, usize, String), [Exact; 4]> = BTreeMap::new();
    for line in lines {
        let (who, currency) = invoice(case, line);
        let product = case.products[case.charges[line.draft.charge].product].id.clone();
        let path = lineage(case, line.account(case));
        let billed = bill_to(case, line.account(case));
        let end = path.iter().position(|account| *account == billed).unwrap_or(path.len() - 1);
        for (far, account) in path.into_iter().take(end + 1).enumerate() {
            let key = (who.clone(), currency.clone(), account, product.clone());
            let sums = all.entry(key).or_insert_with(|| std::array::from_fn(|_| Exact::zero()));
            let (net, tax) = (line.net.clone(), line.tax());
            let own = |amount: &Exact| if far == 0 { amount.clone() } else { Exact::zero() };
            for (sum, more) in sums.iter_mut().zip([&net, &tax, &own(&net), &own(&tax)]) {
                *sum = sum.plus(more);
            }
        }
    }
    let rows = all.into_iter().map(|((who, currency, account, product), [net, tax, own_net, own_tax])| {
        row([
            ("invoice", format!("{who} {currency}")),
            ("account_id", case.accounts[account].id.clone()),
            ("level", if case.accounts[account].parent.is_some() { "site" } else { "customer" }.to_owned()),
            ("product", product),
            ("currency", currency),
            ("amount_net", net.to_string()),
            ("amount_tax", tax.to_string()),
            ("amount_net_own", own_net.to_string()),
            ("amount_tax_own", own_tax.to_string()),
        ])
    });
    rows.collect()
}
