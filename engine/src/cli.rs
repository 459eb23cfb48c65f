//! The command line: words typed -> a request; an outcome -> text and an exit code. One file per command.
//!
//! Results go to stdout, talk goes to stderr; this is the only room that prints.

mod arguments;
mod completions;
mod plan;
mod progress;
mod report;
mod run;
mod schema;
mod talk;
mod validate;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::fault::{Fault, Faults, codes};
use arguments::{Arguments, Command};

/// What a command ended with, when it did not end with faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Exit 0.
    Done,
    /// Done, but a threshold is passed: exit 1.
    OverThreshold,
}

/// Runs the command typed, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // Nothing can be said when even the terminal is gone.
            let _ = error.print();
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    talk::start_log(arguments.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(carry_out(&arguments)),
        Err(cause) => Err(Fault::new(&codes::O004, format!("no threads to be had: {cause}")).into()),
    };
    match outcome {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::OverThreshold) => ExitCode::from(1),
        Err(faults) => {
            report::show(&faults, arguments.format);
            ExitCode::from(faults.exit_code())
        }
    }
}

async fn carry_out(arguments: &Arguments) -> Result<Ending, Faults> {
    match &arguments.command {
        Command::Run(own) => run::carry_out(own, arguments.format).await,
        Command::Plan(own) => plan::carry_out(own, arguments.format).await,
        Command::Validate(own) => validate::carry_out(own, arguments.format).await,
        Command::Schema(own) => schema::carry_out(own),
        Command::Completions(own) => completions::carry_out(own),
    }
}
