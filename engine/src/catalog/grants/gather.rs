//! The pools of a period and what it grants them: who has the allowances, on which days, how many of them.

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::openings::{Openings, openings};
use super::{Grant, Grants, Pool, ancestry};
use crate::book::model::{Allowance, Multiply, PriceBook, Scope, Validity};
use crate::catalog::Offer;
use crate::fault::{Fault, Faults, codes};
use crate::money::Decimal;
use crate::period::{Month, Period};
use crate::reference::model::{Index, Reference, Subscription};

/// What everybody is given in `period`, and what is left of earlier ones.
pub(in crate::catalog) fn grants(
    book: &PriceBook,
    reference: &Reference,
    period: &Period,
    (offers, offer_of, contract_of): (&[Offer], &[u32], &[u32]),
    faults: &mut Faults,
) -> Grants {
    let mut grants = Grants { contract_of: contract_of.to_vec(), ..Grants::default() };
    let mut add = |allowances: &[Allowance]| {
        let start = u32::try_from(grants.allowances.len()).unwrap_or(u32::MAX);
        grants.allowances.extend_from_slice(allowances);
        start..u32::try_from(grants.allowances.len()).unwrap_or(u32::MAX)
    };
    let of_plan = book.plans.iter().map(|plan| add(&plan.allowances)).collect();
    let of_contract = book.contracts.iter().map(|contract| add(&contract.allowances)).collect();
    (grants.of_plan, grants.of_contract) = (of_plan, of_contract);
    if grants.allowances.is_empty() && reference.balances.is_empty() {
        return grants;
    }
    let offer = |subscription: Index| offers.get(*offer_of.get(subscription as usize)? as usize);
    let mut gathering = Gathering { reference, period, tops: HashSet::new(), pools: Vec::new() };
    let active = gathering.active();
    let gathered = grants.allowances.iter().any(Allowance::is_gathered);
    for (subscription, days) in (0..).zip(&active).filter(|_| gathered) {
        let Some(offer) = offer(subscription) else { continue };
        for number in grants.allowances_of(offer, subscription) {
            if *days != 0 && grants.allowances[number as usize].is_gathered() {
                gathering.tops.insert((number, reference.subscriptions[subscription as usize].account));
            }
        }
    }
    for (subscription, days) in (0..).zip(active) {
        let Some(offer) = offer(subscription).filter(|_| days != 0) else { continue };
        for number in grants.allowances_of(offer, subscription) {
            gathering.add(&mut grants, number, subscription, days);
        }
    }
    let month = Month::of(period.first_day);
    let left = openings(&grants, &gathering, month, faults);
    gathering.grant(&mut grants, left, month, faults);
    let amounts = |pool: &Pool| grants.allowance(pool).included.is_amount();
    let has = (!grants.pools.iter().all(amounts), grants.pools.iter().any(amounts));
    (grants.has_quantities, grants.has_amounts) = has;
    super::openings::check_currencies(book, &grants, reference, offers, offer_of, faults);
    grants
}

/// Pools while those who have them are met.
pub(super) struct Gathering<'a> {
    pub(super) reference: &'a Reference,
    period: &'a Period,
    /// Accounts with an allowance of which all below the topmost share one pool.
    tops: HashSet<(u32, Index)>,
    pools: Vec<Gathered>,
}

/// Who has the allowance of a pool.
struct Gathered {
    allowance: u32,
    account: Index,
    holder: Option<Index>,
    /// Days on which somebody has it, the first in the lowest bit.
    days: u64,
    /// The last subscription that was met, and its quantity.
    last: Option<(Index, Decimal)>,
    /// Number of subscriptions, and of their days.
    count: i64,
    count_days: i64,
    /// Sum of their quantities, and of quantities times days; `None` when it does not fit.
    quantity: Option<Decimal>,
    quantity_days: Option<Decimal>,
}

impl<'a> Gathering<'a> {
    /// By subscription: the days of the period on which it is active.
    fn active(&self) -> Vec<u64> {
        let days = |row: &Subscription| days_of(self.period, Validity { from: Some(row.start), to: row.end });
        self.reference.subscriptions.par_iter().map(days).collect()
    }

    /// The account of a subscription when the period begins; of one that begins later its first, of one that has ended its
    /// last.
    pub(super) fn account_at_first(&self, subscription: Index) -> Option<Index> {
        let rows = &self.reference.subscriptions;
        let row = rows.get(subscription as usize)?;
        let versions = rows.get(row.first as usize..=row.last as usize)?;
        let still = |version: &&Subscription| version.end.is_none_or(|end| end > self.period.first_day);
        versions.iter().find(still).or(versions.last()).map(|version| version.account)
    }

    /// Who shares an allowance that `subscription` has at `account`: the key of the pool.
    pub(super) fn sharer(&self, grants: &Grants, number: u32, subscription: Index, account: Index) -> Option<Index> {
        let allowance = grants.allowances.get(number as usize)?;
        if allowance.is_gathered() {
            return ancestry(self.reference, account).filter(|above| self.tops.contains(&(number, *above))).last();
        }
        let own = allowance.shared_over == Scope::Subscription;
        Some(if own { self.reference.subscriptions[subscription as usize].first } else { account })
    }

    /// One more subscription, active on these days, that has the allowance.
    fn add(&mut self, grants: &mut Grants, number: u32, subscription: Index, active: u64) {
        let row = &self.reference.subscriptions[subscription as usize];
        let Some(sharer) = self.sharer(grants, number, subscription, row.account) else { return };
        let allowance = &grants.allowances[number as usize];
        let own = allowance.shared_over == Scope::Subscription;
        let account = if own { row.account } else { sharer };
        let next = u32::try_from(self.pools.len()).unwrap_or(u32::MAX);
        let pool = *grants.shared.entry((number, sharer)).or_insert(next);
        if pool == next {
            self.pools.push(Gathered {
                allowance: number,
                account,
                holder: None,
                days: 0,
                last: None,
                count: 0,
                count_days: 0,
                quantity: Some(Decimal::ZERO),
                quantity_days: Some(Decimal::ZERO),
            });
        }
        let first = self.reference.subscriptions[subscription as usize].first;
        let days = active & days_of(self.period, allowance.valid);
        let Some(pool) = self.pools.get_mut(pool as usize) else { return };
        if row.account == pool.account {
            pool.holder = pool.holder.or(Some(first));
        }
        pool.add(first, row.quantity, days);
    }

    /// Numbers the pools, each with what is left and what this period gives.
    fn grant(self, grants: &mut Grants, mut left: Openings, month: Month, faults: &mut Faults) {
        let length = i64::try_from(self.period.days()).unwrap_or(i64::MAX);
        let mut too_much: HashMap<u32, Index> = HashMap::new();
        for (number, gathered) in (0_u32..).zip(self.pools) {
            let allowance = &grants.allowances[gathered.allowance as usize];
            let start = grants.grants.len();
            left.take(number, allowance, month, &mut grants.grants);
            let holder = gathered.holder.unwrap_or_default();
            if gathered.days != 0 {
                let granted = gathered.granted(allowance, length);
                if granted.is_none() {
                    too_much.entry(gathered.allowance).or_insert(holder);
                }
                grants.grants.push(Grant {
                    pool: number,
                    month,
                    expires_after: month.later(allowance.rollover.periods),
                    granted: granted.unwrap_or_default(),
                    is_usable: true,
                });
            }
            if allowance.shared_over == Scope::Subtree {
                grants.below.entry(gathered.account).or_default().push(number);
            }
            let (Ok(from), Ok(to)) = (u32::try_from(start), u32::try_from(grants.grants.len())) else { continue };
            let (allowance, account) = (gathered.allowance, gathered.account);
            grants.pools.push(Pool { allowance, holder, account, grants: from..to });
        }
        left.lose(grants, month);
        let mut too_much: Vec<(u32, Index)> = too_much.into_iter().collect();
        too_much.sort_unstable();
        for (number, holder) in too_much {
            let (allowance, id) =
                (&grants.allowances[number as usize], &self.reference.subscriptions[holder as usize].id);
            let message = format!("the allowance of subscription `{id}` has more than 20 digits before the point");
            faults.push(
                Fault::new(&codes::B001, message)
                    .at(&allowance.place)
                    .hint("look at the quantities of its subscriptions"),
            );
        }
    }
}

impl Gathered {
    fn add(&mut self, subscription: Index, quantity: Decimal, days: u64) {
        if days == 0 {
            return;
        }
        let count = i64::from(days.count_ones());
        self.days |= days;
        self.count_days += count;
        self.quantity_days = self.quantity_days.and_then(|sum| sum.plus(quantity.times(Decimal::whole(count))?));
        // Of a subscription on several terms the last quantity counts, once.
        let before = self.last.filter(|(last, _)| *last == subscription).map(|(_, quantity)| quantity);
        self.quantity = self.quantity.and_then(|sum| sum.minus(before.unwrap_or_default())?.plus(quantity));
        self.count += i64::from(before.is_none());
        self.last = Some((subscription, quantity));
    }

    /// What a period of `length` days gives; `None` when it does not fit.
    fn granted(&self, allowance: &Allowance, length: i64) -> Option<Decimal> {
        let number = allowance.included.number();
        let (of, whole) = match (allowance.multiply_by, allowance.prorated) {
            (Multiply::None, false) => (Decimal::ONE, 1),
            (Multiply::None, true) => (Decimal::whole(i64::from(self.days.count_ones())), length),
            (Multiply::Quantity, false) => (self.quantity?, 1),
            (Multiply::Quantity, true) => (self.quantity_days?, length),
            (Multiply::Holders, false) => (Decimal::whole(self.count), 1),
            (Multiply::Holders, true) => (Decimal::whole(self.count_days), length),
        };
        number.ratio(of, Decimal::whole(whole))
    }
}

/// The days of the period on which `valid` holds, the first in the lowest bit; a period has at most 31.
fn days_of(period: &Period, valid: Validity) -> u64 {
    let from = valid.from.map_or(0, |from| (from - period.first_day).num_days());
    let to = valid.to.map_or(i64::MAX, |to| (to - period.first_day).num_days());
    let length = i64::try_from(period.days().min(63)).unwrap_or_default();
    let below = |day: i64| (1_u64 << day.clamp(0, length)) - 1;
    below(to) & !below(from)
}
