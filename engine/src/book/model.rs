//! The vocabulary of a checked price book. Nothing here reads YAML; nothing here refers to something that is not there:
//! products, meters and charges are named by their index.

use std::sync::Arc;

use super::lay::Material;
use crate::fault::{Located, Place};
use crate::money::{Decimal, Rounding};

mod aggregate;
mod around;
mod allowance;
mod calendar;
mod discount;
mod patch;
mod prefix;
mod price;
mod recurring;

pub use aggregate::{DAY, Level, OfWindow, Then, Windowed, nearest_rank};
pub use allowance::{Allowance, Included, Multiply, Rollover};
pub use around::{AccountBound, Bounds, Commitment, Committed, Over, Threshold, Watched};
pub use calendar::{Calendar, Span, Window};
pub use discount::{Discount, DiscountLevel, DiscountOrder, On, Percent, Reduction};
pub use patch::{AccountOverride, Contract, Layer, Layered, Listed, Patch, Validity};
pub use prefix::{Destination, Prefixes};
pub use price::{Convert, Each, Model, Price, RecordTerms, RoundAmount, Scope, Tier, ZeroUsage};
pub use recurring::{Anchor, Every, Prorate, Schedule};

/// A whole price book, checked.
#[derive(Clone, Debug)]
pub struct PriceBook {
    /// Its name (`book:`).
    pub name: String,
    /// The currency its prices are in; `None` for `currency: account`, prices in the currency of whoever is billed.
    pub currency: Option<String>,
    /// How prices become the currency of the account; `None` when it must be theirs.
    pub fx: Option<Exchange>,
    /// How line amounts are rounded.
    pub rounding: LineRounding,
    /// How lines are taxed.
    pub tax: TaxRules,
    /// All meters, sorted by id.
    pub meters: Vec<Meter>,
    /// All products, sorted by id.
    pub products: Vec<Product>,
    /// The charges of all products, sorted by (product, charge id): a charge's index is its identity everywhere.
    pub charges: Vec<Charge>,
    /// All plans, sorted by id.
    pub plans: Vec<Plan>,
    /// All contracts, sorted by id.
    pub contracts: Vec<Contract>,
    /// The commitments of all contracts, in their order.
    pub commitments: Vec<Commitment>,
    /// Bounds of accounts in declared order.
    pub account_bounds: Vec<AccountBound>,
    /// Thresholds in declared order.
    pub thresholds: Vec<Threshold>,
    /// All layers in declared order: a later one lies over an earlier one.
    pub layers: Vec<Layer>,
    /// Discounts in declared order.
    pub discounts: Vec<Discount>,
    /// Account overrides written in the book (those of the reference table are added by the conductor).
    pub overrides: Vec<AccountOverride>,
    /// What prices are made from when patches are laid over each other.
    pub(in crate::book) material: Arc<Material>,
    /// Digest (hex) of every file of the book and of every table it names, independent of where they lie.
    pub digest: String,
}

/// `fx:` of the book.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which rates of the table count: those of this type; empty for those without one.
    pub rate_type: String,
    /// The day whose rate is taken.
    pub on: ExchangeDay,
    /// Days that a rate may be older than that day.
    pub max_age_days: u64,
    /// Whether one over the opposite rate is taken where there is no other.
    pub inverse: bool,
    /// Where it stands.
    pub place: Place,
}

/// The day whose exchange rate a line takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeDay {
    /// The first day of the period.
    PeriodStart,
    /// The last day of the period.
    PeriodEnd,
    /// The last day the line bills, at most that of the period.
    ServiceEnd,
}

/// `rounding:` of the book.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineRounding {
    /// Mode of the rounding of line amounts to the minor unit.
    pub mode: Rounding,
    /// What a discount percentage is taken of.
    pub discount_base: DiscountBase,
    /// In which order the discounts of a level come off.
    pub discount_order: DiscountOrder,
}

/// What a percentage discount is taken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiscountBase {
    /// The unrounded amount; the net is rounded (DESIGN section 5: line discounts, then rounding).
    #[default]
    Unrounded,
    /// The rounded list amount; the discount is rounded by itself.
    Rounded,
}

/// `tax:` of the book, and `rounding.tax`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaxRules {
    /// What becomes of a line without a rate.
    pub missing: MissingTax,
    /// Whether a tax is rounded once for each invoice, not for each line.
    pub by_invoice: bool,
}

/// What becomes of a line for whose jurisdiction and category there is no tax rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingTax {
    /// The run is refused.
    #[default]
    Fault,
    /// It is billed without tax, is marked, and the run says so.
    Suspense,
    /// It is billed without tax.
    Untaxed,
}

/// What is counted, and how it aggregates.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Its id in the book.
    pub id: String,
    /// The record types it counts; never empty.
    pub record_types: Vec<String>,
    /// SQL over the mediated record: the quantity, or the value counted once (unique); `None` when records are counted.
    pub expression: Option<Located>,
    /// Rounding of each record's quantity (a pulse).
    pub round_each: Option<RoundEach>,
    /// How quantities of one bucket come together.
    pub aggregate: Aggregate,
    /// Mediated columns kept apart, as declared.
    pub dimensions: Vec<String>,
    /// Mediated columns kept on single records only, as declared.
    pub attributes: Vec<String>,
    /// The unit printed on lines; empty when not given.
    pub unit: String,
    /// Where it stands.
    pub place: Place,
}

/// `round_each:` of a meter: quantities go up (or down, …) to whole multiples of `step`.
#[derive(Clone, Copy, Debug)]
pub struct RoundEach {
    /// The step; above zero.
    pub step: Decimal,
    /// The direction.
    pub mode: Rounding,
}

/// How the quantities of one bucket, and the buckets of one period, come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Sum of the quantities.
    Sum,
    /// Number of records.
    Count,
    /// Greatest quantity.
    Max,
    /// Smallest quantity.
    Min,
    /// Quantity of the last record by time.
    Latest,
    /// Number of distinct values.
    Unique,
    /// Mean of a level over the period, by the time it is held.
    WeightedSum(Level),
    /// Mean of a level over the period, by whole local days; the day of a change counts in full.
    ProratedSum(Level),
    /// The value below which this percentage of the quantities lies (nearest rank); above 0, at most 100.
    Percentile(Decimal),
    /// Values of windows of local time, put together.
    Windowed(Windowed),
}

impl Aggregate {
    /// Whether the sum of all buckets is the sum of the quantities of all records.
    #[must_use]
    pub fn adds_up(self) -> bool {
        match self {
            Self::Sum | Self::Count => true,
            // The buckets hold the changes.
            Self::WeightedSum(level) | Self::ProratedSum(level) => !level.absolute,
            _ => false,
        }
    }

    /// Whether the quantity of a period can only be told from its single records.
    #[must_use]
    pub fn by_record(self) -> bool {
        matches!(self, Self::WeightedSum(_) | Self::ProratedSum(_) | Self::Percentile(_) | Self::Windowed(_))
    }

    /// The level it follows, if it does.
    #[must_use]
    pub fn level(self) -> Option<Level> {
        match self {
            Self::WeightedSum(level) | Self::ProratedSum(level) => Some(level),
            _ => None,
        }
    }
}

/// Something that is sold.
#[derive(Clone, Debug)]
pub struct Product {
    /// Its id in the book.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// General-ledger account; may be empty.
    pub gl_account: String,
    /// Tax category; may be empty.
    pub tax_category: String,
    /// Where it stands.
    pub place: Place,
}

/// A priced part of a product, with its list price.
#[derive(Clone, Debug)]
pub struct Charge {
    /// `product/charge`.
    pub id: String,
    /// Index of its product.
    pub product: usize,
    /// The charge's own id, without the product.
    pub name: String,
    /// What people call it; its own id when the book does not say.
    pub label: String,
    /// The unit printed on its lines: its own, or its meter's; may be empty.
    pub unit: String,
    /// Index of its meter; `None` for recurring and one-time charges.
    pub meter: Option<usize>,
    /// The list price; of one that changes, the first.
    pub price: Price,
    /// The list price by its days: on every day the last of these that holds. Never empty.
    pub listed: Vec<Listed>,
}

/// A plan: products sold together, with prices of its own.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id in the book.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The only currency its accounts may have, when given.
    pub currency: Option<String>,
    /// Indices of its products, sorted.
    pub includes: Vec<usize>,
    /// Own prices, sorted by charge.
    pub prices: Vec<Patch>,
    /// What is included, as declared.
    pub allowances: Vec<Allowance>,
    /// Where it stands.
    pub place: Place,
}
