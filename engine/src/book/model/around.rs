//! What stands around prices: bounds of charges and of accounts, commitments of contracts, thresholds.

use super::patch::Validity;
use super::price::Scope;
use crate::fault::{Located, Place};
use crate::money::Decimal;

/// The least and the greatest amount of a charge in a period, for whoever shares its scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Least amount; never negative.
    pub minimum: Option<Decimal>,
    /// Greatest amount; never negative, never below the minimum.
    pub maximum: Option<Decimal>,
    /// Whether they hold before line discounts are taken off.
    pub before_discounts: bool,
    /// Whether the minimum of a part of a period is due in full.
    pub in_full: bool,
}

impl Bounds {
    /// Whether there is any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.minimum.is_some() || self.maximum.is_some()
    }
}

/// The least and the greatest net amount of an account in a period.
#[derive(Clone, Debug)]
pub struct AccountBound {
    /// Its id in the book.
    pub id: String,
    /// Least amount.
    pub minimum: Option<Decimal>,
    /// Greatest amount.
    pub maximum: Option<Decimal>,
    /// SQL predicate over the account, its first subscription and its products; `None`: every account.
    pub when: Option<Located>,
    /// Index of the charge of its lines.
    pub charge: usize,
    /// Where it stands.
    pub place: Place,
}

/// A quantity or amount that is told when it is reached.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// Its id in the book.
    pub id: String,
    /// What is watched.
    pub of: Watched,
    /// From where on there is a notice; above zero.
    pub at: Decimal,
    /// The message.
    pub notice: String,
    /// Whose usage or amounts count together.
    pub scope: Scope,
    /// Where it stands.
    pub place: Place,
}

/// What a threshold watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Usage of the meter of this index.
    Meter(usize),
    /// Net amounts of the charge of this index.
    Charge(usize),
}

/// What a contract's customer pays or uses at least.
#[derive(Clone, Debug)]
pub struct Commitment {
    /// Its id; unique in its contract.
    pub id: String,
    /// Index of the contract.
    pub contract: usize,
    /// Index of the charge of its lines.
    pub charge: usize,
    /// When the contract holds.
    pub valid: Validity,
    /// How much.
    pub to: Committed,
    /// Months of a term; `None`: each period by itself.
    pub term_months: Option<u32>,
    /// Whose lines count.
    pub over: Over,
    /// Whether what is missing is billed.
    pub true_up: bool,
    /// Whether all of it is due when the contract is held for a part of the period or term.
    pub in_full: bool,
    /// Where it stands.
    pub place: Place,
}

/// How much is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// A net amount, in the currency of the account.
    Amount {
        /// The amount; not negative.
        amount: Decimal,
        /// What goes beyond it is billed times this; not negative.
        overage_factor: Decimal,
        /// Charge indices that count, sorted; `None` for all.
        on: Option<Vec<usize>>,
    },
    /// Usage.
    Quantity {
        /// Units; not negative.
        quantity: Decimal,
        /// Index of the meter.
        meter: usize,
        /// Price of each unit that is missing; not negative.
        shortfall_price: Decimal,
    },
}

/// Whose lines count towards a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Over {
    /// Those of the subscriptions that name the contract, below one topmost account.
    Contract,
    /// Those of an account that has the contract.
    Account,
    /// Those of an account that has the contract and of all below it.
    Subtree,
}
