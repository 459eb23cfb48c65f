//! Typed rows of a run -> the published tables, column by column. No amount is computed here.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use chrono::Datelike;

use super::Job;
use super::rating::Billing;
use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Band, Invoice, Line};
use crate::money::Decimal;
use crate::reference::model::{Account, Subscription};
use crate::tables::{Table, build};
use crate::usage::{Buckets, Suspended};

/// Text pools that several columns share, each made once.
pub(super) struct Pools {
    accounts: Arc<StringArray>,
    subscriptions: Arc<StringArray>,
    run_id: String,
}

impl Pools {
    /// The pools of `job`.
    pub(super) fn new(job: &Job<'_>, run_id: &str) -> Self {
        let accounts = StringArray::from_iter_values(job.reference.accounts.iter().map(|account| &account.id));
        let subscriptions = StringArray::from_iter_values(job.reference.subscriptions.iter().map(|row| &row.id));
        Self { accounts: Arc::new(accounts), subscriptions: Arc::new(subscriptions), run_id: run_id.to_owned() }
    }
}

/// Rows of a table about subscriptions, with what every column needs at hand.
struct Rows<'r> {
    job: &'r Job<'r>,
    pools: &'r Pools,
    /// Subscription index of each row.
    subscriptions: Vec<u32>,
}

impl Rows<'_> {
    fn len(&self) -> usize {
        self.subscriptions.len()
    }

    fn subscription(&self, row: usize) -> &Subscription {
        &self.job.reference.subscriptions[self.subscriptions[row] as usize]
    }

    fn account(&self, row: usize) -> &Account {
        &self.job.reference.accounts[self.subscription(row).account as usize]
    }

    fn run_id(&self) -> ArrayRef {
        build::constant(&self.pools.run_id, self.len())
    }

    fn account_ids(&self) -> Outcome<ArrayRef> {
        build::dictionary_of(&self.pools.accounts, self.codes(|row| self.subscription(row).account))
    }

    fn bill_to_ids(&self) -> Outcome<ArrayRef> {
        build::dictionary_of(&self.pools.accounts, self.codes(|row| self.account(row).bill_to))
    }

    fn subscription_ids(&self) -> Outcome<ArrayRef> {
        build::dictionary_of(&self.pools.subscriptions, self.codes(|row| self.subscriptions[row]))
    }

    fn codes(&self, of: impl Fn(usize) -> u32) -> Vec<i32> {
        (0..self.len()).map(|row| i32::try_from(of(row)).unwrap_or(i32::MAX)).collect()
    }

    /// A text column that repeats: each distinct text once.
    fn texts<'t>(&'t self, of: impl Fn(usize) -> &'t str) -> Outcome<ArrayRef> {
        repeated((0..self.len()).map(of))
    }

    fn instant(&self, instant: i64) -> ArrayRef {
        build::instants(vec![instant; self.len()])
    }
}

/// A dictionary column of repeating texts, distinct values in order of first use.
fn repeated<'t>(texts: impl Iterator<Item = &'t str>) -> Outcome<ArrayRef> {
    let (mut pool, mut codes) = (Vec::new(), Vec::new());
    let mut known = hashbrown::HashMap::new();
    let mut last: Option<(&str, i32)> = None;
    for text in texts {
        let code = match last {
            Some((same, code)) if same == text => code,
            _ => *known.entry(text).or_insert_with(|| {
                pool.push(text);
                i32::try_from(pool.len() - 1).unwrap_or(i32::MAX)
            }),
        };
        last = Some((text, code));
        codes.push(code);
    }
    build::dictionary(&pool, codes)
}

/// `invoice_lines`.
pub(super) fn invoice_lines(job: &Job<'_>, pools: &Pools, billing: &Billing, ids: &[u128]) -> Outcome<RecordBatch> {
    let lines = &billing.lines;
    let rows = Rows { job, pools, subscriptions: lines.iter().map(|line| line.subscription).collect() };
    let charge = |row: usize| &job.book.charges[lines[row].charge as usize];
    let product = |row: usize| &job.book.products[charge(row).product];
    let price = |row: usize| &job.catalog.prices[lines[row].price as usize];
    let meter = |row: usize| charge(row).meter.map(|meter| &job.book.meters[meter]);
    let invoice_ids: Vec<u128> = (0..rows.len()).map(|row| invoice_id(job, rows.account(row))).collect();
    let groups: Vec<i32> = rows.codes(|row| lines[row].group);
    let labels: Vec<String> = lines.iter().map(|line| line.band.label()).collect();
    let price_refs: Vec<String> = job.catalog.prices.iter().map(|price| place_ref(&price.place)).collect();
    let models = |row: usize| if lines[row].band == Band::Included { "allowance" } else { price(row).model.name() };
    Table::InvoiceLines.batch(vec![
        build::hex_ids(ids)?,
        build::hex_ids(&invoice_ids)?,
        rows.run_id(),
        rows.instant(job.period.start()),
        rows.instant(job.period.end()),
        build::instants(lines.iter().map(|line| line.service_start).collect()),
        build::instants(lines.iter().map(|line| line.service_end).collect()),
        rows.account_ids()?,
        rows.texts(|row| &rows.account(row).path)?,
        rows.bill_to_ids()?,
        rows.subscription_ids()?,
        rows.texts(|row| &rows.subscription(row).order_id)?,
        rows.texts(|row| &rows.subscription(row).plan)?,
        rows.texts(|row| &product(row).id)?,
        rows.texts(|row| &charge(row).id)?,
        rows.texts(|row| lines[row].kind.label())?,
        rows.texts(models)?,
        rows.texts(|row| meter(row).map_or("", |meter| &meter.id))?,
        build::dimensions(&billing.groups.list, &groups)?,
        rows.texts(|row| &labels[row])?,
        build::decimal38(lines.iter().map(|line| line.quantity.units()).collect()),
        rows.texts(|row| &charge(row).unit)?,
        build::decimal38_or_null(lines.iter().map(|line| line.unit_price)),
        build::decimal38_or_null((0..rows.len()).map(|row| list_unit_price(job, &lines[row]))),
        build::decimal38(lines.iter().map(|line| line.rated.units()).collect()),
        money(lines.iter().map(|line| line.list))?,
        money(lines.iter().map(|line| line.discount))?,
        money(lines.iter().map(|line| line.net))?,
        rows.texts(|row| &rows.account(row).currency)?,
        rows.texts(|row| &product(row).gl_account)?,
        rows.texts(|row| &product(row).tax_category)?,
        rows.texts(|row| &rows.account(row).tax_jurisdiction)?,
        rows.texts(|row| &price(row).layer)?,
        rows.texts(|row| &price_refs[lines[row].price as usize])?,
        build::whole(lines.iter().map(|line| i64::try_from(line.records).unwrap_or(i64::MAX)).collect()),
        build::no_text(rows.len()),
    ])
}

/// `invoice_taxes`.
pub(super) fn invoice_taxes(job: &Job<'_>, pools: &Pools, billing: &Billing, ids: &[u128]) -> Outcome<RecordBatch> {
    let taxes = &billing.taxes;
    let line = |row: usize| &billing.lines[taxes[row].line as usize];
    let rows = Rows { job, pools, subscriptions: (0..taxes.len()).map(|row| line(row).subscription).collect() };
    let rate = |row: usize| &job.reference.tax_rates[taxes[row].rate as usize];
    let invoice_ids: Vec<u128> = (0..rows.len()).map(|row| invoice_id(job, rows.account(row))).collect();
    let line_ids: Vec<u128> = taxes.iter().map(|tax| ids[tax.line as usize]).collect();
    let product = |row: usize| &job.book.products[job.book.charges[line(row).charge as usize].product];
    Table::InvoiceTaxes.batch(vec![
        build::hex_ids(&line_ids)?,
        build::hex_ids(&invoice_ids)?,
        rows.run_id(),
        rows.account_ids()?,
        rows.bill_to_ids()?,
        rows.texts(|row| &rate(row).tax)?,
        rows.texts(|row| &rate(row).jurisdiction)?,
        rows.texts(|row| &product(row).tax_category)?,
        build::decimal38((0..rows.len()).map(|row| rate(row).rate.units()).collect()),
        money(taxes.iter().map(|tax| tax.taxable))?,
        money(taxes.iter().map(|tax| tax.amount))?,
        build::flags(taxes.iter().map(|tax| tax.exempt).collect()),
        rows.texts(|row| &rows.account(row).currency)?,
    ])
}

/// `invoices`.
pub(super) fn invoices(job: &Job<'_>, pools: &Pools, invoices: &[Invoice]) -> Outcome<RecordBatch> {
    let account = |invoice: &Invoice| &job.reference.accounts[invoice.bill_to as usize];
    let ids: Vec<u128> =
        invoices.iter().map(|invoice| invoice_key(job, &account(invoice).id, &invoice.currency)).collect();
    let gross: Option<Vec<Decimal>> = invoices.iter().map(|invoice| invoice.net.plus(invoice.tax)).collect();
    let (start, end) = (job.period.start(), job.period.end());
    Table::Invoices.batch(vec![
        build::hex_ids(&ids)?,
        build::constant(&pools.run_id, invoices.len()),
        build::instants(vec![start; invoices.len()]),
        build::instants(vec![end; invoices.len()]),
        repeated(invoices.iter().map(|invoice| account(invoice).id.as_str()))?,
        repeated(invoices.iter().map(|invoice| account(invoice).name.as_str()))?,
        repeated(invoices.iter().map(|invoice| invoice.currency.as_str()))?,
        build::whole(invoices.iter().map(|invoice| i64::try_from(invoice.lines).unwrap_or(i64::MAX)).collect()),
        money(invoices.iter().map(|invoice| invoice.list))?,
        money(invoices.iter().map(|invoice| invoice.discount))?,
        money(invoices.iter().map(|invoice| invoice.net))?,
        money(invoices.iter().map(|invoice| invoice.tax))?,
        money(gross.ok_or_else(too_big)?)?,
    ])
}

/// `usage_buckets`, sorted by account, subscription, meter, dimension values, day.
pub(super) fn usage_buckets(job: &Job<'_>, pools: &Pools, buckets: &Buckets) -> Outcome<RecordBatch> {
    let order = account_order(job, buckets);
    let subscriptions = order.iter().map(|at| buckets.subscription[*at]).collect();
    let rows = Rows { job, pools, subscriptions };
    let meter_of = |row: usize| buckets.cells[buckets.cell[order[row]] as usize].meter as usize;
    let first_day = job.period.first_day.num_days_from_ce() - EPOCH_DAYS;
    let sets: Vec<Vec<(&str, &str)>> = buckets
        .cells
        .iter()
        .map(|cell| {
            let names = job.book.meters[cell.meter as usize].dimensions.iter().map(String::as_str);
            let mut set: Vec<_> = names.zip(cell.values.iter().map(AsRef::as_ref)).collect();
            set.sort_unstable();
            set
        })
        .collect();
    let cells: Vec<i32> = rows.codes(|row| buckets.cell[order[row]]);
    Table::UsageBuckets.batch(vec![
        rows.run_id(),
        rows.instant(job.period.start()),
        rows.account_ids()?,
        rows.subscription_ids()?,
        rows.texts(|row| &rows.subscription(row).plan)?,
        rows.texts(|row| &rows.subscription(row).product)?,
        rows.texts(|row| &job.book.meters[meter_of(row)].id)?,
        build::dimensions(&sets, &cells)?,
        build::days(order.iter().map(|at| first_day + i32::from(buckets.day[*at])).collect()),
        build::decimal38(order.iter().map(|at| buckets.quantity[*at]).collect()),
        build::whole(order.iter().map(|at| i64::from(buckets.records[*at])).collect()),
        build::instants(order.iter().map(|at| buckets.first[*at]).collect()),
        build::instants(order.iter().map(|at| buckets.last[*at]).collect()),
        values(buckets, &order),
    ])
}

/// Days from 0001-01-01 to 1970-01-01 in the count of `num_days_from_ce`.
const EPOCH_DAYS: i32 = 719_163;

/// Bucket positions by account and subscription; within a subscription they are in order already.
fn account_order(job: &Job<'_>, buckets: &Buckets) -> Vec<usize> {
    let mut order = Vec::with_capacity(buckets.len());
    for subscriptions in &job.reference.subscriptions_of {
        for subscription in subscriptions {
            let start = buckets.subscription.partition_point(|own| own < subscription);
            let end = buckets.subscription.partition_point(|own| own <= subscription);
            order.extend(start..end);
        }
    }
    order
}

fn values(buckets: &Buckets, order: &[usize]) -> ArrayRef {
    let element = Field::new("element", DataType::Utf8, false);
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(element);
    for at in order {
        let own = u32::try_from(*at).ok().and_then(|at| buckets.values.binary_search_by_key(&at, |(row, _)| *row).ok());
        if let Some(own) = own {
            for value in &buckets.values[own].1 {
                list.values().append_value(value);
            }
        }
        list.append(own.is_some());
    }
    Arc::new(list.finish())
}

/// `suspense`.
pub(super) fn suspense(job: &Job<'_>, pools: &Pools, suspended: &[Suspended]) -> Outcome<RecordBatch> {
    let file = |record: &Suspended| &job.files[record.origin.file()];
    let texts = |of: fn(&Suspended) -> &Option<String>| {
        build::text_or_null(
            &suspended.iter().map(of).collect::<Vec<_>>().into_iter().map(Option::as_ref).collect::<Vec<_>>(),
        )
    };
    let raw: Vec<&str> = suspended.iter().map(|record| record.raw.as_str()).collect();
    Table::Suspense.batch(vec![
        build::constant(&pools.run_id, suspended.len()),
        repeated(suspended.iter().map(|record| job.pipeline.sources[file(record).source].name.as_str()))?,
        repeated(suspended.iter().map(|record| file(record).name.as_str()))?,
        build::whole(suspended.iter().map(|record| i64::from(record.origin.row())).collect()),
        repeated(suspended.iter().map(|record| &*record.reason))?,
        texts(|record| &record.field),
        texts(|record| &record.detail),
        texts(|record| &record.record_id),
        texts(|record| &record.record_type),
        texts(|record| &record.identifier),
        build::instants_or_null(suspended.iter().map(|record| record.record_time)),
        build::text(&raw),
    ])
}

/// The id of every line: a hash of its natural key (period, subscription, charge, kind, band, dimension values).
pub(super) fn line_ids(job: &Job<'_>, billing: &Billing) -> Vec<u128> {
    use rayon::prelude::*;
    let id = |line: &Line| {
        let subscription = &job.reference.subscriptions[line.subscription as usize].id;
        let (charge, kind, band) = (&job.book.charges[line.charge as usize].id, line.kind.label(), line.band.label());
        let fixed = ["line", &job.period.label, subscription, charge, kind, &band];
        let group = billing.groups.list[line.group as usize].iter().flat_map(|(name, value)| [&**name, &**value]);
        natural_key(fixed.into_iter().chain(group))
    };
    billing.lines.par_iter().map(id).collect()
}

fn invoice_id(job: &Job<'_>, account: &Account) -> u128 {
    invoice_key(job, &job.reference.accounts[account.bill_to as usize].id, &account.currency)
}

fn invoice_key(job: &Job<'_>, bill_to: &str, currency: &str) -> u128 {
    natural_key(["invoice", &job.period.label, bill_to, currency].into_iter())
}

/// The first 128 bits of the BLAKE3 hash of the parts, each behind its length.
fn natural_key<'k>(parts: impl Iterator<Item = &'k str>) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&part.len().to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

/// What a unit costs by the product's own price, when that has one price for all units; a price that is not replaced is
/// the product's own, but what an allowance covers has not been priced.
fn list_unit_price(job: &Job<'_>, line: &Line) -> Option<Decimal> {
    match &job.book.charges[line.charge as usize].price.model {
        crate::book::model::Model::PerUnit { unit_price } => Some(*unit_price),
        _ if line.band == Band::Included => None,
        _ if job.catalog.prices[line.price as usize].layer == "list" => line.unit_price,
        _ => None,
    }
}

fn place_ref(place: &crate::fault::Place) -> String {
    let name = place.source.name.rsplit('/').next().unwrap_or_default();
    format!("{name}:{}", place.line)
}

fn money(amounts: impl IntoIterator<Item = Decimal>) -> Outcome<ArrayRef> {
    build::decimal18_4(amounts).ok_or_else(|| too_big().into())
}

fn too_big() -> Fault {
    Fault::new(&codes::G003, "an amount on a line has more than 14 digits before the point")
}
