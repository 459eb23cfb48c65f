//! Discounts: who has which percentage and which coupon, and what comes off lines, accounts and invoices.
//!
//! [`off`] has the arithmetic of one discount on the lines it applies to; which lines those are, and in which order
//! discounts follow each other, is asked by the conductor.

use crate::book::model::{Discount, DiscountOrder, Percent, Reduction};
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::money::Decimal;
use crate::reference::model::{CouponRow, Index, Reference};
use crate::yaml::did_you_mean;

pub mod off;

/// The discounts of a book with every account's percentage and all coupons.
#[derive(Debug)]
pub struct Discounts {
    /// In declared order.
    rules: Vec<Rule>,
    /// Their positions in the order in which those of a level come off.
    order: Vec<usize>,
}

/// One discount.
#[derive(Debug)]
struct Rule {
    /// Percentages by account; of one that is no percentage, `None`.
    percents: Option<Vec<Option<Decimal>>>,
    /// The coupons redeemed of it, in order of their ids; `None` when it needs none.
    coupons: Option<Vec<Coupon>>,
}

/// A redeemed coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Position in the reference table.
    pub row: u32,
    /// The account that holds it, or whose subscription does.
    pub account: Index,
    /// First version of the subscription it is for; `None` for all of the account and the accounts below it.
    pub subscription: Option<Index>,
}

impl Discounts {
    /// Reads every account's percentages and all coupons; an account without an own percentage takes its nearest
    /// ancestor's, so that 0 is what ends a discount further down.
    ///
    /// # Errors
    /// `B003` for a column the accounts do not have, `R003` for each value that is not a percentage between 0 and 100,
    /// `R005` for coupons of a discount that does not exist or takes none.
    pub fn new(discounts: &[Discount], order: DiscountOrder, reference: &Reference) -> Outcome<Self> {
        let mut faults = Faults::default();
        let mut rules = Vec::new();
        for discount in discounts {
            let percents = match &discount.reduction {
                Reduction::Percent(Percent::Fixed(percent)) => Some(vec![Some(*percent); reference.accounts.len()]),
                Reduction::Percent(Percent::AccountColumn(column)) => {
                    Some(column_percents(column, reference, &mut faults))
                }
                _ => None,
            };
            rules.push(Rule { percents, coupons: discount.coupon.then(Vec::new) });
        }
        for (row, coupon) in (0..).zip(&reference.coupons) {
            let found = discounts.iter().position(|discount| discount.id == coupon.discount);
            match found.and_then(|at| rules[at].coupons.as_mut()) {
                Some(coupons) => coupons.extend(held(row, coupon, reference)),
                None => faults.push(unredeemable(coupon, discounts)),
            }
        }
        let mut positions: Vec<usize> = (0..discounts.len()).collect();
        if order == DiscountOrder::PercentFirst {
            positions.sort_by_key(|at| !matches!(discounts[*at].reduction, Reduction::Percent(_)));
        }
        faults.or(Self { rules, order: positions })
    }

    /// Positions of the declared discounts in the order in which those of a level come off.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The percentage that the discount at `position` has for `account`, if it is one and has one.
    #[must_use]
    pub fn percent(&self, position: usize, account: Index) -> Option<Decimal> {
        self.rules[position].percents.as_ref().and_then(|percents| percents[account as usize])
    }

    /// The coupons redeemed of the discount at `position`; `None` when it needs none.
    #[must_use]
    pub fn coupons(&self, position: usize) -> Option<&[Coupon]> {
        self.rules[position].coupons.as_deref()
    }
}

fn held(row: u32, coupon: &CouponRow, reference: &Reference) -> Option<Coupon> {
    let first_version = |id: &String| {
        let first = reference.subscriptions.partition_point(|other| other.id < *id);
        Index::try_from(first).ok().filter(|_| first < reference.subscriptions.len())
    };
    let subscription = coupon.subscription.as_ref().and_then(first_version);
    let of_subscription = || subscription.map(|first| reference.subscriptions[first as usize].account);
    let account = coupon.account.or_else(of_subscription)?;
    Some(Coupon { row, account, subscription })
}

/// A coupon of a discount that cannot be redeemed.
fn unredeemable(coupon: &CouponRow, discounts: &[Discount]) -> Fault {
    let id = coupon.discount.as_str();
    let (message, hint) = if discounts.iter().any(|discount| discount.id == id) {
        (format!("the discount `{id}` takes no coupons"), Some("write `coupon: true` into it in the book".to_owned()))
    } else {
        let redeemable = discounts.iter().filter(|discount| discount.coupon).map(|discount| discount.id.as_str());
        (format!("there is no discount `{id}`"), did_you_mean(id, redeemable))
    };
    let fault = Fault::new(&codes::R005, format!("coupon `{}`: {message}", coupon.id)).at(&coupon.place);
    Fault { hint, ..fault }
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
