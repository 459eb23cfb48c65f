//! What is laid over a price: patches, and the layers, contracts and overrides that hold them.

use std::sync::Arc;

use chrono::NaiveDate;

use super::allowance::Allowance;
use super::price::Price;
use crate::book::fields::Written;
use crate::fault::{Located, Place};

/// Days on which something holds, `[from, to)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// First day; `None` when it always did.
    pub from: Option<NaiveDate>,
    /// First day it no longer holds; `None` while it is open.
    pub to: Option<NaiveDate>,
}

impl Validity {
    /// The days on which both hold.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        let to = match (self.to, other.to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        // No first day is before every day, as `None` is before every date.
        Self { from: self.from.max(other.from), to }
    }

    /// Whether there is no such day.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from.zip(self.to).is_some_and(|(from, to)| from >= to)
    }
}

/// Fields that replace those of the price below.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Index of the charge.
    pub charge: usize,
    /// What lines say of it: `layer:<id>`, `contract:<id>`, `plan:<id>` or `override:<account>`.
    pub layer: Arc<str>,
    /// When it holds, by itself and by what it stands in.
    pub valid: Validity,
    /// Where it stands.
    pub place: Place,
    /// What it replaces.
    pub(in crate::book) fields: Written,
}

/// A price with the fields it was made of, so that more can be laid over it.
#[derive(Clone, Debug)]
pub struct Layered {
    /// The price.
    pub price: Price,
    /// Its fields.
    pub(in crate::book) fields: Written,
}

impl Layered {
    /// Whether both price alike, now and under whatever is laid over them.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.price.same_terms(&other.price) && self.fields.names_same_keys(&other.fields)
    }
}

/// The list price of a charge on some days.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The days.
    pub valid: Validity,
    /// The price.
    pub layered: Layered,
}

/// A layer: patches for whoever its condition holds.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its id.
    pub id: String,
    /// SQL predicate over the account, the subscription and the products; `None`: for everybody.
    pub when: Option<Located>,
    /// Its prices.
    pub prices: Vec<Patch>,
    /// Where it stands.
    pub place: Place,
}

/// A contract: patches for the subscriptions that name it, and what it includes for them.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Its id.
    pub id: String,
    /// Its prices.
    pub prices: Vec<Patch>,
    /// What is included, as declared.
    pub allowances: Vec<Allowance>,
    /// Where it stands.
    pub place: Place,
}

/// A patch for one account, and whoever is below it.
#[derive(Clone, Debug)]
pub struct AccountOverride {
    /// The account.
    pub account: String,
    /// What is replaced.
    pub patch: Patch,
}
