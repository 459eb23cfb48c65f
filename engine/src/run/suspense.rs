//! What is in suspense: the records of the newest line set of a period with what was decided of them, in groups, with what
//! they may be worth.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use hashbrown::HashMap;
use serde::Serialize;

use super::Decisions;
use super::closing::nothing;
use super::options::rfc3339;
use crate::book::model::PriceBook;
use crate::columns::{named as column, texts_named as texts};
use crate::control::SuspenseTotals;
use crate::fault::{Fault, Faults, Outcome};
use crate::lineset::commit::{check_pipeline, periods};
use crate::lineset::parts::{of_all, read_columns};
use crate::lineset::{Manifest, current};
use crate::pipeline::model::Pipeline;
use crate::store::Location;
use crate::tables::Table;
use crate::usage::Origin;

mod deciding;
mod risk;

pub use deciding::{Asked, Decided, decide};
use risk::Averages;

/// What a record in suspense is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A decision.
    Open,
    /// The run that recycles it.
    ToRecycle,
    /// Nothing.
    WrittenOff,
}

/// Which records are meant; what is left empty, all of.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Reason codes.
    pub codes: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Files, as their sources name them.
    pub files: Vec<String>,
    /// Numbers of records in their files.
    pub rows: Vec<u32>,
}

impl Selection {
    fn has(&self, record: &Record) -> bool {
        let among = |list: &[String], text: &str| list.is_empty() || list.iter().any(|one| one == text);
        among(&self.codes, &record.code)
            && among(&self.sources, &record.source)
            && among(&self.files, &record.file)
            && (self.rows.is_empty() || self.rows.contains(&record.row))
    }
}

/// What records are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Why they were set aside.
    Reason,
    /// Their source.
    Source,
    /// Their source and file.
    File,
}

/// The suspense of a period.
#[derive(Debug, Serialize)]
pub struct PeriodSuspense {
    /// The period.
    pub period: String,
    /// Number of its newest manifest.
    pub number: u32,
    /// The run whose suspense it is.
    pub run_id: String,
    /// Whether the period is closed.
    pub closed: bool,
    /// Where all records are that have come into suspense.
    #[serde(flatten)]
    pub totals: SuspenseTotals,
    /// Of the open ones: those that the next run recycles.
    pub to_recycle: u64,
    /// The groups, most open records first.
    pub groups: Vec<Group>,
}

/// Records in suspense that have something in common.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Group {
    /// Why they were set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Their source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Their file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Records that are open, those to be recycled included.
    pub open: u64,
    /// Of those: records that the next run recycles.
    pub to_recycle: u64,
    /// Records that are written off.
    pub written_off: u64,
    /// The time of the oldest open record, UTC; `None` when no time of one is known.
    pub oldest: Option<String>,
    /// The time of the newest one.
    pub newest: Option<String>,
    /// Both in microseconds.
    #[serde(skip)]
    pub span: Option<(i64, i64)>,
    /// What the open records may come to, by currency; empty when nothing is known of it.
    pub at_risk: BTreeMap<String, String>,
    /// The open records that this is an estimate of.
    pub estimated: u64,
}

/// A record in suspense.
#[derive(Clone, Debug)]
struct Record {
    source: String,
    file: String,
    digest: String,
    row: u32,
    code: String,
    record_type: Option<String>,
    time: Option<i64>,
    state: State,
}

/// What there is of a period, record by record.
struct Looked {
    number: u32,
    closed: bool,
    /// Of the run whose suspense it is.
    manifest: Manifest,
    decisions: Decisions,
    records: Vec<Record>,
}

/// The suspense of every period, or of one, of the output.
///
/// # Errors
/// `O009` when nothing is committed for the period asked for, `O007` for an output of another pipeline, `O001`, `O005` and
/// `O006` for what cannot be read; `G001` when records are lost between coming in and going out.
pub async fn list(
    pipeline: &Pipeline,
    book: Option<&PriceBook>,
    output: &Location,
    period: Option<&str>,
    (selection, by): (&Selection, GroupBy),
) -> Outcome<Vec<PeriodSuspense>> {
    let wanted = match period {
        Some(period) => vec![period.to_owned()],
        None => periods(output).await?,
    };
    let mut all = Vec::new();
    for period in wanted {
        let looked = look(pipeline, output, &period).await?;
        let averages = match book {
            Some(book) => Averages::of(book, output, &looked.manifest).await?,
            None => Averages::default(),
        };
        all.push(told(&looked, &averages, selection, by)?);
    }
    Ok(all)
}

/// The records in suspense of the newest line set of a period; of a closed one that was rerated, of what it would come to.
async fn look(pipeline: &Pipeline, output: &Location, period: &str) -> Outcome<Looked> {
    let Some((number, mut newest)) = current(output, period).await? else { return Err(nothing(output, period).into()) };
    check_pipeline(output, &newest, &pipeline.name)?;
    let closed = newest.closed.is_some();
    let manifest = newest.rerated.take().map_or(newest, |rerated| *rerated);
    let decisions = Decisions::of(output, period).await?;
    let records = records(output, &manifest, &decisions).await?;
    Ok(Looked { number, closed, manifest, decisions, records })
}

async fn records(output: &Location, manifest: &Manifest, decisions: &Decisions) -> Outcome<Vec<Record>> {
    let files = || manifest.inputs.iter().map(|file| (file.source.as_str(), file.name.as_str(), file.digest.as_str()));
    let decided = decisions.said(files());
    let numbers: HashMap<(&str, &str), (u32, &str)> =
        files().zip(0..).map(|((source, file, digest), number)| ((source, file), (number, digest))).collect();
    let done = |last: usize| manifest.decisions.contains(&decisions.taken[last].digest);
    let columns = ["source", "file", "row", "reason", "record_type", "record_time", "state"];
    let parts = manifest.tables.get(Table::Suspense.name()).into_iter().flatten();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut records = Vec::new();
    for batch in of_all(parts, threads, |part| read_columns(output, part, &columns)).await?.iter().flatten() {
        let (sources, names, codes) = (texts(batch, "source")?, texts(batch, "file")?, texts(batch, "reason")?);
        let (kinds, states) = (texts(batch, "record_type")?, texts(batch, "state")?);
        let rows = column(batch, "row")?.as_primitive::<Int64Type>();
        let times = column(batch, "record_time")?.as_primitive::<TimestampMicrosecondType>();
        for at in 0..batch.num_rows() {
            let text = |texts: crate::columns::Texts<'_>| texts.get(at).unwrap_or_default().to_owned();
            let (source, file) = (text(sources), text(names));
            let known = numbers.get(&(source.as_str(), file.as_str()));
            let &(number, digest) = known.ok_or_else(|| Fault::ours("a record in suspense of no file of its run"))?;
            let row = u32::try_from(rows.value(at)).map_err(|_| Fault::ours("a row below zero"))?;
            let written_off = states.get(at) == Some("written_off");
            let state = match decided.of(Origin::new(number, row)).filter(|said| !done(said.last)) {
                Some(said) if said.mark.written_off.is_some() => State::WrittenOff,
                Some(_) => State::ToRecycle,
                // What that run has gone by stands in its table.
                None if written_off => State::WrittenOff,
                None => State::Open,
            };
            let time = times.is_valid(at).then(|| times.value(at));
            let (digest, code) = (digest.to_owned(), text(codes));
            let record_type = kinds.get(at).map(str::to_owned);
            records.push(Record { source, file, digest, row, code, record_type, time, state });
        }
    }
    Ok(records)
}

/// The groups of a period, and where all its records are.
fn told(looked: &Looked, averages: &Averages, selection: &Selection, by: GroupBy) -> Outcome<PeriodSuspense> {
    let Looked { number, closed, manifest, records, .. } = looked;
    let count = |state: State| records.iter().filter(|record| record.state == state).count() as u64;
    let (open, to_recycle, written_off) = (count(State::Open), count(State::ToRecycle), count(State::WrittenOff));
    // What has left suspense by a decision stands in no table of records, only in the totals of the run.
    let run = manifest.totals.suspense;
    let gone = run.map_or(0, |run| run.written_off.saturating_sub(manifest.totals.records.written_off));
    let totals = SuspenseTotals {
        came_in: run.map_or(manifest.totals.records.suspended, |run| run.came_in),
        recycled: run.map_or(0, |run| run.recycled),
        written_off: written_off + gone,
        open: open + to_recycle,
    };
    let mut faults = Faults::default();
    totals.reconcile(&mut faults);
    let mut groups: BTreeMap<[Option<&str>; 3], Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| selection.has(record)) {
        let key = match by {
            GroupBy::Reason => [Some(record.code.as_str()), None, None],
            GroupBy::Source => [None, Some(record.source.as_str()), None],
            GroupBy::File => [None, Some(record.source.as_str()), Some(record.file.as_str())],
        };
        groups.entry(key).or_default().push(record);
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(key, records)| group(key, &records, averages)).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.open));
    faults.or(PeriodSuspense {
        period: manifest.period.clone(),
        number: *number,
        run_id: manifest.run_id.clone(),
        closed: *closed,
        totals,
        to_recycle,
        groups,
    })
}

fn group([reason, source, file]: [Option<&str>; 3], records: &[&Record], averages: &Averages) -> Group {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let mut group = Group { reason: owned(reason), source: owned(source), file: owned(file), ..Group::default() };
    let mut kinds: BTreeMap<&str, i64> = BTreeMap::new();
    for record in records {
        if record.state == State::WrittenOff {
            group.written_off += 1;
            continue;
        }
        group.open += 1;
        group.to_recycle += u64::from(record.state == State::ToRecycle);
        if let Some(time) = record.time {
            let (first, last) = group.span.unwrap_or((time, time));
            group.span = Some((first.min(time), last.max(time)));
        }
        *kinds.entry(record.record_type.as_deref().unwrap_or_default()).or_default() += 1;
    }
    group.oldest = group.span.map(|(first, _)| rfc3339(first));
    group.newest = group.span.map(|(_, last)| rfc3339(last));
    (group.at_risk, group.estimated) = averages.of_records(&kinds);
    group
}
