//! Grants: who has which allowances in this period, who shares them, what of earlier periods is left, and from what, in
//! which order, the usage of a subscription draws.
//!
//! A pool is what sharers draw on together; a grant is what one period has given to a pool. All of them are known before
//! usage is looked at; how much is drawn is another room's to say.

use std::ops::Range;

use hashbrown::HashMap;

use super::Offer;
use crate::book::model::{Allowance, Multiply, Scope};
use crate::money::Decimal;
use crate::period::Month;
use crate::reference::model::{Index, Reference};

mod gather;
mod openings;

pub(super) use gather::grants;

/// Levels a hierarchy may have, as the reference room checks.
const DEEPEST: usize = 101;

/// Everything that is granted.
#[derive(Debug, Default)]
pub struct Grants {
    /// All allowances: of the plans in order, then of the contracts in order.
    pub allowances: Vec<Allowance>,
    /// All pools.
    pub pools: Vec<Pool>,
    /// The grants of all pools, pool by pool, earlier ones first.
    pub grants: Vec<Grant>,
    /// Whether some pool has quantities, and amounts.
    has_quantities: bool,
    has_amounts: bool,
    /// Positions in `allowances` by plan, and by contract.
    of_plan: Vec<Range<u32>>,
    of_contract: Vec<Range<u32>>,
    /// Contract of each subscription; past the end for none.
    contract_of: Vec<u32>,
    /// Pools by allowance and sharer: a subscription or an account.
    shared: HashMap<(u32, Index), u32>,
    /// By account: the pools of everybody at and below it.
    below: HashMap<Index, Vec<u32>>,
}

/// What sharers draw on together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Position in [`Grants::allowances`].
    pub allowance: u32,
    /// The subscription that has it; of several the one with the lowest id.
    pub holder: Index,
    /// Its account.
    pub account: Index,
    /// Its grants.
    pub grants: Range<u32>,
}

/// What one period has given to a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The pool.
    pub pool: u32,
    /// The period that has given it.
    pub month: Month,
    /// The last period in which it can be used.
    pub expires_after: Month,
    /// The quantity, or amount, there is to use in this period.
    pub granted: Decimal,
    /// Whether it can be used in this period.
    pub is_usable: bool,
}

/// What one period has granted: something to draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub grant: u32,
    /// All of it.
    pub granted: Decimal,
}

/// Who pays together for what no allowance covers: usage taken back gives back what any of them has paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    /// One subscription.
    Subscription(u32),
    /// Everybody who draws on a pool.
    Pool(u32),
}

/// Whose usage draws, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Drawer<'a> {
    /// The reference data.
    pub reference: &'a Reference,
    /// The subscription.
    pub subscription: Index,
    /// What it is for.
    pub offer: &'a Offer,
    /// Charge index.
    pub charge: usize,
    /// Meter of the charge.
    pub meter: usize,
    /// Whether amounts are asked for, or quantities.
    pub amounts: bool,
}

impl Grants {
    /// Whether nobody has any quantities, or amounts, to draw on.
    #[must_use]
    pub fn has_none(&self, amounts: bool) -> bool {
        !if amounts { self.has_amounts } else { self.has_quantities }
    }

    /// The allowance of a pool.
    #[must_use]
    pub fn allowance(&self, pool: &Pool) -> &Allowance {
        &self.allowances[pool.allowance as usize]
    }

    /// The pool of a grant.
    #[must_use]
    pub fn pool_of(&self, grant: u32) -> &Pool {
        &self.pools[self.grants[grant as usize].pool as usize]
    }

    /// The accounts whose quantities everybody below them shares.
    pub fn shared_below(&self) -> impl Iterator<Item = Index> {
        let quantities = |pools: &&Vec<u32>| {
            pools.iter().any(|pool| !self.allowance(&self.pools[*pool as usize]).included.is_amount())
        };
        let mut accounts: Vec<Index> =
            self.below.iter().filter(|(_, pools)| quantities(pools)).map(|(account, _)| *account).collect();
        accounts.sort_unstable();
        accounts.into_iter()
    }

    /// What the usage of a charge draws on, in this order, and with whom it shares what is not covered; nothing when there
    /// is nothing to draw on.
    #[must_use]
    pub fn sources(&self, drawer: &Drawer<'_>) -> Option<(Vec<Source>, Payer)> {
        let pools = self.pools_of(drawer);
        let mut order = Vec::new();
        for (distance, number) in &pools {
            let pool = &self.pools[*number as usize];
            let allowance = self.allowance(pool);
            for grant in pool.grants.clone().filter(|grant| self.grants[*grant as usize].is_usable) {
                let expires_after = self.grants[grant as usize].expires_after;
                let rank = (allowance.priority, expires_after, allowance.position, *distance, pool.holder);
                order.push((rank, pool.allowance, grant));
            }
        }
        order.sort_unstable();
        let source =
            |(_, _, grant): &(_, _, u32)| Source { grant: *grant, granted: self.grants[*grant as usize].granted };
        let sources: Vec<Source> = order.iter().map(source).collect();
        (!sources.is_empty()).then(|| (sources, self.payer(drawer, &pools)))
    }

    /// The pools that a charge of a subscription draws on, each with how far away it is: 0 of the subscription, 1 of its
    /// account, 2 of the account above.
    fn pools_of(&self, drawer: &Drawer<'_>) -> Vec<(usize, u32)> {
        let account = drawer.reference.subscriptions[drawer.subscription as usize].account;
        let first = drawer.reference.subscriptions[drawer.subscription as usize].first;
        let mut pools = Vec::new();
        for number in self.allowances_of(drawer.offer, drawer.subscription) {
            let (distance, sharer) = match self.allowances[number as usize].shared_over {
                Scope::Subscription => (0, first),
                Scope::Account => (1, account),
                _ => continue,
            };
            pools.extend(self.shared.get(&(number, sharer)).map(|pool| (distance, *pool)));
        }
        if !self.below.is_empty() {
            for (distance, account) in (1..).zip(ancestry(drawer.reference, account)) {
                pools.extend(self.below.get(&account).into_iter().flatten().map(|pool| (distance, *pool)));
            }
        }
        pools.retain(|(_, pool)| {
            let allowance = self.allowance(&self.pools[*pool as usize]);
            allowance.included.is_amount() == drawer.amounts && allowance.is_for(drawer.charge, drawer.meter)
        });
        pools
    }

    /// Those who share the widest pool pay together; of several as wide that of the allowance declared first.
    fn payer(&self, drawer: &Drawer<'_>, pools: &[(usize, u32)]) -> Payer {
        let widest = pools.iter().filter(|(distance, _)| *distance > 0);
        let declared = |pool: u32| std::cmp::Reverse(self.pools[pool as usize].allowance);
        let widest = widest.max_by_key(|(distance, pool)| (*distance, declared(*pool)));
        let own = || Payer::Subscription(drawer.reference.subscriptions[drawer.subscription as usize].first);
        widest.map_or_else(own, |(_, pool)| Payer::Pool(*pool))
    }

    /// Positions of the allowances of the plan and of the contract of a subscription.
    fn allowances_of(&self, offer: &Offer, subscription: Index) -> impl Iterator<Item = u32> + use<> {
        let of_plan = offer.plan.and_then(|plan| self.of_plan.get(plan)).cloned().unwrap_or_default();
        let contract = self.contract_of.get(subscription as usize).map(|contract| *contract as usize);
        let of_contract = contract.and_then(|contract| self.of_contract.get(contract)).cloned().unwrap_or_default();
        of_plan.chain(of_contract)
    }
}

impl Allowance {
    /// Whether all of the subscriptions below the topmost account that has it share one pool.
    fn is_gathered(&self) -> bool {
        (self.shared_over, self.multiply_by) == (Scope::Subtree, Multiply::Holders)
    }
}

/// The account and those above it, the nearest first.
fn ancestry(reference: &Reference, account: Index) -> impl Iterator<Item = Index> {
    let above = |at: &Index| reference.accounts.get(*at as usize)?.parent;
    std::iter::successors(Some(account), above).take(DEEPEST)
}
