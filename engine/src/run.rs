//! The conductor: the only room that knows the order of the stages.
//!
//! A run reads like the product's sentence: check everything, find and fingerprint the usage files, take them in, settle
//! duplicates, fill usage buckets, rate them, write the line set, read it back, commit it.

mod account_bounds;
mod around;
mod assembly;
mod balances;
mod batches;
mod beyond;
mod bounds;
mod circles;
mod commitments;
mod committed;
mod conditions;
mod covers;
mod currencies;
mod deferred;
mod discounts;
mod draws;
mod exchange;
pub mod explain;
mod intake;
mod itemised;
mod layers;
mod levels;
mod line_discounts;
mod made;
mod notices;
mod numbers;
pub mod options;
mod planned;
mod pools;
mod prepaid;
mod prepare;
mod publish;
mod rater;
mod rating;
mod recurring;
mod settle;
mod settlement;
mod subjects;
mod taxation;
mod unpriced;
mod witness;

use account_bounds::Holds;
use committed::Groups;
use conditions::Conditions;
use deferred::Computations;
pub use explain::{Explanation, Lines, explain};
pub use options::{Outlook, RunOptions, RunReport, RunState};
pub use prepare::{Prepared, prepare};

use crate::book::model::PriceBook;
use crate::catalog::Catalog;
use crate::control::ControlTotals;
use crate::discount::Discounts;
use crate::fault::Outcome;
use crate::fx::Fx;
use crate::guide::Guide;
use crate::lineset::commit::{check_pipeline, check_whole};
use crate::lineset::{Commit, Manifest, commit, current};
use crate::mediate::Mediator;
use crate::meter::{Cells, Gauges};
use crate::period::Period;
use crate::pipeline::model::Pipeline;
use crate::read::{self, InputFile};
use crate::reference::model::Reference;
use crate::store::Location;

/// One source with its rules compiled.
#[derive(Debug)]
pub(crate) struct SourceRules {
    /// Columns of `input`.
    pub(crate) input: arrow::datatypes::SchemaRef,
    pub(crate) mediator: Mediator,
    pub(crate) gauges: Gauges,
    pub(crate) dedup_key: Vec<String>,
}

/// Everything a run works with; nothing in it changes while it runs, but the numbering of cells.
#[derive(Debug)]
pub(crate) struct Job<'j> {
    pub(crate) pipeline: &'j Pipeline,
    pub(crate) period: &'j Period,
    pub(crate) book: &'j PriceBook,
    pub(crate) reference: &'j Reference,
    pub(crate) catalog: &'j Catalog,
    pub(crate) fx: &'j Fx,
    pub(crate) discounts: &'j Discounts,
    pub(crate) groups: &'j Groups,
    pub(crate) account_bounds: &'j Holds,
    pub(crate) computations: &'j Computations,
    pub(crate) conditions: &'j Conditions,
    pub(crate) guide: &'j Guide<'j>,
    pub(crate) files: &'j [InputFile],
    pub(crate) sources: &'j [SourceRules],
    pub(crate) cells: &'j Cells,
}

/// Runs a prepared pipeline: usage in, a verified and committed line set out.
///
/// # Errors
/// All faults of the stage that failed; nothing is visible then.
pub async fn run(prepared: &Prepared, options: &RunOptions) -> Outcome<RunReport> {
    let output = Location::parse(&options.output)?;
    output.check_folder()?;
    let files = read::discover(&prepared.pipeline.sources, options.partitions).await?;
    let first_number = numbers::first(prepared, &output).await?;
    let run_id = prepared.run_id(&files, first_number);
    tracing::info!(run_id, files = files.len(), "usage files found and fingerprinted");
    let standing = standing(prepared, &output, &run_id).await?;
    if let Some((number, manifest)) = standing.as_ref().filter(|(_, manifest)| manifest.run_id == run_id) {
        return Ok(publish::report(RunState::AlreadyDone, *number, &output, manifest.clone(), Vec::new()));
    }
    let sources = prepared.sources(&files).await?;
    let guide = Guide::new(&prepared.book, &prepared.reference, &prepared.catalog, &prepared.asked_meters())?;
    let cells = Cells::default();
    let job = prepared.job(&guide, &files, &sources, &cells);

    planned::put(&job, &run_id, &output, standing.as_ref()).await?;
    let order = options.file_order(files.len());
    (options.progress_total)(files.iter().map(|file| file.size).sum());
    let intakes = intake::take_in(&job, options, &order).await?;
    tracing::info!(run_id, "usage read and metered");
    let usage = settle::settle_all(&job, intakes, options.batch_rows).await?;
    tracing::info!(run_id, buckets = usage.buckets.len(), suspended = usage.suspended.len(), "duplicates settled");
    let mut rated = rating::rate(&job, &usage.buckets)?;
    let (taxed, tax_answers) = exchange::tax(&job, &mut rated, &run_id).await?;
    let billing = rating::bill(&job, rated, taxed)?;
    let numbers = numbers::taken(prepared, &output, first_number, &billing).await?;
    tracing::info!(run_id, lines = billing.lines.len(), invoices = billing.invoices.len(), "usage rated");
    let totals: ControlTotals = publish::totals(&job, &usage, &billing)?;
    totals.reconcile()?;
    let reasons = publish::reasons(&job, &usage.suspended);
    let written = publish::write(&job, &usage, &billing, &totals, (&run_id, first_number), &output, options).await?;
    let remarks = publish::Remarks { lines_without_tax: billing.lines_without_tax, tax_answers, numbers };
    // Giving millions of rows back one by one takes a while that nobody needs to wait for.
    std::thread::spawn(move || drop((usage, billing)));
    let manifest = publish::manifest(&job, &run_id, written, &totals, remarks);
    let number = standing.map_or(1, |(number, _)| number + 1);
    let (state, number) = match commit(&output, &manifest, number).await? {
        Commit::Done { number } => (RunState::Committed, number),
        Commit::AlreadyDone { number } => (RunState::AlreadyDone, number),
    };
    Ok(publish::report(state, number, &output, manifest, reasons))
}

/// The newest committed line set of the period, which this run may supersede or has already made.
async fn standing(prepared: &Prepared, output: &Location, run_id: &str) -> Outcome<Option<(u32, Manifest)>> {
    let standing = current(output, &prepared.period.label).await?;
    if let Some((number, manifest)) = &standing {
        check_pipeline(output, manifest, &prepared.pipeline.name)?;
        if manifest.run_id == run_id {
            check_whole(output, manifest, *number).await?;
        }
    }
    Ok(standing)
}

/// What a run would read and write; writes nothing.
///
/// # Errors
/// Faults of the usage files' listing and of the output.
pub async fn plan(prepared: &Prepared, options: &RunOptions) -> Outcome<Outlook> {
    let output = Location::parse(&options.output)?;
    output.check_folder()?;
    let files = read::discover(&prepared.pipeline.sources, options.partitions).await?;
    prepared.sources(&files).await?;
    let run_id = prepared.run_id(&files, numbers::first(prepared, &output).await?);
    let standing = standing(prepared, &output, &run_id).await?;
    Ok(Outlook::new(prepared, &files, run_id, &output, standing))
}
