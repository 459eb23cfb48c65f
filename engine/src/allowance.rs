//! Allowances: included quantities drawn down before a charge's model sees the rest, and included amounts taken off what
//! usage comes to ([`money`]).
//!
//! What there is to draw from, and in which order, is given; nothing here knows who shares it with whom.

use hashbrown::HashMap;

use crate::catalog::{Payer, Source};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub mod carry;
pub mod money;

/// What was drawn from one grant for a covered part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Position of the part.
    pub part: usize,
    /// The grant.
    pub grant: u32,
    /// How much of it; negative for what was given back.
    pub quantity: Decimal,
}

/// What allowances have covered of some portions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// One for each subscription, line group and stretch.
    pub parts: Vec<Part>,
    /// One for each part and grant.
    pub draws: Vec<Draw>,
}

/// What is left of the grants that one charge draws on. Every charge on a meter has the whole of them: allowances come off
/// the usage before any price sees it.
#[derive(Debug, Default)]
pub struct Pools {
    /// By grant; whole until it is met.
    left: HashMap<u32, Decimal>,
    /// What no allowance covered, less what was taken back of it.
    paid: HashMap<Payer, Decimal>,
}

impl Pools {
    /// Takes what `sources` cover, in this order, out of the `portions` (in order); the portions keep the overage.
    ///
    /// # Errors
    /// Our bug when a quantity does not fit.
    pub fn draw(&mut self, sources: &[Source], payer: Payer, portions: &mut [Portion]) -> Outcome<Covered> {
        let mut covered = Covered::default();
        let mut places: HashMap<(u32, u32, u16), usize> = HashMap::new();
        for (index, portion) in portions.iter_mut().enumerate() {
            let (before, drawn) = (portion.quantity, covered.draws.len());
            // Which part it belongs to is known once something is covered.
            self.take(sources, payer, portion, &mut covered.draws).ok_or_else(out_of_range)?;
            let taken = before.minus(portion.quantity).ok_or_else(out_of_range)?;
            if taken.is_zero() {
                covered.draws.truncate(drawn);
                continue;
            }
            let parts = &mut covered.parts;
            let at = *places.entry((portion.subscription, portion.group, portion.stretch)).or_insert_with(|| {
                let (band, unit_price) = (Band::Included, Some(Decimal::ZERO));
                let (quantity, amount) = (Decimal::ZERO, Decimal::ZERO);
                parts.push(Part { portion: index, band, quantity, unit_price, amount, records: 0 });
                parts.len() - 1
            });
            let part = &mut covered.parts[at];
            part.quantity = part.quantity.plus(taken).ok_or_else(out_of_range)?;
            part.records += portion.records;
            covered.draws[drawn..].iter_mut().for_each(|draw| draw.part = at);
        }
        covered.draws = summed(covered.draws).ok_or_else(out_of_range)?;
        Ok(covered)
    }

    /// Draws for `portion`, which keeps the rest. What is taken back was used last: it gives back what was paid first, then
    /// what was covered.
    fn take(&mut self, sources: &[Source], payer: Payer, portion: &mut Portion, draws: &mut Vec<Draw>) -> Option<()> {
        let paid = self.paid.get(&payer).copied().unwrap_or_default();
        let mut rest = if portion.quantity.is_negative() {
            portion.quantity.plus(paid.max(Decimal::ZERO))?.min(Decimal::ZERO)
        } else {
            portion.quantity.plus(paid.min(Decimal::ZERO))?.max(Decimal::ZERO)
        };
        let (back, mut taken) = (rest.is_negative(), Decimal::ZERO);
        for at in 0..sources.len() {
            let Source { grant, granted } = sources[if back { sources.len() - 1 - at } else { at }];
            let left = self.left.entry(grant).or_insert(granted);
            let quantity = if back { rest.max(left.minus(granted)?) } else { rest.min(*left) };
            if quantity.is_zero() {
                continue;
            }
            *left = left.minus(quantity)?;
            (rest, taken) = (rest.minus(quantity)?, taken.plus(quantity)?);
            draws.push(Draw { part: 0, grant, quantity });
        }
        portion.quantity = portion.quantity.minus(taken)?;
        // A total that does not fit is told where it is priced.
        self.paid.insert(payer, paid.plus(portion.quantity).unwrap_or(paid));
        Some(())
    }
}

/// One draw for each part and grant, in the order in which they were first drawn; none that comes to nothing.
fn summed(draws: Vec<Draw>) -> Option<Vec<Draw>> {
    let mut sums: Vec<Draw> = Vec::new();
    let mut places: HashMap<(usize, u32), usize> = HashMap::new();
    for draw in draws {
        let at = *places.entry((draw.part, draw.grant)).or_insert_with(|| {
            sums.push(Draw { quantity: Decimal::ZERO, ..draw });
            sums.len() - 1
        });
        sums[at].quantity = sums[at].quantity.plus(draw.quantity)?;
    }
    sums.retain(|draw| !draw.quantity.is_zero());
    Some(sums)
}

fn out_of_range() -> Fault {
    Fault::ours("an allowance is out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portion(group: u32, quantity: Decimal) -> Portion {
        Portion { subscription: 0, group, quantity, records: 1, stretch: 0, time: 0, cell: 0, origin: None }
    }

    fn drawn(covered: &Covered) -> Vec<(u32, String)> {
        covered.draws.iter().map(|draw| (draw.grant, draw.quantity.to_string())).collect()
    }

    #[test]
    fn totals_that_do_not_fit_are_left_to_whoever_prices_them() {
        let most = Decimal::parse("99999999999999999999").unwrap();
        let sources = [Source { grant: 0, granted: Decimal::ONE }];
        let mut portions = [portion(1, most), portion(2, most), portion(3, most)];
        let covered = Pools::default().draw(&sources, Payer::Subscription(0), &mut portions).unwrap();
        assert_eq!(covered.parts.len(), 1);
        assert_eq!(portions.map(|portion| portion.quantity), [most.minus(Decimal::ONE).unwrap(), most, most]);
    }

    #[test]
    fn sources_are_drawn_in_order_and_given_back_in_reverse() {
        let sources =
            [5, 3].map(|granted| Source { grant: granted.try_into().unwrap(), granted: Decimal::whole(granted) });
        let (mut pools, payer) = (Pools::default(), Payer::Pool(7));
        let mut draw = |quantity| {
            let mut portions = [portion(0, Decimal::whole(quantity))];
            let covered = pools.draw(&sources, payer, &mut portions).unwrap();
            (drawn(&covered), portions[0].quantity.to_string())
        };
        let of =
            |draws: &[(u32, &str)]| draws.iter().map(|(grant, text)| (*grant, (*text).to_owned())).collect::<Vec<_>>();
        assert_eq!(draw(6), (of(&[(5, "5"), (3, "1")]), "0".to_owned()));
        assert_eq!(draw(4), (of(&[(3, "2")]), "2".to_owned()));
        // 2 were paid, so 4 of 6 were covered.
        assert_eq!(draw(-6), (of(&[(3, "-3"), (5, "-1")]), "-2".to_owned()));
        assert_eq!(draw(2), (of(&[(5, "1"), (3, "1")]), "0".to_owned()));
    }

    #[test]
    fn what_is_given_back_in_the_same_part_leaves_no_draw() {
        let sources = [Source { grant: 1, granted: Decimal::whole(10) }];
        let mut portions = [portion(0, Decimal::whole(4)), portion(0, Decimal::whole(-4))];
        let covered = Pools::default().draw(&sources, Payer::Subscription(0), &mut portions).unwrap();
        assert_eq!((covered.parts.len(), covered.draws), (1, Vec::new()));
    }
}
