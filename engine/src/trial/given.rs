//! Puts what a test is given where a run can read it: a pipeline, reference tables and usage in memory.
//!
//! The engine then sees a job like any other; there is no second way of rating. Faults it finds in these files are told
//! at the place in the test file they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::cells::Row;
use super::columns::{FIXED, TIMES, UsageColumn};
use super::file::{Case, GivenRow, TestFile};
use super::keys::TABLES;
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};
use crate::store::Location;

/// Long before any period of a test.
const LONG_BEFORE: &str = "2000-01-01";

/// The variable of the pipeline that holds the path of the book.
pub(super) const BOOK: &str = "BOOK";

/// Records that one row with `times` may stand for.
const TIMES_MAX: u32 = 1_000_000;

/// Jobs put so far, so that each has a folder of its own.
static JOBS: AtomicU64 = AtomicU64::new(0);

/// A job in memory.
#[derive(Debug)]
pub(super) struct Job {
    folder: String,
    /// By file: where in the test file each of its lines comes from.
    origins: BTreeMap<String, Vec<Place>>,
    place: Place,
    /// Where each record stands in the test file.
    records: Vec<Place>,
}

/// What the book says that accounts go by.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The currency of accounts that name none.
    pub(super) currency: String,
    /// Accounts the book has prices of its own for; there must be such accounts, whoever is tested.
    pub(super) accounts: Vec<Located>,
    /// Columns of accounts and of subscriptions that its prices go by; blank where a test does not give them.
    pub(super) custom: [BTreeSet<String>; 2],
}

/// Rows as they are written: columns and texts.
type Written = Vec<(Place, Map<String, Value>)>;

impl Job {
    /// Puts the job of `case`.
    ///
    /// # Errors
    /// Rows that cannot be given.
    pub(super) async fn put(file: &TestFile, case: &Case, columns: &[UsageColumn], known: &Known) -> Outcome<Self> {
        let folder = format!("memory://rule-tests/{}", JOBS.fetch_add(1, Ordering::Relaxed));
        let place = case.name.place.clone();
        let mut job = Self { folder, origins: BTreeMap::new(), place, records: Vec::new() };
        let usage = usage(case)?;
        job.records = usage.iter().map(|(place, _)| place.clone()).collect();
        let tables = tables(case, known);
        let (pipeline, origins) = job.pipeline(file, columns, &tables);
        job.origins.insert("pipeline.yaml".to_owned(), origins);
        job.write("pipeline.yaml", pipeline).await?;
        for (name, rows) in TABLES.iter().zip(&tables) {
            let Some(rows) = rows else { continue };
            match (*name, rows.is_empty()) {
                ("subscriptions", true) => job.write("subscriptions.csv", SUBSCRIPTIONS.to_owned()).await?,
                ("identifiers", true) => job.write("identifiers.csv", IDENTIFIERS.to_owned()).await?,
                (_, true) => {}
                (name, false) => job.lines(&format!("{name}.ndjson"), rows).await?,
            }
        }
        job.lines("usage.ndjson", &usage).await?;
        Ok(job)
    }

    /// The pipeline file.
    pub(super) fn pipeline_path(&self) -> String {
        format!("{}/pipeline.yaml", self.folder)
    }

    /// Where its tables go.
    pub(super) fn output(&self) -> String {
        format!("{}/out", self.folder)
    }

    /// The line of the test file on which the record of a row of `suspense` stands.
    pub(super) fn line_of(&self, row: &Row) -> Option<usize> {
        let number: usize = row.get("row")?.parse().ok()?;
        self.records.get(number).map(|place| place.line)
    }

    async fn lines(&mut self, name: &str, rows: &Written) -> Outcome<()> {
        self.origins.insert(name.to_owned(), rows.iter().map(|(place, _)| place.clone()).collect());
        let lines = rows.iter().map(|(_, row)| format!("{}\n", Value::Object(row.clone())));
        self.write(name, lines.collect()).await
    }

    async fn write(&self, name: &str, text: String) -> Outcome<()> {
        Location::parse(&format!("{}/{name}", self.folder))?.put(Bytes::from(text)).await
    }

    /// The pipeline's text, and for each of its lines where in the test file it comes from.
    fn pipeline(
        &self,
        file: &TestFile,
        columns: &[UsageColumn],
        tables: &[Option<Written>; TABLES.len()],
    ) -> (String, Vec<Place>) {
        let here = self.place.clone();
        let mut lines: Vec<(String, Place)> = Vec::new();
        let mut say = |text: String, place: &Place| lines.push((text, place.clone()));
        let zoned = |kind: &str| match kind.trim() {
            "timestamp" => format!("timestamp({})", file.timezone.name()),
            kind => kind.to_owned(),
        };
        say("pipeline: rule-tests".to_owned(), &here);
        say(format!("timezone: {}", file.timezone.name()), &here);
        say(format!("book: ${{{BOOK}}}"), &file.book.place);
        say("usage:".to_owned(), &here);
        say("  usage:".to_owned(), &here);
        say("    path: usage.ndjson".to_owned(), &here);
        say("    format: ndjson".to_owned(), &here);
        say("    schema:".to_owned(), &here);
        let fixed = FIXED.iter().map(|(name, kind)| (*name, *kind, &here));
        let own = columns
            .iter()
            .map(|column| (column.name.as_str(), column.kind.as_str(), column.place.as_ref().unwrap_or(&here)));
        let mut names = Vec::new();
        for (name, kind, place) in fixed.chain(own) {
            let kind = json!(zoned(kind));
            say(format!("      {}: {{ type: {kind}, optional: true }}", json!(name)), place);
            names.push(format!("\"{name}\""));
        }
        let select = format!("SELECT {} FROM input", names.join(", "));
        say(format!("    mediate: {}", json!(select)), &here);
        say("    dedup: { key: [record_id] }".to_owned(), &here);
        say("reference:".to_owned(), &here);
        for (name, rows) in TABLES.iter().zip(tables) {
            match (rows.as_ref().map(Vec::is_empty), *name) {
                (Some(false), name) => say(format!("  {name}: {name}.ndjson"), &here),
                (_, "subscriptions" | "identifiers") => say(format!("  {name}: {name}.csv"), &here),
                _ => {}
            }
        }
        say("limits: { suspense_records: 1 }".to_owned(), &here);
        say("output: out".to_owned(), &here);
        let (texts, places): (Vec<String>, Vec<Place>) = lines.into_iter().unzip();
        (texts.join("\n") + "\n", places)
    }

    /// `faults` with their places in the user's files.
    pub(super) fn at_home(&self, mut faults: Faults) -> Faults {
        for fault in &mut faults.0 {
            let Some(place) = &fault.place else { continue };
            if let Some(name) = place.source.name.strip_prefix(&self.folder) {
                let lines = self.origins.get(name.trim_start_matches('/'));
                let line = place.line.checked_sub(1).and_then(|line| lines?.get(line));
                fault.place = Some(line.unwrap_or(&self.place).clone());
            } else if let Some(name) = place.source.name.strip_prefix(FILE) {
                let (name, text) = (name.to_owned(), place.source.text.clone());
                let source = std::sync::Arc::new(crate::fault::SourceText { name, text });
                fault.place = Some(Place { source, ..place.clone() });
            }
            let own = format!("{}/", self.folder);
            fault.message = fault.message.replace(&own, "").replace(FILE, "");
        }
        faults
    }
}

const FILE: &str = "file://";
const SUBSCRIPTIONS: &str = "subscription_id,account_id,product,plan,start\n";
const IDENTIFIERS: &str = "identifier,subscription_id,account_id\n";

/// The path of a book as it can be named from anywhere.
pub(super) fn from_anywhere(path: &str) -> String {
    if path.contains("://") { path.to_owned() } else { format!("{FILE}{path}") }
}

/// The rows of every table, with what is left out filled in.
fn tables(case: &Case, known: &Known) -> [Option<Written>; TABLES.len()] {
    let [accounts, subscriptions, identifiers, tax_rates, fx_rates, overrides, more @ ..] = &case.tables;
    let [levels, exemptions, credits, committed, amendments, coupons, allowed] = more;
    let mut subscriptions: Written = numbered(subscriptions.as_deref().unwrap_or_default(), "subscription_id", "S");
    let accounts = match accounts {
        Some(rows) => numbered(rows, "account_id", "A"),
        None => named_accounts(case, &subscriptions),
    };
    let only = if let [(_, account)] = accounts.as_slice() { account.get("account_id").cloned() } else { None };
    for (_, row) in &mut subscriptions {
        row.entry("start").or_insert_with(|| json!(LONG_BEFORE));
        if let (Some(only), false) = (&only, row.contains_key("account_id")) {
            row.insert("account_id".to_owned(), only.clone());
        }
    }
    let priced: Vec<(Place, Map<String, Value>)> = known
        .accounts
        .iter()
        .filter(|of| !accounts.iter().any(|(_, row)| row.get("account_id") == Some(&json!(of.text))))
        .map(|of| (of.place.clone(), Map::from_iter([("account_id".to_owned(), json!(of.text))])))
        .collect();
    let accounts = accounts.into_iter().chain(priced).map(|(place, mut row)| {
        let id = row.get("account_id").cloned().unwrap_or_default();
        row.entry("name").or_insert(id);
        row.entry("level").or_insert_with(|| json!("customer"));
        row.entry("currency").or_insert_with(|| json!(known.currency));
        (place, row)
    });
    let accounts: Written = accounts.collect();
    let identifiers = match identifiers {
        Some(rows) => plain(rows),
        None => own_ids(&subscriptions, &accounts),
    };
    let mut accounts = accounts;
    for (rows, columns) in [&mut accounts, &mut subscriptions].into_iter().zip(&known.custom) {
        for (_, row) in rows.iter_mut() {
            for column in columns {
                row.entry(column).or_insert(Value::Null);
            }
        }
    }
    let coupons = coupons.as_ref().map(|rows| numbered(rows, "coupon_id", "C"));
    let credits = credits.as_deref().map(|rows| held(rows, &accounts));
    let others = [tax_rates, fx_rates, overrides, exemptions].map(|rows| rows.as_deref().map(plain));
    let [tax_rates, fx_rates, overrides, exemptions] = others;
    // Rows about a subscription, which there may be only one of.
    let mut of_subscriptions = [levels, committed, amendments, allowed].map(|rows| rows.as_deref().map(plain));
    if let [(_, only)] = subscriptions.as_slice()
        && let Some(id) = only.get("subscription_id")
    {
        for (_, row) in of_subscriptions.iter_mut().flatten().flatten() {
            row.entry("subscription_id").or_insert_with(|| id.clone());
        }
    }
    let [levels, committed, amendments, allowed] = of_subscriptions;
    [
        Some(accounts),
        Some(subscriptions),
        Some(identifiers),
        tax_rates,
        fx_rates,
        overrides,
        levels,
        exemptions,
        credits,
        committed,
        amendments,
        coupons,
        allowed,
    ]
}

/// Credits: `C1`, `C2`, … of the only account, in the currency of their account, where they do not say otherwise.
fn held(rows: &[GivenRow], accounts: &Written) -> Written {
    let mut credits = numbered(rows, "credit_id", "C");
    for (_, row) in &mut credits {
        if let [(_, only)] = accounts.as_slice()
            && let Some(id) = only.get("account_id")
        {
            row.entry("account_id").or_insert_with(|| id.clone());
        }
        let of = accounts.iter().find(|(_, account)| account.get("account_id") == row.get("account_id"));
        if let Some(currency) = of.and_then(|(_, account)| account.get("currency")) {
            row.entry("currency").or_insert_with(|| currency.clone());
        }
    }
    credits
}

fn plain(rows: &[GivenRow]) -> Written {
    let row = |row: &GivenRow| {
        let cells = row.cells.iter().filter_map(|(name, cell)| Some((name.text.clone(), json!(cell.text.as_ref()?))));
        (row.place.clone(), cells.collect())
    };
    rows.iter().map(row).collect()
}

/// Rows whose ids are `S1`, `S2`, … where they are left out.
fn numbered(rows: &[GivenRow], column: &str, letter: &str) -> Written {
    let mut written = plain(rows);
    for (at, (_, row)) in written.iter_mut().enumerate() {
        row.entry(column).or_insert_with(|| json!(format!("{letter}{}", at + 1)));
    }
    written
}

/// An account for each that subscriptions name; `A1` when they name none.
fn named_accounts(case: &Case, subscriptions: &Written) -> Written {
    let mut accounts: BTreeMap<String, Place> = BTreeMap::new();
    for (place, row) in subscriptions {
        if let Some(id) = row.get("account_id").and_then(Value::as_str) {
            accounts.entry(id.to_owned()).or_insert_with(|| place.clone());
        }
    }
    if accounts.is_empty() {
        accounts.insert("A1".to_owned(), case.name.place.clone());
    }
    let account = |(id, place)| (place, Map::from_iter([("account_id".to_owned(), json!(id))]));
    accounts.into_iter().map(account).collect()
}

/// Each subscription and account known by its own id; where they share one, it is the subscription's.
fn own_ids(subscriptions: &Written, accounts: &Written) -> Written {
    let mut ids: BTreeMap<String, (Place, Map<String, Value>)> = BTreeMap::new();
    for (rows, column) in [(subscriptions, "subscription_id"), (accounts, "account_id")] {
        for (place, row) in rows {
            let Some(id) = row.get(column).and_then(Value::as_str) else { continue };
            let known = [("identifier".to_owned(), json!(id)), (column.to_owned(), json!(id))];
            ids.entry(id.to_owned()).or_insert_with(|| (place.clone(), Map::from_iter(known)));
        }
    }
    ids.into_values().collect()
}

/// The records, with their ids, and one for each of `times`.
fn usage(case: &Case) -> Outcome<Written> {
    let mut records = Written::new();
    let mut faults = Faults::default();
    let [_, subscriptions, ..] = &case.tables;
    let only = if let [row] = subscriptions.as_deref().unwrap_or_default() { Some(row) } else { None };
    for (at, row) in case.usage.iter().enumerate() {
        let times = match row.text(TIMES).map(str::parse::<u32>) {
            None => 1,
            Some(Ok(times)) if times <= TIMES_MAX => times,
            Some(_) => {
                let message = format!("`times` is not a whole number up to {TIMES_MAX}");
                faults.push(Fault::new(&codes::Y006, message).at(&row.place));
                continue;
            }
        };
        if row.text("record_type").is_none() {
            let fault = Fault::new(&codes::Y005, "the usage record does not say its `record_type`");
            faults.push(fault.at(&row.place).hint("meters go by it"));
        }
        let cells = row.cells.iter().filter(|(name, _)| name.text != TIMES);
        let mut cells: Map<String, Value> = cells.map(|(name, cell)| (name.text.clone(), json!(cell.text))).collect();
        if let Some(only) = only {
            cells.entry("identifier").or_insert_with(|| json!(only.text("subscription_id").unwrap_or("S1")));
        }
        cells.entry("record_time").or_insert_with(|| json!(format!("{}-01T12:00:00", case.period)));
        if let Some(day) = row.text("record_time").filter(|text| text.parse::<NaiveDate>().is_ok()) {
            cells.insert("record_time".to_owned(), json!(format!("{day}T00:00:00")));
        }
        let id = row.text("record_id").map_or_else(|| (at + 1).to_string(), str::to_owned);
        for nth in 1..=times {
            let mut record = cells.clone();
            let own = if times == 1 { id.clone() } else { format!("{id}.{nth}") };
            record.insert("record_id".to_owned(), json!(own));
            records.push((row.place.clone(), record));
        }
    }
    faults.or(records)
}
