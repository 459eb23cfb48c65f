//! Typed rows of a run -> the published tables, column by column and part by part. No amount is computed here.
//!
//! A repeated text is written from a pool that is made once ([`Pools`]): a row only says which text it has.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use chrono::Datelike;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::Job;
use super::currencies;
use super::pools::{Pool, Pools};
use super::rating::Billing;
use crate::book::model::{Anchor, Every, Model};
use crate::fault::{Fault, Outcome, codes};
use crate::fx::Rate;
use crate::lines::{Band, Groups, Invoice, KINDS, Line, LineKind};
use crate::money::Decimal;
use crate::reference::model::{Account, Subscription};
use crate::tables::{Table, build};
use crate::usage::{Buckets, Suspended};

/// Rows about subscriptions, with what every column needs at hand.
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

    /// A text of the row's account.
    fn of_account(&self, pool: &Pool) -> Outcome<ArrayRef> {
        self.texts(pool, |row| self.subscription(row).account)
    }

    /// A text of the row's subscription.
    fn of_subscription(&self, pool: &Pool) -> Outcome<ArrayRef> {
        self.texts(pool, |row| self.subscriptions[row])
    }

    /// A text of the row's offer (plan or product).
    fn of_offer(&self, pool: &Pool) -> Outcome<ArrayRef> {
        self.texts(pool, |row| self.job.catalog.offer_of[self.subscriptions[row] as usize])
    }

    fn bill_to_ids(&self) -> Outcome<ArrayRef> {
        self.texts(&self.pools.account_ids, |row| self.account(row).bill_to)
    }

    fn texts(&self, pool: &Pool, of: impl Fn(usize) -> u32) -> Outcome<ArrayRef> {
        pool.column((0..self.len()).map(of))
    }

    fn instant(&self, instant: i64) -> ArrayRef {
        build::instants(vec![instant; self.len()])
    }
}

/// A part of `invoice_lines`.
pub(super) fn invoice_lines(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let lines = &billing.lines[range.clone()];
    let rows = Rows { job, pools, subscriptions: lines.iter().map(|line| line.subscription).collect() };
    let of_charge = |pool: &Pool| pool.column(lines.iter().map(|line| line.charge));
    // An adjustment is a difference of amounts; the line that it adjusts says at which price.
    let is_priced = |line: &Line| line.kind != LineKind::Adjustment;
    let of_price = |pool: &Pool| pool.column(lines.iter().map(|line| if is_priced(line) { line.price + 1 } else { 0 }));
    let told: Vec<Option<(&str, Rate)>> = lines.iter().map(|line| currencies::told(job, line)).collect();
    let covered = |line: &Line| matches!(line.band, Band::Included | Band::Free | Band::Amount(_));
    let models = |line: &Line| match line {
        line if covered(line) => 0,
        line if is_priced(line) => line.price + 2,
        _ => 1,
    };
    let groups: Vec<i32> = lines.iter().map(|line| i32::try_from(line.group).unwrap_or(i32::MAX)).collect();
    Table::InvoiceLines.batch(vec![
        build::hex_ids(&pools.line_ids[range])?,
        rows.of_account(&pools.invoice_ids)?,
        rows.run_id(),
        rows.instant(job.period.start()),
        rows.instant(job.period.end()),
        build::instants(lines.iter().map(|line| line.service_start).collect()),
        build::instants(lines.iter().map(|line| line.service_end).collect()),
        rows.of_account(&pools.account_ids)?,
        rows.of_account(&pools.account_paths)?,
        rows.bill_to_ids()?,
        rows.of_subscription(&pools.subscription_ids)?,
        rows.of_subscription(&pools.order_ids)?,
        rows.of_offer(&pools.plans)?,
        of_charge(&pools.charge_products)?,
        of_charge(&pools.charge_ids)?,
        Pool::of(KINDS.map(LineKind::label)).column(lines.iter().map(|line| line.kind as u32))?,
        pools.models.column(lines.iter().map(models))?,
        of_charge(&pools.charge_meters)?,
        build::dimensions(&billing.groups.list, &groups)?,
        tiers(job, lines)?,
        build::decimal38(lines.iter().map(|line| line.quantity.units()).collect()),
        of_charge(&pools.charge_units)?,
        build::decimal38_or_null(lines.iter().map(|line| line.unit_price)),
        build::decimal38_or_null(lines.iter().map(|line| list_unit_price(job, line))),
        build::decimal38(lines.iter().map(|line| line.rated.units()).collect()),
        money(lines.iter().map(|line| line.list))?,
        money(lines.iter().map(|line| line.discount))?,
        included(lines.iter().map(|line| [line.list, line.discount, line.net]))?,
        money(lines.iter().map(|line| line.net))?,
        rows.of_account(&pools.account_currencies)?,
        build::text_or_null(&told.iter().map(|told| told.map(|(currency, _)| currency)).collect::<Vec<_>>()),
        build::decimal38_or_null(told.iter().map(|told| told.map(|(_, rate)| rate.rate))),
        of_charge(&pools.charge_gl_accounts)?,
        of_charge(&pools.charge_tax_categories)?,
        rows.of_subscription(&pools.jurisdictions)?,
        of_price(&pools.price_layers)?,
        of_price(&pools.price_refs)?,
        build::whole(lines.iter().map(|line| i64::try_from(line.records).unwrap_or(i64::MAX)).collect()),
        adjusted(job, lines),
    ])
}

/// The lines that adjustments adjust.
fn adjusted(job: &Job<'_>, lines: &[Line]) -> ArrayRef {
    if job.adjustments.rows.is_empty() {
        return build::no_text(lines.len());
    }
    let of = |line: &Line| match line.band {
        Band::Adjusted(number) => Some(job.adjustments.rows[number as usize].line_id.as_str()),
        _ => None,
    };
    build::text_or_null(&lines.iter().map(of).collect::<Vec<_>>())
}

fn tiers(job: &Job<'_>, lines: &[Line]) -> Outcome<ArrayRef> {
    let mut labels: Vec<String> = Vec::new();
    let mut known: HashMap<(Band, Option<u32>), u32> = HashMap::new();
    let number = |line: &Line| {
        let of_price = matches!(line.band, Band::Named(_)).then_some(line.price);
        *known.entry((line.band, of_price)).or_insert_with(|| {
            labels.push(tier(job, line));
            u32::try_from(labels.len() - 1).unwrap_or(u32::MAX)
        })
    };
    let numbers: Vec<u32> = lines.iter().map(number).collect();
    Pool::of(labels).column(numbers.into_iter())
}

/// The text of the `tier` column.
pub(super) fn tier(job: &Job<'_>, line: &Line) -> String {
    if let Band::Adjusted(number) = line.band {
        return job.adjustments.rows[number as usize].tier.clone();
    }
    band_text(line.band, &job.catalog.prices[line.price as usize].model)
}

/// The same of a band of a price of this model.
pub(super) fn band_text(band: Band, model: &Model) -> String {
    match band {
        Band::Whole => String::new(),
        Band::Included | Band::Free | Band::Amount(_) => "included".to_owned(),
        Band::Tier(number) => number.to_string(),
        Band::Beyond => "beyond".to_owned(),
        Band::Fee => "fee".to_owned(),
        Band::Minimum => "minimum".to_owned(),
        Band::Maximum => "maximum".to_owned(),
        Band::Overage => "overage".to_owned(),
        Band::Adjusted(_) => String::new(),
        Band::Named(name) => model.band_name(name).unwrap_or_default().to_owned(),
    }
}

/// A part of `invoice_taxes`.
pub(super) fn invoice_taxes(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let taxes = &billing.taxes[range];
    let line = |row: usize| &billing.lines[taxes[row].line as usize];
    let rows = Rows { job, pools, subscriptions: (0..taxes.len()).map(|row| line(row).subscription).collect() };
    let rate = |row: usize| &billing.levies.rates[taxes[row].rate as usize];
    let rates = u32::try_from(billing.levies.rates.len()).unwrap_or(u32::MAX);
    let worded = |row: usize| taxes[row].relief.map_or(taxes[row].rate, |relief| rates.saturating_add(relief));
    let line_ids: Vec<u128> = taxes.iter().map(|tax| pools.line_ids[tax.line as usize]).collect();
    Table::InvoiceTaxes.batch(vec![
        build::hex_ids(&line_ids)?,
        rows.of_account(&pools.invoice_ids)?,
        rows.run_id(),
        rows.of_account(&pools.account_ids)?,
        rows.bill_to_ids()?,
        rows.texts(&pools.tax_names, |row| taxes[row].rate)?,
        rows.texts(&pools.tax_jurisdictions, |row| taxes[row].rate)?,
        rows.texts(&pools.charge_tax_categories, |row| line(row).charge)?,
        build::decimal38((0..rows.len()).map(|row| rate(row).percent.units()).collect()),
        money(taxes.iter().map(|tax| tax.taxable))?,
        money(taxes.iter().map(|tax| tax.amount))?,
        money(taxes.iter().map(|tax| tax.included))?,
        build::flags(taxes.iter().map(|tax| tax.relief.is_some()).collect()),
        rows.texts(&pools.tax_codes, worded)?,
        rows.texts(&pools.tax_reasons, worded)?,
        rows.of_account(&pools.account_currencies)?,
    ])
}

/// A part of `invoices`.
pub(super) fn invoices(job: &Job<'_>, pools: &Pools, invoices: &[Invoice], numbers: ArrayRef) -> Outcome<RecordBatch> {
    let account = |invoice: &Invoice| &job.reference.accounts[invoice.bill_to as usize];
    let ids: Vec<u128> =
        invoices.iter().map(|invoice| invoice_key(job, &account(invoice).id, &invoice.currency)).collect();
    let gross: Option<Vec<Decimal>> = invoices.iter().map(|invoice| invoice.net.plus(invoice.tax)).collect();
    let of_gross = gross.iter().flatten().zip(invoices);
    let payable: Option<Vec<Decimal>> = of_gross.map(|(gross, invoice)| gross.minus(invoice.credit)).collect();
    let (start, end) = (job.period.start(), job.period.end());
    let names: Vec<&str> = invoices.iter().map(|invoice| account(invoice).name.as_str()).collect();
    let currencies: Vec<&str> = invoices.iter().map(|invoice| invoice.currency.as_str()).collect();
    Table::Invoices.batch(vec![
        build::hex_ids(&ids)?,
        numbers,
        build::constant(&pools.run_id, invoices.len()),
        build::instants(vec![start; invoices.len()]),
        build::instants(vec![end; invoices.len()]),
        pools.account_ids.column(invoices.iter().map(|invoice| invoice.bill_to))?,
        build::text(&names),
        build::text(&currencies),
        build::whole(invoices.iter().map(|invoice| i64::try_from(invoice.lines).unwrap_or(i64::MAX)).collect()),
        money(invoices.iter().map(|invoice| invoice.list))?,
        money(invoices.iter().map(|invoice| invoice.discount))?,
        included(invoices.iter().map(|invoice| [invoice.list, invoice.discount, invoice.net]))?,
        money(invoices.iter().map(|invoice| invoice.net))?,
        money(invoices.iter().map(|invoice| invoice.tax))?,
        money(gross.ok_or_else(too_big)?)?,
        money(invoices.iter().map(|invoice| invoice.credit))?,
        money(payable.ok_or_else(too_big)?)?,
    ])
}

/// Bucket positions by account and subscription: the order of `usage_buckets`; within a subscription they are in order
/// already.
pub(super) fn account_order(job: &Job<'_>, buckets: &Buckets) -> Vec<u32> {
    let mut starts = vec![0_u32; job.reference.subscriptions.len() + 1];
    for subscription in &buckets.subscription {
        starts[*subscription as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let rows = |version: &u32| starts[*version as usize]..starts[*version as usize + 1];
    let first = |version: &u32| job.reference.subscriptions[*version as usize].first;
    let mut order: Vec<u32> = Vec::with_capacity(buckets.len());
    for versions in job.reference.subscriptions_of.iter().flat_map(|own| own.chunk_by(|a, b| first(a) == first(b))) {
        let start = order.len();
        order.extend(versions.iter().flat_map(rows));
        if versions.len() > 1 {
            order[start..].sort_by_key(|row| (buckets.cell[*row as usize], buckets.day[*row as usize]));
        }
    }
    order
}

/// A part of `usage_buckets`: the buckets at `order`, sorted by account, subscription, meter, dimension values, day.
pub(super) fn usage_buckets(job: &Job<'_>, pools: &Pools, buckets: &Buckets, order: &[u32]) -> Outcome<RecordBatch> {
    let at = |row: &u32| *row as usize;
    let subscriptions = order.iter().map(|row| buckets.subscription[at(row)]).collect();
    let rows = Rows { job, pools, subscriptions };
    let first_day = job.period.first_day.num_days_from_ce() - EPOCH_DAYS;
    let cells: Vec<i32> = order.iter().map(|row| i32::try_from(buckets.cell[at(row)]).unwrap_or(i32::MAX)).collect();
    let meters = order.iter().map(|row| buckets.cells[buckets.cell[at(row)] as usize].meter);
    Table::UsageBuckets.batch(vec![
        rows.run_id(),
        rows.instant(job.period.start()),
        rows.of_account(&pools.account_ids)?,
        rows.of_subscription(&pools.subscription_ids)?,
        rows.of_offer(&pools.plans)?,
        rows.of_offer(&pools.products)?,
        pools.meter_ids.column(meters)?,
        build::dimensions(&cell_sets(job, buckets), &cells)?,
        build::days(order.iter().map(|row| first_day + i32::from(buckets.day[at(row)])).collect()),
        build::decimal38(order.iter().map(|row| buckets.quantity[at(row)]).collect()),
        build::whole(order.iter().map(|row| i64::from(buckets.records[at(row)])).collect()),
        build::instants(order.iter().map(|row| buckets.first[at(row)]).collect()),
        build::instants(order.iter().map(|row| buckets.last[at(row)]).collect()),
        values(buckets, order),
    ])
}

/// Days from 0001-01-01 to 1970-01-01 in the count of `num_days_from_ce`.
pub(super) const EPOCH_DAYS: i32 = 719_163;

/// The dimension names and values of every cell, sorted by name.
fn cell_sets<'b>(job: &'b Job<'_>, buckets: &'b Buckets) -> Vec<Vec<(&'b str, &'b str)>> {
    let set = |cell: &'b crate::usage::Cell| {
        let names = job.book.meters[cell.meter as usize].dimensions.iter().map(String::as_str);
        let mut set: Vec<(&str, &str)> = names.zip(cell.values.iter().map(AsRef::as_ref)).collect();
        set.sort_unstable();
        set
    };
    buckets.cells.iter().map(set).collect()
}

fn values(buckets: &Buckets, order: &[u32]) -> ArrayRef {
    let element = Field::new("element", DataType::Utf8, false);
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(element);
    for at in order {
        let own = buckets.values.binary_search_by_key(at, |(row, _)| *row).ok();
        if let Some(own) = own {
            for value in &buckets.values[own].1 {
                list.values().append_value(value);
            }
        }
        list.append(own.is_some());
    }
    Arc::new(list.finish())
}

/// A part of `suspense`.
pub(super) fn suspense(job: &Job<'_>, pools: &Pools, suspended: &[Suspended]) -> Outcome<RecordBatch> {
    let file = |record: &Suspended| &job.files[record.origin.file()];
    let texts = |of: fn(&Suspended) -> Option<&str>| build::text_or_null(&suspended.iter().map(of).collect::<Vec<_>>());
    let plain = |of: &dyn Fn(&Suspended) -> String| -> ArrayRef {
        Arc::new(suspended.iter().map(|record| Some(of(record))).collect::<StringArray>())
    };
    let raw: Vec<&str> = suspended.iter().map(|record| record.raw.as_str()).collect();
    Table::Suspense.batch(vec![
        build::constant(&pools.run_id, suspended.len()),
        plain(&|record| job.pipeline.sources[file(record).source].name.clone()),
        plain(&|record| file(record).name.clone()),
        build::whole(suspended.iter().map(|record| i64::from(record.origin.row())).collect()),
        plain(&|record| record.reason.to_string()),
        texts(|record| record.field.as_deref()),
        texts(|record| record.detail.as_deref()),
        texts(|record| record.record_id.as_deref()),
        texts(|record| record.record_type.as_deref()),
        texts(|record| record.identifier.as_deref()),
        build::instants_or_null(suspended.iter().map(|record| record.record_time)),
        plain(&|record| if record.mark.written_off.is_some() { "written_off" } else { "open" }.to_owned()),
        texts(|record| record.mark.written_off.as_deref()),
        build::whole(suspended.iter().map(|record| i64::from(record.mark.recycled)).collect()),
        build::text(&raw),
    ])
}

/// The id of each line: a hash of its natural key (period, subscription, charge, kind, band, dimension values).
pub(super) fn line_ids(job: &Job<'_>, lines: &[Line], groups: &Groups) -> Vec<u128> {
    let id = |line: &Line| {
        let version = &job.reference.subscriptions[line.subscription as usize];
        let subscription = &version.id;
        let (charge, kind, band) = (&job.book.charges[line.charge as usize].id, line.kind.label(), tier(job, line));
        let fixed = ["line", &job.period.label, subscription, charge, kind, &band];
        let amount = match line.band {
            Band::Amount(number) => format!("amount {number}"),
            _ => String::new(),
        };
        // Only prices that change inside the period, intervals other than the period, and versions of a subscription give
        // the same line twice.
        let begin = (line.stretch > 0 || by_interval(job, line)).then(|| line.service_start.to_string());
        let version = version.changes().then(|| format!("version {}", version.start));
        let group = groups.list[line.group as usize].iter().flat_map(|(name, value)| [&**name, &**value]);
        // Free units beside an allowance, and a fee or bound beside a window or destination of that name, have the same
        // tier.
        let apart = match line.band {
            Band::Free => Some("free units"),
            Band::Fee => Some("for each record"),
            Band::Minimum | Band::Maximum => Some("a bound"),
            Band::Amount(_) => Some(amount.as_str()),
            Band::Adjusted(number) => Some(job.adjustments.rows[number as usize].line_id.as_str()),
            _ => None,
        };
        let found_by = match line.band {
            Band::Adjusted(number) => Some(job.adjustments.rows[number as usize].run_id.as_str()),
            _ => None,
        };
        let apart = apart.into_iter().chain(found_by);
        natural_key(fixed.into_iter().chain(group).chain(begin.as_deref()).chain(version.as_deref()).chain(apart))
    };
    lines.par_iter().map(id).collect()
}

/// Whether a line is for an interval of its own, of which a period may bill several.
fn by_interval(job: &Job<'_>, line: &Line) -> bool {
    let plain = (Every::Months(1), Anchor::Calendar);
    match &job.catalog.prices[line.price as usize].model {
        Model::Recurring { schedule, .. } => (schedule.every, schedule.anchor) != plain,
        _ => false,
    }
}

/// The id of the invoice of a bill-to account in a currency.
pub(super) fn invoice_key(job: &Job<'_>, bill_to: &str, currency: &str) -> u128 {
    natural_key(["invoice", &job.period.label, bill_to, currency].into_iter())
}

/// The first 128 bits of the BLAKE3 hash of the parts, each behind its length.
fn natural_key<'k>(parts: impl Iterator<Item = &'k str>) -> u128 {
    let mut bytes = Vec::with_capacity(256);
    for part in parts {
        bytes.extend_from_slice(&part.len().to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *blake3::hash(&bytes).as_bytes();
    u128::from_be_bytes(first)
}

/// What a unit costs by the product's own price, when that has one price for all units; a price that is not replaced is
/// the product's own, but what an allowance covers has not been priced.
fn list_unit_price(job: &Job<'_>, line: &Line) -> Option<Decimal> {
    match &job.book.charges[line.charge as usize].price.model {
        _ if matches!(
            line.band,
            Band::Minimum | Band::Maximum | Band::Overage | Band::Amount(_) | Band::Adjusted(_)
        ) =>
        {
            None
        }
        Model::PerUnit { unit_price, per } if line.band != Band::Fee => unit_price.over(*per),
        _ if matches!(line.band, Band::Included | Band::Free) => None,
        _ if job.catalog.prices[line.price as usize].layer == "list" => line.unit_price,
        _ => None,
    }
}

/// A column of amounts in minor units.
pub(super) fn money(amounts: impl IntoIterator<Item = Decimal>) -> Outcome<ArrayRef> {
    build::decimal18_4(amounts).ok_or_else(|| too_big().into())
}

/// What the price includes in taxes: list less discount and net.
fn included(amounts: impl Iterator<Item = [Decimal; 3]>) -> Outcome<ArrayRef> {
    let less = |[list, discount, net]: [Decimal; 3]| list.minus(discount)?.minus(net);
    money(amounts.map(less).collect::<Option<Vec<_>>>().ok_or_else(too_big)?)
}

fn too_big() -> Fault {
    Fault::new(&codes::G003, "an amount on a line has more than 14 digits before the point")
}
