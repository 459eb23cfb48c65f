//! `ratemill suspense`: what is in suspense, and what is to become of it.

use super::arguments::Format;
use super::arguments::suspense::{
    DecisionArguments, RecycleArguments, SelectionArguments, SuspenseArguments, SuspenseBy, SuspenseCommand,
    SuspenseListArguments, WriteOffArguments,
};
use super::run::{counted, grouped, money};
use super::stored::now;
use super::{Ending, talk};
use crate::book;
use crate::fault::Outcome;
use crate::lineset::decisions::Action;
use crate::period::Period;
use crate::pipeline;
use crate::pipeline::model::Pipeline;
use crate::run::suspense::{Asked, Decided, Group, GroupBy, PeriodSuspense, Selection, decide, list};
use crate::store::Location;

/// Looks after records in suspense.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &SuspenseArguments, format: Format) -> Outcome<Ending> {
    match &arguments.command {
        SuspenseCommand::List(own) => listed(own, format).await,
        SuspenseCommand::Recycle(RecycleArguments { which, written_off, reason }) => {
            let (action, reason) = (Action::Recycle, reason.clone());
            let asked = Asked { action, selection: selection(&which.only), written_off: *written_off, reason };
            decided(which, &asked, format).await
        }
        SuspenseCommand::WriteOff(WriteOffArguments { which, reason }) => {
            let (action, reason) = (Action::WriteOff, reason.clone());
            let asked = Asked { action, selection: selection(&which.only), written_off: false, reason };
            decided(which, &asked, format).await
        }
    }
}

fn selection(only: &SelectionArguments) -> Selection {
    let SelectionArguments { code, source, file, row } = only;
    Selection { codes: code.clone(), sources: source.clone(), files: file.clone(), rows: row.clone() }
}

async fn opened(path: &str, output: Option<&String>, period: Option<&str>) -> Outcome<(Pipeline, Location)> {
    let pipeline = pipeline::load(path, &|name| std::env::var(name).ok()).await?;
    if let Some(period) = period {
        Period::month(period, pipeline.timezone)?;
    }
    let output = Location::parse(output.unwrap_or(&pipeline.output.text))?;
    output.check_folder()?;
    Ok((pipeline, output))
}

async fn listed(arguments: &SuspenseListArguments, format: Format) -> Outcome<Ending> {
    let SuspenseListArguments { of, period, by, only } = arguments;
    let (pipeline, output) = opened(&of.pipeline, of.output.as_ref(), period.as_deref()).await?;
    let by = match by {
        SuspenseBy::Reason => GroupBy::Reason,
        SuspenseBy::Source => GroupBy::Source,
        SuspenseBy::File => GroupBy::File,
    };
    // Without a book there are no estimates; its faults are for whoever runs it.
    let book = book::draft(&pipeline.book).await.book.ok();
    let found = list(&pipeline, book.as_ref(), &output, period.as_deref(), (&selection(only), by)).await?;
    match format {
        Format::Json => talk::json(&serde_json::json!({
            "pipeline": pipeline.name, "output": output.display(), "periods": found,
        }))?,
        Format::Text => talk::result(&told(&found, &output, now()))?,
    }
    Ok(Ending::Done)
}

fn told(periods: &[PeriodSuspense], output: &Location, now: i64) -> String {
    let mut lines = Vec::new();
    for PeriodSuspense { period, number, run_id, closed, totals, to_recycle, groups } in periods {
        let closed = if *closed { ", closed" } else { "" };
        let number_of = |count: u64| grouped(&count.to_string());
        lines.push(format!("{period}: number {number}, run {run_id}{closed}"));
        lines.push(format!(
            "  {} in suspense = {} recycled + {} written off + {} open",
            counted(totals.came_in, "record"),
            number_of(totals.recycled),
            number_of(totals.written_off),
            number_of(totals.open)
        ));
        if *to_recycle > 0 {
            lines.push(format!("  the next run reads {} of the open ones again", number_of(*to_recycle)));
        }
        if !groups.is_empty() {
            lines.extend(table(groups, now));
        }
        lines.push(String::new());
    }
    if periods.is_empty() {
        lines.push(format!("nothing is committed in {}", output.display()));
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}

fn table(groups: &[Group], now: i64) -> Vec<String> {
    let name = |group: &Group| {
        let parts = [&group.reason, &group.source, &group.file];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    let width = groups.iter().map(|group| name(group).chars().count()).max().unwrap_or_default();
    let row = |name: &str, [open, again, off, oldest, age, risk]: [&str; 6]| {
        format!("  {name:<width$} {open:>10} {again:>11} {off:>12}  {oldest:<20} {age:>6}  {risk}")
            .trim_end()
            .to_owned()
    };
    let mut rows = vec![row("", ["open", "to recycle", "written off", "oldest", "age", "may come to"])];
    for group in groups {
        let age = group.span.map(|(oldest, _)| format!("{} d", (now - oldest).max(0) / DAY)).unwrap_or_default();
        let estimates: Vec<String> =
            group.at_risk.iter().map(|(currency, amount)| format!("{} {currency}", money(amount, currency))).collect();
        let part = if group.estimated < group.open && !estimates.is_empty() {
            format!(" ({} of them)", grouped(&group.estimated.to_string()))
        } else {
            String::new()
        };
        let number = |count: u64| if count == 0 { String::new() } else { grouped(&count.to_string()) };
        let (open, again, off) =
            (grouped(&group.open.to_string()), number(group.to_recycle), number(group.written_off));
        let oldest = group.oldest.as_ref().map(|time| time.chars().take(19).collect::<String>()).unwrap_or_default();
        rows.push(row(&name(group), [&open, &again, &off, &oldest, &age, &format!("{}{part}", estimates.join(" + "))]));
    }
    rows
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

async fn decided(which: &DecisionArguments, asked: &Asked, format: Format) -> Outcome<Ending> {
    let DecisionArguments { of, period, .. } = which;
    let (pipeline, output) = opened(&of.pipeline, of.output.as_ref(), Some(period)).await?;
    let decided = decide(&pipeline, &output, period, asked).await?;
    match format {
        Format::Json => talk::json(&decided)?,
        Format::Text => talk::result(&of_decision(&decided))?,
    }
    Ok(Ending::Done)
}

fn of_decision(decided: &Decided) -> String {
    let Decided { period, action, number, records, before, closed, .. } = decided;
    let what = match action {
        Action::Recycle => "to be recycled",
        Action::WriteOff => "written off",
    };
    let Some(number) = number else {
        return format!(
            "nothing was decided: {} of {period} that are selected are {what} already\n",
            counted(*before, "record")
        );
    };
    let then = match (closed, action) {
        (true, _) => "`ratemill rerate`, or the next run of an open period, goes by it",
        (_, Action::Recycle) => "the next run of the period reads them again",
        (_, Action::WriteOff) => "the next run of the period goes by it",
    };
    format!("decision {number}: {} of {period} {what}; {then}\n", counted(*records, "record"))
}
