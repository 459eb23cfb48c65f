//! `rerate`: a closed period under what is known now. Its line set stays; what would be different is left beside it as
//! adjustments, which the next open period bills.

use serde::Serialize;

use super::adjustments::delta;
use super::{Decisions, Place, Prepared, RunOptions, closing, nights, numbers, rated};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::commit::check_pipeline;
use crate::lineset::manifest::{Input, Part};
use crate::lineset::{Commit, Manifest, commit, current, encode};
use crate::read::InputFile;
use crate::store::{Location, Pattern};
use crate::tables::Table;

/// What rerating a closed period came to.
#[derive(Clone, Debug, Serialize)]
pub struct RerateReport {
    /// The period.
    pub period: String,
    /// Number of its newest manifest.
    pub number: u32,
    /// The run that would be its line set now.
    pub run_id: String,
    /// Usage files that were read for it.
    pub files: usize,
    /// Lines that differ.
    pub adjustments: u64,
    /// Whether it had been rated by the same facts before.
    pub already: bool,
}

/// Rates the closed period of `prepared` again: with the usage files `late`, or with all that have come since it was closed.
///
/// # Errors
/// `O009` when nothing is committed, `O016` when the period is open; those of a run.
pub async fn rerate(prepared: &Prepared, options: &RunOptions, late: Option<&[Input]>) -> Outcome<RerateReport> {
    let output = Location::parse(&options.output)?;
    output.check_folder()?;
    let label = &prepared.period.label;
    let Some((number, closed)) = current(&output, label).await? else {
        return Err(closing::nothing(&output, label).into());
    };
    check_pipeline(&output, &closed, &prepared.pipeline.name)?;
    if closed.closed.is_none() {
        let message = format!("{label} is open: nothing of it was billed for good");
        return Err(Fault::new(&codes::O016, message).hint("run it again; only closed periods are rerated").into());
    }
    // What was found by an earlier rerate is billed, or will be.
    let base = closed.rerated.as_deref().unwrap_or(&closed);
    let mut found = nights::kept(prepared, base)?;
    match late {
        Some(late) => {
            for input in late.iter().filter(|late| !base.inputs.iter().any(|input| input.is(late))) {
                found.files.extend(file(prepared, input)?);
            }
            found.files = crate::read::numbered(found.files)?;
        }
        None => found = nights::discover(prepared, &output, options.partitions, Some(base)).await?,
    }
    let files = found.files.iter().filter(|file| !file.known).count();
    let first_number = numbers::first_of(prepared, &closed);
    let decisions = Decisions::of(&output, label).await?;
    // The same facts come to the closed line set itself; others hold back what was in suspense.
    let as_closed = prepared.run_id(&found.files, first_number, [], &decisions);
    let decisions = decisions.holding(&output, &closed).await?;
    let run_id = prepared.run_id(&found.files, first_number, [], &decisions);
    let mut report =
        RerateReport { period: label.clone(), number, run_id: run_id.clone(), files, adjustments: 0, already: true };
    if [run_id.as_str(), as_closed.as_str()].contains(&base.run_id.as_str()) {
        return Ok(report);
    }
    let standing = (number, closed);
    let (_, closed) = &standing;
    let base = closed.rerated.as_deref().unwrap_or(closed);
    let place = Place {
        output: &output,
        kept_in: &output,
        run_id: &run_id,
        first_number,
        standing: Some(&standing),
        keeps: true,
        bills: None,
        decisions: &decisions,
    };
    let (rerated, _) = rated(prepared, options, &place, found, Some(base)).await?;
    let [lines, taxes] = delta::between(&output, base, &rerated, options.partitions).await?;
    report.adjustments = lines.num_rows() as u64;
    let mut tables = closed.tables.clone();
    if lines.num_rows() > 0 {
        for (table, rows) in [(Table::Adjustments, lines), (Table::AdjustmentTaxes, taxes)] {
            let bytes = encode::part(table, &rows)?;
            let path = format!("{}/period={label}/run={run_id}/part-000.parquet", table.name());
            let digest = blake3::hash(&bytes).to_hex().to_string();
            let part = Part { path, rows: rows.num_rows() as u64, bytes: bytes.len() as u64, digest };
            output.join(&part.path)?.put(bytes).await?;
            tables.entry(table.name().to_owned()).or_default().push(part);
        }
    }
    let manifest = Manifest { tables, rerated: Some(Box::new(rerated)), ..closed.clone() };
    let (Commit::Done { number } | Commit::AlreadyDone { number }) = commit(&output, &manifest, number + 1).await?;
    (report.number, report.already) = (number, false);
    Ok(report)
}

/// A usage file that another period's run has read.
fn file(prepared: &Prepared, input: &Input) -> Outcome<Option<InputFile>> {
    let Some(source) = prepared.pipeline.sources.iter().position(|source| source.name == input.source) else {
        return Ok(None);
    };
    let location = Pattern::parse(&prepared.pipeline.sources[source].path.text)?.at(&input.name)?;
    let (name, size, digest) = (input.name.clone(), input.size, input.digest.clone());
    let (index, known, here, late_before) = (0, false, true, input.late_before);
    Ok(Some(InputFile { index, source, name, location, size, digest, known, here, late_before }))
}
