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
        for (index, portion) in portions.iter_mut().enumerate() {
            let mut taken = Decimal::ZERO;
            for (nth, allowance) in allowances.iter().enumerate().filter(|(_, allowance)| allowance.meter == meter) {
                let sharer = if allowance.shared_over == Scope::Account { u32::MAX } else { portion.subscription };
                let left = self.left.entry((holder, nth, sharer)).or_insert(allowance.quantity);
                let part = portion.quantity.min(*left).max(Decimal::ZERO);
                *left = left.minus(part).ok_or_else(out_of_range)?;
                portion.quantity = portion.quantity.minus(part).ok_or_else(out_of_range)?;
                taken = taken.plus(part).ok_or_else(out_of_range)?;
            }
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
}

fn out_of_range() -> Fault {
    Fault::ours("an allowance is out of range")
}
