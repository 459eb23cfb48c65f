//! Reference data: accounts and their hierarchy, subscriptions and their amendments, identifiers, tax and FX rates, tax
//! exemptions, price overrides, levels, balances of commitments, prepaid credits, coupons.
//!
//! [`load`] reads every table and checks every row of every table before it says anything, so that the user sees all
//! that is broken at once. What leaves this room is [`Reference`], in which every index is valid. It never looks at the
//! price book: whether a plan or a charge exists is asked later, by the book.

use std::collections::BTreeSet;

use bytes::Bytes;
use chrono_tz::Tz;
use rayon::prelude::*;

use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::pipeline::model::ReferencePaths;
use crate::store::Location;

mod accounts;
mod answers;
mod amendments;
mod balances;
pub mod called;
mod check;
mod columnar;
mod credits;
mod commitment_balances;
mod coupons;
mod hierarchy;
mod identifiers;
mod ids;
mod levels;
pub mod model;
mod nearest;
mod overlap;
mod overrides;
mod rates;
mod subscriptions;
mod table;
mod taxes;
#[cfg(test)]
mod tests;
mod text;

pub use answers::{AskedLine, TaxAnswer, tax_answers};
use ids::Ids;
use model::{Account, Index, Reference, Subscription};
use table::Table;

/// The tables in the order of their faults and of the digest.
pub const ROLES: [&str; 13] = [
    "accounts",
    "subscriptions",
    "identifiers",
    "tax_rates",
    "fx_rates",
    "price_overrides",
    "levels",
    "tax_exemptions",
    "credits",
    "commitment_balances",
    "amendments",
    "coupons",
    "allowance_balances",
];

/// Reads and checks all reference tables; dates mean midnight in `timezone`.
///
/// # Errors
/// `R001` to `R009`, all of them at once (of each table the first 50); `O001` when a store does not answer.
pub async fn load(paths: &ReferencePaths, timezone: Tz) -> Outcome<Reference> {
    let files = fetch(paths).await;
    let (digest, tables) = rayon::join(|| digest(&files), || parse(files.clone()));
    let mut faults = Faults::default();
    let tables = tables.map(|table| table.and_then(|table| faults.keep(table)));
    let mut reference = check(&tables, timezone, &mut faults);
    reference.digest = digest;
    faults.or(reference)
}

impl Reference {
    /// Takes the versions of all subscriptions in place of the subscriptions; what pointed to a subscription points to its
    /// first version.
    fn take(&mut self, versions: Vec<Subscription>) {
        let firsts = (0..).zip(&versions).filter(|(at, version)| version.first == *at).map(|(at, _)| at);
        let firsts: Vec<Index> = firsts.collect();
        self.identifiers.renumber(&firsts);
        let of_levels = self.levels.iter_mut().map(|row| &mut row.subscription);
        let of_commitments = self.commitment_balances.iter_mut().map(|row| &mut row.subscription);
        let of_allowances = self.balances.iter_mut().map(|row| &mut row.subscription);
        for subscription in of_levels.chain(of_commitments).chain(of_allowances) {
            *subscription = firsts.get(*subscription as usize).copied().unwrap_or_default();
        }
        self.subscriptions = versions;
    }

    /// The index of the account named `id`.
    #[must_use]
    pub fn account_index(&self, id: &str) -> Option<Index> {
        let found = self.accounts.binary_search_by(|account: &Account| account.id.as_str().cmp(id)).ok()?;
        Index::try_from(found).ok()
    }

    /// The jurisdiction that taxes a subscription: that of its place of service, else its account's; blank for none.
    #[must_use]
    pub fn tax_jurisdiction<'r>(&'r self, subscription: &'r Subscription) -> &'r str {
        let own = subscription.tax_jurisdiction.as_str();
        if own.is_empty() { &self.accounts[subscription.account as usize].tax_jurisdiction } else { own }
    }
}

/// One table's file: its path as the user wrote it and its bytes.
#[derive(Clone)]
struct Fetched {
    path: Located,
    bytes: Outcome<Bytes>,
}

/// The files of all roles; `None` where the pipeline names none.
type Files = [Option<Fetched>; ROLES.len()];

async fn fetch(paths: &ReferencePaths) -> Files {
    let all = [
        Some(&paths.accounts),
        Some(&paths.subscriptions),
        Some(&paths.identifiers),
        paths.tax_rates.as_ref(),
        paths.fx_rates.as_ref(),
        paths.price_overrides.as_ref(),
        paths.levels.as_ref(),
        paths.tax_exemptions.as_ref(),
        paths.credits.as_ref(),
        paths.commitment_balances.as_ref(),
        paths.amendments.as_ref(),
        paths.coupons.as_ref(),
        paths.allowance_balances.as_ref(),
    ];
    let mut fetched = futures::future::join_all(all.map(fetch_one)).await.into_iter();
    std::array::from_fn(|_| fetched.next().flatten())
}

async fn fetch_one(path: Option<&Located>) -> Option<Fetched> {
    let path = path?.clone();
    let bytes = read(&path).await;
    Some(Fetched { path, bytes })
}

/// The bytes of one table; faults point to the line of the pipeline that names it.
async fn read(path: &Located) -> Outcome<Bytes> {
    let placed = |faults: Faults| Faults(faults.0.into_iter().map(|fault| fault.at(&path.place)).collect());
    let location = Location::parse(&path.text).map_err(placed)?;
    match location.read_if_there().await.map_err(placed)? {
        Some(bytes) => Ok(bytes),
        None => {
            let fault = Fault::new(&codes::R001, format!("`{}` does not exist", path.text)).at(&path.place);
            Err(fault.hint("a reference table is one file; folders and patterns are for usage").into())
        }
    }
}

/// Two tables parse faster side by side; the order of their faults stays.
fn parse(files: Files) -> [Option<Outcome<Table>>; ROLES.len()] {
    let mut tables = ROLES.map(|_| None);
    let work: Vec<_> = tables.iter_mut().zip(files).collect();
    // The large ones stand side by side, and must not fall to one worker.
    work.into_par_iter().with_max_len(1).for_each(|(table, file)| {
        *table = file.map(|file| file.bytes.and_then(|bytes| Table::open(&file.path, bytes)));
    });
    tables
}

/// Digest over role and bytes of each table there is; where the files lie plays no part.
fn digest(files: &Files) -> String {
    let mut hasher = blake3::Hasher::new();
    for (role, file) in ROLES.iter().zip(files) {
        if let Some(Fetched { bytes: Ok(bytes), .. }) = file {
            hasher.update(role.as_bytes());
            // The length keeps two tables from passing for one.
            hasher.update(format!(" {}\n", bytes.len()).as_bytes());
            hasher.update(bytes);
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Checks all tables against each other. With faults found, the result is worthless and [`load`] drops it.
fn check(tables: &[Option<Table>; ROLES.len()], timezone: Tz, faults: &mut Faults) -> Reference {
    let [accounts, subscriptions, identifiers, tax_rates, fx_rates, overrides, more @ ..] = tables;
    let [levels, exemptions, credits, commitment_balances, amendments, coupons, allowance_balances] = more;
    let (account_ids, subscription_ids) = rayon::join(
        || accounts.as_ref().and_then(|table| Ids::of(table, "account_id")),
        || subscriptions.as_ref().and_then(|table| Ids::of(table, "subscription_id")),
    );
    let (account_ids, subscription_ids) = (account_ids.as_ref(), subscription_ids.as_ref());
    let taxes = tax_rates.as_ref().map(|table| taxes::tax_rates(table, timezone));
    let known_taxes: BTreeSet<&str> = taxes.iter().flatten().flatten().map(|rate| rate.tax.as_str()).collect();
    let account_columns = accounts.as_ref().map(accounts::custom_columns).unwrap_or_default();
    let mut subscription_columns = subscriptions.as_ref().map(subscriptions::custom_columns).unwrap_or_default();
    for column in amendments.iter().flat_map(amendments::custom_columns) {
        if !subscription_columns.contains(column) {
            subscription_columns.push(column.clone());
        }
    }
    let (accounts, (subscriptions, identifiers)) = rayon::join(
        || accounts.as_ref().map(|table| accounts::accounts(table, account_ids, &known_taxes, timezone)),
        || {
            rayon::join(
                || {
                    subscriptions
                        .as_ref()
                        .map(|t| subscriptions::subscriptions(t, subscription_ids, account_ids, timezone))
                },
                || identifiers.as_ref().map(|t| identifiers::identifiers(t, subscription_ids, account_ids, timezone)),
            )
        },
    );
    let fx_rates = fx_rates.as_ref().map(|table| rates::fx_rates(table, timezone));
    let overrides = overrides.as_ref().map(|table| overrides::overrides(table, account_ids, timezone));
    let levels = levels.as_ref().map(|table| levels::levels(table, subscription_ids, timezone));
    let exempt = |table| taxes::tax_exemptions(table, account_ids, &known_taxes, timezone);
    let tax_exemptions = exemptions.as_ref().map(exempt);
    let credits = credits.as_ref().map(|table| credits::credits(table, account_ids, timezone));
    let committed = commitment_balances
        .as_ref()
        .map(|table| commitment_balances::balances(table, subscription_ids, account_ids, timezone));
    let coupons = coupons.as_ref().map(|table| coupons::coupons(table, subscription_ids, account_ids, timezone));
    let balances =
        allowance_balances.as_ref().map(|table| balances::balances(table, subscription_ids, account_ids, timezone));
    let mut reference = Reference {
        accounts: or_empty(faults, accounts),
        account_columns,
        subscription_columns,
        subscriptions: or_empty(faults, subscriptions),
        identifiers: or_empty(faults, identifiers),
        tax_rates: or_empty(faults, taxes),
        tax_exemptions: or_empty(faults, tax_exemptions),
        fx_rates: or_empty(faults, fx_rates),
        overrides: or_empty(faults, overrides),
        levels: or_empty(faults, levels),
        credits: or_empty(faults, credits),
        commitment_balances: or_empty(faults, committed),
        coupons: or_empty(faults, coupons),
        balances: or_empty(faults, balances),
        ..Reference::default()
    };
    if let Some(table) = amendments {
        let keys = (subscription_ids, account_ids);
        let versions = amendments::versions(table, keys, &reference.subscriptions, timezone);
        reference.amendments = table.rows();
        reference.take(faults.keep(versions).unwrap_or_default());
    }
    reference.subscriptions_of = subscriptions::by_account(&reference);
    reference
}

fn or_empty<T: Default>(faults: &mut Faults, outcome: Option<Outcome<T>>) -> T {
    outcome.and_then(|outcome| faults.keep(outcome)).unwrap_or_default()
}
