//! Who shares tiers with whom: the circles that the scopes of prices draw around subscriptions, and the accounts that must
//! be rated together for it.

use hashbrown::HashMap;

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
    /// Whether tiers are shared by accounts.
    pub(super) wide: bool,
}

impl Circles {
    /// Of the accounts and prices of `job`.
    pub(super) fn new(job: &Job<'_>) -> Self {
        let accounts = &job.reference.accounts;
        let mut first: HashMap<(Index, &str), Index> = HashMap::new();
        let all = || (0..).zip(accounts);
        let invoice = all().map(|(at, account)| *first.entry((account.bill_to, &account.currency)).or_insert(at));
        let invoice = invoice.collect();
        let parents = |at: &Index| accounts[*at as usize].parent;
        let top = |(at, _)| std::iter::successors(Some(at), parents).last().unwrap_or(at);
        let wide = job.catalog.prices.iter().any(|price| matches!(price.scope, Scope::Subtree | Scope::Invoice));
        Self { topmost: all().map(top).collect(), invoice, wide }
    }

    /// The accounts in units that share nothing with each other.
    pub(super) fn units(&self) -> Vec<Vec<Index>> {
        let accounts: Vec<Index> = (0..).take(self.topmost.len()).collect();
        if !self.wide {
            return accounts.chunks(ACCOUNTS).map(<[Index]>::to_vec).collect();
        }
        // Joined by topmost account and invoice; the smallest index stands for a unit.
        let mut joined: Vec<Index> = accounts.clone();
        for account in &accounts {
            for other in [self.topmost[*account as usize], self.invoice[*account as usize]] {
                let (a, b) = (found(&joined, *account), found(&joined, other));
                let (low, high) = (a.min(b), a.max(b));
                joined[high as usize] = low;
            }
        }
        let mut units: Vec<Vec<Index>> = vec![Vec::new(); accounts.len()];
        accounts.iter().for_each(|account| units[found(&joined, *account) as usize].push(*account));
        units.retain(|unit| !unit.is_empty());
        units
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

/// The account that stands for the unit of `account`.
fn found(joined: &[Index], mut account: Index) -> Index {
    while joined[account as usize] != account {
        account = joined[account as usize];
    }
    account
}
