//! Whether every day or hour that a source promises has records, by what incremental pipelines keep.

use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};

use super::super::Prepared;
use super::super::explain::instant;
use super::Gate;
use crate::columns::{named as column, texts_named};
use crate::fault::Outcome;
use crate::lineset::Manifest;
use crate::lineset::parts::{of_all, read_part};
use crate::pipeline::model::Expected;
use crate::store::Location;
use crate::tables::Table;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// Stretches that are named.
const NAMED: usize = 5;

/// The check.
pub(super) async fn gate(prepared: &Prepared, output: &Location, manifest: &Manifest) -> Outcome<Gate> {
    let sources = &prepared.pipeline.sources;
    let expecting = |wanted: Expected| {
        let own = sources.iter().filter(move |source| source.expect == Some(wanted));
        own.map(|source| source.name.as_str()).collect::<Vec<_>>()
    };
    let (by_day, by_hour) = (expecting(Expected::Day), expecting(Expected::Hour));
    if by_day.is_empty() && by_hour.is_empty() {
        return Ok(Gate::new("complete", None, "no source says what is expected of it".to_owned()));
    }
    if !manifest.tables.contains_key(Table::UsageFiles.name()) {
        let wrong = "only an incremental pipeline can tell: say `incremental: {}`".to_owned();
        return Ok(Gate::new("complete", Some(wrong), String::new()));
    }
    let period = &prepared.period;
    let mut missing = Vec::new();
    if !by_day.is_empty() {
        let batches = batches(output, manifest, Table::UsageFiles).await?;
        let days = days(prepared, &batches)?;
        for source in by_day {
            let all =
                (0..u16::try_from(period.days()).unwrap_or_default()).filter(|day| !days.contains(&(source, *day)));
            missing.extend(lacking(source, all.map(|day| period.date(day).to_string())));
        }
    }
    if !by_hour.is_empty() {
        let batches = batches(output, manifest, Table::UsageRecords).await?;
        let hours = hours(&batches)?;
        for source in by_hour {
            let all = period.windows(60).into_iter().filter(|start| *start < period.end());
            let all = all.filter(|start| !hours.contains(&(source, start.div_euclid(HOUR))));
            missing.extend(lacking(source, all.map(instant)));
        }
    }
    let wrong = (!missing.is_empty()).then(|| missing.join("; "));
    Ok(Gate::new("complete", wrong, "every day and hour that is expected has records".to_owned()))
}

async fn batches(output: &Location, manifest: &Manifest, table: Table) -> Outcome<Vec<RecordBatch>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = manifest.tables.get(table.name()).into_iter().flatten();
    let read = of_all(parts, threads, |part| read_part(output, table, part)).await?;
    Ok(read.into_iter().flatten().collect())
}

/// Sources and the days of which they have records.
fn days<'b>(prepared: &Prepared, batches: &'b [RecordBatch]) -> Outcome<BTreeSet<(&'b str, u16)>> {
    let mut found = BTreeSet::new();
    for batch in batches {
        let (sources, dates) = (texts_named(batch, "source")?, column(batch, "day")?.as_primitive::<Date32Type>());
        let read = column(batch, "read")?.as_primitive::<Int64Type>();
        for (row, date) in dates.iter().enumerate().filter(|(row, _)| read.value(*row) > 0) {
            found.extend(date.and_then(|date| Some((sources.get(row)?, prepared.period.day_at(date)?))));
        }
    }
    Ok(found)
}

/// Sources and the hours, from 1970 on, of which they have records.
fn hours(batches: &[RecordBatch]) -> Outcome<BTreeSet<(&str, i64)>> {
    let mut found = BTreeSet::new();
    for batch in batches {
        let (sources, times) =
            (texts_named(batch, "source")?, column(batch, "record_time")?.as_primitive::<TimestampMicrosecondType>());
        let mut last = None;
        for (row, time) in times.values().iter().enumerate() {
            let hour = (sources.get(row).unwrap_or_default(), time.div_euclid(HOUR));
            if last != Some(hour) {
                last = Some(hour);
                found.insert(hour);
            }
        }
    }
    Ok(found)
}

/// What a source lacks, if anything.
fn lacking(source: &str, stretches: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = stretches.collect();
    let named = all.get(..NAMED.min(all.len())).unwrap_or_default().join(", ");
    let more = if all.len() > NAMED { format!(" and {} more", all.len() - NAMED) } else { String::new() };
    (!all.is_empty()).then(|| format!("source `{source}` has nothing of {named}{more}"))
}
