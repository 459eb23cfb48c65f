//! Allowances: included quantities drawn down before a charge's model sees the rest.

use hashbrown::HashMap;

use crate::book::model::{Allowance, Scope};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

/// What is left of the allowances of the accounts at hand.
#[derive(Debug, Default)]
pub struct Pools {
    /// Remaining quantity by (charge, plan, account), position of the allowance, and subscription; `u32::MAX` when the
    /// account shares it. Every charge on the meter has the whole of it: allowances come off the usage before any price
    /// sees it.
    left: HashMap<(Holder, usize, u32), Decimal>,
    /// What no allowance covered, less what was taken back of it; by subscription, or `u32::MAX` where the account shares one.
    paid: HashMap<(Holder, u32), Decimal>,
}

/// Charge, plan and account index.
type Holder = (usize, usize, u32);

impl Pools {
    /// Takes what the `allowances` on `meter` cover out of the `portions` (in order), and returns the covered parts, one for
    /// each subscription, line group and stretch; the portions keep the overage.
    ///
    /// # Errors
    /// Our bug when a quantity does not fit.
    pub fn draw(
        &mut self,
        holder: Holder,
        allowances: &[Allowance],
        meter: usize,
        portions: &mut [Portion],
    ) -> Outcome<Vec<Part>> {
        let mut covered: Vec<Part> = Vec::new();
        let mut places: HashMap<(u32, u32, u16), usize> = HashMap::new();
        let own: Vec<(usize, &Allowance)> =
            allowances.iter().enumerate().filter(|(_, allowance)| allowance.meter == meter).collect();
        if own.is_empty() {
            return Ok(covered);
        }
        for (index, portion) in portions.iter_mut().enumerate() {
            let taken = self.take(holder, &own, portion).ok_or_else(out_of_range)?;
            if taken.is_zero() {
                continue;
            }
            let at = *places.entry((portion.subscription, portion.group, portion.stretch)).or_insert_with(|| {
                let (band, unit_price) = (Band::Included, Some(Decimal::ZERO));
                let (quantity, amount) = (Decimal::ZERO, Decimal::ZERO);
                covered.push(Part { portion: index, band, quantity, unit_price, amount, records: 0 });
                covered.len() - 1
            });
            let part = &mut covered[at];
            part.quantity = part.quantity.plus(taken).ok_or_else(out_of_range)?;
            part.records += portion.records;
        }
        Ok(covered)
    }

    /// What the allowances cover of `portion`, which keeps the rest. What is taken back was used last: it gives back what
    /// was paid first, then what was covered.
    fn take(&mut self, holder: Holder, own: &[(usize, &Allowance)], portion: &mut Portion) -> Option<Decimal> {
        let shared = |allowance: &Allowance| allowance.shared_over == Scope::Account;
        let sharer = |is_shared: bool| if is_shared { u32::MAX } else { portion.subscription };
        let payer = (holder, sharer(own.iter().any(|(_, allowance)| shared(allowance))));
        let paid = self.paid.get(&payer).copied().unwrap_or_default();
        let mut rest = if portion.quantity.is_negative() {
            portion.quantity.plus(paid.max(Decimal::ZERO))?.min(Decimal::ZERO)
        } else {
            portion.quantity.plus(paid.min(Decimal::ZERO))?.max(Decimal::ZERO)
        };
        let (back, mut taken) = (rest.is_negative(), Decimal::ZERO);
        for at in 0..own.len() {
            let (nth, allowance) = own[if back { own.len() - 1 - at } else { at }];
            let left = self.left.entry((holder, nth, sharer(shared(allowance)))).or_insert(allowance.quantity);
            let part = if back { rest.max(left.minus(allowance.quantity)?) } else { rest.min(*left) };
            *left = left.minus(part)?;
            (rest, taken) = (rest.minus(part)?, taken.plus(part)?);
        }
        portion.quantity = portion.quantity.minus(taken)?;
        // A total that does not fit is told where it is priced.
        self.paid.insert(payer, paid.plus(portion.quantity).unwrap_or(paid));
        Some(taken)
    }
}

fn out_of_range() -> Fault {
    Fault::ours("an allowance is out of range")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Place;

    #[test]
    fn totals_that_do_not_fit_are_left_to_whoever_prices_them() {
        let allowance = Allowance {
            meter: 0,
            quantity: Decimal::ONE,
            shared_over: Scope::Subscription,
            place: Place::file("book.yaml"),
        };
        let most = Decimal::parse("99999999999999999999").unwrap();
        let one = |group| Portion {
            subscription: 0,
            group,
            quantity: most,
            records: 1,
            stretch: 0,
            time: 0,
            cell: 0,
            origin: None,
        };
        let mut portions = [one(1), one(2), one(3)];
        let covered = Pools::default().draw((0, 0, 0), &[allowance], 0, &mut portions).unwrap();
        assert_eq!(covered.len(), 1);
        assert_eq!(portions.map(|portion| portion.quantity), [most.minus(Decimal::ONE).unwrap(), most, most]);
    }
}
