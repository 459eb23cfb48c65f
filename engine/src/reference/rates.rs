//! Exchange rates of currencies by day.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::check::Checker;
use super::model::FxRate;
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::money::Decimal;

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
