//! What a case is made of: a book, accounts, subscriptions, usage; and what a rater makes of it.
//!
//! Ids start with `~`, for which the writer puts the name of the case, so that many cases share one book. A price is the
//! map of the fields as a user would write them; the rater reads them there, by name.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::exact::{Exact, Mode};

/// One value of a field in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    One(String),
    Many(Vec<String>),
    Map(BTreeMap<String, Field>),
    Rows(Vec<BTreeMap<String, Field>>),
}

/// Fields by their key.
pub(crate) type Fields = BTreeMap<String, Field>;

/// Looks fields up as numbers and words.
pub(crate) trait Read {
    fn one(&self, key: &str) -> Option<&str>;
    fn number(&self, key: &str) -> Option<Exact> {
        self.one(key).map(Exact::read)
    }
    fn word(&self, key: &str, otherwise: &'static str) -> &str {
        self.one(key).unwrap_or(otherwise)
    }
    fn many(&self, key: &str) -> &[String];
    fn rows(&self, key: &str) -> &[Fields];
    fn map(&self, key: &str) -> Option<&Fields>;
}

impl Read for Fields {
    fn one(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Field::One(text)) => Some(text),
            _ => None,
        }
    }
    fn many(&self, key: &str) -> &[String] {
        match self.get(key) {
            Some(Field::Many(texts)) => texts,
            _ => &[],
        }
    }
    fn rows(&self, key: &str) -> &[Fields] {
        match self.get(key) {
            Some(Field::Rows(rows)) => rows,
            _ => &[],
        }
    }
    fn map(&self, key: &str) -> Option<&Fields> {
        match self.get(key) {
            Some(Field::Map(fields)) => Some(fields),
            _ => None,
        }
    }
}

/// What holds for all cases of one run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) zone: Tz,
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) rounding: Mode,
    /// `discount_base: rounded`.
    pub(crate) rounded_base: bool,
    /// `rounding.discount_order: percent_first`.
    pub(crate) percent_first: bool,
    /// `rounding.tax: invoice`.
    pub(crate) tax_per_invoice: bool,
    /// Currency of all prices, with the terms of `fx`; none: prices are in the currency of the account.
    pub(crate) fx: Option<(String, Fields)>,
}

/// Days, half-open; no end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) from: Option<NaiveDate>,
    pub(crate) to: Option<NaiveDate>,
}

impl Days {
    pub(crate) const ALWAYS: Self = Self { from: None, to: None };

    pub(crate) fn hold(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day < to)
    }
}

/// Fields that replace fields, for a time.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    pub(crate) days: Days,
    pub(crate) fields: Fields,
}

#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// `amount / 60` or `amount`; none of a count.
    pub(crate) divide: Option<u32>,
    pub(crate) aggregate: &'static str,
    pub(crate) round_each: Option<(String, Mode)>,
    pub(crate) dimensions: Vec<String>,
    pub(crate) attributes: Vec<String>,
    /// Further keys, as they stand in the book.
    pub(crate) more: Fields,
}

#[derive(Clone, Debug)]
pub(crate) struct Charge {
    /// `product/charge`.
    pub(crate) id: String,
    pub(crate) product: usize,
    pub(crate) meter: Option<usize>,
    pub(crate) price: Fields,
    pub(crate) versions: Vec<Patch>,
    /// Whether every price of it has the model of the list price, so that patches need not name one.
    pub(crate) steady: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    pub(crate) meter: usize,
    /// Everything but the meter, as it stands in the book.
    pub(crate) fields: Fields,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) products: Vec<usize>,
    pub(crate) prices: BTreeMap<usize, Vec<Patch>>,
    pub(crate) allowances: Vec<Allowance>,
}

#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub(crate) id: String,
    pub(crate) days: Days,
    pub(crate) prices: BTreeMap<usize, Vec<Patch>>,
    pub(crate) allowances: Vec<Allowance>,
    /// As they stand in the book.
    pub(crate) commitments: Vec<Fields>,
}

#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) id: String,
    /// Holds for accounts of this segment; none: for all.
    pub(crate) segment: Option<String>,
    pub(crate) days: Days,
    pub(crate) prices: BTreeMap<usize, Vec<Patch>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Override {
    pub(crate) account: usize,
    pub(crate) charge: usize,
    pub(crate) patch: Patch,
    /// Whether it stands in the reference table rather than in the book.
    pub(crate) in_table: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pub(crate) jurisdiction: String,
    pub(crate) tax: String,
    pub(crate) category: String,
    pub(crate) percent: String,
    pub(crate) days: Days,
    pub(crate) compound: bool,
    /// Further columns.
    pub(crate) more: Row,
}

#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) category: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) parent: Option<usize>,
    pub(crate) currency: String,
    pub(crate) bill_to: Option<usize>,
    pub(crate) segment: String,
    pub(crate) jurisdiction: String,
    pub(crate) exemptions: String,
    pub(crate) agreed: String,
    /// Further columns.
    pub(crate) more: Row,
}

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) account: usize,
    pub(crate) plan: Option<usize>,
    pub(crate) product: Option<usize>,
    pub(crate) quantity: String,
    pub(crate) days: Days,
    pub(crate) contract: Option<usize>,
    /// Day on which the subscription itself begins, and whether it has several versions; `days` are those of one.
    pub(crate) start: Option<NaiveDate>,
    pub(crate) several: bool,
    /// Further columns.
    pub(crate) more: Row,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) who: String,
    pub(crate) time: DateTime<Utc>,
    pub(crate) amount: String,
    /// Column to value: dimensions, attributes, what `unique` counts.
    pub(crate) marks: BTreeMap<String, String>,
}

/// A book, its customers and a month of their usage.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) settings: Settings,
    pub(crate) meters: Vec<Meter>,
    pub(crate) products: Vec<Product>,
    pub(crate) charges: Vec<Charge>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) contracts: Vec<Contract>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) overrides: Vec<Override>,
    /// As they stand in the book.
    pub(crate) discounts: Vec<Fields>,
    /// `account_bounds` and `thresholds`, as they stand in the book.
    pub(crate) account_bounds: Vec<Fields>,
    pub(crate) thresholds: Vec<Fields>,
    pub(crate) rates: Vec<Rate>,
    pub(crate) accounts: Vec<Account>,
    /// In order of their id.
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) records: Vec<Record>,
    /// Rows of the reference tables that a job need not have.
    pub(crate) tables: BTreeMap<&'static str, Vec<Row>>,
}

impl Case {
    /// Rows of an optional reference table.
    pub(crate) fn table(&self, name: &str) -> &[Row] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    /// The currency that an account is billed in.
    pub(crate) fn currency(&self, subscription: usize) -> &str {
        &self.accounts[self.subscriptions[subscription].account].currency
    }
}

/// A row of these cells.
pub(crate) fn row<const N: usize>(cells: [(&str, String); N]) -> Row {
    cells.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// One row of a table, as the texts that are compared.
pub(crate) type Row = BTreeMap<String, String>;

/// What a rater makes of a case: rows in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rated {
    pub(crate) lines: Vec<Row>,
    pub(crate) taxes: Vec<Row>,
    pub(crate) invoices: Vec<Row>,
    pub(crate) suspense: Vec<Row>,
    /// The tables around the price, by name.
    pub(crate) more: BTreeMap<&'static str, Vec<Row>>,
}

impl Rated {
    /// Puts the rows of every table in order.
    pub(crate) fn sort(&mut self) {
        for rows in [&mut self.lines, &mut self.taxes, &mut self.invoices, &mut self.suspense] {
            rows.sort();
        }
        self.more.values_mut().for_each(|rows| rows.sort());
    }
}
