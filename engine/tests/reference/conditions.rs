//! What is known of customers when discounts, bounds and notices are decided: their usage, their products, their prices.

use std::collections::{BTreeMap, BTreeSet};

use super::bill::theirs;
use super::exact::Exact;
use super::levels::Span;
use super::measure::{self, Prices, Use};
use super::price::{period, products};
use super::words::{Case, Days};

pub(crate) struct Facts<'a> {
    pub(crate) prices: &'a Prices,
    /// What each subscription has used of each meter.
    pub(crate) usage: BTreeMap<(usize, usize), Exact>,
    /// Products that an account has on some day of the period.
    products: BTreeMap<usize, BTreeSet<String>>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(case: &Case, prices: &'a Prices, uses: &[Use<'_>]) -> Self {
        let (first, after) = period(&case.settings);
        let instants = (measure::midnight(&case.settings, first), measure::midnight(&case.settings, after));
        let span = Span { since: (instants.0, first), until: (instants.1, after), days: (first, after), instants };
        let mut usage = BTreeMap::new();
        let mut known: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (whose, subscription) in case.subscriptions.iter().enumerate() {
            for (at, meter) in case.meters.iter().enumerate() {
                let counted = prices.keys().any(|key| key.0 == whose && case.charges[key.1].meter == Some(at));
                let uses = theirs(case, uses, whose, at, Days::ALWAYS);
                if counted && ["sum", "count"].contains(&meter.aggregate) {
                    usage.insert((whose, at), measure::aggregate(&case.settings, meter, &uses, span));
                }
            }
            if active(case, whose) {
                let ids = products(case, subscription).into_iter().map(|at| case.products[at].id.clone());
                known.entry(subscription.account).or_default().extend(ids);
            }
        }
        Self { prices, usage, products: known }
    }

    /// Whether a condition holds for a subscription: parts joined by AND, of the forms that are generated.
    pub(crate) fn hold(&self, case: &Case, subscription: usize, when: Option<&str>) -> bool {
        let account = case.subscriptions[subscription].account;
        let part = |part: &str| {
            let quoted = part.split('\'').nth(1).unwrap();
            if part.starts_with("account.pack") {
                return true;
            }
            if part.starts_with("account.segment = ") {
                return case.accounts[account].segment == quoted;
            }
            if part.starts_with("NOT has_product(") {
                return !self.has(account, quoted);
            }
            if part.starts_with("has_product(") {
                return self.has(account, quoted);
            }
            assert!(part.starts_with("usage("), "no such condition: {part}");
            let least = Exact::read(part.rsplit(' ').next().unwrap());
            self.used(case, |whose| case.subscriptions[whose].account == account, quoted) >= least
        };
        when.is_none_or(|when| when.split(" AND ").all(part))
    }

    fn has(&self, account: usize, product: &str) -> bool {
        self.products.get(&account).is_some_and(|known| known.contains(product))
    }

    /// Usage of a meter by some subscriptions.
    pub(crate) fn used(&self, case: &Case, whose: impl Fn(usize) -> bool, meter: &str) -> Exact {
        let theirs = self.usage.iter().filter(|((who, at), _)| whose(*who) && case.meters[*at].id == meter);
        theirs.fold(Exact::zero(), |sum, (_, used)| sum.plus(used))
    }
}

/// Whether a subscription holds on some day of the period.
pub(crate) fn active(case: &Case, subscription: usize) -> bool {
    days_in_period(case, subscription) > 0
}

/// Days of the period on which a subscription holds.
pub(crate) fn days_in_period(case: &Case, subscription: usize) -> i64 {
    let (first, after) = period(&case.settings);
    let days = case.subscriptions[subscription].days;
    let from = days.from.map_or(first, |from| from.max(first));
    let to = days.to.map_or(after, |to| to.min(after));
    (to - from).num_days().max(0)
}
