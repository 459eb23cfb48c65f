//! `ratemill schema`.

use super::arguments::{SchemaArguments, SchemaFile};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::{book, pipeline, trial};

/// Prints a JSON Schema.
///
/// # Errors
/// `O001` when stdout is closed.
pub(super) fn carry_out(arguments: &SchemaArguments) -> Outcome<Ending> {
    talk::json(&match arguments.file {
        SchemaFile::Pipeline => pipeline::schema(),
        SchemaFile::Book => book::schema(),
        SchemaFile::Test => trial::schema(),
    })?;
    Ok(Ending::Done)
}
