//! Rule tests: usage and reference rows given in YAML, and the rows of the published tables that must come of them.
//!
//! Every test is a whole run of the engine over a job in memory, so that a price is tested as it will bill. Tests run in
//! parallel and are told in the order they are written. It decides what passed; how that is printed is for `cli`.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::book;
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::lineset::manifest::Records;
use crate::run::watch::Watch;
use crate::run::{RunOptions, prepare, run};
use crate::store::Location;
use crate::tables::Table;
use crate::yaml;
use crate::yaml::keys::Record;
use crate::yaml::reference::{Example, examples};

mod cells;
mod columns;
pub mod compare;
pub mod coverage;
mod file;
mod found;
mod given;
mod keys;
mod pieces;
mod survey;

use cells::Row;
use columns::{UsageColumn, usage_columns};
use compare::{Difference, compare};
use coverage::{Coverage, Tally};
use file::{Case, TestFile};
use found::LineSet;
use given::{BOOK, Job, Known, from_anywhere};
use survey::Survey;

/// What the name of a test file ends with.
pub const ENDING: &str = ".test.yaml";

/// Which tests are to be run, and how.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Test files, and folders with test files below them.
    pub paths: Vec<String>,
    /// The book to test, in place of those the files name.
    pub book: Option<String>,
    /// A text that the file or name of a test must have.
    pub filter: Option<String>,
    /// Tests under way at a time.
    pub workers: usize,
    /// A line set whose prices in use are looked for too: output and period.
    pub usage: Option<(String, String)>,
}

/// What came of the tests.
#[derive(Clone, Debug)]
pub struct Report {
    /// The tests in order.
    pub tests: Vec<Tested>,
    /// What they have touched, of each book.
    pub coverage: Vec<Coverage>,
}

/// What came of one test.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The test's file, as the user would write it.
    pub file: String,
    /// Its line there.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a test.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// All as expected.
    Passed {
        /// What else there is to know.
        notes: Vec<String>,
    },
    /// Something is not as expected.
    Failed {
        /// By section.
        differences: Vec<Difference>,
        /// What else there is to know.
        notes: Vec<String>,
    },
    /// It could not be run.
    Refused(Faults),
}

/// The JSON Schema of a file of rule tests, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    yaml::json_schema(&keys::TEST_FILE, "Ratemill rule tests")
}

/// The table of the keys of a file of rule tests, and an example of each kind of mapping in it.
#[must_use]
pub fn key_table() -> (&'static Record, Vec<Example>) {
    (&keys::TEST_FILE, examples(include_str!("trial/examples.md")))
}

/// One test with all it needs.
struct Planned {
    file: Arc<TestFile>,
    case: Case,
    columns: Arc<Vec<UsageColumn>>,
    known: Arc<Known>,
    book: usize,
}

/// What a run of a test has shown.
struct Outcomes {
    verdict: Verdict,
    lines: Vec<Row>,
    discounts: Vec<Row>,
}

/// Runs the tests asked for.
///
/// # Errors
/// All faults of the test files and of the books; then no test is run.
pub async fn run_tests(asked: &Asked) -> Outcome<Report> {
    let files = files(asked).await?;
    let mut books: BTreeMap<String, Located> = BTreeMap::new();
    for file in &files {
        books.entry(file.book.text.clone()).or_insert_with(|| file.book.clone());
    }
    let mut faults = Faults::default();
    let mut surveys: Vec<(String, Survey)> = Vec::new();
    for (path, named) in &books {
        if faults.keep(book::load(named).await).is_some() {
            surveys.push((path.clone(), Survey::of(path).await?));
        }
    }
    faults.or(())?;
    let mut tallies: Vec<Tally> = surveys.iter().map(|(path, survey)| Tally::new(path, survey)).collect();
    let planned = planned(files, &surveys, asked)?;
    let told: Vec<(Tested, usize)> = planned.iter().map(|test| (test.told(), test.book)).collect();
    // A run is not bound to be movable between threads: each has one of its own while it lasts.
    let runtime = tokio::runtime::Handle::current();
    let running = stream::iter(planned).map(|test| {
        let runtime = runtime.clone();
        tokio::task::spawn_blocking(move || runtime.block_on(test.run()))
    });
    let outcomes: Vec<_> = running.buffered(asked.workers.max(1)).collect().await;
    let mut tests = Vec::new();
    for ((told, book), outcome) in told.into_iter().zip(outcomes) {
        let outcome = outcome.map_err(|cause| Fault::ours(format!("the test `{}` broke off: {cause}", told.name)))?;
        outcome.lines.iter().for_each(|line| tallies[book].touch(line));
        outcome.discounts.iter().for_each(|row| tallies[book].touch_discount(row));
        tests.push(Tested { verdict: outcome.verdict, ..told });
    }
    if let Some((output, period)) = &asked.usage {
        let lines = LineSet::newest(output, period).await?;
        let columns = coverage::columns();
        tallies.iter_mut().for_each(Tally::begin_use);
        let each = |line: Row| tallies.iter_mut().for_each(|tally| tally.used(&line));
        lines.scan(Table::InvoiceLines, &columns, chrono_tz::UTC, each).await?;
        let each = |row: Row| tallies.iter_mut().for_each(|tally| tally.used_discount(&row));
        lines.scan(Table::LineDiscounts, &coverage::discount_columns(), chrono_tz::UTC, each).await?;
    }
    Ok(Report { tests, coverage: tallies.into_iter().map(Tally::coverage).collect() })
}

/// The test files asked for, read and checked.
async fn files(asked: &Asked) -> Outcome<Vec<TestFile>> {
    let mut faults = Faults::default();
    let mut paths: Vec<String> = Vec::new();
    for path in &asked.paths {
        paths.extend(faults.keep(files_of(path).await).unwrap_or_default());
    }
    let mut seen: Vec<String> = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        if seen.contains(&path) {
            continue;
        }
        let bytes = Location::parse(&path)?.read().await;
        let source = bytes.and_then(|bytes| yaml::source(&path, &bytes));
        let file = source.and_then(|source| file::parse(&source, asked.book.as_deref()));
        files.extend(faults.keep(file));
        seen.push(path);
    }
    faults.or(files)
}

/// The test files that `path` means: itself, or all below it.
async fn files_of(path: &str) -> Outcome<Vec<String>> {
    let location = Location::parse(path)?;
    let found = location.list().await?;
    if found.len() == 1 && found.iter().all(|found| found.location.display() == location.display()) {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.trim_end_matches('/');
    let tests = found.iter().filter(|found| found.name.ends_with(ENDING));
    let shown = tests.filter(|found| !found.name.split('/').any(|part| part.starts_with('.')));
    let below = |name: &str| if folder.is_empty() { format!("/{name}") } else { format!("{folder}/{name}") };
    let named: Vec<String> = shown.map(|found| yaml::beside("", &below(&found.name))).collect();
    if named.is_empty() {
        let fault = Fault::new(&codes::T001, format!("there are no rule tests at `{path}`"));
        return Err(fault.hint(format!("name a file, or a folder with files that end in `{ENDING}`")).into());
    }
    Ok(named)
}

fn planned(files: Vec<TestFile>, surveys: &[(String, Survey)], asked: &Asked) -> Outcome<Vec<Planned>> {
    let mut planned = Vec::new();
    let filter = asked.filter.as_deref().unwrap_or_default().to_lowercase();
    for mut file in files {
        let Some(book) = surveys.iter().position(|(path, _)| *path == file.book.text) else { continue };
        let survey = &surveys[book].1;
        let columns = Arc::new(usage_columns(&file, &survey.meter_sql())?);
        let currency = survey.currency().unwrap_or("USD").to_owned();
        let known = Arc::new(Known { currency, accounts: survey.priced_accounts(), custom: survey.custom_columns() });
        let cases = std::mem::take(&mut file.cases);
        let file = Arc::new(file);
        let asked_for = |name: &str| name.to_lowercase().contains(&filter);
        for case in cases.into_iter().filter(|case| asked_for(&case.name.text) || asked_for(&file.name)) {
            let (file, columns, known) = (Arc::clone(&file), Arc::clone(&columns), Arc::clone(&known));
            planned.push(Planned { file, case, columns, known, book });
        }
    }
    if planned.is_empty() {
        return Err(match &asked.filter {
            Some(filter) => Fault::new(&codes::T001, format!("no test has `{filter}` in its name or file"))
                .hint("leave --filter out to run all"),
            None => Fault::new(&codes::T001, "the files have no test in them").hint("write one under `tests:`"),
        }
        .into());
    }
    Ok(planned)
}

impl Planned {
    fn told(&self) -> Tested {
        let (file, name) = (self.file.name.clone(), self.case.name.text.clone());
        Tested { file, line: self.case.name.place.line, name, verdict: Verdict::Passed { notes: Vec::new() } }
    }

    async fn run(self) -> Outcomes {
        let refused = |faults| Outcomes { verdict: Verdict::Refused(faults), lines: Vec::new(), discounts: Vec::new() };
        let job = Job::put(&self.file, &self.case, &self.columns, &self.known).await;
        match job {
            Ok(job) => self.judged(&job).await.unwrap_or_else(|faults| refused(job.at_home(faults))),
            Err(faults) => refused(faults),
        }
    }

    async fn judged(&self, job: &Job) -> Outcome<Outcomes> {
        let book = from_anywhere(&self.file.book.text);
        let variable = |name: &str| (name == BOOK).then(|| book.clone());
        let prepared = prepare(&job.pipeline_path(), &self.case.period, &variable).await?;
        let options = RunOptions {
            output: job.output(),
            partitions: 1,
            batch_rows: 65_536,
            memory_limit: None,
            shuffle_seed: None,
            progress_total: drop,
            progress: drop,
            watch: Watch::default(),
        };
        let report = run(&prepared, &options).await?;
        let set = LineSet::newest(&job.output(), &self.case.period).await?;
        let timezone = self.file.timezone;
        let mut differences = Vec::new();
        for section in &self.case.sections {
            differences.extend(compare(section, &set.rows(section.table, timezone).await?, &|row| job.line_of(row)));
        }
        let lines = set.rows(Table::InvoiceLines, timezone).await?;
        let notes = notes(&report.records);
        let verdict = match differences.is_empty() {
            true => Verdict::Passed { notes },
            false => Verdict::Failed { differences, notes },
        };
        let discounts = set.rows(Table::LineDiscounts, timezone).await?;
        Ok(Outcomes { verdict, lines, discounts })
    }
}

/// What became of records that are in no table.
fn notes(records: &Records) -> Vec<String> {
    let told = |(count, one, many): &(u64, &str, &str)| match count {
        0 => None,
        1 => Some(format!("1 of {} records {one}", records.read)),
        count => Some(format!("{count} of {} records {many}", records.read)),
    };
    let kinds = [
        (records.duplicate, "is a copy of another", "are copies of others"),
        (records.out_of_window, "is of another period", "are of another period"),
    ];
    kinds.iter().filter_map(told).collect()
}
