//! What one discount takes off the lines it applies to.
//!
//! Lines are discounted before they are rounded, so a part of one is told twice: unrounded, as it comes off, and as what it
//! changes of the rounded rest; the latter add up to the discount of the line, whatever the rounding. Money is shared out in
//! minor units by largest remainder. Nothing here knows of accounts or of other discounts.

use crate::book::model::DiscountBase;
use crate::money::split::split;
use crate::money::{Decimal, Rounding};

/// A line as a discount sees it.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Position of the line.
    pub line: usize,
    /// What it comes to before all discounts.
    pub original: Decimal,
    /// What earlier discounts have left of that.
    pub left: Decimal,
    /// Percentage of a percentage discount.
    pub percent: Decimal,
    /// Quantity and price of one unit; zero where there is no such thing.
    pub units: (Decimal, Decimal),
    /// Lines that share free units; they stand together.
    pub shares: (u32, u32),
}

/// What is taken off lines.
#[derive(Clone, Copy, Debug)]
pub enum Take {
    /// The percentage of each line: of the original amount, or of what is left.
    Percent {
        /// Whether it is of the original amount.
        of_original: bool,
    },
    /// Money off all of them together.
    Amount(Decimal),
    /// So many units of each lines that share them.
    FreeUnits(Decimal),
    /// What units cost more than this.
    FixedPrice(Decimal),
}

/// How amounts are rounded.
#[derive(Clone, Copy, Debug)]
pub struct Minor {
    /// Digits of the minor unit.
    pub digits: u32,
    /// How a line is rounded.
    pub mode: Rounding,
    /// Whether each part is rounded by itself.
    pub base: DiscountBase,
}

/// What has come off one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Off {
    /// Position of the line.
    pub line: usize,
    /// As it comes off.
    pub off: Decimal,
    /// The same in minor units: by how much the rounded rest is smaller.
    pub amount: Decimal,
    /// Units of it that are free.
    pub units: Decimal,
}

/// Money that was shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// All of it.
    pub whole: Decimal,
    /// The weight of each part, in order; the parts are what comes off in minor units.
    pub weights: Vec<Decimal>,
}

impl Minor {
    fn round(self, amount: Decimal) -> Option<Decimal> {
        amount.rounded(self.digits, self.mode)
    }

    /// Money or a cap in minor units, never more than it says.
    fn at_most(self, money: Decimal) -> Option<Decimal> {
        money.rounded(self.digits, Rounding::Down)
    }

    fn taken(self, line: usize, left: Decimal, off: Decimal) -> Option<Off> {
        let amount = self.round(left)?.minus(self.round(left.minus(off)?)?)?;
        Some(Off { line, off, amount, units: Decimal::ZERO })
    }

    /// What must come off `left` (not below zero) so that the rounded rest is smaller by `part`, which is no more than that.
    #[must_use]
    pub fn exactly(self, left: Decimal, part: Decimal) -> Option<Decimal> {
        let rest = self.round(left)?.minus(part)?;
        let off = if self.round(left.minus(part)?)? == rest { part } else { left.minus(rest)? };
        Some(off.min(left))
    }
}

/// Takes a discount off lines that are not rounded yet, at most `cap` in minor units; `None` when an amount does not fit.
#[must_use]
pub fn lines(due: &[Due], take: Take, cap: Option<Decimal>, minor: Minor) -> Option<(Vec<Off>, Option<Shared>)> {
    let cap = cap.map_or(Some(None), |cap| minor.at_most(cap).map(Some))?;
    if let Take::Amount(amount) = take {
        let amount = minor.at_most(amount)?;
        // Lines below zero have none of it, but all lines together never go below zero by it.
        let left: Vec<Decimal> = due.iter().map(|due| minor.round(due.left)).collect::<Option<_>>()?;
        let weights: Vec<Decimal> = left.iter().map(|left| (*left).max(Decimal::ZERO)).collect();
        let whole = cap.map_or(amount, |cap| amount.min(cap)).min(sum(&left)?);
        let (offs, share) = shared(due, &weights, whole, minor)?;
        return Some((offs, Some(share)));
    }
    let each: Vec<Off> = match take {
        Take::FreeUnits(units) => free_units(due, units, minor)?,
        _ => due.iter().map(|due| minor.taken(due.line, due.left, one(due, take, minor)?)).collect::<Option<_>>()?,
    };
    let amounts: Vec<Decimal> = each.iter().map(|off| off.amount).collect();
    let Some(cap) = cap.filter(|cap| sum(&amounts).is_none_or(|sum| sum > *cap)) else { return Some((each, None)) };
    // What is given back on credits makes room for more on the others.
    let below: Vec<Decimal> = amounts.iter().copied().filter(|amount| amount.is_negative()).collect();
    let weights: Vec<Decimal> = amounts.iter().map(|amount| (*amount).max(Decimal::ZERO)).collect();
    let whole = cap.minus(sum(&below)?)?.min(sum(&weights)?);
    let (mut offs, share) = shared(due, &weights, whole, minor)?;
    for (off, own) in offs.iter_mut().zip(each).filter(|(_, own)| own.amount.is_negative()) {
        *off = own;
    }
    Some((offs, Some(share)))
}

/// What comes off one line by itself.
fn one(due: &Due, take: Take, minor: Minor) -> Option<Decimal> {
    let off = match take {
        Take::Percent { of_original } => due.percent.percent_of(if of_original { due.original } else { due.left })?,
        Take::FixedPrice(price) => due.left.minus(due.units.0.times(price)?)?.max(Decimal::ZERO),
        Take::Amount(_) | Take::FreeUnits(_) => Decimal::ZERO,
    };
    let off = if minor.base == DiscountBase::Rounded { minor.round(off)? } else { off };
    // Nothing goes past zero, from above or (credits) from below.
    Some(if due.left.is_negative() { off.max(due.left).min(Decimal::ZERO) } else { off.min(due.left) })
}

/// The first units of lines that share them.
fn free_units(due: &[Due], units: Decimal, minor: Minor) -> Option<Vec<Off>> {
    let mut offs = Vec::with_capacity(due.len());
    for sharing in due.chunk_by(|a, b| a.shares == b.shares) {
        let mut free = units;
        for due in sharing {
            let taken = due.units.0.min(free).max(Decimal::ZERO);
            free = free.minus(taken)?;
            let off = taken.times(due.units.1)?;
            let off = if minor.base == DiscountBase::Rounded { minor.round(off)? } else { off };
            let off = minor.taken(due.line, due.left, off.min(due.left).max(Decimal::ZERO))?;
            offs.push(Off { units: taken, ..off });
        }
    }
    Some(offs)
}

/// Shares `whole` out over lines in proportion to `weights`, none of which is more than the rounded rest of its line.
fn shared(due: &[Due], weights: &[Decimal], whole: Decimal, minor: Minor) -> Option<(Vec<Off>, Shared)> {
    let whole = whole.max(Decimal::ZERO);
    let parts = if whole.is_zero() { vec![Decimal::ZERO; due.len()] } else { split(whole, weights, minor.digits)? };
    let off = |(due, part): (&Due, Decimal)| {
        let off = if part.is_zero() { part } else { minor.exactly(due.left, part)? };
        Some(Off { line: due.line, off, amount: part, units: Decimal::ZERO })
    };
    let offs: Vec<Off> = due.iter().zip(parts).map(off).collect::<Option<_>>()?;
    Some((offs, Shared { whole, weights: weights.to_vec() }))
}

/// Takes a discount off rounded lines together, at most `cap`: a percentage of their sum, or money; `None` when an amount
/// does not fit.
#[must_use]
pub fn together(
    due: &[Due],
    take: Take,
    percent: Decimal,
    cap: Option<Decimal>,
    minor: Minor,
) -> Option<(Vec<Off>, Shared)> {
    let cap = cap.map_or(Some(None), |cap| minor.at_most(cap).map(Some))?;
    let left: Vec<Decimal> = due.iter().map(|due| due.left).collect();
    let left = sum(&left)?;
    let amount = match take {
        Take::Amount(amount) => minor.at_most(amount)?,
        Take::Percent { of_original: true } => {
            let original: Vec<Decimal> = due.iter().map(|due| due.original).collect();
            minor.round(percent.percent_of(sum(&original)?)?)?
        }
        _ => minor.round(percent.percent_of(left)?)?,
    };
    let whole = cap.map_or(amount, |cap| amount.min(cap)).min(left);
    let weights: Vec<Decimal> = due.iter().map(|due| due.left.max(Decimal::ZERO)).collect();
    shared(due, &weights, whole, minor)
}

fn sum(amounts: &[Decimal]) -> Option<Decimal> {
    amounts.iter().try_fold(Decimal::ZERO, |sum, amount| sum.plus(*amount))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn due(left: &[&str]) -> Vec<Due> {
        let due = |(line, left): (usize, &&str)| Due {
            line,
            original: dec(left),
            left: dec(left),
            percent: dec("10"),
            units: (Decimal::ZERO, Decimal::ZERO),
            shares: (0, 0),
        };
        left.iter().enumerate().map(due).collect()
    }

    fn minor(mode: Rounding, base: DiscountBase) -> Minor {
        Minor { digits: 2, mode, base }
    }

    fn cents() -> Minor {
        minor(Rounding::HalfUp, DiscountBase::Unrounded)
    }

    fn shown(offs: &[Off]) -> Vec<(String, String)> {
        offs.iter().map(|off| (off.off.to_string(), off.amount.to_string())).collect()
    }

    #[test]
    fn the_base_of_a_discount_decides_the_last_cent() {
        let percent = Take::Percent { of_original: false };
        // 10.005 less 10 % is 9.0045 -> 9.00, so the rounded rest is 1.01 smaller than 10.01.
        let (offs, _) = lines(&due(&["10.005"]), percent, None, cents()).unwrap();
        assert_eq!(shown(&offs), [("1.0005".into(), "1.01".into())]);
        // Of the rounded 10.01 it is 1.001 -> 1.00.
        let rounded = minor(Rounding::HalfUp, DiscountBase::Rounded);
        let (offs, _) = lines(&due(&["10.01"]), percent, None, rounded).unwrap();
        assert_eq!(shown(&offs), [("1".into(), "1".into())]);
    }

    #[test]
    fn money_is_shared_out_to_the_last_cent_and_never_takes_more_than_there_is() {
        let (offs, shared) = lines(&due(&["2", "2", "2", "-5"]), Take::Amount(dec("1")), None, cents()).unwrap();
        let amounts: Vec<String> = offs.iter().map(|off| off.amount.to_string()).collect();
        assert_eq!(amounts, ["0.34", "0.33", "0.33", "0"]);
        assert_eq!(shared.unwrap().whole, dec("1"));
        let (offs, _) = lines(&due(&["1.005", "2"]), Take::Amount(dec("80")), None, cents()).unwrap();
        // 1.005 is billed as 1.01: all of it comes off.
        assert_eq!(shown(&offs), [("1.005".into(), "1.01".into()), ("2".into(), "2".into())]);
        // What is credited on the other line is not given a second time.
        let (offs, _) = lines(&due(&["20", "-15"]), Take::Amount(dec("10")), None, cents()).unwrap();
        assert_eq!(shown(&offs), [("5".into(), "5".into()), ("0".into(), "0".into())]);
        let none = lines(&due(&["-1"]), Take::Amount(dec("80")), None, cents()).unwrap();
        assert_eq!(shown(&none.0), [("0".into(), "0".into())]);
    }

    #[test]
    fn a_cap_is_shared_out_in_proportion_to_what_would_have_come_off() {
        let percent = Take::Percent { of_original: false };
        let (offs, shared) = lines(&due(&["100", "200"]), percent, Some(dec("10")), cents()).unwrap();
        let amounts: Vec<String> = offs.iter().map(|off| off.amount.to_string()).collect();
        assert_eq!(amounts, ["3.33", "6.67"]);
        assert!(shared.is_some());
        let (_, shared) = lines(&due(&["100"]), percent, Some(dec("10")), cents()).unwrap();
        assert!(shared.is_none(), "not reached");
        // A credit gives 1.00 back, so 11.00 may come off the other line.
        let (offs, _) = lines(&due(&["200", "-10"]), percent, Some(dec("10")), cents()).unwrap();
        assert_eq!(shown(&offs), [("11".into(), "11".into()), ("-1".into(), "-1".into())]);
    }

    #[test]
    fn free_units_are_the_first_of_the_lines_that_share_them() {
        let unit = |mut due: Due, shares, quantity: &str, price: &str| {
            due.units = (dec(quantity), dec(price));
            due.shares = shares;
            due
        };
        let plain = due(&["10", "4", "6"]);
        let due =
            [unit(plain[0], (1, 1), "10", "1"), unit(plain[1], (1, 1), "8", "0.5"), unit(plain[2], (1, 2), "6", "1")];
        let (offs, _) = lines(&due, Take::FreeUnits(dec("12")), None, cents()).unwrap();
        let offs: Vec<_> = offs.iter().map(|off| (off.off.to_string(), off.units.to_string())).collect();
        assert_eq!(offs, [("10".into(), "10".into()), ("1".into(), "2".into()), ("6".into(), "6".into())]);
    }

    #[test]
    fn a_fixed_price_takes_off_what_units_cost_more() {
        let mut due = due(&["10", "4"]);
        due[0].units = (dec("10"), dec("1"));
        due[1].units = (dec("8"), dec("0.5"));
        let (offs, _) = lines(&due, Take::FixedPrice(dec("0.8")), None, cents()).unwrap();
        assert_eq!(shown(&offs), [("2".into(), "2".into()), ("0".into(), "0".into())]);
    }

    #[test]
    fn rounded_lines_together_lose_no_cent() {
        let percent = Take::Percent { of_original: false };
        // 10 % of 0.15 is 0.015 -> 0.02, of three equal lines the earlier ones.
        let (offs, _) = together(&due(&["0.05", "0.05", "0.05"]), percent, dec("10"), None, cents()).unwrap();
        let amounts: Vec<String> = offs.iter().map(|off| off.amount.to_string()).collect();
        assert_eq!(amounts, ["0.01", "0.01", "0"]);
        let (offs, _) = together(&due(&["3", "-5"]), percent, dec("10"), None, cents()).unwrap();
        assert!(offs.iter().all(|off| off.amount.is_zero()), "nothing is left together");
    }

    fn modes() -> impl Strategy<Value = Rounding> {
        prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven), Just(Rounding::Up), Just(Rounding::Down)]
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_rounded_discount_and_no_line_goes_below_zero(
            thousandths in prop::collection::vec(-2_000_i128..100_000, 1..12),
            money in 0_i128..60_000,
            percent in 0_i128..=1_000,
            cap in 0_i128..40_000,
            mode in modes(),
            rounded in any::<bool>(),
        ) {
            let base = if rounded { DiscountBase::Rounded } else { DiscountBase::Unrounded };
            let minor = minor(mode, base);
            let thousandth = |count: i128| Decimal::from_units(count * 10_i128.pow(15));
            let start = |count: &i128| if rounded { minor.round(thousandth(*count)).unwrap() } else { thousandth(*count) };
            let mut left: Vec<Decimal> = thousandths.iter().map(start).collect();
            let first = left.clone();
            let mut sums = vec![Decimal::ZERO; left.len()];
            let cap = thousandth(cap);
            for take in [Take::Percent { of_original: true }, Take::Amount(thousandth(money)), Take::Percent { of_original: false }] {
                let due: Vec<Due> = (0..left.len()).map(|line| Due {
                    line,
                    original: first[line],
                    left: left[line],
                    percent: thousandth(percent * 100),
                    units: (Decimal::ZERO, Decimal::ZERO),
                    shares: (0, 0),
                }).collect();
                let (offs, shared) = lines(&due, take, Some(cap), minor).unwrap();
                let total = sum(&offs.iter().map(|off| off.amount).collect::<Vec<_>>()).unwrap();
                prop_assert!(total <= cap, "{total} is more than the cap");
                if let (Take::Amount(_), Some(shared)) = (take, &shared) {
                    prop_assert_eq!(total, shared.whole);
                }
                for off in offs {
                    let before = left[off.line];
                    left[off.line] = before.minus(off.off).unwrap();
                    sums[off.line] = sums[off.line].plus(off.amount).unwrap();
                    prop_assert!(before.is_negative() || !left[off.line].is_negative());
                }
            }
            for line in 0..left.len() {
                let off = minor.round(first[line]).unwrap().minus(minor.round(left[line]).unwrap()).unwrap();
                prop_assert_eq!(off, sums[line]);
            }
        }
    }
}
