//! The amendments table: what changes of a subscription from some day on. A subscription with amendments becomes several
//! versions, each for the days on which it is the same; a pause has none.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::check::{Checker, Column};
use super::ids::Ids;
use super::model::{Index, Subscription};
use super::subscriptions::quantity;
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::money::Decimal;

const REQUIRED: [&str; 3] = ["subscription_id", "from", "kind"];
const OPTIONAL: [&str; 6] = ["order_id", "account_id", "plan", "product", "quantity", "contract"];
const KINDS: [(&str, Kind); 4] =
    [("change", Kind::Change), ("pause", Kind::Pause), ("resume", Kind::Resume), ("end", Kind::End)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Change,
    Pause,
    Resume,
    End,
}

/// One row, checked by itself.
struct Amendment<'t> {
    row: usize,
    subscription: Index,
    from: NaiveDate,
    starts_at: i64,
    kind: Kind,
    order_id: &'t str,
    account: Option<Index>,
    plan: &'t str,
    product: &'t str,
    quantity: Option<Decimal>,
    contract: &'t str,
    custom: BTreeMap<String, String>,
}

/// The versions of `subscriptions` (one each, in the order of `ids`) with the amendments of `table`, in the same order and
/// by day.
pub(super) fn versions(
    table: &Table,
    (ids, accounts): (Option<&Ids<'_>>, Option<&Ids<'_>>),
    subscriptions: &[Subscription],
    timezone: Tz,
) -> Outcome<Vec<Subscription>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&REQUIRED, &OPTIONAL) {
        return checker.finish(Vec::new());
    }
    let columns = Columns::of(&checker);
    let rows = 0..table.rows();
    let mut amendments: Vec<Amendment<'_>> =
        rows.filter_map(|row| columns.amendment(&mut checker, row, ids, accounts)).collect();
    amendments.sort_by_key(|one| (one.subscription, one.from, one.row));
    let key = |one: &Amendment<'_>| (one.subscription, one.from);
    for pair in amendments.windows(2) {
        if let [first, second] = pair
            && key(first) == key(second)
        {
            let (id, line) = (checker.text(second.row, columns.subscription), table.line(first.row));
            checker.fault(second.row, &codes::R004, || {
                let message = format!("`{id}` is amended from {} on in line {line} already", second.from);
                (message, "write what changes on one day in one row".to_owned())
            });
        }
    }
    amendments.dedup_by_key(|one| key(one));
    let mut versions = Vec::with_capacity(subscriptions.len() + amendments.len());
    let mut rest = amendments.as_slice();
    // Where the subscriptions have faults of their own there are fewer than ids, and nothing is compared with them.
    let complete = ids.is_some_and(|ids| ids.rows.len() == subscriptions.len());
    for (index, subscription) in (0..).zip(subscriptions).take(if complete { usize::MAX } else { 0 }) {
        let own = rest.iter().take_while(|one| one.subscription == index).count();
        let (own, others) = rest.split_at(own);
        rest = others;
        course(&mut checker, subscription, own, &mut versions);
    }
    checker.finish(versions)
}

/// The names of the custom columns.
pub(super) fn custom_columns(table: &Table) -> impl Iterator<Item = &String> {
    let standard = |name: &str| REQUIRED.contains(&name) || OPTIONAL.contains(&name);
    table.columns.iter().filter(move |name| !name.is_empty() && !standard(name))
}

/// The versions of one subscription.
fn course(
    checker: &mut Checker<'_>,
    subscription: &Subscription,
    amendments: &[Amendment<'_>],
    versions: &mut Vec<Subscription>,
) {
    let start = versions.len();
    let mut now = subscription.clone();
    let (mut paused, mut ended) = (false, None);
    for amendment in amendments {
        if let Some((message, hint)) = misfit(amendment, subscription, paused, ended) {
            checker.fault(amendment.row, &codes::R010, || (message, hint.to_owned()));
            continue;
        }
        if !paused {
            let (end, ends_at) = (Some(amendment.from), amendment.starts_at);
            versions.push(Subscription { end, ends_at, ..now.clone() });
        }
        amendment.apply(&mut now);
        (now.start, now.starts_at, now.place) =
            (amendment.from, amendment.starts_at, checker.table.place(amendment.row));
        match amendment.kind {
            Kind::Change => {}
            Kind::Pause => paused = true,
            Kind::Resume => paused = false,
            Kind::End => ended = Some(amendment.from),
        }
    }
    if !paused && ended.is_none() {
        versions.push(now);
    }
    let index = |at: usize| Index::try_from(at).unwrap_or(Index::MAX);
    let (first, last) = (index(start), index(versions.len().saturating_sub(1)));
    for version in &mut versions[start..] {
        (version.first, version.last, version.ends) = (first, last, ended.or(subscription.end));
    }
}

/// Why an amendment cannot be, with what to do about it.
fn misfit(
    amendment: &Amendment<'_>,
    subscription: &Subscription,
    paused: bool,
    ended: Option<NaiveDate>,
) -> Option<(String, &'static str)> {
    let (id, from) = (&subscription.id, amendment.from);
    if from <= subscription.begins {
        let message = format!("`{id}` is amended from {from} on, but begins on {}", subscription.begins);
        return Some((message, "what holds from its first day on stands in its own row of the subscriptions"));
    }
    if let Some(end) = ended.or(subscription.end.filter(|end| *end <= from)) {
        let message = format!("`{id}` is amended from {from} on, but has ended before {end}");
        return Some((message, "drop the row, or the end"));
    }
    match (amendment.kind, paused) {
        (Kind::Resume, false) => {
            Some((format!("`{id}` is resumed on {from} without a pause"), "drop the row, or add the `pause` before it"))
        }
        (Kind::Pause, true) => {
            Some((format!("`{id}` is paused on {from}, in a pause"), "drop the row, or add the `resume` before it"))
        }
        _ => None,
    }
}

impl Amendment<'_> {
    /// Whether any column replaces one of the subscription.
    fn replaces(&self) -> bool {
        let texts = [self.order_id, self.plan, self.product, self.contract];
        let valued = self.account.is_some() || self.quantity.is_some() || !self.custom.is_empty();
        valued || texts.iter().any(|text| !text.is_empty())
    }

    /// Replaces what is filled.
    fn apply(&self, now: &mut Subscription) {
        if !self.plan.is_empty() || !self.product.is_empty() {
            (now.plan, now.product) = (self.plan.to_owned(), self.product.to_owned());
        }
        for (text, replaced) in [(self.order_id, &mut now.order_id), (self.contract, &mut now.contract)] {
            if !text.is_empty() {
                text.clone_into(replaced);
            }
        }
        now.account = self.account.unwrap_or(now.account);
        now.quantity = self.quantity.unwrap_or(now.quantity);
        now.custom.extend(self.custom.clone());
    }
}

struct Columns {
    subscription: Column,
    from: Column,
    kind: Column,
    order_id: Column,
    account: Column,
    plan: Column,
    product: Column,
    quantity: Column,
    contract: Column,
}

impl Columns {
    fn of(checker: &Checker<'_>) -> Self {
        Self {
            subscription: checker.column("subscription_id"),
            from: checker.column("from"),
            kind: checker.column("kind"),
            order_id: checker.column("order_id"),
            account: checker.column("account_id"),
            plan: checker.column("plan"),
            product: checker.column("product"),
            quantity: checker.column("quantity"),
            contract: checker.column("contract"),
        }
    }

    fn amendment<'t>(
        &self,
        checker: &mut Checker<'t>,
        row: usize,
        ids: Option<&Ids<'_>>,
        accounts: Option<&Ids<'_>>,
    ) -> Option<Amendment<'t>> {
        let id = checker.required(row, self.subscription);
        let subscription = checker.pointer(row, self.subscription, ids, "subscriptions");
        let from = checker.required(row, self.from).and_then(|_| checker.day(row, self.from).flatten());
        let kind = self.kind(checker, row);
        let account = checker.pointer(row, self.account, accounts, "accounts");
        let given = !checker.blankable(row, self.quantity).is_empty();
        let quantity = if given { quantity(checker, self.quantity, row).map(Some) } else { Some(None) };
        let [order_id, plan, product, contract] =
            [self.order_id, self.plan, self.product, self.contract].map(|column| checker.blankable(row, column));
        if !plan.is_empty() && !product.is_empty() {
            checker.fault(row, &codes::R003, || {
                let message = "the amendment names both a plan and a product".to_owned();
                (message, "fill one of the two; the other one is given up".to_owned())
            });
        }
        let starts_at = from.and_then(|from| checker.midnight(from));
        if from.is_some() && starts_at.is_none() {
            checker.bad(row, self.from, "no such day in the time zone", "correct the date");
        }
        let (quantity, custom) = (quantity?, checker.custom(row));
        let (subscription, from, starts_at, kind) = (id.and(subscription)?, from?, starts_at?, kind?);
        let amendment = Amendment {
            row,
            subscription,
            from,
            starts_at,
            kind,
            order_id,
            account,
            plan,
            product,
            quantity,
            contract,
            custom,
        };
        amendment.check(checker);
        Some(amendment)
    }

    fn kind(&self, checker: &mut Checker<'_>, row: usize) -> Option<Kind> {
        let text = checker.required(row, self.kind)?;
        let kind = KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        if kind.is_none() {
            checker.bad(row, self.kind, "no kind of amendment", "write change, pause, resume or end");
        }
        kind
    }
}

impl Amendment<'_> {
    /// A change changes something; a pause and an end change nothing besides.
    fn check(&self, checker: &mut Checker<'_>) {
        match (self.kind, self.replaces()) {
            (Kind::Change, false) => checker.fault(self.row, &codes::R010, || {
                let message = "the change changes nothing".to_owned();
                (
                    message,
                    "fill the columns that are replaced: account_id, plan, product, quantity, contract".to_owned(),
                )
            }),
            (Kind::Pause | Kind::End, true) => checker.fault(self.row, &codes::R010, || {
                let message = "a pause or an end replaces nothing, but columns are filled".to_owned();
                (message, "leave them blank; a `resume` may replace something".to_owned())
            }),
            _ => {}
        }
    }
}
