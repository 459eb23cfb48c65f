//! The end of a run: control totals, tables, the write, both recounts, and what the run has to say.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use arrow::array::RecordBatch;

use super::around;
use super::assembly;
use super::balances::{allowance_balances, allowance_draws};
use super::batches;
use super::itemised::rated_usage;
use super::levels::levels;
use super::line_discounts::{line_discounts, rows_of};
use super::options::{Reason, Total};
use super::planned::inputs;
use super::pools::Pools;
use super::prepaid;
use super::rating::Billing;
use super::settle::Usage;
use super::watch::Stage;
use super::{Job, RunOptions, RunReport, RunState};
use crate::control::{Compared, ControlTotals, MemoryCheck, recount_part};
use crate::fault::{Faults, Outcome};
use crate::lineset::manifest::{FORMAT, Nights, Numbers, Part, Totals, tables};
use crate::lineset::{self, Manifest, Rows, RunFolder, Written, commit};
use crate::store::{Location, escaped};
use crate::tables::Table;
use crate::usage::Suspended;
use crate::verify::read_back;

/// Makes the tables part by part, recounts each part in memory, writes it, and reads the written files back with the
/// second engine.
pub(super) async fn write(
    job: &Job<'_>,
    usage: &Usage,
    billing: &Billing,
    totals: &ControlTotals,
    (run_id, first_number): (&str, Option<u64>),
    output: &Location,
    options: &RunOptions,
) -> Outcome<Vec<Written>> {
    let (pools, order) =
        rayon::join(|| Pools::new(job, billing, run_id), || batches::account_order(job, &usage.buckets));
    let controls = totals.to_batch(run_id)?;
    let (lines, taxes, taken) = (billing.lines.len(), billing.taxes.len(), rows_of(billing));
    let tables = [
        rows(Table::InvoiceLines, lines, |range| batches::invoice_lines(job, &pools, billing, range)),
        rows(Table::InvoiceTaxes, taxes, |range| batches::invoice_taxes(job, &pools, billing, range)),
        rows(Table::LineDiscounts, taken.len(), |range| line_discounts(job, &pools, billing, &taken, range)),
        rows(Table::Invoices, billing.invoices.len(), |range| {
            let numbers = assembly::numbers(job, first_number, range.clone());
            batches::invoices(job, &pools, &billing.invoices[range], numbers)
        }),
        rows(Table::InvoiceSubtotals, billing.subtotals.len(), |range| {
            assembly::invoice_subtotals(job, &pools, billing, range)
        }),
        rows(Table::CreditDraws, billing.credit_draws.len(), |range| prepaid::draws(job, &pools, billing, range)),
        rows(Table::CreditBalances, billing.credit_balances.len(), |range| {
            prepaid::balances(job, &pools, billing, range)
        }),
        rows(Table::UsageBuckets, order.len(), |range| {
            batches::usage_buckets(job, &pools, &usage.buckets, &order[range])
        }),
        rows(Table::RatedUsage, billing.records.len(), |range| rated_usage(job, &pools, billing, range)),
        rows(Table::AllowanceDraws, billing.draws.len(), |range| allowance_draws(job, &pools, billing, range)),
        rows(Table::AllowanceBalances, billing.balances.len(), |range| allowance_balances(job, &pools, billing, range)),
        rows(Table::Levels, billing.levels.len(), |range| levels(job, &pools, &billing.levels, range)),
        rows(Table::Suspense, usage.suspended.len(), |range| batches::suspense(job, &pools, &usage.suspended[range])),
        rows(Table::CommitmentShares, billing.commitments.shares.len(), |range| {
            around::commitment_shares(job, &pools, billing, range)
        }),
        rows(Table::CommitmentBalances, billing.commitments.balances.len(), |range| {
            around::commitment_balances(job, &pools, billing, range)
        }),
        rows(Table::Notices, billing.notices.len(), |range| around::notices(job, &pools, billing, range)),
        Rows::of(Table::ControlTotals, controls),
    ];
    let compared = Compared { itemised: !billing.records.is_empty(), drawn: !billing.draws.is_empty() };
    let check = Mutex::new(MemoryCheck::new(compared));
    let runtime = tokio::runtime::Handle::current();
    let inspect = |table, part: &RecordBatch| {
        let recounted = runtime.block_on(recount_part(table, part, compared))?;
        check.lock().unwrap_or_else(PoisonError::into_inner).add(recounted)
    };
    let folder = RunFolder { period: &job.period.label, run_id };
    let written = lineset::write(output, &folder, &tables, options.partitions, &inspect)?;
    tracing::info!(run_id, parts = written.len(), "tables made, recounted in memory and written");
    options.watch.begins(Stage::Verify);
    let check = check.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (checked, verified) = rayon::join(
        || runtime.block_on(check.finish(totals)),
        || runtime.block_on(read_back(output, &written, totals)),
    );
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

/// What a manifest says besides tables and totals.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) lines_without_tax: u64,
    pub(super) tax_answers: Option<String>,
    /// The numbers that the invoices of a seller have.
    pub(super) numbers: Option<(String, Numbers)>,
    /// Parts of tables that are kept for the next night.
    pub(super) kept: BTreeMap<String, Vec<Part>>,
    /// By what usage was taken in.
    pub(super) nights: Option<Nights>,
    /// Digests of the decisions on suspense.
    pub(super) decisions: Vec<String>,
}

/// The manifest of the run.
pub(super) fn manifest(
    job: &Job<'_>,
    run_id: &str,
    written: Vec<Written>,
    totals: &ControlTotals,
    remarks: Remarks,
) -> Manifest {
    let Remarks { lines_without_tax, tax_answers, numbers, kept, nights, decisions } = remarks;
    let mut tables = tables(&written);
    tables.extend(kept);
    Manifest {
        format: FORMAT,
        run_id: run_id.to_owned(),
        period: job.period.label.clone(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        pipeline: job.pipeline.name.clone(),
        pipeline_digest: job.pipeline.digest.clone(),
        book_digest: job.book.digest.clone(),
        reference_digest: job.reference.digest.clone(),
        inputs: inputs(job),
        tables,
        invoice_numbers: numbers.into_iter().collect(),
        tax_answers,
        nights,
        decisions,
        closed: None,
        adjusts: job.adjustments.bills.clone(),
        rerated: None,
        totals: Totals { lines_without_tax, ..totals.into() },
    }
}

/// Whether a table is only there for the next night.
fn is_kept(table: &str) -> bool {
    Table::KEPT.iter().any(|kept| kept.name() == table)
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
        lines_without_tax: manifest.totals.lines_without_tax,
        lines: currencies.values().map(|amounts| amounts.lines).sum(),
        invoices: currencies.values().map(|amounts| amounts.invoices).sum(),
        totals: Total::of(currencies),
        tables: manifest
            .tables
            .keys()
            .filter(|table| !is_kept(table))
            .map(|table| (table.clone(), glob(table)))
            .collect(),
        run_id,
        period,
    }
}
