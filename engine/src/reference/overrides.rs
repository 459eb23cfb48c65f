//! The price overrides table: fields of a charge replaced for one account. Whether the charge exists, and whether its
//! model takes the field, is the book's to say.

use chrono_tz::Tz;

use super::check::Checker;
use super::ids::Ids;
use super::model::OverrideRow;
use super::overlap::{Span, sort_apart};
use super::rates::bounds;
use super::table::Table;
use crate::book::override_columns;
use crate::fault::{Outcome, codes};

/// Checks the price overrides; they stay in the order of the table.
pub(super) fn overrides(table: &Table, accounts: Option<&Ids<'_>>, timezone: Tz) -> Outcome<Vec<OverrideRow>> {
    let mut checker = Checker::new(table, timezone);
    let fields = override_columns();
    let optional: Vec<&str> = fields.iter().map(|(name, _)| *name).chain(["valid_from", "valid_to"]).collect();
    if !checker.columns(&["account_id", "charge"], &optional) {
        return checker.finish(Vec::new());
    }
    let rows: Vec<Option<OverrideRow>> =
        (0..table.rows()).map(|row| override_row(&mut checker, row, &fields, accounts)).collect();
    let span = |(row, found): (usize, &Option<OverrideRow>)| {
        let found = found.as_ref()?;
        let (from, to) = bounds(found.valid_from, found.valid_to);
        Some(Span { key: (found.account.clone(), found.charge.clone()), from, to, row })
    };
    let mut spans: Vec<_> = rows.iter().enumerate().filter_map(span).collect();
    sort_apart(&mut checker, &mut spans, |(account, charge)| format!("`{charge}` for `{account}`"));
    checker.finish(rows.into_iter().flatten().collect())
}

fn override_row(
    checker: &mut Checker<'_>,
    row: usize,
    columns: &[(&'static str, bool)],
    accounts: Option<&Ids<'_>>,
) -> Option<OverrideRow> {
    let [account, charge, from, to] =
        ["account_id", "charge", "valid_from", "valid_to"].map(|name| checker.column(name));
    let id = checker.required(row, account);
    let exists = checker.pointer(row, account, accounts, "accounts");
    let name = checker.required(row, charge);
    if name.is_some_and(|name| name.split('/').filter(|part| !part.is_empty()).count() != 2) {
        checker.bad(row, charge, "not the name of a charge", "write it as product/charge");
    }
    let validity = checker.days(row, from, to);
    let mut fields = std::collections::BTreeMap::new();
    let mut readable = true;
    for (name, is_number) in columns {
        let column = checker.column(name);
        let text = checker.blankable(row, column);
        if !text.is_empty() {
            readable &= !is_number || checker.decimal(row, column, None).is_some();
            fields.insert((*name).to_owned(), text.to_owned());
        }
    }
    if fields.is_empty() {
        checker.fault(row, &codes::R003, || {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            ("the override replaces nothing".to_owned(), format!("fill one of {}", names.join(", ")))
        });
    }
    let (valid_from, valid_to) = validity?;
    exists.filter(|_| readable)?;
    let place = checker.table.place(row);
    Some(OverrideRow { account: id?.to_owned(), charge: name?.to_owned(), fields, valid_from, valid_to, place })
}
