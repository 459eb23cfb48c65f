//! What the commands that look after an output have in common: which output it is, and what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use super::arguments::OutputArguments;
use crate::fault::Outcome;
use crate::lineset::commit::check_pipeline;
use crate::lineset::survey::Survey;
use crate::pipeline;
use crate::store::Location;

/// An output and the pipeline it belongs to.
pub(super) struct Stored {
    pub(super) pipeline: String,
    pub(super) output: Location,
}

/// The output that is meant.
///
/// # Errors
/// Faults of the pipeline file, `O003` for an output that cannot be used.
pub(super) async fn stored(arguments: &OutputArguments) -> Outcome<Stored> {
    let pipeline = pipeline::load(&arguments.pipeline, &|name| std::env::var(name).ok()).await?;
    let output = Location::parse(arguments.output.as_ref().unwrap_or(&pipeline.output.text))?;
    output.check_folder()?;
    Ok(Stored { pipeline: pipeline.name, output })
}

impl Stored {
    /// Everything in the output.
    ///
    /// # Errors
    /// `O001` when the store does not answer, `O005` for what cannot be read.
    pub(super) async fn survey(&self) -> Outcome<Survey> {
        Survey::of(&self.output).await
    }

    /// Refuses an output with line sets of another pipeline.
    ///
    /// # Errors
    /// `O007` when there is one.
    pub(super) fn check_own(&self, survey: &Survey) -> Outcome<()> {
        let newest = survey.periods.iter().filter_map(|runs| runs.newest());
        newest.map(|(_, kept)| &kept.says).try_for_each(|newest| check_pipeline(&self.output, newest, &self.pipeline))
    }
}

/// Microseconds since 1970, by the clock of this machine.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// An instant as people and programs read it, to the second.
pub(super) fn instant(micros: i64) -> String {
    let instant = chrono::DateTime::from_timestamp_micros(micros);
    instant.map(|instant| instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_default()
}
