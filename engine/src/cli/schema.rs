//! `ratemill schema`.

use super::arguments::{SchemaArguments, SchemaFile};
use super::{Ending, page, talk};
use crate::fault::Outcome;
use crate::{book, pipeline, trial};

/// Prints a JSON Schema, or the reference page.
///
/// # Errors
/// `O001` when stdout is closed.
pub(super) fn carry_out(arguments: &SchemaArguments) -> Outcome<Ending> {
    match arguments.file {
        SchemaFile::Pipeline => talk::json(&pipeline::schema())?,
        SchemaFile::Book => talk::json(&book::schema())?,
        SchemaFile::Test => talk::json(&trial::schema())?,
        SchemaFile::Reference => talk::result(&page::page()?)?,
    }
    Ok(Ending::Done)
}
