//! The allowance balances table: what earlier periods have left of their allowances. Its rows are those that a run
//! publishes under the same name; columns that are only told are read over. Whether the allowance exists is asked later,
//! of the book.

use chrono_tz::Tz;
use hashbrown::HashMap;

use super::check::Checker;
use super::ids::Ids;
use super::model::{BalanceRow, Index};
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::period::Month;

const COLUMNS: [&str; 4] = ["subscription_id", "allowance", "granted_period", "left"];

/// Checks the balances; in the order of the table.
pub(super) fn balances(
    table: &Table,
    subscriptions: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
    timezone: Tz,
) -> Outcome<Vec<BalanceRow>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&COLUMNS, &["account_id"]) {
        return checker.finish(Vec::new());
    }
    let mut first: HashMap<(Index, Option<Index>, &str, Month), usize> = HashMap::new();
    let mut balances = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let Some(balance) = balance(&mut checker, row, subscriptions, accounts) else { continue };
        let [id, allowance] = ["subscription_id", "allowance"].map(|name| checker.text(row, checker.column(name)));
        let key = (balance.subscription, balance.account, allowance, balance.granted);
        match first.get(&key) {
            Some(earlier) => {
                let (period, line) = (balance.granted, table.line(*earlier));
                checker.fault(row, &codes::R004, || {
                    let message =
                        format!("the balance of `{allowance}` of {period} for `{id}` stands in line {line} already");
                    (message, "keep one for each subscription, account, allowance and granted_period".to_owned())
                });
            }
            None => {
                first.insert(key, row);
                balances.push(balance);
            }
        }
    }
    checker.finish(balances)
}

fn balance(
    checker: &mut Checker<'_>,
    row: usize,
    subscriptions: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
) -> Option<BalanceRow> {
    let [subscription, allowance, period, left] = COLUMNS.map(|name| checker.column(name));
    let id = checker.required(row, subscription);
    let pointed = checker.pointer(row, subscription, subscriptions, "subscriptions");
    let account = checker.column("account_id");
    let account = checker.pointer(row, account, accounts, "accounts");
    let allowance = checker.required(row, allowance);
    let granted = checker.required(row, period).map(|text| {
        let month = Month::parse(text);
        if month.is_none() {
            checker.bad(row, period, "not a month", "write it as 2026-09");
        }
        month
    });
    let amount = checker.decimal(row, left, None);
    if amount.is_some_and(|amount| amount.is_negative()) {
        checker.bad(row, left, "below zero", "what is left of an allowance is zero or more");
        return None;
    }
    id?;
    let place = checker.table.place(row);
    Some(BalanceRow {
        subscription: pointed?,
        account,
        allowance: allowance?.to_owned(),
        granted: granted??,
        left: amount?,
        place,
    })
}
