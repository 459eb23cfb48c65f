//! The tables between the stages of the price path: portions of usage, rated parts, invoice lines, tax rows, invoices.
//!
//! Vocabulary only. Accounts, subscriptions, charges, prices and groups are named by their index.

use std::sync::Arc;

use crate::money::Decimal;
use crate::usage::Origin;

/// Whether an amount has a place in a `DECIMAL(18,4)` column: at most 14 digits before the point.
#[must_use]
pub fn is_payable(amount: Decimal) -> bool {
    amount.units().abs() < Decimal::whole(10_i64.pow(14)).units()
}

/// Usage of one subscription and one group of dimension values that a charge prices: of the period, of a day, of a window,
/// or of a single record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Subscription index.
    pub subscription: u32,
    /// Index of the group in [`Groups`].
    pub group: u32,
    /// Quantity.
    pub quantity: Decimal,
    /// Records behind it.
    pub records: u64,
    /// Position of its stretch of the period: each has one price.
    pub stretch: u16,
    /// When it begins; of a single record, its time.
    pub time: i64,
    /// Of a single record, its cell in [`crate::usage::Records`].
    pub cell: u32,
    /// Of a single record, where it stands.
    pub origin: Option<Origin>,
}

/// Which band of its price a line belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// The price has no bands.
    #[default]
    Whole,
    /// Covered by an allowance.
    Included,
    /// Covered by the free units of the price.
    Free,
    /// What an included amount covers of a usage line: its position among those of the subscription and charge.
    Amount(u32),
    /// The tier, counted from 1.
    Tier(u16),
    /// Past the last tier, where that is free.
    Beyond,
    /// A window or destination: its position among the names of its model.
    Named(u32),
    /// A fee for each record.
    Fee,
    /// What is missing from the least amount.
    Minimum,
    /// What is taken off down to the greatest amount.
    Maximum,
    /// What is billed on top of what goes beyond a commitment.
    Overage,
    /// What a line of a closed period comes to more or less: the number of the adjustment.
    Adjusted(u32),
}

/// A rated part of a portion: what becomes one line, or is added to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Position of the portion.
    pub portion: usize,
    /// Band of the price.
    pub band: Band,
    /// Quantity priced here.
    pub quantity: Decimal,
    /// Price of a unit (of a block for packages); `None` where there is no such thing.
    pub unit_price: Option<Decimal>,
    /// Unrounded amount.
    pub amount: Decimal,
    /// Records behind it.
    pub records: u64,
}

/// Groups of dimension values that get lines of their own.
#[derive(Debug, Default)]
pub struct Groups {
    /// Names and values of each group, in order of the names; the first group has none.
    pub list: Vec<Vec<(Arc<str>, Arc<str>)>>,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// Metered usage.
    Usage,
    /// Usage covered by an allowance.
    Allowance,
    /// A recurring amount.
    Recurring,
    /// A one-time amount.
    OneTime,
    /// What is missing from a commitment, or goes beyond it.
    Commitment,
    /// What is given back.
    Credit,
    /// What a line of a closed period comes to more or less.
    Adjustment,
}

/// All kinds, each at its number.
pub const KINDS: [LineKind; 7] = [
    LineKind::Usage,
    LineKind::Allowance,
    LineKind::Recurring,
    LineKind::OneTime,
    LineKind::Commitment,
    LineKind::Credit,
    LineKind::Adjustment,
];

impl LineKind {
    /// The text of the `line_kind` column.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Allowance => "allowance",
            Self::Recurring => "recurring",
            Self::OneTime => "one_time",
            Self::Commitment => "commitment",
            Self::Credit => "credit",
            Self::Adjustment => "adjustment",
        }
    }
}

/// One invoice line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Subscription index.
    pub subscription: u32,
    /// Charge index.
    pub charge: u32,
    /// Price number in the catalog.
    pub price: u32,
    /// What it is for.
    pub kind: LineKind,
    /// Index of its group.
    pub group: u32,
    /// Band of the price.
    pub band: Band,
    /// Where the price changes inside the period, the number of its stretch from 1; else 0.
    pub stretch: u16,
    /// Quantity.
    pub quantity: Decimal,
    /// Price of a unit, where there is one, in the currency of the price.
    pub unit_price: Option<Decimal>,
    /// Number of the exchange into the account's currency ([`crate::fx`]); 0 when the price is in that.
    pub exchange: u32,
    /// Unrounded amount before discount: in the price's currency until it is exchanged.
    pub rated: Decimal,
    /// Rounded amount before discount.
    pub list: Decimal,
    /// Rounded discount.
    pub discount: Decimal,
    /// list − discount, less the taxes that the price includes.
    pub net: Decimal,
    /// Usage records behind it.
    pub records: u64,
    /// First instant of the service.
    pub service_start: i64,
    /// First instant after the service.
    pub service_end: i64,
}

/// One tax on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxRow {
    /// Position of the line.
    pub line: u32,
    /// Index of the rate in [`Levies`].
    pub rate: u32,
    /// Why it is not paid, as an index in [`Levies`]; `None` when it is.
    pub relief: Option<u32>,
    /// What the tax is taken of.
    pub taxable: Decimal,
    /// The tax; zero for the exempt.
    pub amount: Decimal,
    /// What of the price is this tax, paid or not; zero for taxes that come on top of it.
    pub included: Decimal,
}

/// The taxes that rows name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levies {
    /// Taxes at their rates.
    pub rates: Vec<Levy>,
    /// Why some do not pay them.
    pub reliefs: Vec<Relief>,
}

/// A tax at one rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Levy {
    /// Name of the tax; empty for a line that lacks one.
    pub tax: String,
    /// Jurisdiction that levies it.
    pub jurisdiction: String,
    /// Percent.
    pub percent: Decimal,
    /// Code of the kind of tax (UNCL5305).
    pub category_code: String,
    /// Why, in words; may be empty.
    pub reason: String,
}

/// Why a tax is not paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relief {
    /// Code of the kind of exemption (UNCL5305).
    pub category_code: String,
    /// The certificate, or why, in words; may be empty.
    pub reason: String,
}

/// The header of one invoice: its totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Index of the bill-to account.
    pub bill_to: u32,
    /// Currency.
    pub currency: String,
    /// Number of lines.
    pub lines: u64,
    /// Sum of list amounts.
    pub list: Decimal,
    /// Sum of discounts.
    pub discount: Decimal,
    /// Sum of net amounts.
    pub net: Decimal,
    /// Sum of taxes.
    pub tax: Decimal,
    /// What prepaid credits pay of it.
    pub credit: Decimal,
}

/// What one prepaid credit pays of one invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditDraw {
    /// Index of the credit in the reference table.
    pub credit: u32,
    /// Position of the invoice.
    pub invoice: u32,
    /// The amount, above zero.
    pub amount: Decimal,
}

/// What became of one prepaid credit: opening = drawn + expired + left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditBalance {
    /// What was left of it before.
    pub opening: Decimal,
    /// What it pays of invoices.
    pub drawn: Decimal,
    /// What is lost with the end of its validity.
    pub expired: Decimal,
    /// What is left for the next period.
    pub left: Decimal,
}

/// What an account, and everything below it, has of one product on one invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtotal {
    /// Position of the invoice.
    pub invoice: u32,
    /// Account index.
    pub account: u32,
    /// Product index.
    pub product: u32,
    /// Lines of the account itself.
    pub lines: u64,
    /// Net of its own lines.
    pub net_own: Decimal,
    /// Taxes of its own lines.
    pub tax_own: Decimal,
    /// Net of its lines and of those below it.
    pub net: Decimal,
    /// Taxes of its lines and of those below it.
    pub tax: Decimal,
}
