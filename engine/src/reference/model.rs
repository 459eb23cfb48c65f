//! The vocabulary of checked reference data. Rows refer to each other by index; every index is valid.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::called::Identifiers;
use crate::fault::Place;
use crate::money::Decimal;
use crate::period::Month;

/// Account, subscription, … index type: position in the sorted table.
pub type Index = u32;

/// All reference tables of a run, checked.
#[derive(Debug, Default)]
pub struct Reference {
    /// Sorted by account id.
    pub accounts: Vec<Account>,
    /// Names of the accounts table's custom columns, in its order.
    pub account_columns: Vec<String>,
    /// Names of the subscriptions table's custom columns, in its order.
    pub subscription_columns: Vec<String>,
    /// Sorted by subscription id (that order is the order in which shared tiers and allowances fill); the versions of one by
    /// their days.
    pub subscriptions: Vec<Subscription>,
    /// Rows of the amendments table, which has made versions of subscriptions.
    pub amendments: usize,
    /// What usage records call those who used.
    pub identifiers: Identifiers,
    /// Subscription indices of each account (by account index), ascending.
    pub subscriptions_of: Vec<Vec<Index>>,
    /// Tax rates, sorted by jurisdiction, tax, category, bracket, start.
    pub tax_rates: Vec<TaxRate>,
    /// Rows of the `tax_exemptions` table, sorted by account, tax, start.
    pub tax_exemptions: Vec<TaxExemption>,
    /// FX rates, sorted by from, to, type, date.
    pub fx_rates: Vec<FxRate>,
    /// Rows of the `price_overrides` table.
    pub overrides: Vec<OverrideRow>,
    /// Opening levels, sorted by subscription, meter and values.
    pub levels: Vec<LevelRow>,
    /// Prepaid credits, sorted by id.
    pub credits: Vec<Credit>,
    /// What was counted towards commitments in earlier periods, sorted by subscription, commitment and period.
    pub commitment_balances: Vec<CommitmentBalance>,
    /// Redeemed coupons, sorted by coupon id.
    pub coupons: Vec<CouponRow>,
    /// What earlier periods have left of allowances, in the order of the table.
    pub balances: Vec<BalanceRow>,
    /// Digest (hex) of the bytes of every table, in a fixed order, independent of where they lie.
    pub digest: String,
}

/// One account of any level.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Index of its parent.
    pub parent: Option<Index>,
    /// Any word: customer, site, contact, department.
    pub level: String,
    /// Name.
    pub name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Digits of the currency's minor unit.
    pub minor_digits: u32,
    /// Index of the account that gets the invoice (itself for most roots).
    pub bill_to: Index,
    /// Ids from the root to itself joined by `/`.
    pub path: String,
    /// Jurisdiction code, its own or the nearest ancestor's; empty for none.
    pub tax_jurisdiction: String,
    /// Taxes it is exempt from.
    pub exemptions: Exemptions,
    /// Day of the month on which its cycles begin, 1 to 28; its own or the nearest ancestor's, 1 when there is none.
    pub bill_cycle_day: u32,
    /// Every further column with a non-blank value, `segment`, `timezone`, `invoice_template` included.
    pub custom: BTreeMap<String, String>,
    /// Its row.
    pub place: Place,
}

/// Taxes an account does not pay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Exemptions {
    /// Pays all.
    #[default]
    None,
    /// Pays none.
    All,
    /// Does not pay these, sorted.
    Taxes(Vec<String>),
}

/// One subscription, or one version of a subscription that changes: for the days `[start, end)` on which it is the same.
/// All versions of a subscription have its id, and stand together in the order of their days.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Order id; may be empty.
    pub order_id: String,
    /// Index of the account that holds it.
    pub account: Index,
    /// Plan id; empty when it names a product.
    pub plan: String,
    /// Product id; empty when it names a plan.
    pub product: String,
    /// How many; 1 when blank.
    pub quantity: Decimal,
    /// First day (of the version).
    pub start: NaiveDate,
    /// First day after it; `None` while it is open.
    pub end: Option<NaiveDate>,
    /// First day of the subscription.
    pub begins: NaiveDate,
    /// First day after the subscription; `None` while it is open.
    pub ends: Option<NaiveDate>,
    /// First day that is paid; `None` without a trial.
    pub trial_end: Option<NaiveDate>,
    /// Index of the first version of the subscription.
    pub first: Index,
    /// Index of its last version: the same when it has one.
    pub last: Index,
    /// Contract id; may be empty.
    pub contract: String,
    /// Jurisdiction of the place of service; empty for that of the account.
    pub tax_jurisdiction: String,
    /// First instant (midnight in the pipeline's zone), UTC microseconds.
    pub starts_at: i64,
    /// First instant after it; `i64::MAX` while it is open.
    pub ends_at: i64,
    /// Further columns with a non-blank value.
    pub custom: BTreeMap<String, String>,
    /// Its row.
    pub place: Place,
}

impl Subscription {
    /// Whether the subscription has several versions.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.first != self.last
    }
}

/// What an identifier stands for during `[from, to)` (UTC microseconds; `i64::MIN`/`MAX` when open).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// From, inclusive.
    pub from: i64,
    /// To, exclusive.
    pub to: i64,
    /// Whom it stands for.
    pub holder: Holder,
}

/// Whom an identifier stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A subscription, by index.
    Subscription(Index),
    /// An account, by index: whichever of its subscriptions counts the record.
    Account(Index),
}

/// One tax of one jurisdiction.
#[derive(Clone, Debug)]
pub struct TaxRate {
    /// Jurisdiction code.
    pub jurisdiction: String,
    /// Name of the tax.
    pub tax: String,
    /// Product tax category; empty for every category.
    pub tax_category: String,
    /// Percent: 7.25 means 7.25 %.
    pub rate: Decimal,
    /// First day; `None` when open.
    pub valid_from: Option<NaiveDate>,
    /// First day after it; `None` when open.
    pub valid_to: Option<NaiveDate>,
    /// On net plus earlier taxes.
    pub compound: bool,
    /// Contained in the prices: it is taken out of the line's amount, not put on it.
    pub inclusive: bool,
    /// The most that one line pays, in the line's currency.
    pub cap: Option<Decimal>,
    /// First amount of a line (before tax, without sign) it holds for; `None` for any.
    pub threshold_from: Option<Decimal>,
    /// First amount it no longer holds for; `None` for none.
    pub threshold_to: Option<Decimal>,
    /// Code of the kind of tax (UNCL5305): S, Z, E, AE, K, G, O; empty for the usual one of its rate.
    pub category_code: String,
    /// Why it is as it is, in words for the invoice; may be empty.
    pub reason: String,
}

/// One row of `tax_exemptions`.
#[derive(Clone, Debug)]
pub struct TaxExemption {
    /// Index of the account; those below it are exempt too.
    pub account: Index,
    /// Name of the tax; empty for all.
    pub tax: String,
    /// First day; `None` when open.
    pub valid_from: Option<NaiveDate>,
    /// First day after it; `None` when open.
    pub valid_to: Option<NaiveDate>,
    /// The certificate that proves it; may be empty.
    pub certificate: String,
    /// Code of the kind of exemption (UNCL5305).
    pub category_code: String,
}

/// One exchange rate.
#[derive(Clone, Debug)]
pub struct FxRate {
    /// ISO code of the currency sold.
    pub from: String,
    /// ISO code of the currency bought.
    pub to: String,
    /// Which kind of rate it is, any word; may be empty.
    pub rate_type: String,
    /// Day it holds for.
    pub date: NaiveDate,
    /// Units of `to` for one `from`.
    pub rate: Decimal,
    /// Its row.
    pub place: Place,
}

impl FxRate {
    /// Everything but the day that tells rates apart: currencies and type.
    #[must_use]
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.from, &self.to, &self.rate_type)
    }
}

/// One row of `levels`, not yet matched with the book.
#[derive(Clone, Debug)]
pub struct LevelRow {
    /// Subscription index.
    pub subscription: Index,
    /// Meter id, checked later against the book.
    pub meter: String,
    /// The level at the start of the period.
    pub level: Decimal,
    /// Further columns with a non-blank value: the meter's dimensions.
    pub values: BTreeMap<String, String>,
    /// Its row.
    pub place: Place,
}

/// One prepaid credit.
#[derive(Clone, Debug)]
pub struct Credit {
    /// Its id.
    pub id: String,
    /// Index of the account that holds it, for itself and the accounts below.
    pub account: Index,
    /// ISO 4217 code: it pays invoices in this currency only.
    pub currency: String,
    /// What it was in the beginning.
    pub granted: Decimal,
    /// What is left of it before this run.
    pub left: Decimal,
    /// Credits of a lower number are used first.
    pub priority: i64,
    /// First day; `None` when open.
    pub granted_on: Option<NaiveDate>,
    /// First day it no longer holds; `None` when open.
    pub expires_on: Option<NaiveDate>,
    /// Ids of the products it is for, checked later against the book; empty for all.
    pub products: Vec<String>,
    /// Its row.
    pub place: Place,
}

/// One row of `commitment_balances`, not yet matched with the book.
#[derive(Clone, Debug)]
pub struct CommitmentBalance {
    /// Subscription index.
    pub subscription: Index,
    /// Where the subscription was when that was counted; `None`: where it was at the end of the period.
    pub account: Option<Index>,
    /// Commitment id, checked later against the book.
    pub commitment: String,
    /// First day of the period.
    pub period: NaiveDate,
    /// Net amount, or usage, that was counted in the period.
    pub billed: Decimal,
    /// Its row.
    pub place: Place,
}

/// One row of `coupons`, not yet matched with the book.
#[derive(Clone, Debug)]
pub struct CouponRow {
    /// Its id.
    pub id: String,
    /// Discount id, checked later against the book.
    pub discount: String,
    /// Index of the account that has redeemed it, for itself and those below it.
    pub account: Option<Index>,
    /// Id of the subscription it is for; exactly one of the two is given.
    pub subscription: Option<String>,
    /// First day; `None` when open.
    pub redeemed_from: Option<NaiveDate>,
    /// First day it no longer holds; `None` when open.
    pub valid_to: Option<NaiveDate>,
    /// Its row.
    pub place: Place,
}

/// One row of `allowance_balances`, not yet matched with the book.
#[derive(Clone, Debug)]
pub struct BalanceRow {
    /// Subscription index.
    pub subscription: Index,
    /// The account that has it; `None`: that of the subscription when the period begins.
    pub account: Option<Index>,
    /// Name of the allowance, checked later against the book.
    pub allowance: String,
    /// The period that has given it.
    pub granted: Month,
    /// The quantity (or amount) that is left; not negative.
    pub left: Decimal,
    /// Its row.
    pub place: Place,
}

/// One row of `price_overrides`, not yet matched with the book.
#[derive(Clone, Debug)]
pub struct OverrideRow {
    /// Account id (known to exist).
    pub account: String,
    /// `product/charge`, checked later against the book.
    pub charge: String,
    /// Replaced fields as text, by column name (model, unit_price, amount, …), blank ones left out.
    pub fields: BTreeMap<String, String>,
    /// First day; `None` when open.
    pub valid_from: Option<NaiveDate>,
    /// First day after it; `None` when open.
    pub valid_to: Option<NaiveDate>,
    /// Its row.
    pub place: Place,
}
