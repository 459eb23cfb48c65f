//! `ratemill test`: runs rule tests and prints what came of them.

mod coverage;
mod junit;
mod rows;

use super::arguments::{Shape, TestArguments};
use super::{Ending, report, talk};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::trial::{Asked, Report, Tested, Verdict, run_tests};

/// Runs rule tests.
///
/// # Errors
/// Faults of the test files and of the books.
pub(super) async fn carry_out(arguments: &TestArguments, shape: Shape) -> Outcome<Ending> {
    let asked = asked(arguments)?;
    let mut report = run_tests(&asked).await?;
    if let Some(product) = arguments.coverage.as_deref().filter(|product| !product.is_empty()) {
        report.coverage.iter_mut().for_each(|of| of.limit(product));
    }
    let shown = arguments.coverage.is_some() || asked.usage.is_some();
    if shown && shape == Shape::Junit {
        talk::say("junit holds no coverage: ask for text or json to see it");
    }
    match shape {
        Shape::Text | Shape::Csv => talk::result(&text(&report, shown.then_some(asked.usage.as_ref())))?,
        Shape::Json => talk::json(&object(&report, shown))?,
        Shape::Junit => talk::result(&junit::document(&report))?,
    }
    let refused: Vec<Fault> = report.tests.iter().flat_map(|test| faults(&test.verdict)).cloned().collect();
    if !refused.is_empty() {
        let mut faults = Faults(refused);
        faults.sort();
        if shape != Shape::Json {
            report::draw(&faults);
        }
        return Ok(Ending::Refused(faults.exit_code()));
    }
    let failed = report.tests.iter().any(|test| matches!(test.verdict, Verdict::Failed { .. }));
    Ok(if failed { Ending::OverThreshold } else { Ending::Done })
}

fn asked(arguments: &TestArguments) -> Outcome<Asked> {
    let mut paths = arguments.paths.clone();
    if paths.is_empty() {
        let Some(book) = &arguments.book else {
            let fault = Fault::new(&codes::T001, "neither tests nor a price book are named");
            return Err(fault.hint("name a test file, a folder of them, or a book with --book").into());
        };
        paths.push(folder_of(book));
    }
    Ok(Asked {
        paths,
        book: arguments.book.clone(),
        filter: arguments.filter.clone(),
        workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        usage: arguments.usage_output.clone().zip(arguments.period.clone()),
    })
}

/// The folder of a book: itself, or where its one file lies.
fn folder_of(book: &str) -> String {
    if !book.ends_with(".yaml") && !book.ends_with(".yml") {
        return book.to_owned();
    }
    match book.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
        None => ".".to_owned(),
    }
}

fn faults(verdict: &Verdict) -> &[Fault] {
    if let Verdict::Refused(faults) = verdict { &faults.0 } else { &[] }
}

/// How many tests passed, failed, and could not be run.
fn counts(report: &Report) -> [usize; 3] {
    let count = |one: fn(&Verdict) -> bool| report.tests.iter().filter(|test| one(&test.verdict)).count();
    [
        count(|verdict| matches!(verdict, Verdict::Passed { .. })),
        count(|verdict| matches!(verdict, Verdict::Failed { .. })),
        count(|verdict| matches!(verdict, Verdict::Refused(_))),
    ]
}

/// What a person reads.
fn text(report: &Report, coverage: Option<Option<&(String, String)>>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let (mut file, mut told) = ("", Vec::new());
    for test in &report.tests {
        if test.file != file {
            file = &test.file;
            lines.push(file.to_owned());
        }
        match &test.verdict {
            Verdict::Passed { notes } => {
                lines.push(format!("  ok    {}", test.name));
                lines.extend(notes.iter().map(|note| format!("        note: {note}")));
            }
            Verdict::Failed { .. } => {
                lines.push(format!("  FAIL  {}  ({}:{})", test.name, test.file, test.line));
                lines.extend(difference(test).lines().map(|line| format!("        {line}").trim_end().to_owned()));
            }
            Verdict::Refused(faults) => {
                lines.push(format!("  FAULT {}  ({}:{})", test.name, test.file, test.line));
                let faults: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
                // What is given to all tests of a file stops each of them for the same reason.
                let known = faults.iter().all(|fault| told.contains(fault));
                lines.extend(known.then(|| "        for the same reason".to_owned()));
                lines.extend(faults.iter().filter(|_| !known).map(|fault| format!("        {fault}")));
                told.extend(faults);
            }
        }
    }
    let [passed, failed, refused] = counts(report);
    let some = |count: usize, what: &str| if count > 0 { format!(", {count} {what}") } else { String::new() };
    let (failed, refused) = (some(failed, "failed"), some(refused, "could not be run"));
    let all = report.tests.len();
    lines.push(format!("\n{all} test{}: {passed} passed{failed}{refused}", if all == 1 { "" } else { "s" }));
    let mut text = lines.join("\n") + "\n";
    if let Some(usage) = coverage {
        let period = usage.map(|(_, period)| period.as_str());
        report.coverage.iter().for_each(|of| text.push_str(&coverage::text(of, period)));
    }
    text
}

/// What differs, row by row, and what else there is to know.
fn difference(test: &Tested) -> String {
    let Verdict::Failed { differences, notes } = &test.verdict else { return String::new() };
    let sections = differences.iter().map(rows::drawn);
    let notes = notes.iter().map(|note| format!("note: {note}\n"));
    sections.chain(notes).collect()
}

/// What a program reads.
fn object(report: &Report, coverage: bool) -> serde_json::Value {
    let tests = report.tests.iter().map(|test| {
        let mut object = serde_json::json!({ "name": test.name, "file": test.file, "line": test.line });
        match &test.verdict {
            Verdict::Passed { notes } => {
                object["outcome"] = "passed".into();
                object["notes"] = serde_json::json!(notes);
            }
            Verdict::Failed { differences, notes } => {
                object["outcome"] = "failed".into();
                object["differences"] = serde_json::json!(differences);
                object["notes"] = serde_json::json!(notes);
            }
            Verdict::Refused(faults) => {
                object["outcome"] = "refused".into();
                object["faults"] = report::rows(faults);
            }
        }
        object
    });
    let [passed, failed, refused] = counts(report);
    let tests: Vec<serde_json::Value> = tests.collect();
    let outcome = if failed + refused == 0 { "passed" } else { "failed" };
    let mut object = serde_json::json!({
        "outcome": outcome, "passed": passed, "failed": failed, "refused": refused, "tests": tests,
    });
    if coverage {
        object["coverage"] = serde_json::json!(report.coverage);
    }
    object
}
