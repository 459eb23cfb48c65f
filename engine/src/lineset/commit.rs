//! The commit point: manifests are numbered within their period, and a number is taken by put-if-absent.
//!
//! Whoever takes the number has committed; everybody else learns it by reading the manifest back. A reply that was lost
//! on the way is settled the same way. Nothing here overwrites or deletes a manifest.

use super::failpoint::failpoint;
use super::manifest::Manifest;
use crate::fault::{Fault, Outcome, codes};
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

/// Commits the run as manifest `expected_number` of its period: the number after [`current`]'s, or 1.
///
/// # Errors
/// `O002` when another run took the number, `O001` when the store did not answer; running again is safe.
pub async fn commit(output: &Location, manifest: &Manifest, expected_number: u32) -> Outcome<Commit> {
    let bytes = manifest.to_bytes()?;
    let object = output.join(&path(&manifest.period, expected_number))?;
    failpoint("before_manifest");
    let mut refusal = Fault::new(&codes::O001, format!("`{}` cannot be written", object.display())).into();
    for _ in 0..ATTEMPTS {
        match object.put_if_absent(bytes.clone()).await {
            Ok(Put::Done) => {
                failpoint("after_manifest");
                return Ok(Commit::Done { number: expected_number });
            }
            Ok(Put::Occupied) => {}
            Err(faults) => refusal = faults,
        }
        // A put without an answer may have arrived all the same, and a refused one may have lost to a put that then
        // failed: only what stands there decides.
        if let Some(settled) = settle(output, manifest, expected_number).await? {
            return Ok(settled);
        }
    }
    Err(refusal)
}

/// Whose manifest has the number, or a later one: this run's, another's (`O002`), or nobody's.
async fn settle(output: &Location, manifest: &Manifest, expected: u32) -> Outcome<Option<Commit>> {
    let mut winner = None;
    for number in numbers(output, &manifest.period).await?.into_iter().filter(|number| *number >= expected) {
        let Some(found) = read(output, &manifest.period, number).await? else { continue };
        if found.run_id == manifest.run_id {
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
    let number = |name: &str| name.strip_suffix(".json").and_then(|digits| digits.parse::<u32>().ok());
    let mut numbers: Vec<u32> = found.iter().filter_map(|object| number(&object.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn folder(period: &str) -> String {
    format!("runs/period={period}")
}

/// The manifest's path below the output.
#[must_use]
pub fn path(period: &str, number: u32) -> String {
    format!("{}/{number:04}.json", folder(period))
}
