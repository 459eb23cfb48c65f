//! What a run is asked and what it answers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Prepared;
use super::watch::Watch;
use crate::lineset::Manifest;
use crate::lineset::commit::path;
use crate::lineset::manifest::{Amounts, Records};
use crate::read::InputFile;
use crate::store::Location;
use crate::tables::Table;

/// How a run is carried out; none of it changes a byte of the result.
#[derive(Clone)]
pub struct RunOptions {
    /// Where the tables go.
    pub output: String,
    /// Workers.
    pub partitions: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Bytes the measures of a run may take.
    pub memory_limit: Option<usize>,
    /// Reads the files in another order; for tests.
    pub shuffle_seed: Option<u64>,
    /// Told the bytes of all files before they are read.
    pub progress_total: fn(u64),
    /// Told the bytes of each file that was read.
    pub progress: fn(u64),
    /// Told how far it is.
    pub watch: Watch,
}

impl std::fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOptions")
            .field("output", &self.output)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl RunOptions {
    /// The order in which `files` files are read.
    #[must_use]
    pub fn file_order(&self, files: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..files).collect();
        if let Some(seed) = self.shuffle_seed {
            order.sort_by_key(|index| blake3::hash(format!("{seed} {index}").as_bytes()).as_bytes().to_owned());
        }
        order
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// This run committed the line set.
    Committed,
    /// The same facts were committed before.
    AlreadyDone,
}

/// What a run has to say.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// How it ended.
    pub outcome: RunState,
    /// Hash of its facts.
    pub run_id: String,
    /// Its period.
    pub period: String,
    /// Number of its manifest.
    pub number: u32,
    /// Where its tables are.
    pub output: String,
    /// Its manifest, below the output.
    pub manifest: String,
    /// Where the records went.
    pub records: Records,
    /// Records in suspense by reason; empty when the run was already done.
    pub suspense: Vec<Reason>,
    /// Invoice lines.
    pub lines: u64,
    /// Invoices.
    pub invoices: u64,
    /// Lines that were billed without a tax although they should have one.
    pub lines_without_tax: u64,
    /// Amounts by currency.
    pub totals: Vec<Total>,
    /// Globs of the tables' files.
    pub tables: BTreeMap<String, String>,
}

/// Records in suspense for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The source.
    pub source: String,
    /// The reason.
    pub reason: String,
    /// How many.
    pub records: u64,
}

/// Amounts in one currency.
#[derive(Clone, Debug, Serialize)]
pub struct Total {
    /// ISO 4217 code.
    pub currency: String,
    /// The amounts.
    #[serde(flatten)]
    pub amounts: Amounts,
}

impl Total {
    /// The amounts of a committed line set, by currency.
    #[must_use]
    pub fn of(currencies: &BTreeMap<String, Amounts>) -> Vec<Self> {
        let total =
            |(currency, amounts): (&String, &Amounts)| Self { currency: currency.clone(), amounts: amounts.clone() };
        currencies.iter().map(total).collect()
    }
}

/// What a run would do.
#[derive(Clone, Debug, Serialize)]
pub struct Outlook {
    /// Hash of its facts.
    pub run_id: String,
    /// Its period.
    pub period: String,
    /// First instant, as RFC 3339.
    pub period_start: String,
    /// First instant after it.
    pub period_end: String,
    /// Digest of the book.
    pub book_digest: String,
    /// Digest of the reference tables.
    pub reference_digest: String,
    /// What would be read, by source.
    pub sources: Vec<SourceOutlook>,
    /// Reference rows by table.
    pub reference: BTreeMap<&'static str, usize>,
    /// Book contents by kind.
    pub book: BTreeMap<&'static str, usize>,
    /// Folders that would be written.
    pub writes: Vec<String>,
    /// The manifest that would be written.
    pub manifest: String,
    /// Whether the same facts are committed already.
    pub already_done: bool,
    /// The run that would be superseded.
    pub supersedes: Option<String>,
}

/// The files of one source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceOutlook {
    /// Its name.
    pub source: String,
    /// Where they are looked for.
    pub path: String,
    /// How many there are.
    pub files: usize,
    /// Their bytes together.
    pub bytes: u64,
}

impl Outlook {
    pub(super) fn new(
        prepared: &Prepared,
        files: &[InputFile],
        run_id: String,
        output: &Location,
        standing: Option<(u32, Manifest)>,
    ) -> Self {
        let (pipeline, period) = (&prepared.pipeline, &prepared.period);
        let sources = pipeline.sources.iter().enumerate().map(|(index, source)| {
            let own: Vec<&InputFile> = files.iter().filter(|file| file.source == index).collect();
            let (name, path) = (source.name.clone(), source.path.text.clone());
            SourceOutlook { source: name, path, files: own.len(), bytes: own.iter().map(|file| file.size).sum() }
        });
        let (reference, book) = (&prepared.reference, &prepared.book);
        let folder =
            |table: Table| format!("{}/{}/period={}/run={run_id}/", output.display(), table.name(), period.label);
        let kept = pipeline.incremental.is_some();
        let written = Table::ALL
            .into_iter()
            .filter(|table| (kept || !Table::KEPT.contains(table)) && !Table::RERATED.contains(table));
        let already_done = standing.as_ref().is_some_and(|(_, manifest)| manifest.run_id == run_id);
        let number = standing.as_ref().map_or(1, |(number, _)| number + u32::from(!already_done));
        Self {
            period: period.label.clone(),
            period_start: rfc3339(period.start()),
            period_end: rfc3339(period.end()),
            book_digest: book.digest.clone(),
            reference_digest: reference.digest.clone(),
            sources: sources.collect(),
            reference: BTreeMap::from([
                ("accounts", reference.accounts.len()),
                ("subscriptions", (0..).zip(&reference.subscriptions).filter(|(at, row)| row.first == *at).count()),
                ("identifiers", reference.identifiers.len()),
                ("tax_rates", reference.tax_rates.len()),
                ("tax_exemptions", reference.tax_exemptions.len()),
                ("fx_rates", reference.fx_rates.len()),
                ("price_overrides", reference.overrides.len()),
                ("levels", reference.levels.len()),
                ("credits", reference.credits.len()),
                ("amendments", reference.amendments),
                ("coupons", reference.coupons.len()),
            ]),
            book: BTreeMap::from([
                ("meters", book.meters.len()),
                ("products", book.products.len()),
                ("charges", book.charges.len()),
                ("plans", book.plans.len()),
                ("discounts", book.discounts.len()),
            ]),
            writes: written.map(folder).collect(),
            manifest: format!("{}/{}", output.display(), path(&period.label, number)),
            already_done,
            supersedes: standing.filter(|_| !already_done).map(|(_, manifest)| manifest.run_id),
            run_id,
        }
    }
}

pub(super) fn rfc3339(instant: i64) -> String {
    chrono::DateTime::from_timestamp_micros(instant).map(|instant| instant.to_rfc3339()).unwrap_or_default()
}
