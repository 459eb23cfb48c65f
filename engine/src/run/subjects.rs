//! The columns that rule SQL asks for of accounts, subscriptions and their usage: built only when asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{Datelike, NaiveDate};

use super::deferred::Deferred;
use super::rater::Rater;
use crate::book::model::Scope;
use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Line, Portion};
use crate::money::Decimal;
use crate::money::currency::minor_digits;
use crate::reference::model::{Account, Reference, Subscription};
use crate::rules::{Names, Needed, SubjectColumn};
use crate::tables::build;

/// Columns every account has.
const ACCOUNT: [&str; 7] = ["account_id", "level", "name", "currency", "bill_to", "tax_jurisdiction", "path"];
/// Text columns every subscription has.
const SUBSCRIPTION: [&str; 7] =
    ["subscription_id", "order_id", "account_id", "plan", "product", "contract", "tax_jurisdiction"];

/// Days from 0001-01-01 to 1970-01-01 in the count of `num_days_from_ce`.
const EPOCH_DAYS: i32 = 719_163;

/// What rules may say of accounts and subscriptions.
pub(crate) fn names(reference: &Reference) -> Names {
    let column = |of: &str, name: &str, kind| SubjectColumn { of: Some(of.to_owned()), name: name.to_owned(), kind };
    let text = |of: &'static str| move |name: &str| column(of, name, DataType::Utf8);
    let mut columns: Vec<SubjectColumn> = ACCOUNT.into_iter().map(text("account")).collect();
    let custom = reference.account_columns.iter().map(String::as_str);
    columns.extend(custom.filter(|name| !ACCOUNT.contains(name)).map(text("account")));
    columns.extend(SUBSCRIPTION.into_iter().map(text("subscription")));
    columns.push(column("subscription", "quantity", DataType::Decimal128(38, 18)));
    columns.push(column("subscription", "start", DataType::Date32));
    columns.push(column("subscription", "end", DataType::Date32));
    let own = reference.subscription_columns.iter().map(String::as_str);
    columns.extend(own.filter(|name| !SUBSCRIPTION.contains(name)).map(text("subscription")));
    Names { columns, ..Names::default() }
}

/// What formulas may say, given the ids of meters, charges and products.
pub(crate) fn formula_names(reference: &Reference, ids: [Vec<String>; 3]) -> Names {
    let plain = |name: &str, kind| SubjectColumn { of: None, name: name.to_owned(), kind };
    let mut names = names(reference);
    names.columns.push(plain("quantity", DataType::Decimal128(38, 18)));
    names.columns.push(plain("records", DataType::Int64));
    let [meters, charges, products] = ids.map(Some);
    Names { meters, charges, products, ..names }
}

/// A column of these subscriptions' accounts, or of themselves; `None` when it is neither.
pub(crate) fn reference_column(reference: &Reference, of: &str, name: &str, rows: &[u32]) -> Option<ArrayRef> {
    let subscriptions = || rows.iter().map(|row| &reference.subscriptions[*row as usize]);
    let date = |day: Option<NaiveDate>| day.map(|day| day.num_days_from_ce() - EPOCH_DAYS);
    match (of, name) {
        ("account", name) => {
            let account = |row: &Subscription| &reference.accounts[row.account as usize];
            let texts = subscriptions().map(|row| account_text(reference, account(row), name));
            Some(Arc::new(texts.collect::<StringArray>()))
        }
        ("subscription", "quantity") => {
            Some(build::decimal38(subscriptions().map(|row| row.quantity.units()).collect()))
        }
        ("subscription", "start") => {
            Some(Arc::new(subscriptions().map(|row| date(Some(row.begins))).collect::<Date32Array>()))
        }
        ("subscription", "end") => Some(Arc::new(subscriptions().map(|row| date(row.ends)).collect::<Date32Array>())),
        ("subscription", name) => {
            let texts = subscriptions().map(|row| subscription_text(reference, row, name));
            Some(Arc::new(texts.collect::<StringArray>()))
        }
        _ => None,
    }
}

fn account_text<'r>(reference: &'r Reference, account: &'r Account, name: &str) -> Option<&'r str> {
    let text = match name {
        "account_id" => &account.id,
        "level" => &account.level,
        "name" => &account.name,
        "currency" => &account.currency,
        "bill_to" => &reference.accounts[account.bill_to as usize].id,
        "tax_jurisdiction" => &account.tax_jurisdiction,
        "path" => &account.path,
        name => return account.custom.get(name).map(String::as_str),
    };
    Some(text.as_str()).filter(|text| !text.is_empty())
}

fn subscription_text<'r>(reference: &'r Reference, row: &'r Subscription, name: &str) -> Option<&'r str> {
    let text = match name {
        "subscription_id" => &row.id,
        "order_id" => &row.order_id,
        "account_id" => &reference.accounts[row.account as usize].id,
        "plan" => &row.plan,
        "product" => &row.product,
        "contract" => &row.contract,
        "tax_jurisdiction" => &row.tax_jurisdiction,
        name => return row.custom.get(name).map(String::as_str),
    };
    Some(text.as_str()).filter(|text| !text.is_empty())
}

/// The portions that a formula is evaluated on.
pub(super) struct Subjects<'s> {
    pub(super) rater: &'s Rater<'s>,
    /// Whose usage and amounts a question means.
    pub(super) scope: Scope,
    /// The lines rated before.
    pub(super) lines: &'s [Line],
    pub(super) portions: &'s [Portion],
}

impl Subjects<'_> {
    /// The column that the expression needs.
    pub(super) fn column(&self, needed: &Needed) -> Outcome<ArrayRef> {
        let job = self.rater.job;
        let rows: Vec<u32> = self.portions.iter().map(|portion| portion.subscription).collect();
        let unknown = || Fault::ours(format!("no column for {}", needed.field_name()));
        Ok(match needed {
            Needed::Column { of: None, name } if name == "quantity" => {
                build::decimal38(self.portions.iter().map(|portion| portion.quantity.units()).collect())
            }
            Needed::Column { of: None, .. } => {
                let records = self.portions.iter().map(|portion| i64::try_from(portion.records).unwrap_or(i64::MAX));
                build::whole(records.collect())
            }
            Needed::Column { of: Some(of), name } => {
                reference_column(job.reference, of, name, &rows).ok_or_else(unknown)?
            }
            Needed::Usage(meter) => {
                let meter = job.book.meters.iter().position(|known| known.id == *meter).ok_or_else(unknown)?;
                let used = |subscription: u32| self.rater.cube.quantity(subscription, meter);
                self.totals(&rows, (0..).take(job.reference.subscriptions.len()).map(|row| (row, used(row))))?
            }
            Needed::Amount(charge) => {
                let charge = job.book.charges.iter().position(|known| known.id == *charge).ok_or_else(unknown)?;
                let own = self.lines.iter().filter(|line| line.charge as usize == charge);
                self.one_currency(own.clone().map(|line| line.subscription).chain(rows.iter().copied()), charge)?;
                self.totals(&rows, own.map(|line| (line.subscription, self.listed(line))))?
            }
            Needed::HasProduct(product) => {
                let product = job.book.products.iter().position(|known| known.id == *product).ok_or_else(unknown)?;
                Arc::new(BooleanArray::from(has_product(self.rater, product, &rows)))
            }
        })
    }

    /// What a line comes to before discounts, rounded, in the currency of its price; `None` when it does not fit.
    fn listed(&self, line: &Line) -> Option<Decimal> {
        let job = self.rater.job;
        let account = job.reference.subscriptions[line.subscription as usize].account;
        let of_price = job.fx.price_currency(line.subscription).and_then(minor_digits);
        let digits = of_price.unwrap_or(job.reference.accounts[account as usize].minor_digits);
        line.rated.rounded(digits, job.book.rounding.mode)
    }

    /// Checks that whoever shares amounts has prices in one currency: amounts are exchanged after formulas.
    fn one_currency(&self, subscriptions: impl Iterator<Item = u32>, charge: usize) -> Outcome<()> {
        let job = self.rater.job;
        if job.fx.is_idle() {
            return Ok(());
        }
        let mut found: BTreeMap<(u32, u32), &str> = BTreeMap::new();
        for subscription in subscriptions {
            let row = &job.reference.subscriptions[subscription as usize];
            let own = &job.reference.accounts[row.account as usize].currency;
            let currency = job.fx.price_currency(subscription).unwrap_or(own);
            let first = *found.entry(self.sharer(subscription)).or_insert(currency);
            if first != currency {
                let id = &job.book.charges[charge].id;
                let message = format!("a formula would add up amounts of `{id}` in {first} and {currency}");
                let hint = "give whoever shares the charge prices in one currency, or a scope that keeps them apart";
                return Err(Fault::new(&codes::B010, message).at(&row.place).hint(hint).into());
            }
        }
        Ok(())
    }

    fn sharer(&self, subscription: u32) -> (u32, u32) {
        self.rater.circles.sharer(self.rater.job, subscription, self.scope)
    }

    /// The sum of `values` (by subscription) over everyone that shares with each of `rows`.
    fn totals(&self, rows: &[u32], values: impl Iterator<Item = (u32, Option<Decimal>)>) -> Outcome<ArrayRef> {
        let too_much = || Fault::new(&codes::G002, "a total that a formula asks for has more than 20 digits");
        let mut totals: BTreeMap<(u32, u32), Decimal> = BTreeMap::new();
        for (subscription, value) in values {
            let sum = totals.entry(self.sharer(subscription)).or_default();
            *sum = value.and_then(|value| sum.plus(value)).ok_or_else(too_much)?;
        }
        let total = |row: &u32| totals.get(&self.sharer(*row)).copied().unwrap_or_default().units();
        Ok(build::decimal38(rows.iter().map(total).collect()))
    }
}

/// Whether the account of each subscription subscribes to `product` in the period, alone or in a plan.
fn has_product(rater: &Rater<'_>, product: usize, rows: &[u32]) -> Vec<bool> {
    let job = rater.job;
    let (start, end) = (job.period.start(), job.period.end());
    let sold = |row: &u32| {
        let subscription = &job.reference.subscriptions[*row as usize];
        let charges = &job.catalog.offer(*row).charges;
        let includes = match job.catalog.offer(*row).plan {
            Some(plan) => job.book.plans[plan].includes.contains(&product),
            None => charges.iter().any(|charge| job.book.charges[*charge].product == product),
        };
        includes && subscription.starts_at < end && start < subscription.ends_at
    };
    let account = |row: &u32| job.reference.subscriptions[*row as usize].account as usize;
    rows.iter().map(|row| job.reference.subscriptions_of[account(row)].iter().any(sold)).collect()
}

/// The columns of `buckets` for a charge on a meter of these dimensions.
pub(crate) fn bucket_schema(dimensions: &[String]) -> SchemaRef {
    let mut fields = vec![
        Field::new("subscription_id", DataType::Utf8, false),
        Field::new("account_id", DataType::Utf8, false),
        Field::new("meter", DataType::Utf8, false),
        Field::new("day", DataType::Date32, false),
        Field::new("quantity", DataType::Decimal128(38, 18), false),
        Field::new("records", DataType::Int64, false),
    ];
    fields.extend(dimensions.iter().map(|name| Field::new(name, DataType::Utf8, false)));
    Arc::new(Schema::new(fields))
}

/// The buckets of the subscriptions that wait for the query of `price`.
pub(super) fn bucket_columns(
    rater: &Rater<'_>,
    price: u32,
    deferred: &[&Deferred],
) -> Outcome<(SchemaRef, Vec<ArrayRef>, usize)> {
    let job = rater.job;
    let charge = job.catalog.charge_of[price as usize];
    let number = job.book.charges[charge].meter.ok_or_else(|| Fault::ours("a query without a meter"))?;
    let meter = &job.book.meters[number];
    let first_day = job.period.first_day.num_days_from_ce() - EPOCH_DAYS;
    let mut rows = Vec::new();
    for own in deferred {
        let days = &job.catalog.terms[own.terms as usize][usize::from(own.stretch)].days;
        let subscriptions: std::collections::BTreeSet<u32> = own.portions.iter().map(|one| one.subscription).collect();
        for subscription in subscriptions {
            rows.extend(rater.cube.buckets_of(subscription, number, days).map(|row| (subscription, row)));
        }
    }
    let subscription = |row: &(u32, usize)| &job.reference.subscriptions[row.0 as usize];
    let buckets = rater.cube.all_buckets();
    let ids: Vec<&str> = rows.iter().map(|row| subscription(row).id.as_str()).collect();
    let accounts: Vec<&str> =
        rows.iter().map(|row| job.reference.accounts[subscription(row).account as usize].id.as_str()).collect();
    let mut columns = vec![
        build::text(&ids),
        build::text(&accounts),
        build::text(&vec![meter.id.as_str(); rows.len()]),
        build::days(rows.iter().map(|(_, row)| first_day + i32::from(buckets.day[*row])).collect()),
        build::decimal38(rows.iter().map(|(_, row)| buckets.quantity[*row]).collect()),
        build::whole(rows.iter().map(|(_, row)| i64::from(buckets.records[*row])).collect()),
    ];
    for at in 0..meter.dimensions.len() {
        let value = |(_, row): &(u32, usize)| buckets.cells[buckets.cell[*row] as usize].values[at].to_string();
        columns.push(build::text(&rows.iter().map(value).collect::<Vec<_>>()));
    }
    Ok((bucket_schema(&meter.dimensions), columns, rows.len()))
}
