//! `ratemill run`.

use std::sync::Arc;

use super::arguments::{Format, RunArguments};
use super::observe::Observer;
use super::{Ending, progress, talk};
use crate::fault::Outcome;
use crate::money::currency::minor_digits;
use crate::run::options::Total;
use crate::run::watch::{Moment, Stage, Watch};
use crate::run::{LateUsage, Prepared, RunOptions, RunReport, RunState, late_usage, prepare, rerate, run};

/// The options a command line asks for.
pub(super) fn options(arguments: &RunArguments, prepared: &Prepared) -> RunOptions {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    RunOptions {
        output: arguments.output.clone().unwrap_or_else(|| prepared.pipeline.output.text.clone()),
        partitions: arguments.partitions.map_or(processors, usize::from),
        batch_rows: usize::try_from(arguments.batch_rows).unwrap_or(65_536),
        memory_limit: arguments.memory_limit,
        shuffle_seed: arguments.shuffle_seed,
        progress_total: progress::total,
        progress: progress::advance,
        watch: Watch::default(),
    }
}

/// Rates a period.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &RunArguments, format: Format, observer: &Arc<Observer>) -> Outcome<Ending> {
    observer.note(Moment::Begins(Stage::Prepare));
    let prepared = prepare(&arguments.pipeline, &arguments.period, &|name| std::env::var(name).ok()).await?;
    observer.pipeline(&prepared.pipeline.name);
    let watcher = Arc::clone(observer);
    let watch = Watch::by(move |moment| watcher.note(moment));
    let options = RunOptions { watch, ..options(arguments, &prepared) };
    tracing::info!(pipeline = prepared.pipeline.name, period = prepared.period.label, "run started");
    let outcome = settled(arguments, &prepared, &options).await;
    progress::done();
    let report = outcome?;
    observer.reported(&report);
    tracing::info!(run_id = report.run_id, number = report.number, outcome = ?report.outcome, "run ended");
    if report.outcome == RunState::AlreadyDone {
        talk::say(&format!(
            "already done: run {} is number {} of {}; nothing was changed",
            report.run_id, report.number, report.period
        ));
    }
    let printed = match format {
        _ if observer.takes_stdout() => Ok(()),
        Format::Json => talk::json(&report),
        Format::Text => talk::result(&summary(&report)),
    };
    if let Err(faults) = printed {
        // The line set stands whether or not somebody reads the summary.
        let (state, number, period) = (state(report.outcome), report.number, &report.period);
        talk::say(&format!("{state} as number {number} of {period}, but the summary could not be printed: {faults}"));
    }
    let share = prepared.pipeline.limits.suspense_records;
    // The process ends with this: nobody needs the reference tables taken apart.
    std::mem::forget(prepared);
    let over = report.records.over(share);
    if over {
        talk::say(&format!(
            "suspense is over the threshold: {} of {} records, more than the share {share}",
            report.records.open(),
            report.records.read
        ));
    }
    let untaxed = report.lines_without_tax;
    if untaxed > 0 {
        let lines = counted(untaxed, "line");
        talk::say(&format!("{lines} without tax: the rows of `invoice_taxes` with a blank `tax` say which"));
    }
    Ok(if over || untaxed > 0 { Ending::OverThreshold } else { Ending::Done })
}

/// Runs the period; what it has read of closed periods is settled as adjustments, and then billed.
async fn settled(arguments: &RunArguments, prepared: &Prepared, options: &RunOptions) -> Outcome<RunReport> {
    let report = run(prepared, options).await?;
    let late = late_usage(prepared, options).await?;
    if late.is_empty() {
        return Ok(report);
    }
    for LateUsage { period, files, decided } in late {
        let closed = prepare(&arguments.pipeline, &period, &|name| std::env::var(name).ok()).await?;
        let rerated = rerate(&closed, options, Some(&files)).await?;
        let lines = counted(rerated.adjustments, "line");
        let late = counted(files.len() as u64, "file");
        let what = match (files.is_empty(), decided) {
            (true, _) => format!("decisions on suspense of {period}"),
            (_, true) => format!("{late} with late usage of {period} and decisions on its suspense"),
            _ => format!("{late} with late usage of {period}"),
        };
        talk::say(&format!("{what}, which is closed: {lines} adjusted"));
    }
    run(prepared, options).await
}

/// The summary a person reads.
fn summary(report: &RunReport) -> String {
    let mut lines =
        vec![format!("Period {}, run {} ({})", report.period, report.run_id, state(report.outcome)), String::new()];
    let records = &report.records;
    let set_aside = match records.written_off {
        0 => "set aside with a reason, see the table `suspense`".to_owned(),
        written_off => {
            format!("{} of them written off, see `ratemill suspense list`", grouped(&written_off.to_string()))
        }
    };
    for (name, count, note) in [
        ("records read", records.read, ""),
        ("rated", records.rated, ""),
        ("suspended", records.suspended, &set_aside),
        ("duplicate", records.duplicate, "delivered again, counted once"),
        ("out of window", records.out_of_window, "of another period"),
        ("filtered", records.filtered, "left out by the mediation"),
    ] {
        lines.push(format!("  {name:<14} {:>14}  {note}", grouped(&count.to_string())).trim_end().to_owned());
    }
    if !report.suspense.is_empty() {
        lines.extend([String::new(), "Suspense by reason".to_owned()]);
        lines.extend(
            report.suspense.iter().map(|row| {
                format!("  {:<28} {:<12} {:>10}", row.reason, row.source, grouped(&row.records.to_string()))
            }),
        );
    }
    let (count, invoices) = (counted(report.lines, "invoice line"), counted(report.invoices, "invoice"));
    lines.extend([String::new(), format!("{count} on {invoices}")]);
    lines.extend(totals(&report.totals));
    lines.extend([String::new(), "Tables".to_owned()]);
    lines.extend(report.tables.values().map(|glob| format!("  {glob}")));
    lines.push(format!("  {}/{}", report.output, report.manifest));
    lines.extend([String::new(), "Next".to_owned()]);
    if let Some(glob) = report.tables.get("invoices") {
        lines.push(format!("  duckdb -c \"SELECT * FROM read_parquet('{glob}') ORDER BY amount_gross DESC LIMIT 10\""));
    }
    if let Some(glob) = report.tables.get("suspense").filter(|_| records.suspended > 0) {
        lines.push(format!("  duckdb -c \"SELECT reason, source, file, row, raw FROM read_parquet('{glob}')\""));
    }
    lines.join("\n") + "\n"
}

/// The amounts of each currency; credits only where there are some.
pub(super) fn totals(totals: &[Total]) -> Vec<String> {
    let credited = totals.iter().any(|total| !matches!(total.amounts.credit.as_str(), "" | "0"));
    let shown = if credited { 5 } else { 3 };
    let row = |first: &str, cells: [String; 5]| {
        let cells: String = cells.iter().take(shown).map(|cell| format!(" {cell:>18}")).collect();
        format!("  {first:<8}{cells}")
    };
    let mut rows = vec![row("currency", ["net", "tax", "gross", "credit", "payable"].map(str::to_owned))];
    rows.extend(totals.iter().map(|Total { currency, amounts }| {
        let cells = [&amounts.net, &amounts.tax, &amounts.gross, &amounts.credit, &amounts.payable];
        row(currency, cells.map(|amount| money(amount, currency)))
    }));
    rows
}

/// `1 invoice`, `2 invoices`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(&number.to_string()))
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Committed => "committed",
        RunState::AlreadyDone => "already done",
    }
}

/// An amount with all digits of its currency's minor unit.
pub(super) fn money(amount: &str, currency: &str) -> String {
    let digits = minor_digits(currency).and_then(|digits| usize::try_from(digits).ok()).unwrap_or(2);
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let point = if digits > 0 { "." } else { "" };
    format!("{}{point}{fraction:0<digits$}", grouped(whole))
}

/// A decimal text with its thousands apart.
pub(super) fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}
