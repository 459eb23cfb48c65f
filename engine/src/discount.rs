//! Discounts, and the one rounding of a line: rated amount -> list, discount and net in minor units.

use crate::book::model::{Discount, DiscountBase, LineRounding, Percent, Reduction};
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::money::Decimal;
use crate::reference::model::Reference;
use crate::yaml::did_you_mean;

/// The discounts of a book with every account's percentage.
#[derive(Debug)]
pub struct Discounts {
    /// In declared order.
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// Charge indices it applies to, sorted; `None` for all.
    on: Option<Vec<usize>>,
    /// By account.
    percents: Vec<Option<Decimal>>,
}

/// The rounded amounts of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// Before discount.
    pub list: Decimal,
    /// list − net.
    pub discount: Decimal,
    /// After discount.
    pub net: Decimal,
}

impl Discounts {
    /// Reads every account's percentages; an account without an own value takes its nearest ancestor's, so that 0 is what
    /// ends a discount further down.
    ///
    /// # Errors
    /// `B003` for a column the accounts do not have, `R003` for each value that is not a percentage between 0 and 100.
    pub fn new(discounts: &[Discount], reference: &Reference) -> Outcome<Self> {
        let mut faults = Faults::default();
        let mut rules = Vec::new();
        for discount in discounts {
            let percents = match &discount.reduction {
                Reduction::Percent(Percent::Fixed(percent)) => vec![Some(*percent); reference.accounts.len()],
                Reduction::Percent(Percent::AccountColumn(column)) => column_percents(column, reference, &mut faults),
                _ => vec![None; reference.accounts.len()],
            };
            rules.push(Rule { on: discount.on.as_ref().map(|on| on.charges.clone()), percents });
        }
        faults.or(Self { rules })
    }

    /// The percentage of a line of `charge` for `account`: the first declared discount that applies.
    #[must_use]
    pub fn percent(&self, charge: usize, account: u32) -> Option<Decimal> {
        self.applied(charge, account).map(|(_, percent)| percent)
    }

    /// The same, with its position among the declared discounts.
    #[must_use]
    pub fn applied(&self, charge: usize, account: u32) -> Option<(usize, Decimal)> {
        let applies = |rule: &Rule| rule.on.as_ref().is_none_or(|on| on.binary_search(&charge).is_ok());
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| applies(rule));
        rules.filter_map(|(at, rule)| Some((at, rule.percents[account as usize]?))).next()
    }
}

/// Rounds a rated amount to `digits` after taking `percent` off, as the book says; `None` when it does not fit.
#[must_use]
pub fn amounts(rated: Decimal, percent: Option<Decimal>, rounding: LineRounding, digits: u32) -> Option<Amounts> {
    let list = rated.rounded(digits, rounding.mode)?;
    let Some(percent) = percent else { return Some(Amounts { list, discount: Decimal::ZERO, net: list }) };
    match rounding.discount_base {
        DiscountBase::Unrounded => {
            let net = rated.minus(percent.percent_of(rated)?)?.rounded(digits, rounding.mode)?;
            Some(Amounts { list, discount: list.minus(net)?, net })
        }
        DiscountBase::Rounded => {
            let discount = percent.percent_of(list)?.rounded(digits, rounding.mode)?;
            Some(Amounts { list, discount, net: list.minus(discount)? })
        }
    }
}

fn column_percents(column: &Located, reference: &Reference, faults: &mut Faults) -> Vec<Option<Decimal>> {
    let column = {
        let known = &reference.account_columns;
        if !known.contains(&column.text) {
            let message = format!("the accounts have no column `{}` of their own", column.text);
            let fault = Fault::new(&codes::B003, message).at(&column.place);
            faults.push(Fault { hint: did_you_mean(&column.text, known.iter().map(String::as_str)), ..fault });
        }
        column.text.as_str()
    };
    let own = reference.accounts.iter().map(|account| {
        let text = account.custom.get(column)?;
        let percent =
            Decimal::parse(text).ok().filter(|percent| !percent.is_negative() && *percent <= Decimal::whole(100));
        if percent.is_none() {
            let message = format!("account `{}`: {column} is `{text}`", account.id);
            let fault = Fault::new(&codes::R003, message).at(&account.place);
            faults.push(fault.hint("a percentage between 0 and 100, such as 6.5; blank for that of the account above"));
        }
        percent
    });
    let own: Vec<Option<Decimal>> = own.collect();
    let inherited = |mut index: usize| loop {
        if own[index].is_some() {
            return own[index];
        }
        index = reference.accounts[index].parent? as usize;
    };
    (0..own.len()).map(inherited).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn the_base_of_a_discount_decides_the_last_cent() {
        let base = |discount_base| LineRounding { discount_base, ..LineRounding::default() };
        let shown =
            |amounts: Amounts| (amounts.list.to_string(), amounts.discount.to_string(), amounts.net.to_string());
        // 10.005 less 10 % is 9.0045 -> 9.00; of the rounded 10.01 the discount is 1.001 -> 1.00, the net 9.01.
        let unrounded = amounts(dec("10.005"), Some(dec("10")), base(DiscountBase::Unrounded), 2).unwrap();
        assert_eq!(shown(unrounded), ("10.01".into(), "1.01".into(), "9".into()));
        let rounded = amounts(dec("10.005"), Some(dec("10")), base(DiscountBase::Rounded), 2).unwrap();
        assert_eq!(shown(rounded), ("10.01".into(), "1".into(), "9.01".into()));
        let none = amounts(dec("10.5"), None, base(DiscountBase::Rounded), 0).unwrap();
        assert_eq!(shown(none), ("11".into(), "0".into(), "11".into()));
    }
}
