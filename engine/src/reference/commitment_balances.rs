//! The commitment_balances table: what was counted towards commitments of a term in its earlier periods, as the run of the
//! period before has published it. Whether a commitment exists and has terms is asked later, of the book.

use chrono::NaiveDate;
use chrono_tz::Tz;
use hashbrown::HashMap;

use super::check::Checker;
use super::ids::Ids;
use super::model::{CommitmentBalance, Index};
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::period::Period;

/// Checks the balances; sorted by subscription, commitment, period and account.
pub(super) fn balances(
    table: &Table,
    subscriptions: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
    timezone: Tz,
) -> Outcome<Vec<CommitmentBalance>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&["subscription_id", "commitment", "period", "billed"], &["account_id"]) {
        return checker.finish(Vec::new());
    }
    let mut first: HashMap<(Index, String, NaiveDate, Option<Index>), usize> = HashMap::new();
    let mut balances = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let Some(balance) = balance(&mut checker, row, (subscriptions, accounts), timezone) else { continue };
        let key = (balance.subscription, balance.commitment.clone(), balance.period, balance.account);
        match first.get(&key) {
            Some(earlier) => {
                let (id, line) = (checker.text(row, checker.column("subscription_id")), table.line(*earlier));
                let period = checker.text(row, checker.column("period"));
                checker.fault(row, &codes::R004, || {
                    let of = &balance.commitment;
                    let message = format!("the balance of `{of}` for `{id}` in {period} stands in line {line} already");
                    (message, "keep one for each subscription, commitment, period and account".to_owned())
                });
            }
            None => {
                first.insert(key, row);
                balances.push(balance);
            }
        }
    }
    balances.sort_by(|a, b| {
        (a.subscription, &a.commitment, a.period, a.account).cmp(&(b.subscription, &b.commitment, b.period, b.account))
    });
    checker.finish(balances)
}

fn balance(
    checker: &mut Checker<'_>,
    row: usize,
    (subscriptions, accounts): (Option<&Ids<'_>>, Option<&Ids<'_>>),
    timezone: Tz,
) -> Option<CommitmentBalance> {
    let columns = ["subscription_id", "commitment", "period", "billed"];
    let [subscription, commitment, period, billed] = columns.map(|name| checker.column(name));
    let id = checker.required(row, subscription);
    let subscription = checker.pointer(row, subscription, subscriptions, "subscriptions");
    let account = checker.column("account_id");
    let account = checker.pointer(row, account, accounts, "accounts");
    let commitment = checker.required(row, commitment);
    let label = checker.required(row, period);
    let billed = checker.decimal(row, billed, None);
    let first_day = label.and_then(|label| Period::month(label, timezone).ok()).map(|period| period.first_day);
    if label.is_some() && first_day.is_none() {
        checker.bad(row, period, "not a month", "write it as 2026-10");
    }
    id?;
    let (commitment, place) = (commitment?.to_owned(), checker.table.place(row));
    let (subscription, period, billed) = (subscription?, first_day?, billed?);
    Some(CommitmentBalance { subscription, account, commitment, period, billed, place })
}
