//! Taxes of lines: by jurisdiction and category, with exemptions, caps, and prices that include them.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::bill::name;
use super::exact::Exact;
use super::features::{Feature, on};
use super::price::{lineage, period};
use super::split::{split, sum};
use super::stages::Line;
use super::totals::{invoice, minor, to_money};
use super::words::{Case, Days, Rate, Row, row};

/// One tax of one line.
#[derive(Clone, Debug)]
pub(crate) struct Tax {
    rate: Rate,
    base: Exact,
    /// Before it is rounded.
    exact: Exact,
    pub(crate) amount: Exact,
    /// Whether the account is exempt from it, and the code of why.
    exempt: bool,
    code: String,
}

/// Puts the taxes on all lines.
pub(crate) fn apply(case: &Case, lines: &mut [Line]) {
    for line in lines.iter_mut() {
        include(case, line);
        line.taxes = of_line(case, line);
    }
    if case.settings.tax_per_invoice {
        round_by_invoice(case, lines);
    }
}

fn last_day(case: &Case) -> NaiveDate {
    period(&case.settings).1.pred_opt().unwrap()
}

/// Where a line is taxed: at the place of the subscription, or of the nearest account that has one.
pub(crate) fn jurisdiction(case: &Case, line: &Line) -> String {
    let subscription = &case.subscriptions[line.draft.subscription];
    let place = subscription.more.get("tax_jurisdiction").filter(|text| !text.is_empty());
    let above = lineage(case, subscription.account);
    let theirs = || above.iter().map(|at| &case.accounts[*at].jurisdiction).find(|text| !text.is_empty());
    place.or_else(theirs).cloned().unwrap_or_default()
}

/// The rates of a line, those that are not compound first, then by name.
fn due(case: &Case, line: &Line) -> Vec<Rate> {
    let jurisdiction = jurisdiction(case, line);
    let category = &case.products[case.charges[line.draft.charge].product].category;
    let last = last_day(case);
    let amount = &super::split::magnitude(&line.net);
    let within = |rate: &Rate| {
        let bound = |key: &str| rate.more.get(key).filter(|text| !text.is_empty()).map(|text| Exact::read(text));
        bound("threshold_from").is_none_or(|from| *amount >= from)
            && bound("threshold_to").is_none_or(|to| *amount < to)
    };
    let fits = |rate: &&Rate| {
        rate.jurisdiction == jurisdiction
            && (rate.category.is_empty() || rate.category == *category)
            && rate.days.hold(last)
            && within(rate)
    };
    let mut due: Vec<Rate> = case.rates.iter().filter(fits).cloned().collect();
    due.sort_by_key(|rate| (rate.compound, rate.tax.clone()));
    if jurisdiction.is_empty() { Vec::new() } else { due }
}

fn inclusive(rate: &Rate) -> bool {
    rate.more.get("inclusive").is_some_and(|text| text == "true")
}

/// Why an account is exempt from a tax, if it is: itself, or by a certificate of its own or of an account above.
fn exempt(case: &Case, line: &Line, tax: &str) -> Option<String> {
    let account = line.account(case);
    let own = &case.accounts[account].exemptions;
    if *own == "all" || *own == tax {
        return Some(String::new());
    }
    let last = last_day(case);
    let day = |known: &Row, key: &str| known[key].parse::<NaiveDate>().ok();
    let holds = |known: &&Row| {
        lineage(case, account).iter().any(|at| case.accounts[*at].id == known["account_id"])
            && (known["tax"].is_empty() || known["tax"] == tax)
            && Days { from: day(known, "valid_from"), to: day(known, "valid_to") }.hold(last)
    };
    case.table("tax_exemptions").iter().find(holds).map(|known| known["category_code"].clone())
}

/// Takes taxes that the price includes out of the net, those that an account is exempt from as well.
fn include(case: &Case, line: &mut Line) {
    let due: Vec<Rate> = due(case, line).into_iter().filter(inclusive).collect();
    if due.is_empty() {
        return;
    }
    let account = line.account(case);
    let rates: Vec<Exact> = due.iter().map(|rate| Exact::read(&rate.percent)).collect();
    let whole = Exact::whole(1).plus(&sum(rates.iter()).over(&Exact::whole(100)));
    let net = to_money(case, account, &line.net.over(&whole));
    line.tax_included = line.net.less(&net);
    let parts = split(&line.tax_included, &rates, minor(&case.accounts[account].currency));
    line.included = due.into_iter().map(|rate| rate.tax).zip(parts).collect();
    line.net = net;
}

/// The code of the exemption or of the rate, or the usual one.
fn code(rate: &Rate, reason: Option<&str>) -> String {
    let own = rate.more.get("category_code").filter(|code| !code.is_empty());
    let zero = Exact::read(&rate.percent).is_zero();
    match reason {
        Some("") => "E".to_owned(),
        Some(code) => code.to_owned(),
        None => own.cloned().unwrap_or_else(|| if zero { "Z" } else { "S" }.to_owned()),
    }
}

fn of_line(case: &Case, line: &Line) -> Vec<Tax> {
    let account = line.account(case);
    let mut earlier = Exact::zero();
    let mut found = Vec::new();
    for rate in due(case, line) {
        let base = if rate.compound { line.net.plus(&earlier) } else { line.net.clone() };
        let reason = exempt(case, line, &rate.tax);
        let mut exact = base.times(&Exact::read(&rate.percent)).over(&Exact::whole(100));
        if let Some(cap) = rate.more.get("cap").filter(|text| !text.is_empty()) {
            let cap = Exact::read(cap);
            exact = exact.least(cap.clone()).most(cap.negated());
        }
        if reason.is_some() {
            exact = Exact::zero();
        }
        let included = line.included.get(&rate.tax).filter(|_| reason.is_none());
        let amount = included.cloned().unwrap_or_else(|| to_money(case, account, &exact));
        earlier = earlier.plus(if case.settings.tax_per_invoice { &exact } else { &amount });
        let code = code(&rate, reason.as_deref());
        found.push(Tax { rate, base, exact, amount, exempt: reason.is_some(), code });
    }
    found
}

/// Rounds each tax once an invoice, and splits it over its lines by the largest remainder.
fn round_by_invoice(case: &Case, lines: &mut [Line]) {
    let mut all: BTreeMap<[String; 5], Vec<(usize, usize)>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let (who, currency) = invoice(case, line);
        let place = jurisdiction(case, line);
        for (number, tax) in line.taxes.iter().enumerate().filter(|(_, tax)| !inclusive(&tax.rate)) {
            let percent = Exact::read(&tax.rate.percent).to_string();
            let key = [who.clone(), currency.clone(), place.clone(), tax.rate.tax.clone(), percent];
            all.entry(key).or_default().push((at, number));
        }
    }
    for places in all.into_values() {
        let exact: Vec<Exact> = places.iter().map(|(at, tax)| lines[*at].taxes[*tax].exact.clone()).collect();
        let account = lines[places[0].0].account(case);
        let whole = to_money(case, account, &sum(exact.iter()));
        let parts = split(&whole, &exact, minor(&case.accounts[account].currency));
        for ((at, tax), part) in places.into_iter().zip(parts) {
            lines[at].taxes[tax].amount = part;
        }
    }
}

impl Tax {
    pub(crate) fn row(&self, case: &Case, line: &Line) -> Row {
        let mut cells = row([
            ("line", name(case, &line.draft)),
            ("tax", self.rate.tax.clone()),
            ("rate_percent", Exact::read(&self.rate.percent).to_string()),
            ("taxable_amount", self.base.to_string()),
            ("amount", self.amount.to_string()),
            ("exempt", self.exempt.to_string()),
        ]);
        if on(Feature::TaxTerms) {
            cells.insert("category_code".to_owned(), self.code.clone());
        }
        cells
    }
}
