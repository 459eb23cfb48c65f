//! Stacks: which patches lie over the list price of a subscription's charge, from the weakest to the strongest.
//!
//! From the bottom: layers as declared; of each ancestor, the farthest first, its contracts, its packages, its own
//! override; then the subscription's contract, its package, and the account's own override. Subscriptions that have the
//! same of all these share a row of stacks: what it costs to resolve prices grows with the number of different
//! customers, not with the number of customers.

use std::ops::Range;

use chrono::NaiveDate;
use hashbrown::{HashMap, HashSet};

use super::offers::{NO_CONTRACT, Offer};
use crate::book::model::{AccountOverride, Patch, PriceBook, Validity};
use crate::period::Period;
use crate::reference::model::{Index, Reference, Subscription};

/// A patch on some days of the period.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Dated {
    /// Number of the patch in [`Stacks::patches`].
    pub(super) patch: u32,
    /// Local days.
    pub(super) days: Range<u16>,
}

/// All that decides a subscription's stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    /// Number of the offer.
    pub(super) offer: u32,
    /// Number of the contract.
    pub(super) contract: u32,
    /// The account, when it has overrides.
    own: Option<Index>,
    /// The nearest account above it that has anything.
    above: Option<Index>,
    /// Number of the currency of its prices, where it decides which packages of ancestors count.
    currency: u32,
    /// Number of the set of layers.
    layers: u32,
}

/// The patches of a layer, contract or plan.
struct Held<'a> {
    first: u32,
    patches: &'a [Patch],
}

/// Everything stacks are made of.
pub(super) struct Stacks<'a> {
    reference: &'a Reference,
    book: &'a PriceBook,
    /// All patches by number: of layers, contracts, plans, then of accounts.
    pub(super) patches: Vec<&'a Patch>,
    /// Number of the first patch of a contract or plan.
    pub(super) first_sold: u32,
    /// Number of the first patch of an account.
    pub(super) first_own: u32,
    days: Vec<Range<u16>>,
    first_day: NaiveDate,
    length: u16,
    layers: Vec<Held<'a>>,
    contracts: Vec<Held<'a>>,
    plans: Vec<Held<'a>>,
    own: HashMap<(Index, usize), Vec<u32>>,
    contract_of: &'a [u32],
    plan_of: Vec<Option<usize>>,
    /// By account: the nearest account, itself or one above it, that has anything to pass on.
    holders: Vec<Option<Index>>,
    has_own: Vec<bool>,
    currencies: HashMap<&'a str, u32>,
    sets: HashMap<Vec<u32>, u32>,
    set_list: Vec<Vec<u32>>,
    passed_on: HashMap<(Index, usize, u32), Vec<Dated>>,
}

impl<'a> Stacks<'a> {
    /// Of all patches of `book` and of `overrides`, for `period`.
    pub(super) fn new(
        book: &'a PriceBook,
        reference: &'a Reference,
        period: &Period,
        overrides: &'a [AccountOverride],
        (offers, offer_of, contract_of): (&[Offer], &[u32], &'a [u32]),
    ) -> Self {
        let plan_of = offer_of.iter().map(|offer| offers.get(*offer as usize).and_then(|offer| offer.plan)).collect();
        let mut stacks = Self {
            reference,
            book,
            patches: Vec::new(),
            first_sold: 0,
            first_own: 0,
            days: Vec::new(),
            first_day: period.first_day,
            length: u16::try_from(period.days()).unwrap_or(u16::MAX),
            layers: Vec::new(),
            contracts: Vec::new(),
            plans: Vec::new(),
            own: HashMap::new(),
            contract_of,
            plan_of,
            holders: Vec::new(),
            has_own: vec![false; reference.accounts.len()],
            currencies: HashMap::new(),
            sets: HashMap::new(),
            set_list: Vec::new(),
            passed_on: HashMap::new(),
        };
        stacks.layers = book.layers.iter().map(|layer| stacks.hold(&layer.prices)).collect();
        stacks.first_sold = stacks.next();
        stacks.contracts = book.contracts.iter().map(|contract| stacks.hold(&contract.prices)).collect();
        stacks.plans = book.plans.iter().map(|plan| stacks.hold(&plan.prices)).collect();
        stacks.first_own = stacks.next();
        for row in overrides {
            let held = stacks.hold(std::slice::from_ref(&row.patch));
            if let Some(account) = reference.account_index(&row.account) {
                stacks.own.entry((account, row.patch.charge)).or_default().push(held.first);
                stacks.has_own[account as usize] = true;
            }
        }
        stacks.holders = stacks.find_holders();
        if book.plans.iter().any(|plan| plan.currency.is_some()) {
            let of_plans = book.plans.iter().filter_map(|plan| plan.currency.as_ref()).chain(&book.currency);
            for currency in of_plans.chain(reference.accounts.iter().map(|account| &account.currency)) {
                let next = u32::try_from(stacks.currencies.len()).unwrap_or(u32::MAX);
                stacks.currencies.entry(currency.as_str()).or_insert(next);
            }
        }
        stacks
    }

    fn next(&self) -> u32 {
        u32::try_from(self.patches.len()).unwrap_or(u32::MAX)
    }

    fn hold(&mut self, patches: &'a [Patch]) -> Held<'a> {
        let first = self.next();
        for patch in patches {
            self.patches.push(patch);
            self.days.push(self.days_of(patch.valid));
        }
        Held { first, patches }
    }

    /// The days of the period on which something holds.
    pub(super) fn days_of(&self, valid: Validity) -> Range<u16> {
        let day = |date: NaiveDate| {
            let days = (date - self.first_day).num_days().clamp(0, i64::from(self.length));
            u16::try_from(days).unwrap_or(self.length)
        };
        valid.from.map_or(0, day)..valid.to.map_or(self.length, day)
    }

    /// Number of days of the period.
    pub(super) fn length(&self) -> u16 {
        self.length
    }

    /// By account: itself, or the nearest account above it, that has overrides, or packages or contracts with prices.
    fn find_holders(&self) -> Vec<Option<Index>> {
        let (accounts, subscriptions) = (&self.reference.accounts, &self.reference.subscriptions_of);
        let has_prices = |subscription: &Index| {
            let at = *subscription as usize;
            let plan = self.plan_of[at].is_some_and(|plan| !self.plans[plan].patches.is_empty());
            let contract = self.contracts.get(self.contract_of[at] as usize);
            plan || contract.is_some_and(|contract| !contract.patches.is_empty())
        };
        let holds: Vec<bool> =
            self.has_own.iter().zip(subscriptions).map(|(own, of)| *own || of.iter().any(has_prices)).collect();
        let nearest = |account: Index| {
            let mut walk = std::iter::successors(Some(account), |at| accounts[*at as usize].parent);
            walk.find(|at| holds[*at as usize])
        };
        (0..).take(accounts.len()).map(nearest).collect()
    }

    /// The next account above `account` that has anything to pass on.
    fn above(&self, account: Index) -> Option<Index> {
        self.reference.accounts[account as usize].parent.and_then(|parent| self.holders[parent as usize])
    }

    /// The currency of a plan's prices; `None` for plain numbers in that of whoever is billed.
    fn priced_in(&self, plan: usize) -> Option<&'a str> {
        self.book.plans[plan].currency.as_deref().or(self.book.currency.as_deref())
    }

    /// The number of a set of layers.
    pub(super) fn set(&mut self, layers: Vec<u32>) -> u32 {
        let next = u32::try_from(self.set_list.len()).unwrap_or(u32::MAX);
        *self.sets.entry(layers).or_insert_with_key(|layers| {
            self.set_list.push(layers.clone());
            next
        })
    }

    /// What decides the stacks of a subscription for which the layers of this set hold.
    pub(super) fn standing(&self, subscription: &Subscription, number: usize, offer: u32, layers: u32) -> Standing {
        let account = subscription.account;
        let above = self.above(account);
        let own = Some(account).filter(|account| self.has_own[*account as usize]);
        let priced_in = self.plan_of[number].and_then(|plan| self.priced_in(plan)).or(self.book.currency.as_deref());
        let priced_in = priced_in.unwrap_or(&self.reference.accounts[account as usize].currency);
        let currency = above.and_then(|_| self.currencies.get(priced_in).copied());
        let contract = self.contract_of[number];
        Standing { offer, contract, own, above, currency: currency.unwrap_or(u32::MAX), layers }
    }

    /// The patches over the list price of `charge`, the weakest first.
    pub(super) fn stack(&mut self, standing: &Standing, plan: Option<usize>, charge: usize) -> Vec<Dated> {
        let mut stack: Vec<Dated> = Vec::new();
        let all = 0..self.length;
        for layer in &self.set_list[standing.layers as usize] {
            stack.extend(self.of(&self.layers[*layer as usize], charge, &all));
        }
        let mut ancestors = Vec::new();
        let mut at = standing.above;
        while let Some(account) = at {
            ancestors.push(account);
            at = self.above(account);
        }
        for account in ancestors.into_iter().rev() {
            let key = (account, charge, standing.currency);
            if !self.passed_on.contains_key(&key) {
                let passed_on = self.pass_on(account, charge, standing.currency);
                self.passed_on.insert(key, passed_on);
            }
            stack.extend(self.passed_on[&key].iter().cloned());
        }
        if standing.contract != NO_CONTRACT {
            stack.extend(self.of(&self.contracts[standing.contract as usize], charge, &all));
        }
        if let Some(plan) = plan {
            stack.extend(self.of(&self.plans[plan], charge, &all));
        }
        if let Some(account) = standing.own {
            stack.extend(self.own_of(account, charge));
        }
        stack
    }

    /// The patches of `charge` in `held`, on the days they hold among `days`.
    fn of<'s>(&'s self, held: &Held<'a>, charge: usize, days: &Range<u16>) -> impl Iterator<Item = Dated> + 's {
        let start = held.patches.partition_point(|patch| patch.charge < charge);
        let count = held.patches[start..].iter().take_while(|patch| patch.charge == charge).count();
        let first = held.first + u32::try_from(start).unwrap_or(u32::MAX);
        let days = days.clone();
        (first..).take(count).filter_map(move |patch| self.dated(patch, &days))
    }

    fn own_of(&self, account: Index, charge: usize) -> impl Iterator<Item = Dated> + '_ {
        let all = 0..self.length;
        let own = self.own.get(&(account, charge)).into_iter().flatten();
        own.filter_map(move |patch| self.dated(*patch, &all))
    }

    /// The patch on the days it holds among `days`, if it does.
    fn dated(&self, patch: u32, days: &Range<u16>) -> Option<Dated> {
        let own = &self.days[patch as usize];
        let days = own.start.max(days.start)..own.end.min(days.end);
        (!days.is_empty()).then_some(Dated { patch, days })
    }

    /// What `account` passes on to those below it, the weakest first. Of several packages or contracts that of its lowest
    /// subscription id is the strongest; packages in another currency than the prices of the one below are not passed on.
    fn pass_on(&self, account: Index, charge: usize, currency: u32) -> Vec<Dated> {
        let mut strongest_first: Vec<Dated> = self.own_of(account, charge).collect();
        let subscriptions = &self.reference.subscriptions_of[account as usize];
        let days_of = |at: &Index| {
            let subscription = &self.reference.subscriptions[*at as usize];
            self.days_of(Validity { from: Some(subscription.start), to: subscription.end })
        };
        for at in subscriptions {
            let plan = self.plan_of[*at as usize].filter(|plan| {
                let own = self.priced_in(*plan).filter(|_| !self.currencies.is_empty());
                own.is_none_or(|own| self.currencies.get(own) == Some(&currency))
            });
            if let Some(plan) = plan {
                strongest_first.extend(self.of(&self.plans[plan], charge, &days_of(at)));
            }
        }
        for at in subscriptions {
            if let Some(contract) = self.contracts.get(self.contract_of[*at as usize] as usize) {
                strongest_first.extend(self.of(contract, charge, &days_of(at)));
            }
        }
        let mut seen = HashSet::new();
        strongest_first.retain(|dated| seen.insert(dated.clone()));
        strongest_first.reverse();
        strongest_first
    }
}
