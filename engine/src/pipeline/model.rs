//! The vocabulary of a checked pipeline.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::fault::{Located, Place};
use crate::money::Decimal;

/// A pipeline file, checked.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// The zone of period bounds and days.
    pub timezone: Tz,
    /// Price book: folder or file, as a path or URL that can be opened as it is.
    pub book: Located,
    /// Sources, sorted by name.
    pub sources: Vec<Source>,
    /// Reference tables.
    pub reference: ReferencePaths,
    /// Where the tables go, as a path or URL.
    pub output: Located,
    /// The tax service that is asked instead of `tax_rates`.
    pub tax_exchange: Option<TaxExchange>,
    /// How invoices are numbered; `None`: not at all.
    pub numbering: Option<Numbering>,
    /// How nights go on from each other; `None`: every run reads all usage.
    pub incremental: Option<Incremental>,
    /// Limits of a run.
    pub limits: Limits,
    /// Digest (hex) of everything that shapes the result (schemas, SQL, keys, zone), without paths and output.
    pub digest: String,
}

/// Where files are exchanged with a tax service (`tax.exchange`), each openable as it is.
#[derive(Clone, Debug)]
pub struct TaxExchange {
    /// Folder that the requests go to.
    pub requests: Located,
    /// Folder that the answers come from.
    pub answers: Located,
}

/// How nights go on from each other (`incremental:`).
#[derive(Clone, Debug)]
pub struct Incremental {
    /// Whether a file that comes with other bytes under a known name takes the place of what it was; otherwise it is refused.
    pub corrections: bool,
    /// Whether late usage of closed periods is billed as adjustments; otherwise it is left.
    pub adjusts_late: bool,
    /// Days before the open period after which late usage goes to suspense instead.
    pub suspend_late_after: Option<u32>,
}

/// How invoices are numbered (`invoices:`).
#[derive(Clone, Debug)]
pub struct Numbering {
    /// Whose sequence it is.
    pub seller: String,
    /// The pattern as it is written.
    pub text: String,
    /// The same in parts.
    pub parts: Vec<NumberPart>,
}

/// A part of the pattern of invoice numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberPart {
    /// As it is.
    Text(String),
    /// Year of the period, four digits.
    Year,
    /// Month of the period, two digits.
    Month,
    /// Number in the sequence, with at least so many digits.
    Sequence(usize),
}

impl Numbering {
    /// The number of the invoice at `sequence` of its seller's, for the period that begins on `first_day`.
    #[must_use]
    pub fn number(&self, first_day: NaiveDate, sequence: u64) -> String {
        let part = |part: &NumberPart| match part {
            NumberPart::Text(text) => text.clone(),
            NumberPart::Year => format!("{:04}", first_day.year()),
            NumberPart::Month => format!("{:02}", first_day.month()),
            NumberPart::Sequence(digits) => format!("{sequence:0digits$}"),
        };
        self.parts.iter().map(part).collect()
    }
}

/// Limits of a run (`limits:`).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Share of the records read that may be in suspense before the exit code is 1.
    pub suspense_records: Decimal,
    /// Bytes one usage file may decompress to.
    pub decompressed_file: u64,
    /// Bytes one CSV row or NDJSON line may have.
    pub row_bytes: usize,
}

/// Paths of the reference tables, each openable as it is.
#[derive(Clone, Debug)]
pub struct ReferencePaths {
    /// Required.
    pub accounts: Located,
    /// Required.
    pub subscriptions: Located,
    /// Required.
    pub identifiers: Located,
    /// Optional.
    pub tax_rates: Option<Located>,
    /// Optional.
    pub fx_rates: Option<Located>,
    /// Optional.
    pub price_overrides: Option<Located>,
    /// Optional.
    pub levels: Option<Located>,
    /// Optional.
    pub tax_exemptions: Option<Located>,
    /// Optional.
    pub credits: Option<Located>,
    /// Optional.
    pub commitment_balances: Option<Located>,
    /// Optional.
    pub amendments: Option<Located>,
    /// Optional.
    pub coupons: Option<Located>,
    /// What earlier periods have left of allowances.
    /// Optional.
    pub allowance_balances: Option<Located>,
}

impl ReferencePaths {
    /// The tables that are named, in the order of this struct.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, &Located)> {
        let all = [
            ("accounts", Some(&self.accounts)),
            ("subscriptions", Some(&self.subscriptions)),
            ("identifiers", Some(&self.identifiers)),
            ("tax_rates", self.tax_rates.as_ref()),
            ("fx_rates", self.fx_rates.as_ref()),
            ("price_overrides", self.price_overrides.as_ref()),
            ("levels", self.levels.as_ref()),
            ("tax_exemptions", self.tax_exemptions.as_ref()),
            ("credits", self.credits.as_ref()),
            ("commitment_balances", self.commitment_balances.as_ref()),
            ("amendments", self.amendments.as_ref()),
            ("coupons", self.coupons.as_ref()),
            ("allowance_balances", self.allowance_balances.as_ref()),
        ];
        all.into_iter().filter_map(|(name, path)| Some((name, path?))).collect()
    }
}

/// One usage source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Path or URL with globs, openable as it is; letters of folders that would be globs stand as `[*]`.
    pub path: Located,
    /// How its files are written.
    pub format: Format,
    /// The declared columns, as declared.
    pub columns: Vec<Column>,
    /// The mediation SELECT over `input`.
    pub mediate: Located,
    /// Mediated columns that identify a record; empty: every record counts.
    pub dedup_key: Vec<Located>,
    /// Days the key is remembered over nights.
    pub dedup_window_days: u32,
    /// What of a period must have records before it is closed.
    pub expect: Option<Expected>,
    /// Suspend rules; the first that holds wins.
    pub suspend: Vec<SuspendRule>,
    /// Where it stands.
    pub place: Place,
}

/// Stretches of a period that each must have records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every local day.
    Day,
    /// Every hour.
    Hour,
}

/// File format of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Delimited text.
    Csv {
        /// The byte between fields.
        delimiter: u8,
        /// Whether the first row names the columns.
        header: bool,
    },
    /// One JSON object per line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// One declared column of a source.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in SQL.
    pub name: String,
    /// Its name in the file.
    pub header: String,
    /// Its type.
    pub kind: ColumnKind,
    /// A file may lack it; it is null then.
    pub optional: bool,
    /// A float column of Parquet is accepted and converted once.
    pub float: bool,
}

/// Type of a declared column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// 64-bit integer.
    Int,
    /// Exact decimal: precision and scale.
    Decimal(u8, u8),
    /// true or false.
    Bool,
    /// Calendar date.
    Date,
    /// Instant; a time without an offset is in this zone.
    Timestamp(Tz),
}

/// A suspend rule of a source.
#[derive(Clone, Debug)]
pub struct SuspendRule {
    /// The reason its records carry.
    pub code: String,
    /// SQL predicate over the mediated record.
    pub when: Located,
}
