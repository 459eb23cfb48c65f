//! Every key of a pipeline file: what it takes, what leaving it out means, and one line for whoever writes it.

use crate::yaml::keys::{Key, Kind, Record};

/// A pipeline file.
pub(super) static PIPELINE: Record = Record {
    title: "a pipeline",
    choice: None,
    keys: &[&[
        Key::required("pipeline", Kind::Text, "its name: lower-case letters, digits, `_` and `-`"),
        Key::defaulted("timezone", Kind::Text, "UTC", "IANA zone whose midnights bound periods and days"),
        Key::defaulted("period", Kind::OneOf(&["month"]), "month", "what one run bills"),
        Key::required(
            "book",
            Kind::Path,
            "the price book: a folder with YAML files below it, or one file; relative to this file, ${NAME:-default} is read from the environment",
        ),
        Key::required("usage", Kind::Map(&Kind::Record(&SOURCE)), "usage sources, by name"),
        Key::required("reference", Kind::Record(&REFERENCE), "reference tables"),
        Key::optional("tax", Kind::Record(&TAX), "who works out the taxes; left out: the table tax_rates"),
        Key::optional("invoices", Kind::Record(&INVOICES), "how invoices are numbered; left out: they have no numbers"),
        Key::optional(
            "incremental",
            Kind::Record(&INCREMENTAL),
            "keeps what was read, so that the next run of the period reads only files that are new; `{}` for all defaults; left out: every run reads all usage",
        ),
        Key::optional("limits", Kind::Record(&LIMITS), "limits of a run"),
        Key::required("output", Kind::Path, "folder or URL the tables are written to"),
    ]],
};

static SOURCE: Record = Record {
    title: "a usage source",
    choice: None,
    keys: &[&[
        Key::required("path", Kind::Path, "path or URL of its files, with `*`, `**`, `?`, `[…]` and `{a,b}`"),
        Key::required(
            "format",
            Kind::OneOf(&["csv", "ndjson", "parquet"]),
            "how its files are written; .gz and .zst are seen by the ending",
        ),
        Key::optional("csv", Kind::Record(&CSV), "how delimited text is split"),
        Key::required(
            "schema",
            Kind::Map(&Kind::Either(&Kind::Text, &Kind::Record(&COLUMN))),
            "its columns by their name in SQL: string, int, decimal(p,s), bool, date, timestamp or timestamp(Zone)",
        ),
        Key::required(
            "mediate",
            Kind::Either(&Kind::Sql, &Kind::Record(&SQL_FILE)),
            "one SELECT over `input` that makes record_id, record_type, identifier, record_time and the columns meters use",
        ),
        Key::optional("dedup", Kind::Record(&DEDUP), "what makes two records the same"),
        Key::optional(
            "expect",
            Kind::OneOf(&["day", "hour"]),
            "`close` asks whether every day, or every hour, of the period has records of this source; for incremental pipelines",
        ),
        Key::optional(
            "suspend",
            Kind::List(&Kind::Record(&SUSPEND)),
            "records to set aside; the first rule that holds wins",
        ),
    ]],
};

static CSV: Record = Record {
    title: "the csv format",
    choice: None,
    keys: &[&[
        Key::defaulted("delimiter", Kind::Text, ",", "the character between fields; `tab` for a tab"),
        Key::defaulted("header", Kind::Truth, "true", "whether the first row names the columns"),
    ]],
};

static COLUMN: Record = Record {
    title: "a column",
    choice: None,
    keys: &[&[
        Key::optional("column", Kind::Text, "its name in the file, where that is another"),
        Key::required("type", Kind::Text, "string, int, decimal(p,s), bool, date, timestamp or timestamp(Zone)"),
        Key::defaulted("optional", Kind::Truth, "false", "whether a file may lack it"),
        Key::defaulted(
            "float",
            Kind::Truth,
            "false",
            "accepts a float column of Parquet and converts it once to its decimal type",
        ),
    ]],
};

static SQL_FILE: Record = Record {
    title: "an SQL file",
    choice: None,
    keys: &[&[Key::required("file", Kind::Path, "file with the SELECT, relative to this file")]],
};

static DEDUP: Record = Record {
    title: "a dedup rule",
    choice: None,
    keys: &[&[
        Key::required("key", Kind::Texts, "mediated columns that identify a record"),
        Key::defaulted("window", Kind::Text, WINDOW, "how long keys are remembered over nights"),
    ]],
};

/// How long keys are remembered when the pipeline does not say.
pub(super) const WINDOW: &str = "35 days";

static SUSPEND: Record = Record {
    title: "a suspend rule",
    choice: None,
    keys: &[&[
        Key::required("code", Kind::Text, "the reason its records carry: lower-case letters, digits and `_`"),
        Key::required("when", Kind::Sql, "SQL predicate over the mediated record"),
    ]],
};

static REFERENCE: Record = Record {
    title: "the reference tables",
    choice: None,
    keys: &[&[
        Key::required("accounts", Kind::Path, "accounts and their hierarchy"),
        Key::required("subscriptions", Kind::Path, "who subscribes to what"),
        Key::required("identifiers", Kind::Path, "what the identifiers in usage stand for"),
        Key::optional("tax_rates", Kind::Path, "taxes by jurisdiction and category"),
        Key::optional("tax_exemptions", Kind::Path, "who is exempt from which tax, with those below them"),
        Key::optional("fx_rates", Kind::Path, "exchange rates: from, to, date, rate and, if need be, rate_type"),
        Key::optional("price_overrides", Kind::Path, "prices of single accounts"),
        Key::optional(
            "amendments",
            Kind::Path,
            "what changes of subscriptions from some day on: another plan or quantity, a pause, an end",
        ),
        Key::optional("levels", Kind::Path, "levels at the start of the period, of meters with `carry: true`"),
        Key::optional(
            "credits",
            Kind::Path,
            "prepaid credits: credit_id, account_id, currency, granted and, if need be, left, priority, granted_on, expires_on, products",
        ),
        Key::optional(
            "commitment_balances",
            Kind::Path,
            "what counted towards commitments of a term in earlier periods: the table of that name of the run before",
        ),
        Key::optional(
            "allowance_balances",
            Kind::Path,
            "what is left of allowances with a rollover: the table of that name that the period before has published",
        ),
        Key::optional("coupons", Kind::Path, "who has redeemed which discount with `coupon: true`"),
    ]],
};

static TAX: Record = Record {
    title: "the taxes of a pipeline",
    choice: None,
    keys: &[&[Key::required("exchange", Kind::Record(&EXCHANGE), "files exchanged with a tax service")]],
};

static EXCHANGE: Record = Record {
    title: "the exchange with a tax service",
    choice: None,
    keys: &[&[
        Key::required(
            "requests",
            Kind::Path,
            "folder or URL into which a run puts `requests-RUN.csv`, the lines to be taxed",
        ),
        Key::required(
            "answers",
            Kind::Path,
            "folder or URL where it then looks for `answers-RUN.csv`; until that is there, a run ends with exit code 3",
        ),
    ]],
};

static INVOICES: Record = Record {
    title: "the invoices",
    choice: None,
    keys: &[&[
        Key::required("seller", Kind::Text, "whose sequence it is: lower-case letters, digits, `_` and `-`"),
        Key::required(
            "number",
            Kind::Text,
            "the number: text with {seq} (or {seq:06}, with zeros before it), {year} and {month} of the period; without gaps, it goes on from the latest earlier period in the output",
        ),
    ]],
};

static INCREMENTAL: Record = Record {
    title: "an incremental pipeline",
    choice: None,
    keys: &[&[
        Key::defaulted(
            "changed_files",
            Kind::OneOf(&["refuse", "correct"]),
            "refuse",
            "what to do with a file of other bytes under a known name: refuse the run, or let it take the place of what it was",
        ),
        Key::defaulted(
            "late_usage",
            Kind::OneOf(&["adjust", "leave"]),
            "adjust",
            "what to do with usage of a closed period: bill what it changes as adjustments in the open one, or leave it out of window",
        ),
        Key::optional(
            "suspend_late_after",
            Kind::Text,
            "late usage that is older than this when the open period begins, such as `45 days`, goes to the suspense of its period (`too_late`) instead; left out: all of it is billed",
        ),
    ]],
};

static LIMITS: Record = Record {
    title: "the limits",
    choice: None,
    keys: &[&[
        Key::defaulted(
            "suspense_records",
            Kind::Number,
            SUSPENSE_RECORDS,
            "share of records in suspense (0 to 1) above which a run exits with 1",
        ),
        Key::defaulted("decompressed_file", Kind::Whole, DECOMPRESSED_FILE, "bytes one usage file may decompress to"),
        Key::defaulted("row_bytes", Kind::Whole, ROW_BYTES, "bytes one CSV row or NDJSON line may have"),
    ]],
};

/// Share of records that may be in suspense.
pub(super) const SUSPENSE_RECORDS: &str = "0.05";
/// 4 GiB.
pub(super) const DECOMPRESSED_FILE: &str = "4294967296";
/// 1 MiB.
pub(super) const ROW_BYTES: &str = "1048576";
