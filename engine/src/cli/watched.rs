//! `ratemill run`, watched: whatever its end, metrics and events are told of it.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt;

use super::arguments::{Format, WatchedArguments};
use super::observe::Observer;
use super::{Ending, exit_code, run};
use crate::fault::Outcome;
use crate::pipeline;

/// Rates a period.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &WatchedArguments, format: Format) -> Outcome<Ending> {
    let WatchedArguments { run, metrics, events } = arguments;
    let observer = Observer::new(&run.pipeline, &run.period, metrics.as_deref(), events.as_deref());
    let observer = Arc::new(observer);
    let outcome = AssertUnwindSafe(run::carry_out(run, format, &observer)).catch_unwind().await;
    if !matches!(&outcome, Ok(Ok(_))) && (metrics.is_some() || events.is_some()) {
        // A pipeline that cannot be run has a name all the same, as far as it can be read.
        let (pipeline, _) = pipeline::draft(&run.pipeline, &|name| std::env::var(name).ok()).await;
        pipeline.iter().for_each(|pipeline| observer.pipeline(&pipeline.name));
    }
    match &outcome {
        Ok(outcome) => observer.ended(outcome.as_ref().err(), exit_code(outcome)),
        Err(_) => observer.ended(None, BROKE_OFF),
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The exit code of a fault of Ratemill itself.
const BROKE_OFF: u8 = 70;
