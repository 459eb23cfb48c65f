//! Units that are included or free, and what of them is used: by one charge, one thing after the other.

use super::exact::Exact;

/// What each of several pools covers of a quantity, one after the other; usage that is taken back takes back what was paid
/// by those who pay together, then what the last pool covered, and so on to the first.
pub(crate) fn take_all(pools: &mut [Pool], paid: &mut Exact, units: &[Exact], quantity: &Exact) -> Vec<Exact> {
    let zero = Exact::zero;
    let mut taken = vec![zero(); pools.len()];
    if quantity.is_negative() {
        let mut back = quantity.negated().less(&zero().most(paid.clone())).most(zero());
        for (pool, taken) in pools.iter_mut().zip(&mut taken).rev() {
            let part = back.clone().least(pool.used.clone());
            (pool.used, back) = (pool.used.less(&part), back.less(&part));
            *taken = part.negated();
        }
    } else {
        let mut left = quantity.less(&zero().most(paid.negated())).most(zero());
        for ((pool, units), taken) in pools.iter_mut().zip(units).zip(&mut taken) {
            *taken = left.clone().least(units.less(&pool.used).most(zero()));
            (pool.used, left) = (pool.used.plus(taken), left.less(taken));
        }
    }
    *paid = taken.iter().fold(paid.plus(quantity), |paid, taken| paid.less(taken));
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
