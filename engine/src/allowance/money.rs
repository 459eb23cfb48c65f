//! Included amounts: what they take off the rated amounts of usage.

use hashbrown::HashMap;

use crate::catalog::Source;
use crate::money::Decimal;

/// What is left of the amounts granted.
#[derive(Debug, Default)]
pub struct Purse {
    /// By grant; whole until it is met.
    left: HashMap<u32, Decimal>,
}

/// What one grant covers of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Position of the amount.
    pub at: usize,
    /// The grant.
    pub grant: u32,
    /// How much; above zero.
    pub amount: Decimal,
}

impl Purse {
    /// What is left of a source.
    #[must_use]
    pub fn left(&self, source: Source) -> Source {
        Source { granted: self.left.get(&source.grant).copied().unwrap_or(source.granted), ..source }
    }

    /// What `sources`, in this order, cover of the `amounts` of one charge, in order. Together they are not covered below
    /// zero: an amount below zero leaves less of the others to be covered. `None` when a sum does not fit.
    #[must_use]
    pub fn cover(&mut self, sources: &[Source], amounts: &[Decimal]) -> Option<Vec<Cover>> {
        let mut open = amounts.iter().try_fold(Decimal::ZERO, |sum, amount| sum.plus(*amount))?;
        let mut covers = Vec::new();
        for (at, amount) in amounts.iter().enumerate() {
            let mut rest = (*amount).min(open);
            for Source { grant, granted } in sources {
                let left = self.left.entry(*grant).or_insert(*granted);
                let amount = rest.min(*left);
                if amount.is_zero() || amount.is_negative() {
                    continue;
                }
                (*left, rest, open) = (left.minus(amount)?, rest.minus(amount)?, open.minus(amount)?);
                covers.push(Cover { at, grant: *grant, amount });
            }
        }
        Some(covers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn covered(purse: &mut Purse, sources: &[Source], amounts: &[&str]) -> Vec<(usize, u32, String)> {
        let amounts: Vec<Decimal> = amounts.iter().map(|amount| dec(amount)).collect();
        let covers = purse.cover(sources, &amounts).unwrap();
        covers.iter().map(|cover| (cover.at, cover.grant, cover.amount.to_string())).collect()
    }

    #[test]
    fn amounts_are_covered_in_order_until_nothing_is_left() {
        let sources = [Source { grant: 1, granted: dec("5") }, Source { grant: 2, granted: dec("20") }];
        let mut purse = Purse::default();
        let first = covered(&mut purse, &sources, &["4.5", "1.25", "0"]);
        assert_eq!(first, [(0, 1, "4.5".to_owned()), (1, 1, "0.5".to_owned()), (1, 2, "0.75".to_owned())]);
        assert_eq!(covered(&mut purse, &sources, &["30"]), [(0, 2, "19.25".to_owned())]);
        assert_eq!(covered(&mut purse, &sources, &["1"]), []);
    }

    #[test]
    fn a_charge_is_not_covered_below_zero_in_sum() {
        let sources = [Source { grant: 1, granted: dec("20") }];
        assert_eq!(covered(&mut Purse::default(), &sources, &["10", "-4"]), [(0, 1, "6".to_owned())]);
        assert_eq!(covered(&mut Purse::default(), &sources, &["-4", "10"]), [(1, 1, "6".to_owned())]);
        assert_eq!(covered(&mut Purse::default(), &sources, &["3", "-4"]), []);
    }
}
