//! Who shares tiers and allowances with whom: the circles that the scopes of prices draw around subscriptions, and the
//! accounts that must be rated together for it.

use hashbrown::{HashMap, HashSet};

use super::Job;
use crate::book::model::Scope;
use crate::reference::model::Index;

/// Accounts rated as one piece of parallel work, where none shares anything with another.
const ACCOUNTS: usize = 256;

/// Who shares: a subscription, an account, its plan or product, a topmost account, an invoice.
pub(super) type Sharer = (u32, u32);

/// The circles of all accounts.
pub(super) struct Circles {
    /// By account: the topmost account above it.
    topmost: Vec<Index>,
    /// By account: the first account on the same invoice (bill-to account and currency).
    invoice: Vec<Index>,
    /// By account: the account that stands for all it must be rated with; `None` when accounts share nothing.
    joined: Option<Vec<Index>>,
}

/// Accounts of one piece of parallel work.
pub(super) struct Units {
    accounts: Vec<Index>,
    /// Number of accounts of each unit: those that are rated together.
    lengths: Vec<usize>,
}

impl Units {
    /// The units, one after the other.
    pub(super) fn each(&self) -> impl Iterator<Item = &[Index]> {
        let mut start = 0;
        self.lengths.iter().map(move |length| {
            start += length;
            &self.accounts[start - length..start]
        })
    }
}

impl Circles {
    /// Of the accounts, prices and allowances of `job`.
    pub(super) fn new(job: &Job<'_>) -> Self {
        let accounts = &job.reference.accounts;
        let mut first: HashMap<(Index, &str), Index> = HashMap::new();
        let all = || (0..).zip(accounts);
        let invoice = all().map(|(at, account)| *first.entry((account.bill_to, &account.currency)).or_insert(at));
        let invoice = invoice.collect();
        let parents = |at: &Index| accounts[*at as usize].parent;
        let top = |(at, _)| std::iter::successors(Some(at), parents).last().unwrap_or(at);
        let mut circles = Self { topmost: all().map(top).collect(), invoice, joined: None };
        let wide = job.catalog.prices.iter().any(|price| matches!(price.scope, Scope::Subtree | Scope::Invoice));
        let pools: HashSet<Index> = job.catalog.grants.shared_below().collect();
        if wide || !pools.is_empty() {
            circles.joined = Some(circles.join(wide, |account| {
                std::iter::successors(Some(account), parents).filter(|above| pools.contains(above)).last()
            }));
        }
        circles
    }

    /// Joins accounts by topmost account and invoice when tiers are shared so widely, and by the topmost account whose
    /// allowances are shared by everybody below it; the smallest index stands for all of them.
    fn join(&self, wide: bool, pool: impl Fn(Index) -> Option<Index>) -> Vec<Index> {
        let accounts = (0..).take(self.topmost.len());
        let mut joined: Vec<Index> = accounts.clone().collect();
        for account in accounts.clone() {
            let of_tiers = [self.topmost[account as usize], self.invoice[account as usize]];
            for other in of_tiers.into_iter().filter(|_| wide).chain(pool(account)) {
                let (a, b) = (found(&mut joined, account), found(&mut joined, other));
                joined[a.max(b) as usize] = a.min(b);
            }
        }
        accounts.map(|account| found(&mut joined, account)).collect()
    }

    /// Whether accounts are rated together with others, so that their lines come out of order.
    pub(super) fn are_joined(&self) -> bool {
        self.joined.is_some()
    }

    /// The accounts in units that share nothing with each other, some of them together for one piece of work.
    pub(super) fn units(&self) -> Vec<Units> {
        let mut accounts: Vec<Index> = (0..).take(self.topmost.len()).collect();
        let Some(joined) = &self.joined else {
            let alone = |accounts: &[Index]| Units { accounts: accounts.to_vec(), lengths: vec![1; accounts.len()] };
            return accounts.chunks(ACCOUNTS).map(alone).collect();
        };
        let root = |account: &Index| joined[*account as usize];
        accounts.sort_by_key(root);
        let mut units: Vec<Units> = Vec::new();
        for unit in accounts.chunk_by(|one, next| root(one) == root(next)) {
            match units.last_mut().filter(|last| last.accounts.len() + unit.len() <= ACCOUNTS) {
                Some(last) => {
                    last.accounts.extend_from_slice(unit);
                    last.lengths.push(unit.len());
                }
                None => units.push(Units { accounts: unit.to_vec(), lengths: vec![unit.len()] }),
            }
        }
        units
    }

    /// The account that stands for all that `account` is rated with.
    pub(super) fn root(&self, account: Index) -> Index {
        self.joined.as_ref().map_or(account, |joined| joined[account as usize])
    }

    /// All accounts that are rated with `account`.
    pub(super) fn unit(&self, account: Index) -> Vec<Index> {
        match &self.joined {
            Some(_) => (0..).take(self.topmost.len()).filter(|other| self.root(*other) == self.root(account)).collect(),
            None => vec![account],
        }
    }

    /// Whom `subscription` shares with in a scope.
    pub(super) fn sharer(&self, job: &Job<'_>, subscription: u32, scope: Scope) -> Sharer {
        let account = job.reference.subscriptions[subscription as usize].account;
        match scope {
            Scope::Subscription => (account, job.reference.subscriptions[subscription as usize].first),
            Scope::Account => (account, u32::MAX),
            Scope::Package => (account, job.catalog.offer_of[subscription as usize]),
            Scope::Subtree => (self.topmost[account as usize], u32::MAX),
            Scope::Invoice => (self.invoice[account as usize], u32::MAX),
        }
    }
}

/// The account that stands for the unit of `account`; what was passed on the way is nearer to it afterwards.
fn found(joined: &mut [Index], mut account: Index) -> Index {
    while joined[account as usize] != account {
        joined[account as usize] = joined[joined[account as usize] as usize];
        account = joined[account as usize];
    }
    account
}
