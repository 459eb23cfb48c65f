//! `ratemill explain`.

use super::arguments::{ExplainArguments, Format};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::run::watch::Watch;
use crate::run::{Lines, RunOptions, explain, prepare};

mod made;
mod price;
mod text;

/// Explains lines of the committed line set.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &ExplainArguments, format: Format) -> Outcome<Ending> {
    let prepared = prepare(&arguments.pipeline, &arguments.period, &|name| std::env::var(name).ok()).await?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let options = RunOptions {
        output: arguments.output.clone().unwrap_or_else(|| prepared.pipeline.output.text.clone()),
        partitions: arguments.partitions.map_or(processors, usize::from),
        batch_rows: 65_536,
        memory_limit: None,
        shuffle_seed: None,
        progress_total: |_| {},
        progress: |_| {},
        watch: Watch::default(),
    };
    let lines = match (&arguments.line_id, &arguments.account, &arguments.charge) {
        (None, Some(account), Some(charge)) => Lines::Charge { account: account.clone(), charge: charge.clone() },
        _ if arguments.all => Lines::All,
        (id, ..) => Lines::One(id.clone().unwrap_or_default()),
    };
    let explanations = explain(prepared, &lines, &options).await?;
    for warning in explanations.first().into_iter().flat_map(|first| &first.run.warnings) {
        talk::say(&format!("the facts have changed since the run: {warning}"));
    }
    match format {
        Format::Json => talk::json(&serde_json::json!({ "lines": explanations }))?,
        Format::Text => talk::result(&text::told(&explanations))?,
    }
    Ok(Ending::Done)
}
