//! `ratemill abandon`.

use super::arguments::{AbandonArguments, Format};
use super::run::{counted, grouped};
use super::stored::stored;
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::lineset::sweep::{Doomed, abandon};

/// Gives up an unfinished run.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &AbandonArguments, format: Format) -> Outcome<Ending> {
    let stored = stored(&arguments.of).await?;
    let survey = stored.survey().await?;
    stored.check_own(&survey)?;
    let (run_id, files) = abandon(&stored.output, &survey, &arguments.period, &arguments.run_id).await?;
    let (bytes, period) = (files.iter().map(|file| file.bytes).sum::<u64>(), &arguments.period);
    match format {
        Format::Json => talk::json(&serde_json::json!({
            "outcome": "abandoned", "run_id": run_id, "period": period, "bytes": bytes, "files": files,
        }))?,
        Format::Text => talk::result(&format!(
            "abandoned run {run_id} of {period}: {} and its plan deleted, {} bytes\n",
            counted(written(&files), "file"),
            grouped(&bytes.to_string())
        ))?,
    }
    Ok(Ending::Done)
}

/// All but the plan.
fn written(files: &[Doomed]) -> u64 {
    u64::try_from(files.len().saturating_sub(1)).unwrap_or(u64::MAX)
}
