//! Prices of earlier periods: those at which something was billed that this period gives back.

use hashbrown::HashMap;

use super::Catalog;
use crate::reference::model::Index;

impl Catalog {
    /// Takes over the prices that `then`, the catalog of an earlier period, has on its last day for these subscriptions and
    /// charges.
    pub fn remember(&mut self, then: &Self, asked: &[(Index, usize)]) {
        let mut known: HashMap<u32, u32> = HashMap::new();
        for (subscription, charge) in asked {
            let nth = then.offer(*subscription).charges.binary_search(charge).ok();
            let stretches = nth.and_then(|nth| then.terms.get(then.terms_of(*subscription, nth) as usize));
            let Some(last) = stretches.and_then(|stretches| stretches.last()) else { continue };
            let number = *known.entry(last.price).or_insert_with(|| {
                let price = &then.prices[last.price as usize];
                // A price that still holds is no other one.
                let same = |(at, of): (usize, &usize)| {
                    let own = &self.prices[at];
                    *of == *charge && own.layer == price.layer && own.place == price.place && own.same_terms(price)
                };
                let found = self.charge_of.iter().enumerate().position(same);
                let number = found.unwrap_or_else(|| {
                    self.prices.push(price.clone());
                    self.charge_of.push(*charge);
                    self.prices.len() - 1
                });
                u32::try_from(number).unwrap_or(u32::MAX)
            });
            self.earlier.insert((*subscription, *charge), number);
        }
    }

    /// The number of the price at which an earlier run has billed what this period gives back.
    #[must_use]
    pub fn billed_at(&self, subscription: Index, charge: usize) -> Option<u32> {
        self.earlier.get(&(subscription, charge)).copied()
    }
}
