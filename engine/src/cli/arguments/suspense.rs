//! The words of `ratemill suspense`.

use clap::{Args, Subcommand, ValueEnum};

use super::OutputArguments;

/// Words of `suspense`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SuspenseArguments {
    #[command(subcommand)]
    pub(in crate::cli) command: SuspenseCommand,
}

/// What can be done about records in suspense.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SuspenseCommand {
    /// Count the records in suspense of every period, oldest first, with what they may come to; writes nothing
    List(SuspenseListArguments),
    /// Name records that the next run, or rerate of a closed period, reads again: those that are selected, once
    Recycle(RecycleArguments),
    /// Name records that are never rated: those that are selected
    WriteOff(WriteOffArguments),
}

/// Words of `suspense list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SuspenseListArguments {
    #[command(flatten)]
    pub(in crate::cli) of: OutputArguments,
    /// The period, as YYYY-MM [default: all of the output]
    #[arg(long)]
    pub(in crate::cli) period: Option<String>,
    /// What records are put together by
    #[arg(long, value_enum, default_value_t = SuspenseBy::Reason)]
    pub(in crate::cli) by: SuspenseBy,
    #[command(flatten)]
    pub(in crate::cli) only: SelectionArguments,
}

/// What records in suspense are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SuspenseBy {
    /// Why they were set aside
    Reason,
    /// Their source
    Source,
    /// Their source and file
    File,
}

/// Words that select records in suspense; each may be given several times, and all must fit.
#[derive(Debug, Args)]
pub(in crate::cli) struct SelectionArguments {
    /// Only records set aside with this reason code (the column `reason` of the table)
    #[arg(long, value_name = "CODE")]
    pub(in crate::cli) code: Vec<String>,
    /// Only records of this source
    #[arg(long, value_name = "SOURCE")]
    pub(in crate::cli) source: Vec<String>,
    /// Only records of this file, as the table names it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) file: Vec<String>,
    /// Only the record with this number in its --file
    #[arg(long, value_name = "ROW", requires = "file")]
    pub(in crate::cli) row: Vec<u32>,
}

/// Words that say about which records of which period something is decided.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").args(["code", "source", "file", "all"]).required(true).multiple(true)))]
pub(in crate::cli) struct DecisionArguments {
    #[command(flatten)]
    pub(in crate::cli) of: OutputArguments,
    /// The period of the records, as YYYY-MM
    #[arg(long)]
    pub(in crate::cli) period: String,
    #[command(flatten)]
    pub(in crate::cli) only: SelectionArguments,
    /// All records in suspense
    #[arg(long, conflicts_with_all = ["code", "source", "file"])]
    pub(in crate::cli) all: bool,
}

/// Words of `suspense recycle`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RecycleArguments {
    #[command(flatten)]
    pub(in crate::cli) which: DecisionArguments,
    /// Records that are written off, which are open again then [default: those that are open]
    #[arg(long)]
    pub(in crate::cli) written_off: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(in crate::cli) reason: String,
}

/// Words of `suspense write-off`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WriteOffArguments {
    #[command(flatten)]
    pub(in crate::cli) which: DecisionArguments,
    /// Why, which is kept and stands in the table
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(in crate::cli) reason: String,
}
