//! The commit point: manifests are numbered within their period, and a number is taken by put-if-absent.
//!
//! Whoever takes the number has committed; everybody else learns it by reading the manifest back. A reply that was lost
//! on the way is settled the same way. Nothing here overwrites or deletes a manifest.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::try_join_all;

use super::failpoint::failpoint;
use super::manifest::{Manifest, Part};
use crate::fault::{Blame, Fault, Faults, Outcome, codes};
use crate::store::{Location, Put};

/// How often a put that the store did not answer is tried again.
const ATTEMPTS: usize = 4;

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// This run is now the line set of its period.
    Done {
        /// The manifest's number.
        number: u32,
    },
    /// The same run (the same facts) stands there already, by an earlier or concurrent process, or by an own put whose
    /// reply was lost.
    AlreadyDone {
        /// The manifest's number.
        number: u32,
    },
}

/// The newest manifest of the period with its number, if there is one.
///
/// # Errors
/// `O001` when the store does not answer, `O005` when the manifest cannot be read.
pub async fn current(output: &Location, period: &str) -> Outcome<Option<(u32, Manifest)>> {
    let Some(number) = numbers(output, period).await?.pop() else { return Ok(None) };
    Ok(read(output, period, number).await?.map(|manifest| (number, manifest)))
}

/// The periods with a committed line set, ascending.
///
/// # Errors
/// `O001` when the store does not answer.
pub async fn periods(output: &Location) -> Outcome<Vec<String>> {
    let found = output.join("runs")?.list_below().await?;
    let period = |name: &str| Some(name.strip_prefix("period=")?.split_once('/')?.0.to_owned());
    let mut periods: Vec<String> = found.iter().filter_map(|object| period(&object.name)).collect();
    periods.dedup();
    Ok(periods)
}

/// Refuses a committed line set whose files are not all there in their full size: one listing for each table.
///
/// # Errors
/// `O006` for every such file, `O001` when the store does not answer.
pub async fn check_whole(output: &Location, manifest: &Manifest, number: u32) -> Outcome<()> {
    let mut folders: BTreeMap<&str, Vec<&Part>> = BTreeMap::new();
    for part in manifest.tables.values().flatten() {
        let folder = part.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push(part);
    }
    let listed = try_join_all(folders.keys().map(|folder| async { output.join(folder)?.list_below().await })).await?;
    let mut faults = Faults::default();
    for ((folder, parts), found) in folders.iter().zip(&listed) {
        for part in parts {
            let size =
                found.iter().find(|found| format!("{folder}/{}", found.name) == part.path).map(|found| found.size);
            let what = match size {
                Some(size) if size == part.bytes => continue,
                Some(size) => format!("has {size} bytes instead of {}", part.bytes),
                None => "is missing".to_owned(),
            };
            let manifest_path = path(&manifest.period, number);
            let message = format!(
                "run {} is committed, but its file `{}/{}` {what}",
                manifest.run_id,
                output.display(),
                part.path
            );
            faults.push(Fault::new(&codes::O006, message).hint(format!(
                "restore the file; or move `{manifest_path}` out of the output and run again: the same facts write the same bytes"
            )));
        }
    }
    faults.or(())
}

/// Refuses to supersede the line set of another pipeline: what it has billed would no longer be seen.
///
/// # Errors
/// `O007` when `standing` is not of the pipeline named `pipeline`.
pub fn check_pipeline(output: &Location, standing: &Manifest, pipeline: &str) -> Outcome<()> {
    if standing.pipeline == pipeline {
        return Ok(());
    }
    let (period, other) = (&standing.period, &standing.pipeline);
    let message =
        format!("{period} in `{}` was committed by the pipeline `{other}`, not by `{pipeline}`", output.display());
    let hint = "give each pipeline an output of its own; the newest run of a period supersedes all others";
    Err(Fault::new(&codes::O007, message).hint(hint).into())
}

/// Commits the run as manifest `expected_number` of its period: the number after [`current`]'s, or 1.
///
/// # Errors
/// `O002` when another run took the number, `O003` when the store refuses for good, `O005` when what stands there cannot
/// be read, `O008` when the store did not say what became of the put: the run may be committed, and running again is safe.
pub async fn commit(output: &Location, manifest: &Manifest, expected_number: u32) -> Outcome<Commit> {
    let bytes = manifest.to_bytes()?;
    let object = output.join(&path(&manifest.period, expected_number))?;
    failpoint("before_manifest");
    match claim(&object, &bytes, || settle(output, manifest, expected_number)).await? {
        Claimed::Now => {
            failpoint("after_manifest");
            Ok(Commit::Done { number: expected_number })
        }
        Claimed::Before(settled) => Ok(settled),
    }
}

/// How a numbered object came to be there.
pub(super) enum Claimed<T> {
    /// By this put.
    Now,
    /// It was there, and is the same: what `standing` says of it.
    Before(T),
}

/// Puts a numbered object if absent. `standing` says what is there instead: the same, nothing, or a fault.
///
/// # Errors
/// Those of `standing`, `O003` when the store refuses for good, `O008` when it did not say what became of the put.
pub(super) async fn claim<T, F>(object: &Location, bytes: &Bytes, standing: impl Fn() -> F) -> Outcome<Claimed<T>>
where
    F: Future<Output = Outcome<Option<T>>>,
{
    let mut silence = "the name was taken, and nothing was found under it".to_owned();
    for _ in 0..ATTEMPTS {
        match object.put_if_absent(bytes.clone()).await {
            Ok(Put::Done) => return Ok(Claimed::Now),
            Ok(Put::Occupied) => {}
            Err(faults) if decided(&faults) => return Err(faults),
            Err(faults) => silence = faults.to_string(),
        }
        // A put without an answer may have arrived all the same, and a refused one may have lost to a put that then
        // failed: only what stands there decides.
        match standing().await {
            Ok(Some(standing)) => return Ok(Claimed::Before(standing)),
            Ok(None) => {}
            Err(faults) if decided(&faults) => return Err(faults),
            Err(faults) => silence = faults.to_string(),
        }
    }
    let message = format!("it is not known whether `{}` was written: {silence}", object.display());
    Err(Fault::new(&codes::O008, message)
        .hint("run again: it says already done if the run was committed, and commits it if not")
        .into())
}

/// Whether the faults are an answer, and not the lack of one.
fn decided(faults: &Faults) -> bool {
    faults.0.iter().any(|fault| fault.code.blame != Blame::Temporary)
}

/// Whose manifest has the number, or a later one: this run's, another's (`O002`), or nobody's.
async fn settle(output: &Location, manifest: &Manifest, expected: u32) -> Outcome<Option<Commit>> {
    let mut winner = None;
    for number in numbers(output, &manifest.period).await?.into_iter().filter(|number| *number >= expected) {
        let Some(found) = read(output, &manifest.period, number).await? else { continue };
        let as_well = (&found.closed, &found.rerated) == (&manifest.closed, &manifest.rerated);
        if found.run_id == manifest.run_id && as_well {
            return Ok(Some(Commit::AlreadyDone { number }));
        }
        winner.get_or_insert((number, found.run_id));
    }
    let Some((number, run_id)) = winner else { return Ok(None) };
    let message = format!("run {run_id} of period {} was committed meanwhile as number {number}", manifest.period);
    Err(Fault::new(&codes::O002, message)
        .hint("look at its line set, then run again if this run is to replace it")
        .into())
}

async fn read(output: &Location, period: &str, number: u32) -> Outcome<Option<Manifest>> {
    let path = path(period, number);
    let bytes = output.join(&path)?.read_if_there().await?;
    bytes.map(|bytes| Manifest::parse(&path, &bytes)).transpose()
}

/// The numbers taken in the period, ascending.
async fn numbers(output: &Location, period: &str) -> Outcome<Vec<u32>> {
    let found = output.join(&folder(period))?.list().await?;
    let mut numbers: Vec<u32> = found.iter().filter_map(|object| numbered(&object.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number of the manifest that is called so below its period's folder; none when it is something else, as a plan is.
pub(super) fn numbered(name: &str) -> Option<u32> {
    name.strip_suffix(".json").and_then(|digits| digits.parse().ok())
}

/// The folder of a period's manifests, below the output.
pub(super) fn folder(period: &str) -> String {
    format!("runs/period={period}")
}

/// The manifest's path below the output.
#[must_use]
pub fn path(period: &str, number: u32) -> String {
    format!("{}/{number:04}.json", folder(period))
}
