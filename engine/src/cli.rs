//! The command line: words typed -> a request; an outcome -> text and an exit code. One file per command.
//!
//! Results go to stdout, talk goes to stderr; this is the only room that prints.

mod abandon;
mod arguments;
mod close;
mod completions;
mod config;
mod diff;
mod explain;
mod gc;
mod observe;
mod page;
mod plan;
mod progress;
mod report;
mod rerate;
mod run;
mod schema;
mod simulate;
mod status;
mod stored;
mod suspense;
mod talk;
mod test;
mod watched;
mod validate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::fault::{Fault, Outcome, codes};
use arguments::{Arguments, Command, Shape};

/// What a command ended with, when it did not end with faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Exit 0.
    Done,
    /// Done, but a threshold is passed or a test failed: exit 1.
    OverThreshold,
    /// Some of it could not be done, and that has been said: this exit code.
    Refused(u8),
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
    if let Some(only) = of_another_command(&arguments) {
        talk::say(only);
        return ExitCode::from(2);
    }
    talk::start_log(arguments.log_format);
    // A panic is told as a fault by whoever catches it; a damaged file is not worth a stack trace to its owner.
    std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
    let outcome = guarded(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(carry_out(&arguments)),
            Err(cause) => Err(Fault::new(&codes::O004, format!("no threads to be had: {cause}"))
                .hint("raise the limit of threads or memory; running again is safe")
                .into()),
        }
    });
    if let Err(faults) = &outcome {
        let commits = matches!(arguments.command, Command::Run(_) | Command::Rerate(_) | Command::Close(_));
        report::show(faults, arguments.shape.format(), commits);
    }
    ExitCode::from(exit_code(&outcome))
}

/// The exit code of what a command came to.
fn exit_code(outcome: &Outcome<Ending>) -> u8 {
    match outcome {
        Ok(Ending::Done) => 0,
        Ok(Ending::OverThreshold) => 1,
        Ok(Ending::Refused(code)) => *code,
        Err(faults) => faults.exit_code(),
    }
}

/// What to say of a format that the command does not print.
fn of_another_command(arguments: &Arguments) -> Option<&'static str> {
    match (arguments.shape, &arguments.command) {
        (Shape::Json, Command::Run(run)) if run.events.as_deref() == Some(observe::STDOUT) => Some(
            "`--events -` and `--format json` both print on stdout: write the events to a file, or leave out the format",
        ),
        (Shape::Junit, Command::Test(_))
        | (Shape::Csv, Command::Diff(_) | Command::Simulate(_))
        | (Shape::Text | Shape::Json, _) => None,
        (Shape::Junit, _) => Some("`--format junit` is for `ratemill test` only"),
        (Shape::Csv, _) => Some("`--format csv` is for `ratemill diff` and `ratemill simulate` only"),
    }
}

/// What `work` comes to; a panic in it is a fault of Ratemill itself.
fn guarded(work: impl FnOnce() -> Outcome<Ending>) -> Outcome<Ending> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("it broke off: {}", text.unwrap_or("for an unknown reason"));
        Err(Fault::ours(message).hint("RATEMILL_LOG=debug shows where").into())
    })
}

async fn carry_out(arguments: &Arguments) -> Outcome<Ending> {
    let format = arguments.shape.format();
    match &arguments.command {
        Command::Run(own) => watched::carry_out(own, format).await,
        Command::Plan(own) => plan::carry_out(own, format).await,
        Command::Validate(own) => validate::carry_out(own, format).await,
        Command::Test(own) => test::carry_out(own, arguments.shape).await,
        Command::Explain(own) => explain::carry_out(own, format).await,
        Command::Diff(own) => diff::carry_out(own, arguments.shape).await,
        Command::Rerate(own) => rerate::carry_out(own, format).await,
        Command::Close(own) => close::carry_out(own, format).await,
        Command::Simulate(own) => simulate::carry_out(own, arguments.shape).await,
        Command::Status(own) => status::carry_out(own, format).await,
        Command::Config(own) => config::carry_out(own, arguments.log_format, format).await,
        Command::Suspense(own) => suspense::carry_out(own, format).await,
        Command::Gc(own) => gc::carry_out(own, format).await,
        Command::Abandon(own) => abandon::carry_out(own, format).await,
        Command::Schema(own) => schema::carry_out(own),
        Command::Completions(own) => completions::carry_out(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_fault_of_ratemill_itself() {
        let faults = guarded(|| panic!("a {}", "surprise")).unwrap_err();
        assert_eq!((faults.exit_code(), faults.to_string().as_str()), (70, "X001 it broke off: a surprise"));
        assert!(guarded(|| Ok(Ending::Done)).is_ok());
    }
}
