//! The hot path's first half, one pass over every usage file: read -> mediate -> guide -> meter. Measures end in shards
//! by dedup key; whatever cannot be counted is set aside with its raw text while it is at hand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use xxhash_rust::xxh3::xxh3_64;

use super::{Job, RunOptions};
use crate::dedup::{Fingerprints, fingerprints};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::guide::Guided;
use crate::mediate::{Fate, Mediated, text_at};
use crate::meter::{Measured, Measures, Numbers};
use crate::read::{self, Batch, InputFile};
use crate::usage::{Mark, Metered, Origin, Slot, Suspended, Tally, reasons};

/// Shards of dedup keys: enough that one shard of ten million records stays in a processor's cache while it is sorted.
pub(super) const SHARDS: usize = 128;

/// Measures of a chunk.
const CHUNK: usize = 512;

/// What one worker has taken in.
#[derive(Debug)]
pub(super) struct Intake {
    /// Measures by the top bits of their key, in chunks: one growing list would need half as much memory again.
    pub(super) shards: Vec<Vec<Vec<Metered>>>,
    /// By file.
    pub(super) tallies: Vec<Tally>,
    /// Records set aside for good.
    pub(super) suspended: Vec<Suspended>,
    /// Records set aside unless they are duplicates.
    pub(super) pending: Vec<Suspended>,
}

impl Intake {
    pub(super) fn new(files: usize) -> Self {
        let tallies = vec![Tally::default(); files];
        Self { shards: vec![Vec::new(); SHARDS], tallies, suspended: Vec::new(), pending: Vec::new() }
    }

    /// Adds a measure to the shard of its key.
    pub(super) fn push(&mut self, measure: Metered) {
        let shard = usize::try_from(measure.key >> (u128::BITS - SHARDS.trailing_zeros())).unwrap_or(0);
        let chunks = &mut self.shards[shard];
        match chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(measure),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(measure);
                chunks.push(chunk);
            }
        }
    }
}

/// Takes in every file on `options.partitions` workers.
///
/// # Errors
/// Faults of files that cannot be read to their end, are not of the declared shape, or changed meanwhile.
pub(super) async fn take_in(job: &Job<'_>, options: &RunOptions, order: &[usize]) -> Outcome<Vec<Intake>> {
    let (sender, receiver) = tokio::sync::mpsc::channel::<(usize, Outcome<Bytes>)>(options.partitions);
    let files: Vec<(usize, InputFile)> = order.iter().map(|index| (*index, job.files[*index].clone())).collect();
    let fetching = tokio::spawn(async move {
        let reads = files.into_iter().map(|(index, file)| async move { (index, file.read().await) });
        let mut reads = futures::stream::iter(reads).buffered(FILES_AHEAD);
        while let Some(read) = reads.next().await {
            if sender.send(read).await.is_err() {
                return;
            }
        }
    });
    let receiver = Mutex::new(receiver);
    let budget = Budget { used: AtomicUsize::new(0), limit: options.memory_limit.unwrap_or(usize::MAX) };
    let outcomes: Vec<Outcome<Intake>> = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let worker = || {
                let intake = Intake::new(job.files.len());
                Worker { job, options, budget: &budget, intake, scratch: Vec::new() }.work(&receiver)
            };
            let workers: Vec<_> = (0..options.partitions).map(|_| scope.spawn(worker)).collect();
            let lost = || Err(Fault::ours("a worker died").into());
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| lost())).collect()
        })
    });
    fetching.abort();
    let mut faults = Faults::default();
    let intakes: Vec<Intake> = outcomes.into_iter().filter_map(|outcome| faults.keep(outcome)).collect();
    faults.or(intakes)
}

/// Files fetched ahead of the workers.
const FILES_AHEAD: usize = 4;

/// Bytes of measures held, against the memory limit.
#[derive(Debug)]
struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    /// Takes `bytes`; only the first to pass the limit says so.
    fn take(&self, bytes: usize) -> Outcome<()> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before > self.limit || before + bytes <= self.limit {
            return Ok(());
        }
        let message = format!("the usage of this run needs more than the memory limit of {} bytes", self.limit);
        let hint = "raise --memory-limit, or split the sources over several pipelines";
        Err(Fault::new(&codes::O004, message).hint(hint).into())
    }

    /// Whether somebody has passed the limit: the others need not go on.
    fn passed(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }
}

type Queue = Mutex<tokio::sync::mpsc::Receiver<(usize, Outcome<Bytes>)>>;

struct Worker<'j> {
    job: &'j Job<'j>,
    options: &'j RunOptions,
    budget: &'j Budget,
    intake: Intake,
    /// The measures of the record at hand.
    scratch: Vec<(i128, Slot)>,
}

/// One batch on its way: everything a row's fate is decided by.
struct InHand<'b> {
    file: usize,
    source: usize,
    batch: &'b Batch,
    mediated: &'b Mediated,
    measures: &'b Measures,
    guided: &'b [Guided],
    prints: &'b Fingerprints,
    /// By meter: the numbers of each row, for the meters that occur.
    numbers: Vec<Option<Numbers>>,
}

impl Worker<'_> {
    fn work(mut self, queue: &Queue) -> Outcome<Intake> {
        let mut faults = Faults::default();
        loop {
            if self.budget.passed() {
                break;
            }
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
            let Some((index, bytes)) = next else { break };
            let taken = bytes.and_then(|bytes| self.take_file(index, bytes));
            faults.keep(taken);
        }
        faults.or(self.intake)
    }

    fn take_file(&mut self, index: usize, bytes: Bytes) -> Outcome<()> {
        let file = &self.job.files[index];
        for batch in open(self.job, file, bytes, self.options.batch_rows)? {
            self.take_batch(index, &batch?)?;
        }
        (self.options.progress)(file.size);
        Ok(())
    }

    fn take_batch(&mut self, file: usize, batch: &Batch) -> Outcome<()> {
        let source = self.job.files[file].source;
        let rules = &self.job.sources[source];
        let records = batch.records.num_rows();
        self.intake.tallies[file].read += (records + batch.broken.len()) as u64;
        self.take_broken(file, batch);
        if records == 0 {
            return Ok(());
        }
        let mediated = rules.mediator.mediate(&batch.records)?;
        let guided = self.job.guide.guide(&mediated.records, &mediated.times)?;
        let counted = self.counted(&mediated, &guided);
        let wanted = |meter: usize, row: usize| counted[row].is_some_and(|route| self.counts(route, meter));
        let measures = rules.gauges.measure(&mediated.records, wanted)?;
        let number_of = |row| batch.rows.get(row).unwrap_or(u32::MAX);
        let place = xxh3_64(self.job.files[file].name.as_bytes());
        let prints = fingerprints(&mediated.records, &rules.dedup_key, source as u64, place, number_of)?;
        let numbers = self.numbers(source, &measures, &counted);
        let hand = InHand {
            file,
            source,
            batch,
            mediated: &mediated,
            measures: &measures,
            guided: &guided,
            prints: &prints,
            numbers,
        };
        let mut taken = 0;
        for row in 0..records {
            taken += self.take_record(&hand, row);
        }
        self.budget.take(taken * size_of::<Metered>())
    }

    /// The route of each row that meters count: it is kept, inside the period, and guided somewhere.
    fn counted(&self, mediated: &Mediated, guided: &[Guided]) -> Vec<Option<u16>> {
        let period = self.job.period.start()..self.job.period.end();
        let rows = mediated.fates.iter().zip(&mediated.times).zip(guided);
        let route = |((fate, time), guided): ((&Fate, &i64), &Guided)| match guided {
            Guided::To { route, .. } if *fate == Fate::Kept && period.contains(time) => Some(*route),
            _ => None,
        };
        rows.map(route).collect()
    }

    /// Whether `meter` is on a route.
    fn counts(&self, route: u16, meter: usize) -> bool {
        self.job.guide.meters(route).contains(&meter)
    }

    /// The numbers of each row for every meter that counts some row of the batch.
    fn numbers(&self, source: usize, measures: &Measures, counted: &[Option<u16>]) -> Vec<Option<Numbers>> {
        let mut routes: Vec<bool> = Vec::new();
        for route in counted.iter().flatten() {
            let route = usize::from(*route);
            if route >= routes.len() {
                routes.resize(route + 1, false);
            }
            routes[route] = true;
        }
        let (guide, gauges) = (self.job.guide, &self.job.sources[source].gauges);
        let mut numbers = vec![None; self.job.book.meters.len()];
        for (route, _) in (0_u16..).zip(&routes).filter(|(_, met)| **met) {
            for meter in guide.meters(route) {
                if numbers[*meter].is_none() {
                    // By route, so that a row costs one look.
                    let on: Vec<bool> = (0_u16..).take(routes.len()).map(|route| self.counts(route, *meter)).collect();
                    let wanted = |row: usize| counted[row].is_some_and(|route| on[usize::from(route)]);
                    let of = &self.job.book.meters[*meter];
                    numbers[*meter] = Some(gauges.numbers(self.job.cells, measures, of, *meter, counted.len(), wanted));
                }
            }
        }
        numbers
    }

    /// Decides one record's fate; returns how many measures it has become.
    fn take_record(&mut self, hand: &InHand<'_>, row: usize) -> usize {
        let fate = hand.mediated.fates[row];
        if fate == Fate::Filtered {
            self.intake.tallies[hand.file].filtered += 1;
            return 0;
        }
        if let Some((reason, field)) = self.job.sources[hand.source].mediator.reason(fate) {
            self.intake.tallies[hand.file].suspended += 1;
            let detail = hand.mediated.cause(row).map(str::to_owned);
            let suspended = self.describe(hand, row, reason, field.map(str::to_owned), detail);
            self.intake.suspended.push(suspended);
            return 0;
        }
        let time = hand.mediated.times[row];
        if time < self.job.period.start() || time >= self.job.period.end() {
            self.intake.tallies[hand.file].out_of_window += 1;
            return 0;
        }
        if self.is_too_late(hand, row) {
            let detail = "its period was closed when it came".to_owned();
            self.set_aside(hand, row, reasons::TOO_LATE, None, Some(detail));
            return 1;
        }
        match hand.guided[row] {
            Guided::To { subscription, route } => self.take_measures(hand, row, subscription, route),
            Guided::Nowhere(why) => {
                self.set_aside(hand, row, why.reason(), Some(why.field().to_owned()), None);
                1
            }
        }
    }

    /// Whether a record came too late for its closed period, and nobody has recycled it.
    fn is_too_late(&self, hand: &InHand<'_>, row: usize) -> bool {
        let file = &self.job.files[hand.file];
        file.late_before.is_some() && is_too_late(self.job, origin(file, hand.batch, row), hand.mediated.times[row])
    }

    fn take_measures(&mut self, hand: &InHand<'_>, row: usize, subscription: u32, route: u16) -> usize {
        let meters = self.job.guide.meters(route);
        let gauges = &self.job.sources[hand.source].gauges;
        self.scratch.clear();
        for index in meters {
            let meter = &self.job.book.meters[*index];
            let numbers = hand.numbers[*index].as_ref();
            let quantity = match gauges.measured(hand.measures, meter, *index, row) {
                Measured::Quantity(quantity) => quantity.units(),
                // A record that has no value is simply not counted by a unique meter; it is used all the same.
                Measured::Value => i128::from(numbers.map_or(0, |numbers| numbers.value(row))),
                failed => {
                    let (reason, cause) = unmeasured(failed);
                    self.set_aside(hand, row, reason, None, Some(format!("meter {}: {cause}", meter.id)));
                    return 1;
                }
            };
            let cell = numbers.map_or(0, |numbers| numbers.cell(row));
            self.scratch.push((quantity, Slot::new(subscription, cell)));
        }
        for at in 0..self.scratch.len() {
            let (quantity, slot) = self.scratch[at];
            self.push(hand, row, quantity, slot);
        }
        meters.len()
    }

    /// Sets a record aside unless it turns out to be a duplicate: it takes part in dedup without counting.
    fn set_aside(
        &mut self,
        hand: &InHand<'_>,
        row: usize,
        reason: &str,
        field: Option<String>,
        detail: Option<String>,
    ) {
        let mut suspended = self.describe(hand, row, Arc::from(reason), field, detail);
        if reason == reasons::NO_METER {
            let kind = suspended.record_type.as_deref().unwrap_or_default();
            suspended.detail = Some(format!("no meter of the book has the record_type `{kind}`"));
        }
        self.intake.pending.push(suspended);
        self.push(hand, row, 0, Slot::NOWHERE);
    }

    fn push(&mut self, hand: &InHand<'_>, row: usize, quantity: i128, slot: Slot) {
        let at = origin(&self.job.files[hand.file], hand.batch, row);
        let (key, content, time) = (hand.prints.keys[row], hand.prints.contents[row], hand.mediated.times[row]);
        self.intake.push(Metered { key, quantity, content, origin: at, slot, time });
    }

    fn take_broken(&mut self, file: usize, batch: &Batch) {
        self.intake.tallies[file].suspended += batch.broken.len() as u64;
        for broken in &batch.broken {
            self.intake.suspended.push(Suspended {
                origin: Origin::new(self.job.files[file].index, broken.row),
                reason: Arc::from(broken.reason),
                field: broken.field.clone(),
                detail: Some(broken.detail.clone()),
                record_id: None,
                record_type: None,
                identifier: None,
                record_time: None,
                raw: broken.raw.clone(),
                mark: Mark::default(),
            });
        }
    }

    fn describe(
        &self,
        hand: &InHand<'_>,
        row: usize,
        reason: Arc<str>,
        field: Option<String>,
        detail: Option<String>,
    ) -> Suspended {
        let at = origin(&self.job.files[hand.file], hand.batch, row);
        describe(hand.batch, hand.mediated, row, at, reason, field, detail)
    }
}

/// Whether the record of this time came too late for its closed period, and nobody has recycled it.
pub(super) fn is_too_late(job: &Job<'_>, origin: Origin, time: i64) -> bool {
    job.files[origin.file()].late_before.is_some_and(|instant| time < instant)
        && job.decided.of(origin).is_none_or(|said| said.mark.recycled == 0)
}

/// Why a record is set aside of which a meter has made this.
fn unmeasured(measured: Measured<'_>) -> (&'static str, &str) {
    match measured {
        Measured::Failed(cause) => (reasons::NO_QUANTITY, cause),
        Measured::NotHere => (reasons::NOT_MEASURABLE_HERE, "this source lacks a column the meter needs"),
        _ => (reasons::NO_QUANTITY, "the quantity is null"),
    }
}

/// Where row `row` of a batch stands.
fn origin(file: &InputFile, batch: &Batch, row: usize) -> Origin {
    Origin::new(file.index, batch.rows.get(row).unwrap_or(u32::MAX))
}

/// The suspense row of a mediated record.
fn describe(
    batch: &Batch,
    mediated: &Mediated,
    row: usize,
    origin: Origin,
    reason: Arc<str>,
    field: Option<String>,
    detail: Option<String>,
) -> Suspended {
    let text = |name| text_at(&mediated.records, name, row);
    let known = mediated.records.column_by_name("record_time").is_some_and(|times| times.is_valid(row));
    let record_time = known.then(|| mediated.times[row]);
    let (record_id, record_type, identifier) = (text("record_id"), text("record_type"), text("identifier"));
    let (raw, mark) = (batch.raw(row), Mark::default());
    Suspended { origin, reason, field, detail, record_id, record_type, identifier, record_time, raw, mark }
}

fn open(
    job: &Job<'_>,
    file: &InputFile,
    bytes: Bytes,
    batch_rows: usize,
) -> Outcome<Box<dyn Iterator<Item = Outcome<Batch>> + Send>> {
    let source = &job.pipeline.sources[file.source];
    read::open(
        source,
        &job.sources[file.source].input,
        &file.location.display(),
        bytes,
        &job.pipeline.limits,
        batch_rows,
    )
}

/// Why a record is set aside only after every file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Late {
    /// Another record with its key came first.
    Conflicting,
    /// A charge has no price for it.
    Unpriced {
        /// Charge index.
        charge: usize,
    },
    /// It is past the last tier of a charge.
    Beyond {
        /// Charge index.
        charge: usize,
    },
    /// It would count, but its period is closed, and it was in suspense then.
    Held {
        /// Where it stands.
        origin: Origin,
    },
    /// It would count, but this copy of it was written off.
    WrittenOff {
        /// Where that stands.
        copy: Origin,
    },
}

impl Late {
    /// The reason and detail of its row in suspense.
    pub(super) fn told<'j>(self, job: &Job<'j>) -> (&'j str, String) {
        match self {
            Self::Conflicting => (reasons::CONFLICTING_KEY, "another record with this key came first".to_owned()),
            Self::Unpriced { charge } => {
                (reasons::NO_PRICE, format!("charge {} has no price for it", job.book.charges[charge].id))
            }
            Self::Beyond { charge } => {
                let charge = &job.book.charges[charge].id;
                (reasons::NO_PRICE, format!("charge {charge} has no price for it: it is past the last tier"))
            }
            Self::Held { origin } => {
                let code = job.decided.held(origin).unwrap_or_default();
                (code, "it would be rated now, but its period is closed, and nobody has recycled it".to_owned())
            }
            Self::WrittenOff { copy } => {
                let code = job.decided.of(copy).map_or("", |said| &said.code);
                (code, "it would be rated now, but was written off when it was set aside for this".to_owned())
            }
        }
    }
}

/// The suspense rows of `late` records, sorted by origin: their files are read again.
pub(super) async fn described(job: &Job<'_>, late: &[(Origin, Late)], batch_rows: usize) -> Outcome<Vec<Suspended>> {
    let mut suspended = Vec::with_capacity(late.len());
    for of_file in late.chunk_by(|(a, _), (b, _)| a.file() == b.file()) {
        let Some((first, _)) = of_file.first() else { continue };
        let file = &job.files[first.file()];
        let bytes = file.read().await?;
        for batch in open(job, file, bytes, batch_rows)? {
            let batch = batch?;
            let mut mediated = None;
            for row in 0..batch.records.num_rows() {
                let at = origin(file, &batch, row);
                let Ok(found) = of_file.binary_search_by_key(&at, |(origin, _)| *origin) else { continue };
                let mediated = match &mediated {
                    Some(mediated) => mediated,
                    None => mediated.insert(job.sources[file.source].mediator.mediate(&batch.records)?),
                };
                let (reason, detail) = of_file[found].1.told(job);
                suspended.push(describe(&batch, mediated, row, at, Arc::from(reason), None, Some(detail)));
            }
        }
    }
    Ok(suspended)
}
