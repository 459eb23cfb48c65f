//! Allowances: included quantities drawn down before a charge's model sees the rest.

use hashbrown::HashMap;

use crate::book::model::{Allowance, Scope};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

/// What is left of the allowances of one account.
#[derive(Debug, Default)]
pub struct Pools {
    /// Remaining quantity by (charge, plan, position of the allowance, subscription; `u32::MAX` when the account shares
    /// it). Every charge on the meter has the whole of it: allowances come off the usage before any price sees it.
    left: HashMap<(usize, usize, usize, u32), Decimal>,
}

impl Pools {
    /// Takes what the allowances of `plan` on `meter` cover out of the `portions` of `charge` (in order), and returns the
    /// covered parts; the portions keep the overage.
    ///
    /// # Errors
    /// Our bug when a quantity does not fit.
    pub fn draw(
        &mut self,
        charge: usize,
        plan: usize,
        allowances: &[Allowance],
        meter: usize,
        portions: &mut [Portion],
    ) -> Outcome<Vec<Part>> {
        let mut covered = Vec::new();
        for (index, portion) in portions.iter_mut().enumerate() {
            let mut taken = Decimal::ZERO;
            for (nth, allowance) in allowances.iter().enumerate().filter(|(_, allowance)| allowance.meter == meter) {
                let sharer = if allowance.shared_over == Scope::Account { u32::MAX } else { portion.subscription };
                let left = self.left.entry((charge, plan, nth, sharer)).or_insert(allowance.quantity);
                let part = portion.quantity.min(*left).max(Decimal::ZERO);
                *left = left.minus(part).ok_or_else(out_of_range)?;
                portion.quantity = portion.quantity.minus(part).ok_or_else(out_of_range)?;
                taken = taken.plus(part).ok_or_else(out_of_range)?;
            }
            if !taken.is_zero() {
                let free = Some(Decimal::ZERO);
                let (band, amount) = (Band::Included, Decimal::ZERO);
                covered.push(Part { portion: index, band, quantity: taken, unit_price: free, amount });
            }
        }
        Ok(covered)
    }
}

fn out_of_range() -> Fault {
    Fault::ours("an allowance is out of range")
}
