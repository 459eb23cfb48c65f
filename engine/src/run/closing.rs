//! `close`: whether a period is complete, and the manifest after which nothing of its tables changes any more.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Decisions, Prepared, adjustments, nights, numbers};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::commit::{check_pipeline, check_whole, periods};
use crate::lineset::manifest::{Closed, Part};
use crate::lineset::parts::of_all;
use crate::lineset::{Commit, Manifest, commit, current};
use crate::store::Location;

mod complete;

/// One check before a period is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Its name.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub said: String,
}

impl Gate {
    /// A check that says `wrong`, or `fine` when nothing is.
    fn new(name: &'static str, wrong: Option<String>, fine: String) -> Self {
        Self { name, holds: wrong.is_none(), said: wrong.unwrap_or(fine) }
    }
}

/// How closing ended.
#[derive(Clone, Debug, Serialize)]
pub struct CloseReport {
    /// The period.
    pub period: String,
    /// Number of its newest manifest.
    pub number: u32,
    /// The run whose line set it is.
    pub run_id: String,
    /// Whether the period is closed now.
    pub closed: bool,
    /// Whether it was closed before.
    pub already: bool,
    /// The checks.
    pub gates: Vec<Gate>,
}

/// The fault of whoever would change a closed period.
pub(super) fn is_closed(manifest: &Manifest, number: u32) -> Fault {
    let period = &manifest.period;
    let message = format!("{period} is closed, as number {number}, and what it was rated by has changed since");
    Fault::new(&codes::O015, message)
        .hint("its line set stays; `ratemill rerate` bills what is different in the next open period")
}

/// The fault of whoever asks for a period without a line set.
pub(super) fn nothing(output: &Location, label: &str) -> Fault {
    let message = format!("nothing is committed for {label} in `{}`", output.display());
    Fault::new(&codes::O009, message).hint("run the period first, or name its --output")
}

/// Closes the period when every check holds, or for the reason `despite`.
///
/// # Errors
/// `O009` when nothing is committed, `O006` for files that are missing or changed, `O002` when a run was committed
/// meanwhile.
pub async fn close(prepared: &Prepared, output: &str, despite: Option<&str>) -> Outcome<CloseReport> {
    let output = Location::parse(output)?;
    output.check_folder()?;
    let label = &prepared.period.label;
    let Some((number, manifest)) = current(&output, label).await? else { return Err(nothing(&output, label).into()) };
    check_pipeline(&output, &manifest, &prepared.pipeline.name)?;
    let mut report = CloseReport {
        period: label.clone(),
        number,
        run_id: manifest.run_id.clone(),
        closed: manifest.closed.is_some(),
        already: manifest.closed.is_some(),
        gates: Vec::new(),
    };
    if report.already {
        return Ok(report);
    }
    check_whole(&output, &manifest, number).await?;
    report.gates = vec![
        facts(prepared, &output, &manifest).await?,
        suspense(prepared, &manifest),
        untaxed(&manifest),
        earlier(prepared, &output).await?,
        complete::gate(prepared, &output, &manifest).await?,
        bytes(&output, &manifest).await?,
    ];
    let failed = report.gates.iter().filter(|gate| !gate.holds);
    let failed = failed.map(|gate| (gate.name.to_owned(), gate.said.clone())).collect();
    let closed = Closed { failed, despite: despite.map(str::to_owned) };
    if closed.failed.is_empty() || closed.despite.is_some() {
        let manifest = Manifest { closed: Some(closed), ..manifest };
        let (Commit::Done { number } | Commit::AlreadyDone { number }) = commit(&output, &manifest, number + 1).await?;
        (report.number, report.closed) = (number, true);
    }
    Ok(report)
}

/// Whether the line set is of the usage files, prices and tables that are there now.
async fn facts(prepared: &Prepared, output: &Location, manifest: &Manifest) -> Outcome<Gate> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found = nights::discover(prepared, output, threads, Some(manifest)).await?;
    let adjustments = adjustments::due(prepared, output, None).await?;
    let (first, decisions) =
        (numbers::first(prepared, output).await?, Decisions::of(output, &prepared.period.label).await?);
    let now = prepared.run_id(&found.files, first, adjustments.digests(), &decisions);
    let undone = decisions.taken.len().saturating_sub(manifest.decisions.len());
    let read: BTreeSet<(&str, &str)> =
        manifest.inputs.iter().map(|input| (input.source.as_str(), input.name.as_str())).collect();
    let source = |at: usize| prepared.pipeline.sources[at].name.as_str();
    let new = found.files.iter().filter(|file| !read.contains(&(source(file.source), file.name.as_str()))).count();
    let again = "run the period again";
    let wrong = (now != manifest.run_id).then(|| match new {
        0 if undone > 0 => format!("decisions on suspense were taken since the newest run, {undone} of them: {again}"),
        0 => format!("prices, reference tables, rules or files have changed since the newest run: {again}"),
        new => format!("{new} usage files have come since the newest run: {again}"),
    });
    Ok(Gate::new("facts", wrong, format!("all {} usage files are in the newest run", found.files.len())))
}

fn suspense(prepared: &Prepared, manifest: &Manifest) -> Gate {
    let records = manifest.totals.records;
    let share = prepared.pipeline.limits.suspense_records;
    let said = format!("{} of {} records are in suspense; the share {share} may be", records.open(), records.read);
    Gate::new("suspense", records.over(share).then(|| said.clone()), said)
}

fn untaxed(manifest: &Manifest) -> Gate {
    let lines = manifest.totals.lines_without_tax;
    let wrong = (lines > 0).then(|| format!("{lines} lines have no tax"));
    Gate::new("taxes", wrong, "no line lacks a tax".to_owned())
}

/// Invoice numbers are final only when those before them are.
async fn earlier(prepared: &Prepared, output: &Location) -> Outcome<Gate> {
    let mut open = Vec::new();
    if prepared.pipeline.numbering.is_some() {
        for period in periods(output).await?.into_iter().filter(|period| *period < prepared.period.label) {
            let manifest = current(output, &period).await?;
            open.extend(manifest.filter(|(_, manifest)| manifest.closed.is_none()).map(|_| period));
        }
    }
    let wrong = (!open.is_empty()).then(|| format!("invoice numbers go on from {}, not closed yet", open.join(", ")));
    Ok(Gate::new("numbers", wrong, "no invoice number depends on an open period".to_owned()))
}

/// Whether every file still has the bytes that were checked when it was committed.
async fn bytes(output: &Location, manifest: &Manifest) -> Outcome<Gate> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let changed = |part: &Part| {
        let part = part.clone();
        async move {
            let bytes = output.join(&part.path)?.read().await?;
            let same = blake3::hash(&bytes).to_hex().as_str() == part.digest;
            Ok((!same).then_some(part.path))
        }
    };
    let changed = of_all(manifest.tables.values().flatten(), threads, changed).await?;
    let (all, changed): (usize, Vec<String>) = (changed.len(), changed.into_iter().flatten().collect());
    let wrong = (!changed.is_empty())
        .then(|| format!("these files have other bytes than were checked: {}", changed.join(", ")));
    Ok(Gate::new("bytes", wrong, format!("all {all} files have the bytes that were checked when they were committed")))
}
