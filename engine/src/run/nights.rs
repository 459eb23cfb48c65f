//! Nights that go on from each other: what the standing run of the period has taken in, and what of it still holds.
//!
//! Records are kept by day (`usage_records`). A day that new records belong to, or share a key with, is settled again as a
//! whole, from its kept records and the new ones; every other day stands as it is: its buckets, its rows in suspense, its
//! counts. So the result is that of one run over all files, in whatever order they have come.

mod facts;
mod keeping;
mod reading;

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

pub(super) use facts::facts;
pub(super) use keeping::{KeptDays, keep};
use reading::Reading;

use super::intake::Intake;
use super::{Job, Prepared};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::Manifest;
use crate::lineset::failpoint::failpoint;
use crate::lineset::manifest::Nights;
use crate::lineset::survey::STAMPS;
use crate::read::{self, Discovered, InputFile, Known, KnownFile, Stamped};
use crate::store::{Location, Pattern};
use crate::usage::{Bucket, Metered, Origin, Suspended, Tally, Verdict};

/// What stands of earlier nights.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// By file.
    pub(super) tallies: Vec<Tally>,
    /// Records that stay in suspense.
    pub(super) suspended: Vec<Suspended>,
    /// What was said of records that were in suspense and are settled again.
    pub(super) told: HashMap<Origin, Suspended>,
    /// Buckets of days that stand.
    pub(super) buckets: Vec<Bucket>,
    /// Records of days that stand, of meters whose single records are asked for.
    pub(super) singles: Vec<Metered>,
    /// By file and day (`None`: of no day), in order: the counts that stand, those of new files that are of no day included.
    pub(super) files: BTreeMap<(u32, Option<u16>), Tally>,
    /// Days that stand.
    pub(super) days: Vec<bool>,
}

/// The usage files of a run, for an incremental pipeline with what `standing` has read.
///
/// # Errors
/// Those of finding files.
pub(super) async fn discover(
    prepared: &Prepared,
    output: &Location,
    threads: usize,
    standing: Option<&Manifest>,
) -> Outcome<Discovered> {
    let sources = &prepared.pipeline.sources;
    let Some(incremental) = &prepared.pipeline.incremental else {
        let files = read::discover(sources, threads).await?;
        return Ok(Discovered { files, ..Discovered::default() });
    };
    let mut known = Known { corrections: incremental.corrections, ..Known::default() };
    let standing = standing.filter(|manifest| manifest.nights.is_some());
    if let Some(manifest) = standing {
        for input in &manifest.inputs {
            // Files of a source that is no longer there are none of this run.
            let Some(source) = sources.iter().position(|source| source.name == input.source) else { continue };
            let file = KnownFile { size: input.size, digest: input.digest.clone(), late_before: input.late_before };
            known.files.insert((source, input.name.clone()), file);
        }
        known.stamps = stamps(output, manifest).await?;
    }
    let mut discovered = read::discover_more(sources, threads, &known).await?;
    discovered.holds &= standing.is_some();
    Ok(discovered)
}

/// The usage files that a run has read, as it has read them; nothing is looked up in the store.
///
/// # Errors
/// `O014` when the run has kept nothing.
pub(super) fn kept(prepared: &Prepared, manifest: &Manifest) -> Outcome<Discovered> {
    if manifest.nights.is_none() {
        let message = format!("run {} has kept no usage", manifest.run_id);
        let hint = "say `incremental: {}` in the pipeline and run the period once more";
        return Err(Fault::new(&codes::O014, message).hint(hint).into());
    }
    let mut files = Vec::new();
    for (index, input) in (0_u32..).zip(&manifest.inputs) {
        let source = prepared.pipeline.sources.iter().position(|source| source.name == input.source);
        let Some(source) = source else {
            let message = format!("the pipeline has no source `{}` any more, whose usage is kept", input.source);
            return Err(Fault::new(&codes::O014, message).hint("put the source back").into());
        };
        let location = Pattern::parse(&prepared.pipeline.sources[source].path.text)?.at(&input.name)?;
        let (name, digest) = (input.name.clone(), input.digest.clone());
        let (size, known, here, late_before) = (input.size, true, true, input.late_before);
        files.push(InputFile { index, source, name, location, size, digest, known, here, late_before });
    }
    Ok(Discovered { files, stamps: Vec::new(), holds: true })
}

/// The run that `files` go on from; without one every file is new.
pub(super) fn goes_on<'m>(
    files: &mut Discovered,
    standing: Option<&'m Manifest>,
    facts: Option<&Nights>,
) -> Option<&'m Manifest> {
    let same = |manifest: &&Manifest| {
        let before = manifest.nights.as_ref();
        before.is_some_and(|before| facts.is_some_and(|facts| facts.taken_in == before.taken_in))
    };
    let standing = standing.filter(|_| files.holds).filter(same);
    if standing.is_none() {
        files.files.iter_mut().for_each(|file| file.known = false);
    }
    standing
}

fn stamps_path(period: &str, run_id: &str) -> String {
    format!("{STAMPS}/period={period}/run={run_id}.json")
}

/// What the files of a run looked like in the store: no fact, it only saves opening them again.
async fn stamps(output: &Location, manifest: &Manifest) -> Outcome<HashMap<(String, String), Stamped>> {
    let object = output.join(&stamps_path(&manifest.period, &manifest.run_id))?;
    let Some(bytes) = object.read_if_there().await? else { return Ok(HashMap::new()) };
    // What cannot be read is not known: then the files are opened.
    let stamps: Vec<Stamped> = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(stamps.into_iter().map(|one| ((one.source.clone(), one.name.clone()), one)).collect())
}

/// Notes what the files look like in the store, for the next night.
pub(super) async fn note_stamps(output: &Location, period: &str, run_id: &str, stamps: &[Stamped]) -> Outcome<()> {
    if stamps.is_empty() {
        return Ok(());
    }
    failpoint("before_stamps");
    let bytes = serde_json::to_vec(stamps).map_err(|cause| Fault::ours(format!("the stamps: {cause}")))?;
    output.join(&stamps_path(period, run_id))?.put(bytes.into()).await
}

/// The counts of new files that are of no day: of what was not kept for settling.
pub(super) fn of_no_day(files: &[InputFile], intakes: &[Intake]) -> BTreeMap<(u32, Option<u16>), Tally> {
    let mut counts = BTreeMap::new();
    for file in files.iter().filter(|file| !file.known) {
        let mut tally = Tally::default();
        intakes.iter().filter_map(|intake| intake.tallies.get(file.index as usize)).for_each(|own| tally.add(own));
        tally.read = tally.suspended + tally.out_of_window + tally.filtered;
        counts.insert((file.index, None), tally);
    }
    counts
}

/// Loads what the run `manifest` has taken in: the records of days that must be settled again go to a further intake.
///
/// # Errors
/// `O001` and `O006` for parts that cannot be read.
pub(super) async fn load(
    job: &Job<'_>,
    output: &Location,
    manifest: &Manifest,
    intakes: &mut Vec<Intake>,
    same_prices: bool,
    threads: usize,
) -> Outcome<Standing> {
    let reading = Reading::new(job, output, manifest, threads);
    let mut intake = Intake::new(job.files.len());
    let mut set_aside: HashSet<Origin> = HashSet::new();
    let again = |measure: Metered, verdict: Verdict| {
        if verdict.is_suspended() {
            set_aside.insert(measure.origin);
        }
        intake.push(measure);
    };
    let days = reading.days(intakes, same_prices, again).await?;
    let mut standing = Standing { days, ..Standing::default() };
    reading.files(&mut standing).await?;
    intakes.push(intake);
    reading.suspense(&mut standing, &set_aside).await?;
    reading.buckets(&mut standing).await?;
    tracing::info!(
        days_settled_again = standing.days.iter().filter(|stands| !**stands).count(),
        buckets = standing.buckets.len(),
        "what earlier nights have taken in is loaded"
    );
    Ok(standing)
}
