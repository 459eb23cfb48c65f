//! Units that are included or free, and what of them is used: by one charge, one thing after the other.

use super::exact::Exact;

/// What each of several pools covers of a quantity, one after the other; usage that is taken back takes back what was paid,
/// then what the last pool covered, and so on to the first.
pub(crate) fn take_all(pools: &mut [Pool], units: &[Exact], quantity: &Exact) -> Vec<Exact> {
    if !quantity.is_negative() {
        let mut left = quantity.clone();
        let take = |(pool, units): (&mut Pool, &Exact)| {
            let taken = pool.take(units, &left);
            left = left.less(&taken);
            taken
        };
        return pools.iter_mut().zip(units).map(take).collect();
    }
    let paid = pools.last().map_or_else(Exact::zero, |pool| pool.paid.clone().most(Exact::zero()));
    let mut back = quantity.negated();
    back = back.less(&paid.least(back.clone()));
    let mut taken = vec![Exact::zero(); pools.len()];
    for (pool, taken) in pools.iter_mut().zip(&mut taken).rev() {
        let part = back.clone().least(pool.used.clone());
        pool.used = pool.used.less(&part);
        back = back.less(&part);
        *taken = part.negated();
    }
    let mut left = quantity.clone();
    for (pool, taken) in pools.iter_mut().zip(&taken) {
        left = left.less(taken);
        pool.paid = pool.paid.plus(&left);
    }
    taken
}

/// Units that are included or free, as far as they are used; and the units that were paid.
pub(crate) struct Pool {
    used: Exact,
    paid: Exact,
}

impl Default for Pool {
    fn default() -> Self {
        Self { used: Exact::zero(), paid: Exact::zero() }
    }
}

impl Pool {
    /// What `units` cover of `quantity`. Usage that is taken back takes back what was paid, then what was covered; what
    /// was taken back before it was used is paid when it is used.
    pub(crate) fn take(&mut self, units: &Exact, quantity: &Exact) -> Exact {
        let zero = Exact::zero;
        let back = zero().most(zero().less(quantity));
        let taken = if back.is_zero() {
            let owed = zero().most(zero().less(&self.paid));
            zero().most(quantity.less(&owed)).least(zero().most(units.less(&self.used)))
        } else {
            let unpaid = zero().most(back.less(&zero().most(self.paid.clone())));
            zero().less(&unpaid.least(self.used.clone()))
        };
        self.used = self.used.plus(&taken);
        self.paid = self.paid.plus(quantity).less(&taken);
        taken
    }
}
