//! The conductor: the only room that knows the order of the stages.
//!
//! A run reads like the product's sentence: check everything, find and fingerprint the usage files, take them in, settle
//! duplicates, fill usage buckets, rate them, write the line set, read it back, commit it.

mod account_bounds;
mod adjustments;
mod around;
mod assembly;
mod balances;
mod batches;
mod beyond;
mod bounds;
mod circles;
mod closing;
mod commitments;
mod committed;
mod conditions;
mod covers;
mod currencies;
mod decided;
mod deferred;
mod discounts;
mod draws;
mod exchange;
pub mod explain;
mod intake;
mod itemised;
mod late;
mod layers;
mod levels;
mod line_discounts;
mod made;
mod nights;
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
mod rerating;
mod recurring;
mod settle;
mod settlement;
mod simulation;
mod subjects;
pub mod suspense;
mod taxation;
mod totals;
mod unpriced;
pub mod watch;
mod witness;

use account_bounds::Holds;
use adjustments::Adjustments;
pub use closing::{CloseReport, Gate, close};
use committed::Groups;
use conditions::Conditions;
use decided::{Decided, Decisions};
use deferred::Computations;
pub use explain::{Explanation, Lines, explain};
pub use late::{LateUsage, late_usage};
use options::Reason;
pub use options::{Outlook, RunOptions, RunReport, RunState};
pub use prepare::{Prepared, prepare, prepare_with_book};
pub use rerating::{RerateReport, rerate};
pub use simulation::{Simulation, simulate};
use watch::Stage;

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
use crate::read::{Discovered, InputFile};
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
    pub(crate) adjustments: &'j Adjustments,
    pub(crate) decided: &'j Decided,
}

/// Runs a prepared pipeline: usage in, a verified and committed line set out.
///
/// # Errors
/// All faults of the stage that failed; nothing is visible then.
pub async fn run(prepared: &Prepared, options: &RunOptions) -> Outcome<RunReport> {
    let output = Location::parse(&options.output)?;
    output.check_folder()?;
    let standing = standing(prepared, &output).await?;
    let before = standing.as_ref().map(|(_, manifest)| manifest);
    options.watch.begins(Stage::Discover);
    let found = nights::discover(prepared, &output, options.partitions, before).await?;
    let first_number = numbers::first(prepared, &output).await?;
    let adjustments = adjustments::due(prepared, &output, None).await?;
    let decisions = Decisions::of(&output, &prepared.period.label).await?;
    let run_id = prepared.run_id(&found.files, first_number, adjustments.digests(), &decisions);
    options.watch.named(&run_id);
    tracing::info!(run_id, files = found.files.len(), "usage files found and fingerprinted");
    if let Some((number, manifest)) = standing.as_ref().filter(|(_, manifest)| manifest.run_id == run_id) {
        check_whole(&output, manifest, *number).await?;
        return Ok(publish::report(RunState::AlreadyDone, *number, &output, manifest.clone(), Vec::new()));
    }
    if let Some((number, manifest)) = standing.as_ref().filter(|(_, manifest)| manifest.closed.is_some()) {
        return Err(closing::is_closed(manifest, *number).into());
    }
    let place = Place {
        output: &output,
        kept_in: &output,
        run_id: &run_id,
        first_number,
        standing: standing.as_ref(),
        keeps: true,
        bills: Some(&adjustments),
        decisions: &decisions,
    };
    let (manifest, reasons) = rated(prepared, options, &place, found, before).await?;
    options.watch.begins(Stage::Commit);
    let number = standing.as_ref().map_or(1, |(number, _)| number + 1);
    let (state, number) = match commit(&output, &manifest, number).await? {
        Commit::Done { number } => (RunState::Committed, number),
        Commit::AlreadyDone { number } => (RunState::AlreadyDone, number),
    };
    Ok(publish::report(state, number, &output, manifest, reasons))
}

/// Where a run writes, and as what.
pub(crate) struct Place<'p> {
    output: &'p Location,
    /// Where the run before has kept what it took in.
    kept_in: &'p Location,
    run_id: &'p str,
    first_number: Option<u64>,
    /// What it will supersede.
    standing: Option<&'p (u32, Manifest)>,
    /// Whether it leaves a plan, and what the next night needs; a trial leaves nothing but tables.
    keeps: bool,
    /// What it bills of closed periods; `None`: it is no line set of a period, and takes no invoice numbers.
    bills: Option<&'p Adjustments>,
    /// What was decided of records in suspense.
    decisions: &'p Decisions,
}

/// Everything between the usage files and the commit: the manifest to be committed, and what is in suspense. What the run
/// `before` has taken in is not read again.
async fn rated(
    prepared: &Prepared,
    options: &RunOptions,
    place: &Place<'_>,
    mut found: Discovered,
    before: Option<&Manifest>,
) -> Outcome<(Manifest, Vec<Reason>)> {
    let Place { output, run_id, first_number, .. } = *place;
    let guide = Guide::new(&prepared.book, &prepared.reference, &prepared.catalog, &prepared.asked_meters())?;
    let facts = nights::facts(prepared, &guide, place.decisions);
    let before = nights::goes_on(&mut found, before, facts.as_ref());
    let files = found.files;
    let sources = prepared.sources(&files).await?;
    let cells = Cells::default();
    let none = Adjustments::default();
    let decided = place.decisions.said(decided::named_files(&prepared.pipeline.sources, &files));
    let job = prepared.job(&guide, &files, &sources, &cells, (place.bills.unwrap_or(&none), &decided));

    if place.keeps {
        planned::put(&job, run_id, output, place.standing).await?;
    }
    let mut order = options.file_order(files.len());
    order.retain(|file| !files[*file].known);
    (options.progress_total)(order.iter().map(|file| files[*file].size).sum());
    options.watch.begins(Stage::TakeIn);
    let mut intakes = intake::take_in(&job, options, &order).await?;
    tracing::info!(run_id, files = order.len(), "usage read and metered");
    let of_no_day = nights::of_no_day(&files, &intakes);
    let mut standing_usage = match (before, &facts) {
        (Some(before), Some(facts)) => {
            let same_prices = before.nights.as_ref().is_some_and(|nights| nights.priced == facts.priced);
            nights::load(&job, place.kept_in, before, &mut intakes, same_prices, options.partitions).await?
        }
        _ => nights::Standing::default(),
    };
    standing_usage.files.extend(of_no_day);
    let kept_days = nights::KeptDays::of(&mut standing_usage);
    options.watch.begins(Stage::Settle);
    let mut usage = settle::settle_all(&job, intakes, standing_usage, options.batch_rows).await?;
    tracing::info!(run_id, buckets = usage.buckets.len(), suspended = usage.suspended.len(), "duplicates settled");
    options.watch.begins(Stage::Rate);
    let mut rated = rating::rate(&job, &usage.buckets)?;
    let (taxed, tax_answers) = exchange::tax(&job, &mut rated, run_id).await?;
    let billing = rating::bill(&job, rated, taxed)?;
    let numbers = match place.bills {
        Some(_) => numbers::taken(prepared, output, first_number, &billing).await?,
        None => None,
    };
    tracing::info!(run_id, lines = billing.lines.len(), invoices = billing.invoices.len(), "usage rated");
    let totals: ControlTotals = totals::totals(&job, &usage, &billing)?;
    totals.reconcile()?;
    let reasons = publish::reasons(&job, &usage.suspended);
    options.watch.begins(Stage::Write);
    let written = publish::write(&job, &usage, &billing, &totals, (run_id, first_number), output, options).await?;
    let mut remarks =
        publish::Remarks { lines_without_tax: billing.lines_without_tax, tax_answers, numbers, ..Default::default() };
    if facts.is_some() && place.keeps {
        remarks.kept =
            nights::keep(&job, output, (run_id, before), (kept_days, &mut usage), options.partitions).await?;
        nights::note_stamps(output, &job.period.label, run_id, &found.stamps).await?;
    }
    remarks.nights = facts;
    remarks.decisions = place.decisions.digests().map(str::to_owned).collect();
    // Giving millions of rows back one by one takes a while that nobody needs to wait for.
    std::thread::spawn(move || drop((usage, billing)));
    let manifest = publish::manifest(&job, run_id, written, &totals, remarks);
    Ok((manifest, reasons))
}

/// The newest committed line set of the period, which this run may supersede, go on from, or have made already.
async fn standing(prepared: &Prepared, output: &Location) -> Outcome<Option<(u32, Manifest)>> {
    let standing = current(output, &prepared.period.label).await?;
    if let Some((_, manifest)) = &standing {
        check_pipeline(output, manifest, &prepared.pipeline.name)?;
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
    let standing = standing(prepared, &output).await?;
    let before = standing.as_ref().map(|(_, manifest)| manifest);
    let files = nights::discover(prepared, &output, options.partitions, before).await?.files;
    prepared.sources(&files).await?;
    let adjustments = adjustments::due(prepared, &output, None).await?;
    let (first, decisions) =
        (numbers::first(prepared, &output).await?, Decisions::of(&output, &prepared.period.label).await?);
    let run_id = prepared.run_id(&files, first, adjustments.digests(), &decisions);
    if let Some((number, manifest)) = standing.as_ref().filter(|(_, manifest)| manifest.run_id == run_id) {
        check_whole(&output, manifest, *number).await?;
    }
    Ok(Outlook::new(prepared, &files, run_id, &output, standing))
}
