//! What is left of earlier periods: the rows of the `allowance_balances` table matched with the pools of this one. And the
//! check that a pool of money has one currency.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::gather::Gathering;
use super::{Grant, Grants, Pool, ancestry};
use crate::book::model::{Allowance, PriceBook};
use crate::catalog::{Offer, nearest};
use crate::fault::{Fault, Faults, codes};
use crate::money::Decimal;
use crate::period::Month;
use crate::reference::model::{Index, Reference};

/// Opening balances.
pub(super) struct Openings {
    /// By pool and the period that has given it.
    of_pools: BTreeMap<(u32, Month), Decimal>,
    /// Those that nobody can use any more: subscription, account, allowance, period.
    lost: BTreeMap<(Index, Index, u32, Month), Decimal>,
}

/// Matches the balances with the pools; of what does not fit there are faults.
pub(super) fn openings(grants: &Grants, gathering: &Gathering<'_>, month: Month, faults: &mut Faults) -> Openings {
    let names: HashMap<&str, u32> = grants.allowances.iter().map(|own| own.id.as_str()).zip(0..).collect();
    let mut openings = Openings { of_pools: BTreeMap::new(), lost: BTreeMap::new() };
    for row in &gathering.reference.balances {
        let Some(number) = names.get(row.allowance.as_str()).copied() else {
            let fault = Fault::new(&codes::B003, format!("there is no allowance `{}`", row.allowance)).at(&row.place);
            let hint = nearest(&row.allowance, grants.allowances.iter().map(|own| own.id.as_str()), faults);
            let hint = hint.unwrap_or_else(|| "allowances are named plan:PLAN/ID or contract:CONTRACT/ID".to_owned());
            faults.push(fault.hint(hint));
            continue;
        };
        // A check that names no period cannot say.
        if row.granted >= month && month != Month::BEFORE_ALL {
            let message = format!("the balance of {} is not of a period before {month}", row.granted);
            let fault = Fault::new(&codes::R003, message).at(&row.place);
            faults.push(fault.hint("keep the rows that the period before has published"));
            continue;
        }
        if row.left.is_zero() {
            continue;
        }
        let Some(account) = row.account.or_else(|| gathering.account_at_first(row.subscription)) else { continue };
        let sharer = gathering.sharer(grants, number, row.subscription, account);
        let pool = sharer.and_then(|sharer| grants.shared.get(&(number, sharer)));
        let sum = match pool {
            Some(pool) => openings.of_pools.entry((*pool, row.granted)).or_default(),
            None => openings.lost.entry((row.subscription, account, number, row.granted)).or_default(),
        };
        match sum.plus(row.left) {
            Some(more) => *sum = more,
            None => {
                faults.push(Fault::new(&codes::R003, "the balances of a pool have more than 20 digits").at(&row.place))
            }
        }
    }
    openings
}

impl Openings {
    /// Adds what is left for `pool` to the grants.
    pub(super) fn take(&mut self, pool: u32, allowance: &Allowance, now: Month, grants: &mut Vec<Grant>) {
        while let Some(first) = self.of_pools.first_entry().filter(|first| first.key().0 == pool) {
            let ((_, month), granted) = first.remove_entry();
            grants.push(opening(pool, month, granted, allowance, now));
        }
    }

    /// Adds what nobody can use any more, as pools that nobody draws on.
    pub(super) fn lose(self, grants: &mut Grants, now: Month) {
        for ((holder, account, allowance, month), granted) in self.lost {
            let Ok(pool) = u32::try_from(grants.pools.len()) else { return };
            let grant = opening(pool, month, granted, &grants.allowances[allowance as usize], now);
            grants.grants.push(Grant { is_usable: false, ..grant });
            let Ok(end) = u32::try_from(grants.grants.len()) else { return };
            grants.pools.push(Pool { allowance, holder, account, grants: end - 1..end });
        }
    }
}

fn opening(pool: u32, month: Month, granted: Decimal, allowance: &Allowance, now: Month) -> Grant {
    let expires_after = month.later(allowance.rollover.periods);
    Grant { pool, month, expires_after, granted, is_usable: expires_after >= now }
}

/// Amounts that several accounts share are in one currency.
pub(super) fn check_currencies(
    book: &PriceBook,
    grants: &Grants,
    reference: &Reference,
    offers: &[Offer],
    offer_of: &[u32],
    faults: &mut Faults,
) {
    let is_shared = |pool: &&u32| grants.allowance(&grants.pools[**pool as usize]).included.is_amount();
    if book.currency.is_some() || !grants.below.values().flatten().any(|pool| is_shared(&pool)) {
        return;
    }
    let currency = |subscription: Index| {
        let row = reference.subscriptions.get(subscription as usize)?;
        let plan = offers.get(*offer_of.get(subscription as usize)? as usize)?.plan;
        let of_plan = plan.and_then(|plan| book.plans.get(plan)?.currency.as_deref());
        Some(of_plan.unwrap_or(reference.accounts[row.account as usize].currency.as_str()))
    };
    let mut told = vec![false; grants.pools.len()];
    for (number, row) in (0..).zip(&reference.subscriptions) {
        let above = ancestry(reference, row.account);
        for pool in above.flat_map(|account| grants.below.get(&account).into_iter().flatten()).filter(is_shared) {
            let holder = grants.pools[*pool as usize].holder;
            let (Some(own), Some(other)) = (currency(holder), currency(number)) else { continue };
            if own == other || std::mem::replace(&mut told[*pool as usize], true) {
                continue;
            }
            let allowance = grants.allowance(&grants.pools[*pool as usize]);
            let holder = &reference.subscriptions[holder as usize].id;
            let message = format!(
                "the amount of subscription `{holder}` is in {own}, but `{}` below it is priced in {other}",
                row.id
            );
            let fault = Fault::new(&codes::B010, message).at(&allowance.place);
            faults.push(fault.hint("share it over one account, or give those below it plans in the same currency"));
        }
    }
}
