//! What a discount takes off, of which lines, for whom and when.

use super::patch::Validity;
use crate::fault::{Located, Place};
use crate::money::Decimal;

/// A discount.
#[derive(Clone, Debug)]
pub struct Discount {
    /// Its id in the book.
    pub id: String,
    /// For whom: a condition over accounts, subscriptions, usage and products; everybody when `None`.
    pub when: Option<Located>,
    /// Of which lines; of all when `None`.
    pub on: Option<On>,
    /// What it is taken off.
    pub level: DiscountLevel,
    /// How much.
    pub reduction: Reduction,
    /// Whether a percentage is taken of the amount before all discounts, not of what earlier ones have left.
    pub of_original: bool,
    /// Whether nothing comes off a line after it.
    pub exclusive: bool,
    /// The most it takes off in one period, in the currency of the account.
    pub cap: Option<Decimal>,
    /// In how many periods, counted from the first of a subscription or of a coupon.
    pub periods: Option<u32>,
    /// The only currency it holds in.
    pub currency: Option<String>,
    /// Days on which it holds.
    pub valid: Validity,
    /// Whether it is only for those who have redeemed a coupon of it.
    pub coupon: bool,
    /// Where it stands.
    pub place: Place,
}

/// The lines a discount comes off: those of any of these charges, and those of subscriptions to any of these plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct On {
    /// Charge indices, sorted.
    pub charges: Vec<usize>,
    /// Plan indices, sorted.
    pub plans: Vec<usize>,
}

/// What a discount is taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiscountLevel {
    /// Lines, before they are rounded.
    #[default]
    Line,
    /// The rounded lines of an account together.
    Account,
    /// The rounded lines of an invoice together.
    Invoice,
}

/// How much a discount takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// A percentage.
    Percent(Percent),
    /// An amount of money once a period, in the currency of the account.
    Amount(Decimal),
    /// The price of so many units of each subscription's charge.
    FreeUnits(Decimal),
    /// Whatever a unit costs more than this.
    FixedPrice(Decimal),
}

/// Where a discount's percentage stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Percent {
    /// The same for everybody; 6.5 means 6.5 %.
    Fixed(Decimal),
    /// In this custom column of the accounts table; a blank takes the nearest ancestor's.
    AccountColumn(Located),
}

/// In which order discounts are taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiscountOrder {
    /// As they are declared.
    #[default]
    Declared,
    /// Percentages first, then all others; of each kind as declared.
    PercentFirst,
}
