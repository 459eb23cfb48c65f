//! The words of the command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) mod suspense;

use suspense::SuspenseArguments;

/// Batch rating engine: usage files in, exact and explainable Parquet invoice line sets out.
#[derive(Debug, Parser)]
#[command(name = "ratemill", version, about, disable_help_subcommand = true)]
pub(super) struct Arguments {
    /// What is printed on stdout
    #[arg(long = "format", value_name = "FORMAT", global = true, value_enum, default_value_t = Shape::Text)]
    pub(super) shape: Shape,
    /// Log lines on stderr; RATEMILL_LOG sets the level (error, warn, info, debug)
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Shape of what is printed, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// JUnit XML, of `test` only
    Junit,
    /// CSV, of `diff` and `simulate` only
    Csv,
}

impl Shape {
    /// The shape of what every command can print.
    pub(super) fn format(self) -> Format {
        if self == Self::Json { Format::Json } else { Format::Text }
    }
}

/// Shape of what every command can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Shape of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Rate a period: read usage, write and commit a verified line set
    Run(WatchedArguments),
    /// Show what a run would read and write, without writing anything
    Plan(RunArguments),
    /// Check pipeline, price book, reference data and rules; show all faults at once
    Validate(ValidateArguments),
    /// Run rule tests: usage given in YAML, and the lines that must come of it
    Test(TestArguments),
    /// Say why invoice lines of the committed line set are what they are
    Explain(ExplainArguments),
    /// Say what changed between two committed line sets, biggest changes first
    Diff(DiffArguments),
    /// Close a period: check that it is complete, then let nothing of its tables change any more
    Close(CloseArguments),
    /// Rate a closed period by what is known now: what is different is billed in the next open period
    Rerate(RunArguments),
    /// Say what another price book would change of a committed line set, without reading usage or writing anything
    Simulate(SimulateArguments),
    /// Look after records in suspense: list them, recycle them, write them off
    Suspense(SuspenseArguments),
    /// Show what lies in an output: line sets, superseded and unfinished runs, bytes; writes nothing
    Status(OutputArguments),
    /// Show what a run would go by
    Config(ConfigArguments),
    /// Delete files of superseded line sets, and files that nothing names
    Gc(GcArguments),
    /// Give up an unfinished run: delete its files and its plan
    Abandon(AbandonArguments),
    /// Print the JSON Schema of a YAML file, for editors, or the reference page, for people
    Schema(SchemaArguments),
    /// Print completions for a shell
    Completions(CompletionArguments),
}

/// Words of `run` and `plan`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The pipeline file: a path or URL
    pub(super) pipeline: String,
    /// The period to rate, as YYYY-MM
    #[arg(long)]
    pub(super) period: String,
    /// Where the tables go, instead of the pipeline's `output`: a folder, s3://bucket/folder, …
    #[arg(long)]
    pub(super) output: Option<String>,
    /// Workers [default: one per processor]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) partitions: Option<u16>,
    /// Records of a batch
    #[arg(long, default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(super) batch_rows: u32,
    /// Most memory the usage of the run may take, such as 256MB or 4GiB [default: no limit]
    #[arg(long, value_parser = bytes)]
    pub(super) memory_limit: Option<usize>,
    /// Read the files in another order (the result is the same)
    #[arg(long, hide = true)]
    pub(super) shuffle_seed: Option<u64>,
}

/// Words of `run`.
#[derive(Debug, Args)]
pub(super) struct WatchedArguments {
    #[command(flatten)]
    pub(super) run: RunArguments,
    /// Write metrics of the run here when it ends, well or not, for Prometheus (such as /var/lib/node_exporter/ratemill.prom)
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<String>,
    /// Write what happens here, a JSON object on a line; with `-` to stdout, instead of the summary
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<String>,
}

/// Words of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The pipeline file: a path or URL
    pub(super) pipeline: String,
    /// The line: its line_id, or as much of it as no other line begins with
    #[arg(required_unless_present_any = ["account", "all"], conflicts_with_all = ["account", "all"])]
    pub(super) line_id: Option<String>,
    /// The period of the line set, as YYYY-MM
    #[arg(long)]
    pub(super) period: String,
    /// Every line of the line set
    #[arg(long, conflicts_with = "account")]
    pub(super) all: bool,
    /// All lines of this account and --charge
    #[arg(long, requires = "charge")]
    pub(super) account: Option<String>,
    /// The charge, as product/charge
    #[arg(long, requires = "account")]
    pub(super) charge: Option<String>,
    /// Where the tables are, instead of the pipeline's `output`
    #[arg(long)]
    pub(super) output: Option<String>,
    /// Workers [default: one per processor]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) partitions: Option<u16>,
}

/// Words of `validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    /// The pipeline file: a path or URL
    pub(super) pipeline: String,
    /// The period whose dated prices are checked too, as YYYY-MM [default: only what holds in every period]
    #[arg(long)]
    pub(super) period: Option<String>,
}

/// Words of `test`.
#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// Test files, and folders with `*.test.yaml` below them [default: the folder of --book]
    #[arg(required_unless_present = "book")]
    pub(super) paths: Vec<String>,
    /// The price book to test, instead of the one each test file names
    #[arg(long)]
    pub(super) book: Option<String>,
    /// Only tests with this text in their name or file
    #[arg(long)]
    pub(super) filter: Option<String>,
    /// Show which prices, tiers, cells, allowances, discounts and conditions no test has touched; with =PRODUCT only
    /// the prices of that product
    #[arg(long, value_name = "PRODUCT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) coverage: Option<String>,
    /// Show as well which of those are in use in the line set committed here
    #[arg(long, value_name = "URL", requires = "period")]
    pub(super) usage_output: Option<String>,
    /// The period of --usage-output, as YYYY-MM
    #[arg(long, requires = "usage_output")]
    pub(super) period: Option<String>,
}

/// Words that say which output is meant.
#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// The pipeline file: a path or URL
    pub(super) pipeline: String,
    /// Where the tables are, instead of the pipeline's `output`
    #[arg(long)]
    pub(super) output: Option<String>,
}

/// Words of `diff`.
#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    #[command(flatten)]
    pub(super) of: OutputArguments,
    /// The first line set: PERIOD/NUMBER, or a run id, or as much of one as no other begins with
    pub(super) a: String,
    /// The second one
    pub(super) b: String,
    /// Only sums by this, or only lines [default: all of them; needed for line sets of two periods]
    #[arg(long, value_enum)]
    pub(super) by: Option<DiffBy>,
    /// Most rows of each kind and currency [default: 10 as text, else all]
    #[arg(long)]
    pub(super) top: Option<usize>,
}

/// Words of `close`.
#[derive(Debug, Args)]
pub(super) struct CloseArguments {
    /// The pipeline file: a path or URL
    pub(super) pipeline: String,
    /// The period to close, as YYYY-MM
    #[arg(long)]
    pub(super) period: String,
    /// Where the tables are, instead of the pipeline's `output`
    #[arg(long)]
    pub(super) output: Option<String>,
    /// Close it although checks fail, for this reason, which is kept
    #[arg(long, value_name = "REASON")]
    pub(super) despite: Option<String>,
}

/// Words of `simulate`.
#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    #[command(flatten)]
    pub(super) of: RunArguments,
    /// The price book to try, instead of the pipeline's: a folder or file
    #[arg(long)]
    pub(super) book: String,
    /// Only sums by this, or only lines [default: all of them]
    #[arg(long, value_enum)]
    pub(super) by: Option<DiffBy>,
    /// Most rows of each kind and currency [default: 10 as text, else all]
    #[arg(long)]
    pub(super) top: Option<usize>,
}

/// What differences are shown by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DiffBy {
    /// The account that used or subscribed
    Account,
    /// The product
    Product,
    /// The charge
    Charge,
    /// Single lines
    Line,
}

/// Words of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    pub(super) command: ConfigCommand,
}

/// What can be done about settings.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting that a run would use; secrets are never shown
    Show(ShowArguments),
}

/// Words of `config show`: those of `run` that are settings, and which pipeline.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The pipeline file: a path or URL
    pub(super) pipeline: String,
    /// Say where each value is from: a flag, an environment variable, a line of a file, or the default
    #[arg(long)]
    pub(super) origin: bool,
    /// As of `run`
    #[arg(long)]
    pub(super) output: Option<String>,
    /// As of `run`
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) partitions: Option<u16>,
    /// As of `run`
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(super) batch_rows: Option<u32>,
    /// As of `run`
    #[arg(long, value_parser = bytes)]
    pub(super) memory_limit: Option<usize>,
}

/// Words of `gc`.
#[derive(Debug, Args)]
pub(super) struct GcArguments {
    #[command(flatten)]
    pub(super) of: OutputArguments,
    /// Line sets of each period that keep their files, the newest ones
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) keep: u16,
    /// How long what is superseded or named by nothing stays all the same, such as 12h or 30d
    #[arg(long, default_value = "7d", value_parser = duration)]
    pub(super) grace: i64,
    /// Print what would be deleted, and delete nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Words of `abandon`.
#[derive(Debug, Args)]
pub(super) struct AbandonArguments {
    #[command(flatten)]
    pub(super) of: OutputArguments,
    /// The run: its id, or as much of it as no other run of the period begins with
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) run_id: String,
    /// The period of the run, as YYYY-MM
    #[arg(long)]
    pub(super) period: String,
}

/// Words of `schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// Which file
    #[arg(value_enum)]
    pub(super) file: SchemaFile,
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaFile {
    /// A pipeline
    Pipeline,
    /// A file of a price book
    Book,
    /// A file of rule tests
    Test,
    /// Both, as a page for people, in Markdown
    Reference,
}

/// Words of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionArguments {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

/// Bytes written with a unit: `256MB` is 256,000,000, `256MiB` is 268,435,456.
fn bytes(text: &str) -> Result<usize, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("use B, KB, MB, GB, KiB, MiB or GiB".to_owned()),
    };
    let number: usize = digits.parse().map_err(|_| "a number and a unit, such as 256MB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "too large".to_owned())
}

/// Microseconds of a time written with a unit: `90s`, `15m`, `12h`, `30d`.
fn duration(text: &str) -> Result<i64, String> {
    let wanted = || "a whole number and a unit: 90s, 15m, 12h or 30d".to_owned();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wanted()),
    };
    let number: u32 = digits.parse().map_err(|_| wanted())?;
    i64::from(number).checked_mul(seconds * 1_000_000).ok_or_else(|| "too long".to_owned())
}
