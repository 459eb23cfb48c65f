//! The credits table: money that was paid before it is owed, and what of it is left. Whether the products it is kept for
//! exist is asked later, of the book.

use chrono_tz::Tz;

use super::check::{Checker, Column};
use super::ids::Ids;
use super::model::Credit;
use super::table::Table;
use crate::fault::Outcome;
use crate::money::{Decimal, Rounding, currency::minor_digits};

const REQUIRED: [&str; 4] = ["credit_id", "account_id", "currency", "granted"];
const OPTIONAL: [&str; 5] = ["left", "priority", "granted_on", "expires_on", "products"];

/// Checks the credits; sorted by id.
pub(super) fn credits(table: &Table, accounts: Option<&Ids<'_>>, timezone: Tz) -> Outcome<Vec<Credit>> {
    let mut checker = Checker::new(table, timezone);
    let complete = checker.columns(&REQUIRED, &OPTIONAL);
    let ids = Ids::of(table, "credit_id");
    let Some(ids) = ids.as_ref().filter(|_| complete) else { return checker.finish(Vec::new()) };
    let id = checker.column("credit_id");
    for row in 0..table.rows() {
        checker.required(row, id);
    }
    checker.unique(ids, id);
    let credits = ids.rows.iter().filter_map(|row| credit(&mut checker, *row, accounts)).collect();
    checker.finish(credits)
}

fn credit(checker: &mut Checker<'_>, row: usize, accounts: Option<&Ids<'_>>) -> Option<Credit> {
    let [id, account, currency, granted] = REQUIRED.map(|name| checker.column(name));
    let [left, priority, granted_on, expires_on, products] = OPTIONAL.map(|name| checker.column(name));
    let holder = checker.required(row, account).and_then(|_| checker.pointer(row, account, accounts, "accounts"));
    let currency = checker.currency(row, currency);
    let digits = currency.and_then(minor_digits).unwrap_or(4);
    let whole = amount(checker, row, granted, digits);
    let untouched = checker.blankable(row, left).is_empty();
    let rest = if untouched { whole } else { amount(checker, row, left, digits) };
    if let (Some(whole), Some(rest)) = (whole, rest)
        && rest > whole
    {
        checker.bad(row, left, "more than `granted`", "what was added later is a credit of its own");
    }
    let priority = number(checker, row, priority);
    let (granted_on, expires_on) = checker.days(row, granted_on, expires_on)?;
    let products = checker.blankable(row, products).split(';').map(str::trim).filter(|product| !product.is_empty());
    Some(Credit {
        id: checker.text(row, id).to_owned(),
        account: holder?,
        currency: currency?.to_owned(),
        granted: whole?,
        left: rest?,
        priority: priority?,
        granted_on,
        expires_on,
        products: products.map(str::to_owned).collect(),
        place: checker.table.place(row),
    })
}

/// An amount that can be paid in a currency of so many digits, not below zero.
fn amount(checker: &mut Checker<'_>, row: usize, column: Column, digits: u32) -> Option<Decimal> {
    let amount = checker.decimal(row, column, None)?;
    if amount.is_negative() {
        checker.bad(row, column, "below zero", "a credit is what is paid ahead; what is owed is a charge");
        return None;
    }
    // 14 digits before the point are what a column of amounts holds.
    if amount >= Decimal::whole(10_i64.pow(14)) || amount.rounded(digits, Rounding::Down) != Some(amount) {
        let hint = format!("write it with at most {digits} digits after the point and 14 before");
        checker.bad(row, column, "not an amount that can be paid in the currency", &hint);
        return None;
    }
    Some(amount)
}

/// A whole number; blank is 0.
fn number(checker: &mut Checker<'_>, row: usize, column: Column) -> Option<i64> {
    let text = checker.blankable(row, column).trim();
    let number = if text.is_empty() { Some(0) } else { text.parse().ok() };
    if number.is_none() {
        checker.bad(row, column, "not a whole number", "credits of a lower number are used first");
    }
    number
}
