//! Taxes of jurisdictions by day, and who is exempt from them.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::check::{Checker, Column};
use super::ids::Ids;
use super::model::{TaxExemption, TaxRate};
use super::nearest::same_letters;
use super::overlap::{Span, sort_apart};
use super::rates::bounds;
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::money::Decimal;

/// Codes of the kinds of tax that an invoice may name (UN/CEFACT code list 5305, as European e-invoices use it).
const CATEGORY_CODES: [&str; 7] = ["S", "Z", "E", "AE", "K", "G", "O"];

/// Columns of `tax_rates` that may be absent.
const OPTIONAL: [&str; 10] = [
    "tax_category",
    "valid_from",
    "valid_to",
    "compound",
    "inclusive",
    "cap",
    "threshold_from",
    "threshold_to",
    "category_code",
    "reason",
];

/// What one row of a bracket of a tax is told apart by.
type Key = (String, String, String, Option<Decimal>, Option<Decimal>);

/// Checks the tax rates; sorted by jurisdiction, tax, category, bracket and start.
pub(super) fn tax_rates(table: &Table, timezone: Tz) -> Outcome<Vec<TaxRate>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&["jurisdiction", "tax", "rate"], &OPTIONAL) {
        return checker.finish(Vec::new());
    }
    let mut rates: Vec<Option<TaxRate>> = (0..table.rows()).map(|row| tax_rate(&mut checker, row)).collect();
    let span = |(row, rate): (usize, &Option<TaxRate>)| {
        let rate = rate.as_ref()?;
        let key = (
            rate.jurisdiction.clone(),
            rate.tax.clone(),
            rate.tax_category.clone(),
            rate.threshold_from,
            rate.threshold_to,
        );
        let (from, to) = bounds(rate.valid_from, rate.valid_to);
        Some(Span { key, from, to, row })
    };
    let mut spans: Vec<_> = rates.iter().enumerate().filter_map(span).collect();
    sort_apart(&mut checker, &mut spans, |(jurisdiction, tax, category, ..)| named(jurisdiction, tax, category));
    brackets_apart(&mut checker, &spans);
    let sorted = spans.iter().filter_map(|span| rates.get_mut(span.row).and_then(Option::take)).collect();
    checker.finish(sorted)
}

fn named(jurisdiction: &str, tax: &str, category: &str) -> String {
    let of = if category.is_empty() { String::new() } else { format!(" on `{category}`") };
    format!("`{tax}`{of} in `{jurisdiction}`")
}

/// Reports brackets of one tax that hold at the same time and have amounts in common. `spans` are sorted by key.
fn brackets_apart(checker: &mut Checker<'_>, spans: &[Span<Key, NaiveDate>]) {
    let same_tax = |a: &Key, b: &Key| (&a.0, &a.1, &a.2) == (&b.0, &b.1, &b.2);
    for (at, span) in spans.iter().enumerate() {
        let (from, to) = (span.key.3, span.key.4);
        for other in spans.iter().skip(at + 1).take_while(|other| same_tax(&span.key, &other.key)) {
            let (other_from, other_to) = (other.key.3, other.key.4);
            let begins =
                |from: Option<Decimal>, to: Option<Decimal>| to.is_none_or(|to| from.is_none_or(|from| from < to));
            let meet = begins(other_from, to) && begins(from, other_to);
            let differ = (from, to) != (other_from, other_to);
            if meet && differ && span.from < other.to && other.from < span.to {
                let line = checker.table.line(span.row.min(other.row));
                checker.fault(span.row.max(other.row), &codes::R007, || {
                    let (jurisdiction, tax, category, ..) = &span.key;
                    let of = named(jurisdiction, tax, category);
                    let hint = "`threshold_from` is the first amount of a bracket, `threshold_to` the first above it";
                    (format!("the amounts of {of} overlap those of line {line}"), hint.to_owned())
                });
            }
        }
    }
}

fn tax_rate(checker: &mut Checker<'_>, row: usize) -> Option<TaxRate> {
    let [jurisdiction, tax, percent] = ["jurisdiction", "tax", "rate"].map(|name| checker.column(name));
    let jurisdiction = checker.required(row, jurisdiction);
    let tax = checker.required(row, tax);
    let rate = percentage(checker, row, percent);
    let columns = OPTIONAL.map(|name| checker.column(name));
    let [category, from, to, compound, inclusive, cap, above, below, code, reason] = columns;
    let validity = checker.days(row, from, to);
    let compound = checker.flag(row, compound);
    let is_inclusive = checker.flag(row, inclusive);
    let most = amount(checker, row, cap);
    if is_inclusive == Some(true) && most.flatten().is_some() {
        checker.bad(row, cap, "a tax that the price includes has no cap", "leave `cap` or `inclusive` blank");
    }
    let threshold = (amount(checker, row, above), amount(checker, row, below));
    if let (Some(Some(from)), Some(Some(to))) = threshold
        && from >= to
    {
        checker.fault(row, &codes::R008, || {
            let hint = "`threshold_to` is the first amount the rate no longer holds for".to_owned();
            (format!("`threshold_to` {to} is not above `threshold_from` {from}"), hint)
        });
    }
    let code_text = category_code(checker, row, code);
    if let (Some(rate), Some(text)) = (rate, code_text)
        && !text.is_empty()
        && rate.is_zero() == (text == "S")
    {
        let why = if rate.is_zero() { "the standard rate is above 0" } else { "the rate of this code is 0" };
        checker.bad(row, code, why, "S is for rates above 0; Z zero-rated, E exempt, AE reverse charge are for 0");
    }
    let (valid_from, valid_to) = validity?;
    Some(TaxRate {
        jurisdiction: jurisdiction?.to_owned(),
        tax: tax?.to_owned(),
        tax_category: checker.blankable(row, category).to_owned(),
        rate: rate?,
        valid_from,
        valid_to,
        compound: compound?,
        inclusive: is_inclusive?,
        cap: most?,
        threshold_from: threshold.0?,
        threshold_to: threshold.1?,
        category_code: code_text?.to_owned(),
        reason: checker.blankable(row, reason).to_owned(),
    })
}

fn percentage(checker: &mut Checker<'_>, row: usize, column: Column) -> Option<Decimal> {
    let text = checker.text(row, column).trim();
    if text.ends_with('%') {
        checker.bad(row, column, "rates are percentages already", "write 7.25 for 7.25 %");
        return None;
    }
    let rate = checker.decimal(row, column, None)?;
    if rate.is_negative() {
        checker.bad(row, column, "below zero", "a tax rate is a percentage from 0 on");
        return None;
    }
    Some(rate)
}

/// An amount from 0 on; blank is `Some(None)`.
fn amount(checker: &mut Checker<'_>, row: usize, column: Column) -> Option<Option<Decimal>> {
    if checker.blankable(row, column).is_empty() {
        return Some(None);
    }
    let amount = checker.decimal(row, column, None)?;
    if amount.is_negative() {
        checker.bad(row, column, "below zero", "an amount from 0 on, in the currency of the line");
        return None;
    }
    Some(Some(amount))
}

pub(super) fn category_code<'t>(checker: &mut Checker<'t>, row: usize, column: Column) -> Option<&'t str> {
    let code = checker.blankable(row, column);
    if !code.is_empty() && !CATEGORY_CODES.contains(&code) {
        let upper = code.trim().to_ascii_uppercase();
        let near = CATEGORY_CODES.into_iter().find(|known| *known == upper);
        let hint = near.map_or_else(
            || format!("use one of {}", CATEGORY_CODES.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        checker.bad(row, column, "no code of a kind of tax", &hint);
        return None;
    }
    Some(code)
}

/// Checks the exemptions; sorted by account, tax and start. `taxes` are the names of all taxes.
pub(super) fn tax_exemptions(
    table: &Table,
    accounts: Option<&Ids<'_>>,
    taxes: &BTreeSet<&str>,
    timezone: Tz,
) -> Outcome<Vec<TaxExemption>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&["account_id"], &["tax", "valid_from", "valid_to", "certificate", "category_code"]) {
        return checker.finish(Vec::new());
    }
    let read = |row| exemption(&mut checker, row, accounts, taxes);
    let mut exemptions: Vec<Option<TaxExemption>> = (0..table.rows()).map(read).collect();
    let span = |(row, exemption): (usize, &Option<TaxExemption>)| {
        let exemption = exemption.as_ref()?;
        let (from, to) = bounds(exemption.valid_from, exemption.valid_to);
        Some(Span { key: (exemption.account, exemption.tax.clone()), from, to, row })
    };
    let mut spans: Vec<_> = exemptions.iter().enumerate().filter_map(span).collect();
    sort_apart(&mut checker, &mut spans, |(account, tax)| {
        let of = if tax.is_empty() { "all taxes".to_owned() } else { format!("`{tax}`") };
        let account = accounts.map_or("", |ids| ids.name(*account));
        format!("the exemption of `{account}` from {of}")
    });
    let sorted = spans.iter().filter_map(|span| exemptions.get_mut(span.row).and_then(Option::take)).collect();
    checker.finish(sorted)
}

fn exemption(
    checker: &mut Checker<'_>,
    row: usize,
    accounts: Option<&Ids<'_>>,
    taxes: &BTreeSet<&str>,
) -> Option<TaxExemption> {
    let columns = ["account_id", "tax", "valid_from", "valid_to", "certificate", "category_code"];
    let [account, tax, from, to, certificate, code] = columns.map(|name| checker.column(name));
    let named = checker.required(row, account);
    let account = named.and_then(|_| checker.pointer(row, account, accounts, "accounts"));
    let name = checker.blankable(row, tax);
    // A tax that is gone is nobody's fault; one spelt another way would be paid by who is exempt from it.
    if let Some(near) = taxes.iter().find(|known| **known != name && same_letters(known, name))
        && !name.is_empty()
        && !taxes.contains(name)
    {
        checker.fault(row, &codes::R005, || {
            (format!("`tax` names `{name}`, which is no tax"), format!("did you mean `{near}`?"))
        });
    }
    let validity = checker.days(row, from, to);
    let code_text = category_code(checker, row, code);
    if code_text == Some("S") {
        checker.bad(
            row,
            code,
            "the code of what is taxed",
            "use E for exempt, AE for reverse charge, or leave it blank",
        );
    }
    let (valid_from, valid_to) = validity?;
    let code = code_text?;
    Some(TaxExemption {
        account: account?,
        tax: name.to_owned(),
        valid_from,
        valid_to,
        certificate: checker.blankable(row, certificate).to_owned(),
        category_code: if code.is_empty() { "E".to_owned() } else { code.to_owned() },
    })
}
