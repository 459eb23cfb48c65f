//! Metrics of a run in the text format of Prometheus, for the textfile collector of its node exporter or a push.
//!
//! The file is replaced as a whole, so that nobody reads half of it. A run that fails keeps the time of the last success
//! that the file has told.

use std::fmt::Write as _;
use std::path::Path;

use super::{Seen, seconds};
use crate::cli::stored::now;
use crate::fault::Faults;
use crate::run::{RunReport, RunState};

const LAST_SUCCESS: &str = "ratemill_run_last_success_timestamp_seconds";

/// Writes the metrics.
pub(super) fn write(path: &str, seen: &Seen, faults: Option<&Faults>, exit_code: u8) -> std::io::Result<()> {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let at = Path::new(path);
    let mut beside = at.file_name().unwrap_or_default().to_owned();
    // The collector reads files that end with `.prom` only.
    beside.push(format!(".{}.part", std::process::id()));
    let beside = at.with_file_name(beside);
    let mut file = std::fs::File::create(&beside)?;
    let written = std::io::Write::write_all(&mut file, text(seen, faults, exit_code, &before).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, at));
    if written.is_err() {
        // What is left over is of no use; that it cannot be deleted either changes nothing.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// A text of metrics, being put together.
struct Page {
    text: String,
    /// The labels of every metric.
    labels: String,
}

impl Page {
    fn about(&mut self, name: &str, meaning: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "# HELP ratemill_run_{name} {meaning}\n# TYPE ratemill_run_{name} gauge");
    }

    fn value(&mut self, name: &str, more: &[(&str, &str)], value: &str) {
        let more: String = more.iter().map(|(label, text)| format!(",{label}=\"{}\"", escaped(text))).collect();
        let _ = writeln!(self.text, "ratemill_run_{name}{{{}{more}}} {value}", self.labels);
    }

    fn one(&mut self, name: &str, meaning: &str, value: &str) {
        self.about(name, meaning);
        self.value(name, &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn text(seen: &Seen, faults: Option<&Faults>, exit_code: u8, before: &str) -> String {
    let pipeline = format!("pipeline=\"{}\"", escaped(&seen.pipeline));
    let labels = format!("{pipeline},period=\"{}\"", escaped(&seen.period));
    let mut page = Page { text: String::new(), labels };
    let outcome = match seen.report.as_ref().map(|report| report.outcome) {
        Some(RunState::Committed) => "committed",
        Some(RunState::AlreadyDone) => "already_done",
        None => "failed",
    };
    page.about("outcome", "1 for how the last run ended");
    for one in ["committed", "already_done", "failed"] {
        page.value("outcome", &[("outcome", one)], if one == outcome { "1" } else { "0" });
    }
    page.one("exit_code", "Exit code of the last run", &exit_code.to_string());
    page.one("end_timestamp_seconds", "When the last run ended", &(now() / 1_000_000).to_string());
    page.one("duration_seconds", "How long the last run took", &seconds(seen.begun.elapsed()));
    page.about("stage_seconds", "How long each stage of the last run took");
    for (stage, took) in &seen.took {
        page.value("stage_seconds", &[("stage", stage.label())], &seconds(*took));
    }
    if let Some(peak) = peak_memory() {
        page.one("peak_memory_bytes", "Most memory the last run held at a time", &peak.to_string());
    }
    seen.report.iter().for_each(|report| of_report(&mut page, report));
    faults.iter().for_each(|faults| of_faults(&mut page, faults));
    let this = (outcome != "failed").then(|| format!("{LAST_SUCCESS}{{{pipeline}}} {}", now() / 1_000_000));
    let told = before.lines().find(|line| line.starts_with(LAST_SUCCESS));
    if let Some(line) = this.as_deref().or(told) {
        let _ = writeln!(page.text, "# HELP {LAST_SUCCESS} When a run of the pipeline last ended well");
        let _ = writeln!(page.text, "# TYPE {LAST_SUCCESS} gauge\n{line}");
    }
    page.text
}

/// The most memory this process has had resident, where the system says it (Linux, proc(5): VmHWM, in units of 1024 bytes).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn of_report(page: &mut Page, report: &RunReport) {
    let records = &report.records;
    page.about("records", "Usage records by what became of them");
    for (fate, count) in [
        ("rated", records.rated),
        ("suspended", records.suspended),
        ("duplicate", records.duplicate),
        ("out_of_window", records.out_of_window),
        ("filtered", records.filtered),
    ] {
        page.value("records", &[("fate", fate)], &count.to_string());
    }
    page.about("suspense", "Records in suspense by source and reason");
    for row in &report.suspense {
        page.value("suspense", &[("source", &row.source), ("reason", &row.reason)], &row.records.to_string());
    }
    page.one("lines", "Invoice lines", &report.lines.to_string());
    page.one("lines_without_tax", "Invoice lines that lack a tax", &report.lines_without_tax.to_string());
    page.one("invoices", "Invoices", &report.invoices.to_string());
    page.about("amount", "Sums of the line set by currency");
    for total in &report.totals {
        let amounts = &total.amounts;
        for (name, amount) in [
            ("list", &amounts.list),
            ("discount", &amounts.discount),
            ("net", &amounts.net),
            ("tax", &amounts.tax),
            ("gross", &amounts.gross),
        ] {
            page.value("amount", &[("currency", &total.currency), ("amount", name)], amount);
        }
    }
}

fn of_faults(page: &mut Page, faults: &Faults) {
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for fault in &faults.0 {
        *counts.entry(fault.code.id).or_default() += 1;
    }
    page.about("faults", "Faults by code");
    for (code, count) in counts {
        page.value("faults", &[("code", code)], &count.to_string());
    }
}
