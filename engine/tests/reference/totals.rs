//! From rated amounts to money: rounding, discounts, taxes, invoices.

use std::collections::BTreeMap;

use super::bill::{Draft, name};
use super::exact::Exact;
use super::features;
use super::price::{lineage, period};
use super::words::{Case, Rate, Row};

/// The amounts of a line.
pub(crate) struct Money {
    pub(crate) list: Exact,
    pub(crate) discount: Exact,
    pub(crate) net: Exact,
}

/// Digits of the smallest unit of a currency.
fn minor(currency: &str) -> u32 {
    match currency {
        "JPY" => 0,
        "KWD" => 3,
        "CLF" => 4,
        _ => 2,
    }
}

fn currency<'a>(case: &'a Case, draft: &Draft) -> &'a str {
    &case.accounts[case.subscriptions[draft.subscription].account].currency
}

/// The account that is billed: the one that it or the nearest account above it names, or the topmost.
pub(crate) fn bill_to(case: &Case, account: usize) -> usize {
    let above = lineage(case, account);
    above.iter().find_map(|at| case.accounts[*at].bill_to).unwrap_or(*above.last().unwrap())
}

/// The percentages off a line, as declared.
fn percents_off(case: &Case, draft: &Draft) -> Vec<Exact> {
    let charge = &case.charges[draft.charge];
    let product = &case.products[charge.product].id;
    let on = |names: &[String]| names.iter().any(|name| *name == charge.id || name == product);
    let account = case.subscriptions[draft.subscription].account;
    let agreed = || {
        let mut all = lineage(case, account).into_iter().map(|at| case.accounts[at].agreed.clone());
        all.find(|text| !text.is_empty())
    };
    let own = case.discounts.iter().filter(|discount| on(&discount.on));
    own.filter_map(|discount| discount.percent.clone().or_else(agreed)).map(|text| Exact::read(&text)).collect()
}

pub(crate) fn settled(case: &Case, draft: &Draft) -> Money {
    let settle = |amount: &Exact| amount.round(minor(currency(case, draft)), case.settings.rounding);
    let list = settle(&draft.amount);
    let part = |amount: &Exact, percent: &Exact| amount.times(percent).over(&Exact::whole(100));
    // Each discount is taken of what the earlier ones have left.
    let mut left = if case.settings.rounded_base { list.clone() } else { draft.amount.clone() };
    for percent in percents_off(case, draft) {
        let mut off = part(&left, &percent);
        if case.settings.rounded_base {
            off = settle(&off);
        } else if features::DISCOUNT_THROUGH_18 {
            off = off.kept();
        }
        left = left.less(&off);
    }
    let net = settle(&left);
    Money { discount: list.less(&net), list, net }
}

/// The taxes of a line, those that are not compound first, then by name.
pub(crate) fn taxes(case: &Case, draft: &Draft, money: &Money) -> Vec<(Exact, Row)> {
    let account = case.subscriptions[draft.subscription].account;
    let above = lineage(case, account);
    let Some(jurisdiction) = above.iter().map(|at| &case.accounts[*at].jurisdiction).find(|text| !text.is_empty())
    else {
        return Vec::new();
    };
    let category = &case.products[case.charges[draft.charge].product].category;
    let last = period(&case.settings).1.pred_opt().unwrap();
    let fits = |rate: &&Rate| {
        rate.jurisdiction == *jurisdiction
            && (rate.category.is_empty() || rate.category == *category)
            && rate.days.hold(last)
    };
    let mut due: Vec<&Rate> = case.rates.iter().filter(fits).collect();
    due.sort_by_key(|rate| (rate.compound, rate.tax.clone()));
    let exemptions = &case.accounts[account].exemptions;
    let mut earlier = Exact::zero();
    let mut found = Vec::new();
    for rate in due {
        let base = if rate.compound { money.net.plus(&earlier) } else { money.net.clone() };
        let exempt = *exemptions == "all" || *exemptions == rate.tax;
        let percent = Exact::read(&rate.percent);
        let tax =
            base.times(&percent).over(&Exact::whole(100)).round(minor(currency(case, draft)), case.settings.rounding);
        let tax = if exempt { Exact::zero() } else { tax };
        earlier = earlier.plus(&tax);
        let cells = [
            ("line", name(case, draft)),
            ("tax", rate.tax.clone()),
            ("rate_percent", percent.to_string()),
            ("taxable_amount", base.to_string()),
            ("amount", tax.to_string()),
            ("exempt", exempt.to_string()),
        ];
        found.push((tax, cells.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()));
    }
    found
}

/// Invoices by account and currency.
#[derive(Default)]
pub(crate) struct Invoices {
    all: BTreeMap<(String, String), (usize, [Exact; 4])>,
}

impl Invoices {
    pub(crate) fn add(&mut self, case: &Case, draft: &Draft, money: &Money, taxes: &[(Exact, Row)]) {
        let account = case.subscriptions[draft.subscription].account;
        let who = case.accounts[bill_to(case, account)].id.clone();
        let nothing = || (0, std::array::from_fn(|_| Exact::zero()));
        let (count, sums) = self.all.entry((who, currency(case, draft).to_owned())).or_insert_with(nothing);
        *count += 1;
        let tax = taxes.iter().fold(Exact::zero(), |sum, (tax, _)| sum.plus(tax));
        for (sum, more) in sums.iter_mut().zip([&money.list, &money.discount, &money.net, &tax]) {
            *sum = sum.plus(more);
        }
    }

    pub(crate) fn rows(self) -> Vec<Row> {
        let row = |((who, currency), (count, [list, discount, net, tax])): ((String, String), (usize, [Exact; 4]))| {
            let cells = [
                ("bill_to_account_id", who),
                ("currency", currency),
                ("line_count", count.to_string()),
                ("amount_list", list.to_string()),
                ("amount_discount", discount.to_string()),
                ("amount_net", net.to_string()),
                ("amount_gross", net.plus(&tax).to_string()),
                ("amount_tax", tax.to_string()),
            ];
            cells.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
        };
        self.all.into_iter().map(row).collect()
    }
}
