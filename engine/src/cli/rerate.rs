//! `ratemill rerate`.

use super::arguments::{Format, RunArguments};
use super::run::{counted, options};
use super::{Ending, progress, talk};
use crate::fault::Outcome;
use crate::run::{prepare, rerate};

/// Rates a closed period again.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &RunArguments, format: Format) -> Outcome<Ending> {
    let prepared = prepare(&arguments.pipeline, &arguments.period, &|name| std::env::var(name).ok()).await?;
    let outcome = rerate(&prepared, &options(arguments, &prepared), None).await;
    progress::done();
    let report = outcome?;
    match format {
        Format::Json => talk::json(&report)?,
        Format::Text => {
            let lines = counted(report.adjustments, "line");
            let period = &report.period;
            talk::result(&match (report.already, report.adjustments) {
                (true, _) => format!("{period} is rated by what is known now; nothing was changed\n"),
                (_, 0) => format!("{period} comes to the same\n"),
                _ => format!("{period} comes to something else on {lines}: the next run of an open period bills it\n"),
            })?;
        }
    }
    Ok(Ending::Done)
}
