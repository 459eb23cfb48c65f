//! `ratemill status`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::arguments::{Format, OutputArguments};
use super::run::{counted, grouped, totals};
use super::stored::{instant, stored};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::lineset::Manifest;
use crate::lineset::manifest::Records;
use crate::lineset::survey::{PeriodRuns, Survey};
use crate::run::options::Total;

/// What there is of every period.
#[derive(Debug, Serialize)]
struct Status {
    pipeline: String,
    output: String,
    periods: Vec<PeriodStatus>,
    /// Files of no period by table: what several runs share.
    shared: BTreeMap<String, Stock>,
}

/// What there is of a period.
#[derive(Debug, Serialize)]
struct PeriodStatus {
    period: String,
    line_set: Option<LineSet>,
    superseded: Vec<Superseded>,
    unfinished: Vec<Unfinished>,
    stored: BTreeMap<String, Stock>,
}

/// The committed line set.
#[derive(Debug, Serialize)]
struct LineSet {
    number: u32,
    run_id: String,
    pipeline: String,
    state: &'static str,
    committed_at: String,
    records: Records,
    totals: Vec<Total>,
    /// Files that it names and that are not there in their full size.
    missing_files: usize,
}

/// A line set that another has taken the place of.
#[derive(Debug, Serialize)]
struct Superseded {
    number: u32,
    run_id: String,
    committed_at: String,
    files: &'static str,
}

/// A run that stands in no manifest.
#[derive(Debug, Serialize)]
struct Unfinished {
    run_id: String,
    begun_at: String,
    #[serde(flatten)]
    stored: Stock,
}

/// Files.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Stock {
    files: u64,
    bytes: u64,
}

impl Stock {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// Says what lies in an output; writes nothing.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &OutputArguments, format: Format) -> Outcome<Ending> {
    let stored = stored(arguments).await?;
    let survey = stored.survey().await?;
    let status = Status {
        output: stored.output.display(),
        periods: survey.periods.iter().map(|runs| of_period(runs, &survey)).collect(),
        shared: stock(&survey, |path| !path.contains("/period=")),
        pipeline: stored.pipeline,
    };
    match format {
        Format::Json => talk::json(&status)?,
        Format::Text => talk::result(&told(&status))?,
    }
    Ok(Ending::Done)
}

fn of_period(runs: &PeriodRuns, survey: &Survey) -> PeriodStatus {
    let newest = runs.newest();
    let superseded = runs.manifests.iter().rev().skip(1).map(|(number, kept)| Superseded {
        number: *number,
        run_id: kept.says.run_id.clone(),
        committed_at: instant(kept.found.modified),
        files: if missing(&kept.says, survey) == 0 { "kept" } else { "removed" },
    });
    let unfinished = runs.unfinished().map(|kept| {
        let own = format!("/run={}/", kept.says.run_id);
        let stored = stock(survey, |path| path.contains(&own))
            .into_values()
            .fold(Stock::default(), |all, one| Stock { files: all.files + one.files, bytes: all.bytes + one.bytes });
        Unfinished { run_id: kept.says.run_id.clone(), begun_at: instant(kept.found.modified), stored }
    });
    let own = format!("/period={}/", runs.period);
    PeriodStatus {
        line_set: newest.map(|(number, kept)| LineSet {
            number,
            run_id: kept.says.run_id.clone(),
            pipeline: kept.says.pipeline.clone(),
            state: if kept.says.closed.is_some() { "closed" } else { "open" },
            committed_at: instant(kept.found.modified),
            records: kept.says.totals.records,
            totals: Total::of(&kept.says.totals.currencies),
            missing_files: missing(&kept.says, survey),
        }),
        superseded: superseded.collect(),
        unfinished: unfinished.collect(),
        stored: stock(survey, |path| path.contains(&own)),
        period: runs.period.clone(),
    }
}

/// How many of its files are not there in their full size.
fn missing(manifest: &Manifest, survey: &Survey) -> usize {
    let whole = |path: &str, bytes: u64| survey.files.get(path).is_some_and(|found| found.size == bytes);
    manifest.tables.values().flatten().filter(|part| !whole(&part.path, part.bytes)).count()
}

/// The files whose paths are `wanted`, by table.
fn stock(survey: &Survey, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Stock> {
    let mut stock: BTreeMap<String, Stock> = BTreeMap::new();
    for (path, found) in survey.files.iter().filter(|(path, _)| wanted(path)) {
        let table = path.split('/').next().unwrap_or_default();
        stock.entry(table.to_owned()).or_default().add(found.size);
    }
    stock
}

fn told(status: &Status) -> String {
    let mut lines = vec![format!("Pipeline {}, output {}", status.pipeline, status.output)];
    if status.periods.is_empty() {
        lines.push("nothing has been run into it".to_owned());
    }
    for period in &status.periods {
        lines.push(String::new());
        match &period.line_set {
            Some(set) => lines.extend(of_set(&period.period, set)),
            None => lines.push(format!("{}: nothing committed", period.period)),
        }
        for old in &period.superseded {
            let files = if old.files == "removed" { ", files removed" } else { "" };
            lines.push(format!("  superseded  {:>4}  {}  {}{files}", old.number, old.run_id, old.committed_at));
        }
        for run in &period.unfinished {
            lines.push(format!(
                "  unfinished        {}  {}, {}, {} bytes: run it again, or `ratemill abandon` it",
                run.run_id,
                run.begun_at,
                counted(run.stored.files, "file"),
                grouped(&run.stored.bytes.to_string())
            ));
        }
        lines.extend(of_stock(&period.stored));
    }
    if !status.shared.is_empty() {
        lines.extend([String::new(), "Shared by several runs".to_owned()]);
        lines.extend(of_stock(&status.shared));
    }
    lines.join("\n") + "\n"
}

fn of_set(period: &str, set: &LineSet) -> Vec<String> {
    let (number, records) = (set.number, &set.records);
    let mut lines = vec![
        format!("{period}: number {number}, run {}, {}, committed {}", set.run_id, set.state, set.committed_at),
        format!(
            "  {}, {} rated, {} in suspense, {} duplicate",
            counted(records.read, "record"),
            grouped(&records.rated.to_string()),
            grouped(&records.suspended.to_string()),
            grouped(&records.duplicate.to_string())
        ),
    ];
    lines.extend(totals(&set.totals));
    if set.missing_files > 0 {
        let missing = counted(u64::try_from(set.missing_files).unwrap_or(u64::MAX), "file");
        lines.push(format!("  {missing} of it missing or not whole: running it again says which"));
    }
    lines
}

fn of_stock(stock: &BTreeMap<String, Stock>) -> Vec<String> {
    let row = |(table, of): (&String, &Stock)| {
        let files = counted(of.files, "file");
        format!("  stored  {table:<20} {files:>10} {:>16} bytes", grouped(&of.bytes.to_string()))
    };
    stock.iter().map(row).collect()
}
