//! Allowances: what a plan or contract includes, who shares it, and how long it lasts.

use super::patch::Validity;
use super::price::Scope;
use crate::fault::Place;
use crate::money::Decimal;

/// Included usage of a period: a quantity of a meter, or an amount of money.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Its name in the tables: `plan:PLAN/ID` or `contract:CONTRACT/ID`.
    pub id: String,
    /// What is included.
    pub included: Included,
    /// Index of its meter; `None` for an amount that only names charges.
    pub meter: Option<usize>,
    /// The only charges it is for (indices, sorted); `None`: every charge on the meter.
    pub on: Option<Vec<usize>>,
    /// Who draws on it: a subscription, those of its account, or everybody at and below the account.
    pub shared_over: Scope,
    /// Lower ones are drawn first.
    pub priority: u64,
    /// Position among the allowances of its plan or contract.
    pub position: usize,
    /// What is carried into later periods.
    pub rollover: Rollover,
    /// What the included number is for one of.
    pub multiply_by: Multiply,
    /// Whether a part of the period gives a part of it, by days.
    pub prorated: bool,
    /// The days on which it is given.
    pub valid: Validity,
    /// Where it stands.
    pub place: Place,
}

/// What is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Included {
    /// Units of the meter, taken off before they are priced.
    Quantity(Decimal),
    /// An amount, taken off what the usage comes to.
    Amount(Decimal),
}

/// How long what is left lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollover {
    /// Further periods in which it can be used.
    pub periods: u32,
    /// The most that is carried from one period to the next; `None`: all of it.
    pub cap: Option<Decimal>,
}

/// What an included number is for one of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Multiply {
    /// Once for whoever shares it.
    #[default]
    None,
    /// Each unit of the quantity of the subscriptions that have it.
    Quantity,
    /// Each subscription that has it.
    Holders,
}

impl Included {
    /// The number.
    #[must_use]
    pub fn number(self) -> Decimal {
        match self {
            Self::Quantity(number) | Self::Amount(number) => number,
        }
    }

    /// Whether it is an amount of money.
    #[must_use]
    pub fn is_amount(self) -> bool {
        matches!(self, Self::Amount(_))
    }
}

impl Allowance {
    /// Whether it is for a usage charge on `meter`.
    #[must_use]
    pub fn is_for(&self, charge: usize, meter: usize) -> bool {
        let named = self.on.as_ref().is_none_or(|on| on.binary_search(&charge).is_ok());
        named && self.meter.is_none_or(|own| own == meter)
    }
}
