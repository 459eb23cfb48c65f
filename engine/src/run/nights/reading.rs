//! The kept tables of the standing run, read back into the words of the hot path.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::super::Job;
use super::super::intake::Intake;
use super::Standing;
use super::facts::ends;
use crate::book::model::{Aggregate, Meter};
use crate::columns::{named as column, texts_named as texts};
use crate::fault::{Fault, Outcome};
use crate::lineset::Manifest;
use crate::lineset::manifest::Part;
use crate::lineset::parts::{of_all, read_column, read_part};
use crate::reference::model::Index;
use crate::store::Location;
use crate::tables::Table;
use crate::usage::{Bucket, Cell, Mark, Metered, Origin, Slot, Suspended, Tally, Verdict};

/// The tables of the standing run, and whom its texts mean in this one.
pub(super) struct Reading<'r> {
    job: &'r Job<'r>,
    output: &'r Location,
    manifest: &'r Manifest,
    threads: usize,
    /// By source and name.
    numbers: HashMap<(&'r str, &'r str), u32>,
    meter_numbers: HashMap<&'r str, u32>,
}

const UNKNOWN: u32 = u32::MAX;

impl<'r> Reading<'r> {
    pub(super) fn new(job: &'r Job<'r>, output: &'r Location, manifest: &'r Manifest, threads: usize) -> Self {
        let source = |at: usize| job.pipeline.sources[at].name.as_str();
        let files = job.files.iter().map(|file| ((source(file.source), file.name.as_str()), file.index));
        let meters = (0_u32..).zip(&job.book.meters).map(|(at, meter)| (meter.id.as_str(), at));
        Self { job, output, manifest, threads, numbers: files.collect(), meter_numbers: meters.collect() }
    }

    fn parts(&self, table: Table) -> &'r [Part] {
        self.manifest.tables.get(table.name()).map_or(&[], Vec::as_slice)
    }

    /// The parts of `usage_records` of a day.
    fn of_day(&self, day: u16) -> impl Iterator<Item = &'r Part> {
        let folder = format!("/day={}/", self.job.period.date(day));
        self.parts(Table::UsageRecords).iter().filter(move |part| part.path.contains(&folder))
    }

    async fn batches(&self, table: Table, parts: impl IntoIterator<Item = &'r Part>) -> Outcome<Vec<RecordBatch>> {
        let read = of_all(parts, self.threads, |part| read_part(self.output, table, part)).await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// By day whether it stands; `take` gets the records of the days that do not, with their fates. A day does not when a new
    /// record is of it, or has the key of one of its records; and none does when prices have changed that decide which
    /// records count.
    pub(super) async fn days(
        &self,
        intakes: &[Intake],
        same_prices: bool,
        mut take: impl FnMut(Metered, Verdict),
    ) -> Outcome<Vec<bool>> {
        let mut stands = vec![same_prices; self.job.period.days()];
        let mut keys: HashSet<u64> = HashSet::new();
        for measure in intakes.iter().flat_map(|intake| intake.shards.iter().flatten().flatten()) {
            keys.insert(high(measure.key));
            let day = self.job.period.day_of(measure.time).map_or(usize::MAX, usize::from);
            *stands.get_mut(day).ok_or_else(|| Fault::ours("a record outside the period"))? = false;
        }
        if !keys.is_empty() && ends(self.job.catalog) {
            stands.fill(false);
        }
        // Records of one key on several days conflict: such days are settled together. Without keys none do.
        let has_keys = self.job.pipeline.sources.iter().any(|source| !source.dedup_key.is_empty());
        let mut seen = vec![false; stands.len()];
        loop {
            for (day, seen) in (0_u16..).zip(&mut seen).filter(|(day, seen)| !stands[usize::from(*day)] && !**seen) {
                *seen = true;
                for (measure, verdict) in self.records(day, |_| true).await? {
                    keys.insert(high(measure.key));
                    take(measure, verdict);
                }
            }
            let mut shared = false;
            for (day, stands) in
                (0_u16..).zip(&mut stands).filter(|(_, stands)| **stands && has_keys && !keys.is_empty())
            {
                if self.has_key(day, &keys).await? {
                    (*stands, shared) = (false, true);
                }
            }
            if !shared {
                return Ok(stands);
            }
        }
    }

    /// Whether a record of a day has one of these keys, by their upper halves.
    async fn has_key(&self, day: u16, keys: &HashSet<u64>) -> Outcome<bool> {
        let read = |part| read_column(self.output, part, "key_high");
        let batches: Vec<RecordBatch> =
            of_all(self.of_day(day), self.threads, read).await?.into_iter().flatten().collect();
        Ok(batches.par_iter().any(|batch| {
            let column = batch.column(0).as_primitive::<Int64Type>();
            column.values().iter().any(|key| keys.contains(&key.cast_unsigned()))
        }))
    }

    /// The counts by file and day: those of days that stand are kept, of the others only how many records were read.
    pub(super) async fn files(&self, standing: &mut Standing) -> Outcome<()> {
        standing.tallies = vec![Tally::default(); self.job.files.len()];
        for batch in self.batches(Table::UsageFiles, self.parts(Table::UsageFiles)).await? {
            let files = self.files_of(&batch)?;
            let days = column(&batch, "day")?.as_primitive::<Date32Type>();
            let count = |name: &str, row: usize| -> Outcome<u64> {
                let value = column(&batch, name)?.as_primitive::<Int64Type>().value(row);
                u64::try_from(value).map_err(|_| Fault::ours("a count below zero").into())
            };
            for (row, file) in files.into_iter().enumerate() {
                let day = days.is_valid(row).then(|| self.day(days.value(row))).transpose()?;
                let mut tally = Tally {
                    read: count("read", row)?,
                    rated: count("rated", row)?,
                    suspended: count("suspended", row)?,
                    duplicate: count("duplicate", row)?,
                    out_of_window: count("out_of_window", row)?,
                    filtered: count("filtered", row)?,
                };
                if day.is_none_or(|day| standing.days[usize::from(day)]) {
                    standing.files.insert((file, day), tally);
                } else {
                    tally = Tally { read: tally.read, ..Tally::default() };
                }
                let of_file = standing.tallies.get_mut(file as usize);
                of_file.ok_or_else(|| Fault::ours("a kept file that is none of the run"))?.add(&tally);
            }
        }
        Ok(())
    }

    /// The local day of a date.
    fn day(&self, date: i32) -> Outcome<u16> {
        Ok(self.job.period.day_at(date).ok_or_else(|| Fault::ours("a kept day outside the period"))?)
    }

    /// The file of every row.
    fn files_of(&self, batch: &RecordBatch) -> Outcome<Vec<u32>> {
        let (sources, names) = (texts(batch, "source")?, texts(batch, "file")?);
        let mut last: Option<(&str, &str, u32)> = None;
        let file = |row: usize| {
            let (source, name) = (sources.get(row).unwrap_or_default(), names.get(row).unwrap_or_default());
            match last {
                Some((same, file, number)) if same == source && file == name => Ok(number),
                _ => {
                    let number = self.numbers.get(&(source, name)).copied();
                    let number = number.ok_or_else(|| Fault::ours("a kept record of no file of the run"))?;
                    last = Some((source, name, number));
                    Ok(number)
                }
            }
        };
        (0..batch.num_rows()).map(file).collect()
    }

    /// The records of a day that are `wanted` by the number of their meter ([`u32::MAX`]: none), with their fates.
    pub(super) async fn records(
        &self,
        day: u16,
        wanted: impl Fn(u32) -> bool + Sync,
    ) -> Outcome<Vec<(Metered, Verdict)>> {
        let batches = self.batches(Table::UsageRecords, self.of_day(day)).await?;
        let read: Vec<Outcome<Vec<(Metered, Verdict)>>> =
            batches.par_iter().map(|batch| self.measures(batch, &wanted)).collect();
        let mut all = Vec::new();
        for read in read {
            all.extend(read?);
        }
        Ok(all)
    }

    fn measures(
        &self,
        batch: &RecordBatch,
        wanted: &(impl Fn(u32) -> bool + Sync),
    ) -> Outcome<Vec<(Metered, Verdict)>> {
        let files = self.files_of(batch)?;
        let rows = column(batch, "row")?.as_primitive::<Int64Type>();
        let times = column(batch, "record_time")?.as_primitive::<TimestampMicrosecondType>();
        let verdicts =
            texts(batch, "verdict")?.map(None, |text| Verdict::ALL.into_iter().find(|one| one.label() == text));
        let subscriptions = texts(batch, "subscription_id")?.map(UNKNOWN, |id| self.subscription(id));
        let meters = texts(batch, "meter")?.map(UNKNOWN, |id| self.meter_numbers.get(id).copied().unwrap_or(UNKNOWN));
        let cells = self.cells(batch, &meters)?;
        let quantities = column(batch, "quantity")?.as_primitive::<Decimal128Type>();
        let values = texts(batch, "value")?.map(None, |text| Some(self.job.cells.number_value(text)));
        let whole = |name| column(batch, name).map(AsArray::as_primitive::<Int64Type>);
        let (highs, lows, contents) = (whole("key_high")?, whole("key_low")?, whole("content")?);
        let mut found = Vec::with_capacity(batch.num_rows());
        for row in (0..batch.num_rows()).filter(|row| wanted(meters[*row])) {
            let time = times.value(row);
            let nowhere = meters[row] == UNKNOWN;
            let slot = match subscriptions[row] {
                _ if nowhere => Slot::NOWHERE,
                UNKNOWN => return Err(Fault::ours("a kept record of no subscription").into()),
                first => Slot::new(self.version(first, time), cells[row]),
            };
            let number = u32::try_from(rows.value(row)).map_err(|_| Fault::ours("a kept row below zero"))?;
            let halves = [highs.value(row), lows.value(row)].map(i64::cast_unsigned);
            let measure = Metered {
                key: u128::from(halves[0]) << 64 | u128::from(halves[1]),
                quantity: values[row].map_or_else(|| quantities.value(row), i128::from),
                content: contents.value(row).cast_unsigned(),
                origin: Origin::new(files[row], number),
                slot,
                time,
            };
            found.push((measure, verdicts[row].ok_or_else(|| Fault::ours("a kept record without a fate"))?));
        }
        Ok(found)
    }

    /// The cell number of every row.
    fn cells(&self, batch: &RecordBatch, meters: &[u32]) -> Outcome<Vec<u32>> {
        let mut lists: Vec<Vec<Arc<str>>> = Vec::new();
        let lists_of = texts(batch, "cell")?.map(None, |text| {
            let values: Vec<String> = serde_json::from_str(text).ok()?;
            lists.push(values.into_iter().map(Arc::from).collect());
            Some(lists.len() - 1)
        });
        let mut known: HashMap<(u32, Option<usize>), u32> = HashMap::new();
        let number = |(meter, list): (&u32, Option<usize>)| {
            if *meter == UNKNOWN {
                return 0;
            }
            *known.entry((*meter, list)).or_insert_with(|| {
                let values = list.map(|list| lists[list].clone()).unwrap_or_default();
                self.job.cells.number(&Cell { meter: *meter, values })
            })
        };
        Ok(meters.iter().zip(lists_of).map(number).collect())
    }

    /// The first version of a subscription.
    fn subscription(&self, id: &str) -> Index {
        let rows = &self.job.reference.subscriptions;
        let at = rows.partition_point(|row| row.id.as_str() < id);
        let found = rows.get(at).filter(|row| row.id == id);
        found.map_or(UNKNOWN, |_| Index::try_from(at).unwrap_or(UNKNOWN))
    }

    /// The version of a subscription that holds at `time`.
    fn version(&self, first: Index, time: i64) -> Index {
        let rows = &self.job.reference.subscriptions;
        let last = rows[first as usize].last;
        (first..=last)
            .find(|at| (rows[*at as usize].starts_at..rows[*at as usize].ends_at).contains(&time))
            .unwrap_or(first)
    }

    /// Rows in suspense: those of `set_aside` are only told of, all others stay.
    pub(super) async fn suspense(&self, standing: &mut Standing, set_aside: &HashSet<Origin>) -> Outcome<()> {
        for batch in self.batches(Table::Suspense, self.parts(Table::Suspense)).await? {
            let files = self.files_of(&batch)?;
            let rows = column(&batch, "row")?.as_primitive::<Int64Type>();
            let times = column(&batch, "record_time")?.as_primitive::<TimestampMicrosecondType>();
            let text = |name: &str, row: usize| texts(&batch, name).map(|column| column.get(row).map(str::to_owned));
            for (row, file) in files.into_iter().enumerate() {
                let number = u32::try_from(rows.value(row)).map_err(|_| Fault::ours("a kept row below zero"))?;
                let suspended = Suspended {
                    origin: Origin::new(file, number),
                    reason: Arc::from(text("reason", row)?.unwrap_or_default()),
                    field: text("field", row)?,
                    detail: text("detail", row)?,
                    record_id: text("record_id", row)?,
                    record_type: text("record_type", row)?,
                    identifier: text("identifier", row)?,
                    record_time: times.is_valid(row).then(|| times.value(row)),
                    raw: text("raw", row)?.unwrap_or_default(),
                    mark: Mark::default(),
                };
                if set_aside.contains(&suspended.origin) {
                    standing.told.insert(suspended.origin, suspended);
                } else {
                    standing.suspended.push(suspended);
                }
            }
        }
        Ok(())
    }

    /// Buckets of days that stand; of meters whose single records are asked for, the records instead.
    pub(super) async fn buckets(&self, standing: &mut Standing) -> Outcome<()> {
        let by_record = &self.job.catalog.by_record;
        if by_record.contains(&true) {
            let wanted = |meter: u32| by_record.get(meter as usize).copied().unwrap_or(false);
            let days: Vec<u16> =
                (0_u16..).zip(&standing.days).filter(|(_, stands)| **stands).map(|(day, _)| day).collect();
            for day in days {
                let records = self.records(day, wanted).await?;
                let counted = records.into_iter().filter(|(_, verdict)| *verdict == Verdict::Counts);
                standing.singles.extend(counted.map(|(measure, _)| measure));
            }
        }
        let batches = self.batches(Table::UsageBuckets, self.parts(Table::UsageBuckets)).await?;
        let stands = &standing.days;
        let read: Vec<Outcome<Vec<Bucket>>> = batches.par_iter().map(|batch| self.of_days(batch, stands)).collect();
        for read in read {
            standing.buckets.extend(read?);
        }
        Ok(())
    }

    fn of_days(&self, batch: &RecordBatch, stands: &[bool]) -> Outcome<Vec<Bucket>> {
        let days = column(batch, "day")?.as_primitive::<Date32Type>();
        let subscriptions = texts(batch, "subscription_id")?.map(UNKNOWN, |id| self.subscription(id));
        let meters = texts(batch, "meter")?.map(UNKNOWN, |id| self.meter_numbers.get(id).copied().unwrap_or(UNKNOWN));
        let quantities = column(batch, "quantity")?.as_primitive::<Decimal128Type>();
        let records = column(batch, "record_count")?.as_primitive::<Int64Type>();
        let instants = |name| column(batch, name).map(AsArray::as_primitive::<TimestampMicrosecondType>);
        let (firsts, lasts) = (instants("first_record_time")?, instants("last_record_time")?);
        let values = column(batch, "values")?.as_list::<i32>();
        let mut sets = Sets::of(column(batch, "dimensions")?);
        let mut found = Vec::new();
        for row in 0..batch.num_rows() {
            let day = self.day(days.value(row))?;
            let meter = meters[row];
            let declared = self.job.book.meters.get(meter as usize);
            let declared = declared.ok_or_else(|| Fault::ours("a kept bucket of no meter"))?;
            if !stands.get(usize::from(day)).copied().unwrap_or(false) || self.job.catalog.by_record[meter as usize] {
                continue;
            }
            if subscriptions[row] == UNKNOWN {
                return Err(Fault::ours("a kept bucket of no subscription").into());
            }
            let (first, last) = (firsts.value(row), lasts.value(row));
            let cell = sets.cell(row, meter, declared, |cell| self.job.cells.number(cell));
            let texts = |row: usize| {
                let list = values.value(row);
                list.as_string::<i32>().iter().flatten().map(Arc::from).collect::<Vec<Arc<str>>>()
            };
            found.push(Bucket {
                slot: Slot::new(self.version(subscriptions[row], first), cell),
                day,
                quantity: quantities.value(row),
                records: u32::try_from(records.value(row)).map_err(|_| Fault::ours("a count below zero"))?,
                first,
                last,
                values: (declared.aggregate == Aggregate::Unique).then(|| texts(row)),
            });
        }
        Ok(found)
    }
}

/// The dimension values of buckets: those of one subscription and meter follow each other, so most are those before.
struct Sets<'s> {
    keys: Option<&'s arrow::array::StringArray>,
    values: Option<&'s arrow::array::StringArray>,
    offsets: &'s [i32],
    last: Option<(u32, Vec<Arc<str>>, u32)>,
}

impl<'s> Sets<'s> {
    fn of(column: &'s ArrayRef) -> Self {
        let map = column.as_map();
        let (keys, values) = (map.keys().as_string_opt::<i32>(), map.values().as_string_opt::<i32>());
        Self { keys, values, offsets: map.value_offsets(), last: None }
    }

    /// The value of a dimension in `row`; blank when there is none.
    fn value(&self, row: usize, name: &str) -> &'s str {
        let span = self.offsets.get(row).zip(self.offsets.get(row + 1));
        let span = span.and_then(|(from, to)| Some(usize::try_from(*from).ok()?..usize::try_from(*to).ok()?));
        let (Some(keys), Some(values)) = (self.keys, self.values) else { return "" };
        span.into_iter().flatten().find(|at| keys.value(*at) == name).map_or("", |at| values.value(at))
    }

    fn cell(&mut self, row: usize, meter: u32, declared: &Meter, number: impl FnOnce(&Cell) -> u32) -> u32 {
        let same = |(of, values, _): &&(u32, Vec<Arc<str>>, u32)| {
            let mut named = declared.dimensions.iter().zip(values);
            *of == meter && named.all(|(name, value)| self.value(row, name) == &**value)
        };
        if let Some((_, _, number)) = self.last.as_ref().filter(same) {
            return *number;
        }
        let values: Vec<Arc<str>> = declared.dimensions.iter().map(|name| Arc::from(self.value(row, name))).collect();
        let number = number(&Cell { meter, values: values.clone() });
        self.last = Some((meter, values, number));
        number
    }
}

fn high(key: u128) -> u64 {
    u64::try_from(key >> 64).unwrap_or_default()
}

/// The date of a day in a path.
pub(in crate::run) fn date_of(path: &str) -> Option<NaiveDate> {
    path.split('/').find_map(|part| part.strip_prefix("day=")?.parse().ok())
}
