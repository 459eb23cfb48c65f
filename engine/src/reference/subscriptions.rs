//! The subscriptions table: who has which plan or product, how many of it, from when to when.

use chrono_tz::Tz;

use super::check::{Checker, Column};
use super::ids::Ids;
use super::model::{Index, Reference, Subscription};
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::money::Decimal;

const REQUIRED: [&str; 3] = ["subscription_id", "account_id", "start"];
const OPTIONAL: [&str; 8] =
    ["order_id", "plan", "product", "quantity", "end", "trial_end", "contract", "tax_jurisdiction"];

/// Checks the subscriptions; the result is sorted by id.
pub(super) fn subscriptions(
    table: &Table,
    ids: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
    timezone: Tz,
) -> Outcome<Vec<Subscription>> {
    let mut checker = Checker::new(table, timezone);
    let complete = checker.columns(&REQUIRED, &OPTIONAL) & checker.either_column("plan", "product");
    let Some(ids) = ids.filter(|_| complete) else { return checker.finish(Vec::new()) };
    let columns = Columns::of(&checker);
    for row in 0..table.rows() {
        checker.required(row, columns.id);
    }
    checker.unique(ids, columns.id);
    let mut subscriptions = Vec::with_capacity(ids.rows.len());
    for (index, row) in (0..).zip(&ids.rows) {
        subscriptions.extend(subscription(&mut checker, &columns, (index, *row), accounts));
    }
    checker.finish(subscriptions)
}

/// The names of the columns that mean nothing to Ratemill itself.
pub(super) fn custom_columns(table: &Table) -> Vec<String> {
    let standard = |name: &str| REQUIRED.contains(&name) || OPTIONAL.contains(&name);
    table.columns.iter().filter(|name| !name.is_empty() && !standard(name)).cloned().collect()
}

/// Subscription indices of each account, ascending.
pub(super) fn by_account(reference: &Reference) -> Vec<Vec<Index>> {
    let mut lists = vec![Vec::new(); reference.accounts.len()];
    for (index, subscription) in (0..).zip(&reference.subscriptions) {
        if let Some(list) = lists.get_mut(subscription.account as usize) {
            list.push(index);
        }
    }
    lists
}

struct Columns {
    id: Column,
    order_id: Column,
    account: Column,
    plan: Column,
    product: Column,
    quantity: Column,
    start: Column,
    end: Column,
    trial_end: Column,
    contract: Column,
    jurisdiction: Column,
}

impl Columns {
    fn of(checker: &Checker<'_>) -> Self {
        Self {
            id: checker.column("subscription_id"),
            order_id: checker.column("order_id"),
            account: checker.column("account_id"),
            plan: checker.column("plan"),
            product: checker.column("product"),
            quantity: checker.column("quantity"),
            start: checker.column("start"),
            end: checker.column("end"),
            trial_end: checker.column("trial_end"),
            contract: checker.column("contract"),
            jurisdiction: checker.column("tax_jurisdiction"),
        }
    }
}

fn subscription(
    checker: &mut Checker<'_>,
    columns: &Columns,
    (index, row): (Index, usize),
    accounts: Option<&Ids<'_>>,
) -> Option<Subscription> {
    let account = checker.required(row, columns.account);
    let account = account.and_then(|_| checker.pointer(row, columns.account, accounts, "accounts"));
    let quantity = quantity(checker, columns.quantity, row);
    let start = checker.required(row, columns.start);
    let days = checker.days(row, columns.start, columns.end);
    let trial_end = checker.day(row, columns.trial_end);
    let (plan, product) = (checker.blankable(row, columns.plan), checker.blankable(row, columns.product));
    if plan.is_empty() == product.is_empty() {
        let how = if plan.is_empty() { "neither a plan nor" } else { "both a plan and" };
        checker.fault(row, &codes::R003, || {
            (format!("the subscription names {how} a product"), "fill exactly one of the two".to_owned())
        });
    }
    let (start, end) = start.and(days)?;
    let start = start?;
    let trial_end = trial_end?;
    checker.orderly(row, trial_end.is_none_or(|day| day > start), columns.start, columns.trial_end);
    let starts_at = checker.midnight(start);
    let ends_at = end.map_or(Some(i64::MAX), |end| checker.midnight(end));
    if starts_at.is_none() || ends_at.is_none() {
        checker.bad(row, columns.start, "no such day in the time zone", "correct the date");
    }
    Some(Subscription {
        id: checker.text(row, columns.id).to_owned(),
        order_id: checker.blankable(row, columns.order_id).to_owned(),
        account: account?,
        plan: plan.to_owned(),
        product: product.to_owned(),
        quantity: quantity?,
        start,
        end,
        begins: start,
        ends: end,
        trial_end,
        first: index,
        last: index,
        contract: checker.blankable(row, columns.contract).to_owned(),
        tax_jurisdiction: checker.blankable(row, columns.jurisdiction).to_owned(),
        starts_at: starts_at?,
        ends_at: ends_at?,
        custom: checker.custom(row),
        place: checker.table.place(row),
    })
}

/// A quantity that is not below zero; 1 when blank.
pub(super) fn quantity(checker: &mut Checker<'_>, column: Column, row: usize) -> Option<Decimal> {
    let quantity = checker.decimal(row, column, Some(Decimal::ONE))?;
    if quantity.is_negative() {
        checker.bad(row, column, "below zero", "end the subscription instead");
        return None;
    }
    Some(quantity)
}
