//! The price overrides table: fields of a charge replaced for one account. Whether the charge exists, and whether its
//! model takes the field, is the book's to say.

use chrono_tz::Tz;

use super::check::Checker;
use super::ids::Ids;
use super::model::OverrideRow;
use super::overlap::{Span, sort_apart};
use super::rates::bounds;
use super::table::Table;
use crate::fault::{Outcome, codes};

/// Replaceable fields that are numbers.
const NUMBERS: [&str; 7] = ["unit_price", "amount", "percent", "minimum", "maximum", "size", "price"];
const OPTIONAL: [&str; 10] =
    ["model", "unit_price", "amount", "percent", "minimum", "maximum", "size", "price", "valid_from", "valid_to"];

/// Checks the price overrides; they stay in the order of the table.
pub(super) fn overrides(table: &Table, accounts: Option<&Ids<'_>>, timezone: Tz) -> Outcome<Vec<OverrideRow>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&["account_id", "charge"], &OPTIONAL) {
        return checker.finish(Vec::new());
    }
    let rows: Vec<Option<OverrideRow>> =
        (0..table.rows()).map(|row| override_row(&mut checker, row, accounts)).collect();
    let span = |(row, found): (usize, &Option<OverrideRow>)| {
        let found = found.as_ref()?;
        let (from, to) = bounds(found.valid_from, found.valid_to);
        Some(Span { key: (found.account.clone(), found.charge.clone()), from, to, row })
    };
    let mut spans: Vec<_> = rows.iter().enumerate().filter_map(span).collect();
    sort_apart(&mut checker, &mut spans, |(account, charge)| format!("`{charge}` for `{account}`"));
    checker.finish(rows.into_iter().flatten().collect())
}

fn override_row(checker: &mut Checker<'_>, row: usize, accounts: Option<&Ids<'_>>) -> Option<OverrideRow> {
    let [account, charge, model, from, to] =
        ["account_id", "charge", "model", "valid_from", "valid_to"].map(|name| checker.column(name));
    let id = checker.required(row, account);
    let exists = checker.pointer(row, account, accounts, "accounts");
    let name = checker.required(row, charge);
    if name.is_some_and(|name| name.split('/').filter(|part| !part.is_empty()).count() != 2) {
        checker.bad(row, charge, "not the name of a charge", "write it as product/charge");
    }
    let validity = checker.days(row, from, to);
    let mut fields = std::collections::BTreeMap::new();
    let mut readable = true;
    for name in NUMBERS {
        let column = checker.column(name);
        let text = checker.blankable(row, column);
        if !text.is_empty() {
            readable &= checker.decimal(row, column, None).is_some();
            fields.insert(name.to_owned(), text.to_owned());
        }
    }
    let model = checker.blankable(row, model);
    if !model.is_empty() {
        fields.insert("model".to_owned(), model.to_owned());
    }
    if fields.is_empty() {
        checker.fault(row, &codes::R003, || {
            ("the override replaces nothing".to_owned(), format!("fill `model` or one of {}", NUMBERS.join(", ")))
        });
    }
    let (valid_from, valid_to) = validity?;
    exists.filter(|_| readable)?;
    let place = checker.table.place(row);
    Some(OverrideRow { account: id?.to_owned(), charge: name?.to_owned(), fields, valid_from, valid_to, place })
}
