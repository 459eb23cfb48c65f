//! `ratemill validate`.

use super::arguments::{Format, ValidateArguments};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::run::prepare;

/// The period of a check that names none: before every date in a price book, so that no dated price begins or ends in it.
const BEFORE_ALL: &str = "1900-01";

/// Checks everything that can be checked before usage is read.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &ValidateArguments, format: Format) -> Outcome<Ending> {
    let period = arguments.period.as_deref().unwrap_or(BEFORE_ALL);
    let prepared = prepare(&arguments.pipeline, period, &|name| std::env::var(name).ok()).await?;
    let (book, reference) = (&prepared.book, &prepared.reference);
    match format {
        Format::Json => talk::json(&serde_json::json!({ "outcome": "valid", "faults": [] }))?,
        Format::Text => talk::result(&format!(
            "valid: pipeline `{}` with {} sources; book `{}` with {} meters, {} charges, {} plans; {} accounts, {} subscriptions\n",
            prepared.pipeline.name,
            prepared.pipeline.sources.len(),
            book.name,
            book.meters.len(),
            book.charges.len(),
            book.plans.len(),
            reference.accounts.len(),
            reference.subscriptions.len()
        ))?,
    }
    if arguments.period.is_none() && !reference.overrides.is_empty() {
        talk::say(
            "prices that hold for some time only were not checked against their charges: name a --period for that",
        );
    }
    Ok(Ending::Done)
}
