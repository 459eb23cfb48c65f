//! `ratemill validate`.

use super::arguments::{Format, ValidateArguments};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::run::prepare;

/// Checks everything that can be checked before usage is read.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &ValidateArguments, format: Format) -> Outcome<Ending> {
    let prepared = prepare(&arguments.pipeline, &arguments.period, &|name| std::env::var(name).ok()).await?;
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
    Ok(Ending::Done)
}
