//! `ratemill close`.

use super::arguments::{CloseArguments, Format};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::run::{CloseReport, close, prepare};

/// Closes a period.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &CloseArguments, format: Format) -> Outcome<Ending> {
    let prepared = prepare(&arguments.pipeline, &arguments.period, &|name| std::env::var(name).ok()).await?;
    let output = arguments.output.clone().unwrap_or_else(|| prepared.pipeline.output.text.clone());
    let report = close(&prepared, &output, arguments.despite.as_deref()).await?;
    match format {
        Format::Json => talk::json(&report)?,
        Format::Text => talk::result(&told(&report))?,
    }
    Ok(if report.closed { Ending::Done } else { Ending::OverThreshold })
}

fn told(report: &CloseReport) -> String {
    let CloseReport { period, number, closed, already, gates, .. } = report;
    let mut lines = Vec::new();
    for gate in gates {
        let word = if gate.holds { "ok" } else { "FAILS" };
        lines.push(format!("  {word:<6} {:<10} {}", gate.name, gate.said));
    }
    lines.push(match (closed, already) {
        (_, true) => format!("{period} is closed already, as number {number}"),
        (true, _) => format!("{period} is closed, as number {number}: nothing of its tables changes any more"),
        _ => format!("{period} stays open; `--despite REASON` closes it all the same"),
    });
    lines.join("\n") + "\n"
}
