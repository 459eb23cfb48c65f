//! Tax: by jurisdiction code and product tax category, one row per line and tax (DESIGN section 5).
//!
//! [`TaxSource`] is what the conductor asks; the reference tables (`table`) are one, the answers of a tax service
//! (`answers`) another. A source never sees prices or usage: net amounts go in, tax rows come out.

use crate::lines::{Levies, TaxRow};
use crate::money::Decimal;

mod answers;
mod invoice;
mod table;
#[cfg(test)]
mod tests;

pub use answers::Answers;
pub use table::TaxTable;

/// A line as far as taxes go.
#[derive(Clone, Copy, Debug)]
pub struct Taxable<'t> {
    /// Position of the line.
    pub line: u32,
    /// Index of the account that used or subscribed.
    pub account: u32,
    /// Which invoice it is on: index of the bill-to account, and currency.
    pub invoice: (u32, &'t str),
    /// Jurisdiction of the place of service; empty for none.
    pub jurisdiction: &'t str,
    /// Tax category of the product; empty for none.
    pub category: &'t str,
    /// Rounded amount after discount; with the taxes that the price includes.
    pub amount: Decimal,
    /// Digits of the currency's minor unit.
    pub digits: u32,
}

/// Why a line has no tax rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untaxed {
    /// There is no rate for its jurisdiction and category.
    Missing,
    /// An amount does not fit.
    TooLarge,
}

/// What a source says of some lines.
#[derive(Debug, Default)]
pub struct Taxation {
    /// In the order of the lines, and of each in the order in which its taxes are taken.
    pub rows: Vec<TaxRow>,
    /// Positions of the lines without rows that should have some, and why they have none.
    pub untaxed: Vec<(u32, Untaxed)>,
}

/// Where taxes come from.
pub trait TaxSource: Sync {
    /// The taxes that the rows name by index.
    fn levies(&self) -> Levies;

    /// Whether lines can be taxed apart from each other; otherwise [`Self::taxes`] must be given all of them at once.
    fn line_by_line(&self) -> bool;

    /// The taxes of these lines.
    fn taxes(&self, lines: &[Taxable<'_>]) -> Taxation;
}
