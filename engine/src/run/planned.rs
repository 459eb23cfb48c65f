//! The plan of a run, put before its first file: whoever clears up knows by it that the run is under way.

use super::Job;
use crate::fault::Outcome;
use crate::lineset::Manifest;
use crate::lineset::manifest::Input;
use crate::lineset::plans::{FORMAT, Plan, Standing};
use crate::read::InputFile;
use crate::store::Location;

/// Puts the plan of the run.
///
/// # Errors
/// `O001` or `O003` when the store refuses.
pub(super) async fn put(
    job: &Job<'_>,
    run_id: &str,
    output: &Location,
    standing: Option<&(u32, Manifest)>,
) -> Outcome<()> {
    let plan = Plan {
        format: FORMAT,
        run_id: run_id.to_owned(),
        period: job.period.label.clone(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        pipeline: job.pipeline.name.clone(),
        pipeline_digest: job.pipeline.digest.clone(),
        book_digest: job.book.digest.clone(),
        reference_digest: job.reference.digest.clone(),
        inputs: inputs(job),
        supersedes: standing.map(|(number, manifest)| Standing { number: *number, run_id: manifest.run_id.clone() }),
    };
    plan.put(output).await
}

/// The usage files as plan and manifest name them.
pub(super) fn inputs(job: &Job<'_>) -> Vec<Input> {
    let input = |file: &InputFile| Input {
        source: job.pipeline.sources[file.source].name.clone(),
        name: file.name.clone(),
        size: file.size,
        digest: file.digest.clone(),
        late_before: file.late_before,
    };
    job.files.iter().map(input).collect()
}
