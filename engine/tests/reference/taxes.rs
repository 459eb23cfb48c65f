//! Taxes of lines: by jurisdiction and category, with exemptions, caps, and prices that include them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::bill::name;
use super::exact::Exact;
use super::features::{self, Feature, on};
use super::price::{lineage, period};
use super::split::{split, sum, together};
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

/// Puts the taxes on all lines, one after the other: included ones first, those that are not compound, then by name.
pub(crate) fn apply(case: &Case, lines: &mut [Line]) {
    let due: Vec<Vec<Rate>> = lines.iter().map(|line| due(case, line)).collect();
    include(case, lines, &due);
    let order: BTreeSet<(bool, bool, &str)> = due.iter().flatten().map(rank).collect();
    for turn in order {
        let mut together: BTreeMap<[String; 5], Vec<usize>> = BTreeMap::new();
        for (at, line) in lines.iter_mut().enumerate() {
            let Some(rate) = due[at].iter().find(|rate| rank(rate) == turn) else {
                continue;
            };
            let tax = of_line(case, line, rate);
            line.taxes.push(tax);
            if case.settings.tax_per_invoice && !inclusive(rate) {
                together.entry(key(case, line, rate)).or_default().push(at);
            }
        }
        for places in together.into_values() {
            let exact: Vec<Exact> = places.iter().map(|at| lines[*at].taxes.last().unwrap().exact.clone()).collect();
            for (at, part) in places.iter().zip(rounded(case, lines, &places, &exact)) {
                lines[*at].taxes.last_mut().unwrap().amount = part;
            }
        }
    }
}

fn rank(rate: &Rate) -> (bool, bool, &str) {
    (!inclusive(rate), rate.compound, rate.tax.as_str())
}

/// What taxes are rounded together: those of an invoice, a place, a name and a rate; what is not paid, apart.
fn key(case: &Case, line: &Line, rate: &Rate) -> [String; 5] {
    let (who, currency) = invoice(case, line);
    let place = if features::TAX_BY_PLACE { rate.jurisdiction.clone() } else { String::new() };
    let paid = exempt(case, line, &rate.tax).is_none().to_string();
    [format!("{who} {currency}"), place, rate.tax.clone(), Exact::read(&rate.percent).to_string(), paid]
}

fn rounded(case: &Case, lines: &[Line], places: &[usize], exact: &[Exact]) -> Vec<Exact> {
    let account = lines[places[0]].account(case);
    together(exact, minor(&case.accounts[account].currency), case.settings.rounding)
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

/// The rates of a line in their order; a rate for the very category replaces that of the same tax for all.
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
    };
    let all: Vec<&Rate> = case.rates.iter().filter(fits).collect();
    let closer = |rate: &Rate| all.iter().any(|other| other.tax == rate.tax && !other.category.is_empty());
    let counts = |rate: &&&Rate| (!rate.category.is_empty() || !closer(rate)) && within(rate);
    let mut due: Vec<Rate> = all.iter().filter(counts).map(|rate| (*rate).clone()).collect();
    due.sort_by(|one, other| rank(one).cmp(&rank(other)));
    if jurisdiction.is_empty() { Vec::new() } else { due }
}

fn inclusive(rate: &Rate) -> bool {
    rate.more.get("inclusive").is_some_and(|text| text == "true")
}

/// Why an account is exempt from a tax, if it is: by a certificate of the nearest account that has one, one for the tax
/// before one for all; or by its own column.
fn exempt(case: &Case, line: &Line, tax: &str) -> Option<String> {
    let account = line.account(case);
    let last = last_day(case);
    let day = |known: &Row, key: &str| known[key].parse::<NaiveDate>().ok();
    let holds = |known: &&Row| Days { from: day(known, "valid_from"), to: day(known, "valid_to") }.hold(last);
    let held: Vec<&Row> = case.table("tax_exemptions").iter().filter(holds).collect();
    let find = |at: usize, tax: &str| {
        held.iter().find(|known| known["account_id"] == case.accounts[at].id && known["tax"] == tax)
    };
    let found = lineage(case, account).into_iter().find_map(|at| find(at, tax).or_else(|| find(at, "")));
    let own = &case.accounts[account].exemptions;
    let column = || (*own == "all" || *own == tax).then(String::new);
    found.map(|known| known["category_code"].clone()).or_else(column)
}

/// Takes taxes that prices include out of the net, those that an account is exempt from as well: what is charged is split
/// over 1 and the share of each.
fn include(case: &Case, lines: &mut [Line], due: &[Vec<Rate>]) {
    let mut all: BTreeMap<[String; 5], Vec<(usize, String, Exact)>> = BTreeMap::new();
    for (line, due) in lines.iter_mut().zip(due) {
        let mut weights = vec![Exact::whole(1)];
        for rate in due.iter().filter(|rate| inclusive(rate)) {
            let share = Exact::read(&rate.percent).over(&Exact::whole(100));
            weights.push(if rate.compound { share.times(&sum(weights.iter())) } else { share });
        }
        let digits = minor(&case.accounts[line.account(case)].currency);
        let parts = split(&line.net, &weights, digits).into_iter().skip(1);
        line.included = due.iter().filter(|rate| inclusive(rate)).map(|rate| rate.tax.clone()).zip(parts).collect();
    }
    for (at, due) in due.iter().enumerate().filter(|_| case.settings.tax_per_invoice) {
        let whole = Exact::whole(1).plus(&shares(due));
        for rate in due.iter().filter(|rate| inclusive(rate)) {
            let share = shares_of(due, rate);
            let exact = lines[at].net.times(&share).over(&whole).kept();
            all.entry(key(case, &lines[at], rate)).or_default().push((at, rate.tax.clone(), exact));
        }
    }
    for found in all.into_values() {
        let places: Vec<usize> = found.iter().map(|(at, ..)| *at).collect();
        let exact: Vec<Exact> = found.iter().map(|(.., exact)| exact.clone()).collect();
        for ((at, tax, _), part) in found.iter().zip(rounded(case, lines, &places, &exact)) {
            lines[*at].included.insert(tax.clone(), part);
        }
    }
    for line in lines {
        line.tax_included = sum(line.included.values());
        line.net = line.net.less(&line.tax_included);
    }
}

/// The share of each included tax in what is without tax, those that are not compound first.
fn shares(due: &[Rate]) -> Exact {
    let included = due.iter().filter(|rate| inclusive(rate));
    included.map(|rate| shares_of(due, rate)).fold(Exact::zero(), |sum, share| sum.plus(&share))
}

fn shares_of(due: &[Rate], of: &Rate) -> Exact {
    let mut earlier = Exact::whole(1);
    for rate in due.iter().filter(|rate| inclusive(rate)) {
        let share = Exact::read(&rate.percent).over(&Exact::whole(100));
        let share = if rate.compound { share.times(&earlier) } else { share };
        if rate.tax == of.tax {
            return share;
        }
        earlier = earlier.plus(&share);
    }
    Exact::zero()
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

fn of_line(case: &Case, line: &Line, rate: &Rate) -> Tax {
    // What is included is taken of a price that others are included in, whether they are paid or not.
    let part = |tax: &Tax| if inclusive(rate) { line.included[&tax.rate.tax].clone() } else { tax.amount.clone() };
    let earlier: Vec<Exact> = line.taxes.iter().map(part).collect();
    let base = if rate.compound { line.net.plus(&sum(earlier.iter())) } else { line.net.clone() };
    let reason = exempt(case, line, &rate.tax);
    let mut exact = base.times(&Exact::read(&rate.percent)).over(&Exact::whole(100));
    if let Some(cap) = rate.more.get("cap").filter(|text| !text.is_empty()) {
        let cap = Exact::read(cap);
        exact = exact.least(cap.clone()).most(cap.negated());
    }
    let included = line.included.get(&rate.tax);
    let mut amount = included.cloned().unwrap_or_else(|| to_money(case, line.account(case), &exact));
    if reason.is_some() {
        (exact, amount) = (Exact::zero(), Exact::zero());
    }
    let code = code(rate, reason.as_deref());
    Tax { rate: rate.clone(), base, exact, amount, exempt: reason.is_some(), code }
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
