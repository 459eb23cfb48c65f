//! The end of a run: control totals, tables, the write, both recounts, and what the run has to say.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use arrow::array::RecordBatch;

use super::batches;
use super::itemised::rated_usage;
use super::levels::levels;
use super::options::{Reason, Total};
use super::pools::Pools;
use super::rating::Billing;
use super::settle::Usage;
use super::{Job, RunOptions, RunReport, RunState};
use crate::control::{ControlTotals, CurrencyTotals, FileTotals, MemoryCheck, MeterTotals, recount_part};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::lines::Line;
use crate::lineset::manifest::{FORMAT, Input, tables};
use crate::lineset::{self, Manifest, Rows, RunFolder, Written, commit};
use crate::money::Decimal;
use crate::store::{Location, escaped};
use crate::tables::Table;
use crate::usage::Suspended;
use crate::verify::read_back;

/// The control totals of a run, as the stages counted them.
pub(super) fn totals(job: &Job<'_>, usage: &Usage, billing: &Billing) -> Outcome<ControlTotals> {
    let files = job.files.iter().zip(&usage.tallies).map(|(file, tally)| FileTotals {
        source: job.pipeline.sources[file.source].name.clone(),
        file: file.name.clone(),
        read: tally.read,
        rated: tally.rated,
        suspended: tally.suspended,
        duplicate: tally.duplicate,
        out_of_window: tally.out_of_window,
        filtered: tally.filtered,
    });
    Ok(ControlTotals {
        files: files.collect(),
        meters: meters(job, usage)?,
        charges: billing.charges.clone(),
        currencies: currencies(job, billing)?,
    })
}

fn meters(job: &Job<'_>, usage: &Usage) -> Outcome<Vec<MeterTotals>> {
    let mut totals: Vec<MeterTotals> = Vec::new();
    for (meter, (records, quantity)) in job.book.meters.iter().zip(&usage.metered) {
        let (meter, quantity_metered) = (meter.id.clone(), meter.aggregate.adds_up().then_some(*quantity));
        totals.push(MeterTotals { meter, records: *records, quantity_metered, ..MeterTotals::default() });
    }
    let buckets = &usage.buckets;
    for ((cell, quantity), records) in buckets.cell.iter().zip(&buckets.quantity).zip(&buckets.records) {
        let total = &mut totals[buckets.cells[*cell as usize].meter as usize];
        total.bucket_records += u64::from(*records);
        total.quantity_in_buckets = sum(total.quantity_in_buckets, Decimal::from_units(*quantity))?;
    }
    Ok(totals)
}

fn currencies(job: &Job<'_>, billing: &Billing) -> Outcome<Vec<CurrencyTotals>> {
    let mut totals: BTreeMap<&str, CurrencyTotals> = BTreeMap::new();
    let currency = |line: &Line| {
        let account = job.reference.subscriptions[line.subscription as usize].account;
        job.reference.accounts[account as usize].currency.as_str()
    };
    for line in &billing.lines {
        let total = totals.entry(currency(line)).or_default();
        total.lines += 1;
        total.amount_list = sum(total.amount_list, line.list)?;
        total.amount_discount = sum(total.amount_discount, line.discount)?;
        total.amount_net = sum(total.amount_net, line.net)?;
    }
    for tax in &billing.taxes {
        let total = totals.entry(currency(&billing.lines[tax.line as usize])).or_default();
        total.amount_tax = sum(total.amount_tax, tax.amount)?;
    }
    for invoice in &billing.invoices {
        let total = totals.entry(&invoice.currency).or_default();
        total.invoices += 1;
        total.invoice_lines += invoice.lines;
        total.invoice_net = sum(total.invoice_net, invoice.net)?;
        total.invoice_tax = sum(total.invoice_tax, invoice.tax)?;
        total.invoice_gross = sum(total.invoice_gross, sum(invoice.net, invoice.tax)?)?;
    }
    let named = |(currency, total): (&str, CurrencyTotals)| CurrencyTotals { currency: currency.to_owned(), ..total };
    Ok(totals.into_iter().map(named).collect())
}

fn sum(a: Decimal, b: Decimal) -> Outcome<Decimal> {
    a.plus(b).ok_or_else(|| Fault::new(&codes::G002, "a total of the run has more than 20 digits").into())
}

/// Makes the tables part by part, recounts each part in memory, writes it, and reads the written files back with the
/// second engine.
pub(super) async fn write(
    job: &Job<'_>,
    usage: &Usage,
    billing: &Billing,
    totals: &ControlTotals,
    run_id: &str,
    output: &Location,
    options: &RunOptions,
) -> Outcome<Vec<Written>> {
    let pools = Pools::new(job, billing, run_id);
    let order = batches::account_order(job, &usage.buckets);
    let controls = totals.to_batch(run_id)?;
    let (lines, taxes) = (billing.lines.len(), billing.taxes.len());
    let tables = [
        rows(Table::InvoiceLines, lines, |range| batches::invoice_lines(job, &pools, billing, range)),
        rows(Table::InvoiceTaxes, taxes, |range| batches::invoice_taxes(job, &pools, billing, range)),
        rows(Table::Invoices, billing.invoices.len(), |range| batches::invoices(job, &pools, &billing.invoices[range])),
        rows(Table::UsageBuckets, order.len(), |range| {
            batches::usage_buckets(job, &pools, &usage.buckets, &order[range])
        }),
        rows(Table::RatedUsage, billing.records.len(), |range| rated_usage(job, &pools, billing, range)),
        rows(Table::Levels, billing.levels.len(), |range| levels(job, &pools, &billing.levels, range)),
        rows(Table::Suspense, usage.suspended.len(), |range| batches::suspense(job, &pools, &usage.suspended[range])),
        Rows::of(Table::ControlTotals, controls),
    ];
    let itemised = !billing.records.is_empty();
    let check = Mutex::new(MemoryCheck::new(itemised));
    let runtime = tokio::runtime::Handle::current();
    let inspect = |table, part: &RecordBatch| {
        let recounted = runtime.block_on(recount_part(table, part, itemised))?;
        check.lock().unwrap_or_else(PoisonError::into_inner).add(recounted)
    };
    let folder = RunFolder { period: &job.period.label, run_id };
    let written = lineset::write(output, &folder, &tables, options.partitions, &inspect)?;
    tracing::info!(run_id, parts = written.len(), "tables made, recounted in memory and written");
    let check = check.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (checked, verified) = tokio::join!(check.finish(totals), read_back(output, &written, totals));
    let mut faults = Faults::default();
    faults.keep(checked);
    faults.keep(verified);
    tracing::info!(run_id, "tables checked against each other and read back");
    faults.or(written)
}

fn rows<'r>(
    table: Table,
    count: usize,
    make: impl Fn(Range<usize>) -> Outcome<RecordBatch> + Send + Sync + 'r,
) -> Rows<'r> {
    Rows { table, count, make: Box::new(make) }
}

/// The manifest of the run.
pub(super) fn manifest(job: &Job<'_>, run_id: &str, written: Vec<Written>, totals: &ControlTotals) -> Manifest {
    let inputs = job.files.iter().map(|file| Input {
        source: job.pipeline.sources[file.source].name.clone(),
        name: file.name.clone(),
        size: file.size,
        digest: file.digest.clone(),
    });
    Manifest {
        format: FORMAT,
        run_id: run_id.to_owned(),
        period: job.period.label.clone(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        pipeline: job.pipeline.name.clone(),
        pipeline_digest: job.pipeline.digest.clone(),
        book_digest: job.book.digest.clone(),
        reference_digest: job.reference.digest.clone(),
        inputs: inputs.collect(),
        tables: tables(&written),
        totals: totals.into(),
    }
}

/// Records in suspense by source and reason, most first.
pub(super) fn reasons(job: &Job<'_>, suspended: &[Suspended]) -> Vec<Reason> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for record in suspended {
        let source = &job.pipeline.sources[job.files[record.origin.file()].source].name;
        *counts.entry((source, &record.reason)).or_default() += 1;
    }
    let reason = |((source, reason), records): ((&str, &str), u64)| Reason {
        source: source.to_owned(),
        reason: reason.to_owned(),
        records,
    };
    let mut reasons: Vec<Reason> = counts.into_iter().map(reason).collect();
    reasons.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| (&a.reason, &a.source).cmp(&(&b.reason, &b.source))));
    reasons
}

/// What the run has to say, from its manifest.
pub(super) fn report(
    outcome: RunState,
    number: u32,
    output: &Location,
    manifest: Manifest,
    suspense: Vec<Reason>,
) -> RunReport {
    let (period, run_id) = (manifest.period, manifest.run_id);
    let folder = escaped(&output.display());
    let glob = |table: &String| format!("{folder}/{table}/period={period}/run={run_id}/*.parquet");
    let currencies = &manifest.totals.currencies;
    RunReport {
        outcome,
        number,
        output: output.display(),
        manifest: commit::path(&period, number),
        records: manifest.totals.records,
        suspense,
        lines: currencies.values().map(|amounts| amounts.lines).sum(),
        invoices: currencies.values().map(|amounts| amounts.invoices).sum(),
        totals: currencies
            .iter()
            .map(|(currency, amounts)| Total { currency: currency.clone(), amounts: amounts.clone() })
            .collect(),
        tables: manifest.tables.keys().map(|table| (table.clone(), glob(table))).collect(),
        run_id,
        period,
    }
}
