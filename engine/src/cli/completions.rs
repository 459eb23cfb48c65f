//! `ratemill completions`.

use clap::CommandFactory;

use super::arguments::{Arguments, CompletionArguments};
use super::{Ending, talk};
use crate::fault::Outcome;

/// Prints the completions of a shell.
///
/// # Errors
/// `O001` when stdout is closed.
pub(super) fn carry_out(arguments: &CompletionArguments) -> Outcome<Ending> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "ratemill", &mut text);
    talk::result(&String::from_utf8_lossy(&text))?;
    Ok(Ending::Done)
}
