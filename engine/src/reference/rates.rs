//! Rates by day: taxes of jurisdictions and exchange rates of currencies.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::check::{Checker, Column};
use super::model::{FxRate, TaxRate};
use super::overlap::{Span, sort_apart};
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::money::Decimal;

/// Checks the tax rates; sorted by jurisdiction, tax, category and start.
pub(super) fn tax_rates(table: &Table, timezone: Tz) -> Outcome<Vec<TaxRate>> {
    let mut checker = Checker::new(table, timezone);
    let optional = ["tax_category", "valid_from", "valid_to", "compound"];
    if !checker.columns(&["jurisdiction", "tax", "rate"], &optional) {
        return checker.finish(Vec::new());
    }
    let mut rates: Vec<Option<TaxRate>> = (0..table.rows()).map(|row| tax_rate(&mut checker, row)).collect();
    let span = |(row, rate): (usize, &Option<TaxRate>)| {
        let rate = rate.as_ref()?;
        let key = (rate.jurisdiction.clone(), rate.tax.clone(), rate.tax_category.clone());
        let (from, to) = bounds(rate.valid_from, rate.valid_to);
        Some(Span { key, from, to, row })
    };
    let mut spans: Vec<_> = rates.iter().enumerate().filter_map(span).collect();
    sort_apart(&mut checker, &mut spans, |(jurisdiction, tax, category)| {
        let of = if category.is_empty() { String::new() } else { format!(" on `{category}`") };
        format!("`{tax}`{of} in `{jurisdiction}`")
    });
    let sorted = spans.iter().filter_map(|span| rates.get_mut(span.row).and_then(Option::take)).collect();
    checker.finish(sorted)
}

fn tax_rate(checker: &mut Checker<'_>, row: usize) -> Option<TaxRate> {
    let columns = ["jurisdiction", "tax", "tax_category", "rate", "valid_from", "valid_to", "compound"];
    let [jurisdiction, tax, category, rate, from, to, compound] = columns.map(|name| checker.column(name));
    let jurisdiction = checker.required(row, jurisdiction);
    let tax = checker.required(row, tax);
    let percent = positive_or_zero(checker, row, rate);
    let validity = checker.days(row, from, to);
    let compound = checker.flag(row, compound);
    let (valid_from, valid_to) = validity?;
    Some(TaxRate {
        jurisdiction: jurisdiction?.to_owned(),
        tax: tax?.to_owned(),
        tax_category: checker.blankable(row, category).to_owned(),
        rate: percent?,
        valid_from,
        valid_to,
        compound: compound?,
    })
}

fn positive_or_zero(checker: &mut Checker<'_>, row: usize, column: Column) -> Option<Decimal> {
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

/// Days that bound a validity, open ones replaced by the ends of time.
pub(super) fn bounds(from: Option<NaiveDate>, to: Option<NaiveDate>) -> (NaiveDate, NaiveDate) {
    (from.unwrap_or(NaiveDate::MIN), to.unwrap_or(NaiveDate::MAX))
}

/// Checks the exchange rates; sorted by from, to, type and date.
pub(super) fn fx_rates(table: &Table, timezone: Tz) -> Outcome<Vec<FxRate>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&["from", "to", "date", "rate"], &["rate_type"]) {
        return checker.finish(Vec::new());
    }
    let mut rates = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        rates.extend(fx_rate(&mut checker, row).map(|rate| (rate, row)));
    }
    rates.sort_by(|(a, first), (b, second)| (a.key(), a.date, first).cmp(&(b.key(), b.date, second)));
    for pair in rates.windows(2) {
        if let [(first, line), (second, row)] = pair
            && (first.key(), first.date) == (second.key(), second.date)
        {
            let line = table.line(*line);
            checker.fault(*row, &codes::R004, || {
                let message =
                    format!("{} to {} on {} stands in line {line} already", second.from, second.to, second.date);
                (message, "keep one rate a day".to_owned())
            });
        }
    }
    checker.finish(rates.into_iter().map(|(rate, _)| rate).collect())
}

fn fx_rate(checker: &mut Checker<'_>, row: usize) -> Option<FxRate> {
    let columns = ["from", "to", "date", "rate", "rate_type"];
    let [from, to, date, rate, rate_type] = columns.map(|name| checker.column(name));
    let sold = checker.currency(row, from);
    let bought = checker.currency(row, to);
    if sold.is_some() && sold == bought {
        checker.bad(row, to, "the same as `from`", "a currency needs no rate to itself");
    }
    let day = checker.required(row, date).and_then(|_| checker.day(row, date).flatten());
    let value = checker.decimal(row, rate, None);
    if value.is_some_and(|value| value <= Decimal::ZERO) {
        checker.bad(row, rate, "not above zero", "write how many units of `to` one `from` buys");
    }
    Some(FxRate {
        from: sold?.to_owned(),
        to: bought?.to_owned(),
        rate_type: checker.blankable(row, rate_type).trim().to_owned(),
        date: day?,
        rate: value?,
        place: checker.table.place(row),
    })
}
