//! The identifiers table: what a usage record calls the one who used, and whom that means when.

use chrono_tz::Tz;

use super::called::Identifiers;
use super::check::{Checker, Column};
use super::ids::Ids;
use super::model::{Holder, Target};
use super::overlap::{Span, sort_apart};
use super::table::Table;
use crate::fault::{Fault, Outcome, codes};

const REQUIRED: [&str; 1] = ["identifier"];
const OPTIONAL: [&str; 4] = ["subscription_id", "account_id", "valid_from", "valid_to"];

/// Checks the identifiers; the targets of each are sorted by start and do not overlap.
pub(super) fn identifiers(
    table: &Table,
    subscriptions: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
    timezone: Tz,
) -> Outcome<Identifiers> {
    let mut checker = Checker::new(table, timezone);
    if !(checker.columns(&REQUIRED, &OPTIONAL) & checker.either_column("subscription_id", "account_id")) {
        return checker.finish(Identifiers::default());
    }
    let columns = Columns::of(&checker);
    let mut spans = Vec::with_capacity(table.rows());
    let mut holders = vec![None; table.rows()];
    for (row, holder) in holders.iter_mut().enumerate() {
        let identifier = checker.required(row, columns.identifier);
        *holder = columns.holder(&mut checker, row, subscriptions, accounts);
        let validity = checker.instants(row, columns.from, columns.to);
        if let (Some(key), Some((from, to))) = (identifier, validity) {
            spans.push(Span { key, from, to, row });
        }
    }
    sort_apart(&mut checker, &mut spans, |identifier| format!("`{identifier}`"));
    let mut identifiers = Identifiers::with_room(spans.len());
    for same in spans.chunk_by(|a, b| a.key == b.key) {
        let held = same.iter().filter_map(|span| holders.get(span.row).copied().flatten().map(|holder| (span, holder)));
        let targets = held.map(|(span, holder)| Target { from: span.from, to: span.to, holder });
        let text = same.first().map_or("", |span| span.key);
        identifiers.add(text, targets).ok_or_else(|| Fault::ours("identifiers of more than 4 GB"))?;
    }
    checker.finish(identifiers)
}

struct Columns {
    identifier: Column,
    subscription: Column,
    account: Column,
    from: Column,
    to: Column,
}

impl Columns {
    fn of(checker: &Checker<'_>) -> Self {
        Self {
            identifier: checker.column("identifier"),
            subscription: checker.column("subscription_id"),
            account: checker.column("account_id"),
            from: checker.column("valid_from"),
            to: checker.column("valid_to"),
        }
    }

    fn holder(
        &self,
        checker: &mut Checker<'_>,
        row: usize,
        subscriptions: Option<&Ids<'_>>,
        accounts: Option<&Ids<'_>>,
    ) -> Option<Holder> {
        let subscription = checker.blankable(row, self.subscription);
        let account = checker.blankable(row, self.account);
        if subscription.is_empty() == account.is_empty() {
            let how = if account.is_empty() { "neither a subscription nor" } else { "both a subscription and" };
            checker.fault(row, &codes::R003, || {
                (format!("the identifier stands for {how} an account"), "fill exactly one of the two".to_owned())
            });
        }
        let subscription = checker.pointer(row, self.subscription, subscriptions, "subscriptions");
        let account = checker.pointer(row, self.account, accounts, "accounts");
        subscription.map(Holder::Subscription).or(account.map(Holder::Account))
    }
}
