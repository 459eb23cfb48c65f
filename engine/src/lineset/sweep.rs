//! What may be deleted of an output, and deleting it: files of line sets superseded long enough ago, and files that
//! nothing names.
//!
//! What the newest manifest of a period names is never deleted, nor what a run may still be writing: a plan without a
//! manifest protects its run's files, and while there is one, nothing that several runs could share is touched. Manifests
//! stay, as history. There is no clock here: what time it is says whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::manifest::Manifest;
use super::plans;
use super::survey::{PeriodRuns, STAMPS, Survey};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::store::{Found, Location};

/// A run that writes nothing for so long is not under way.
const DAY: i64 = 86_400_000_000;

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// So many of the newest line sets of each period, at least 1.
    pub newest: usize,
    /// What was superseded, or written without being named, so many microseconds ago or less.
    pub grace: i64,
    /// The time, by the clock of whoever asks: microseconds UTC.
    pub now: i64,
}

/// Why a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Only line sets that are superseded name it.
    Superseded,
    /// No manifest names it, and no plan its run.
    Orphan,
    /// A writer was killed over it.
    Staged,
    /// A plan of a run that never wrote a file.
    IdlePlan,
    /// What the user has given up.
    Abandoned,
}

/// A file that goes.
#[derive(Clone, Debug, Serialize)]
pub struct Doomed {
    /// Its path below the output.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
    /// The run whose folder it lies in; none when runs could share it.
    pub run_id: Option<String>,
    #[serde(skip)]
    location: Location,
}

/// What a sweep came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Swept {
    /// What went, or would go.
    pub files: Vec<Doomed>,
    /// What could go, but for runs that are not finished.
    pub held: Vec<String>,
}

/// What may be deleted.
#[must_use]
pub fn doomed(survey: &Survey, keep: Keep) -> Swept {
    let (named, kept) = named(survey, keep);
    let open = open_runs(survey, keep);
    let old = |found: &Found| keep.now.saturating_sub(found.modified) >= keep.grace;
    let mut swept = Swept::default();
    for (path, found) in &survey.files {
        if kept.contains(path.as_str()) {
            continue;
        }
        let reason = if named.contains(path.as_str()) { Reason::Superseded } else { Reason::Orphan };
        if reason == Reason::Orphan && !old(found) {
            continue;
        }
        match run_of(path) {
            Some(run_id) if open.contains(run_id) => {}
            None if !open.is_empty() => swept.held.push(path.clone()),
            _ => swept.files.push(doom(path, found, reason)),
        }
    }
    for found in survey.staged.iter().filter(|found| old(found)) {
        let path = survey.below(&found.location);
        if !run_of(&path).is_some_and(|run_id| open.contains(run_id)) {
            swept.files.push(doom(&path, found, Reason::Staged));
        }
    }
    for runs in &survey.periods {
        for kept in runs.unfinished().filter(|kept| !open.contains(kept.says.run_id.as_str())) {
            let path = plans::path(&runs.period, &kept.says.run_id);
            swept.files.push(doom(&path, &kept.found, Reason::IdlePlan));
        }
    }
    swept
}

/// The paths that manifests name, and those of them that stay; the notes of a run go with it.
fn named(survey: &Survey, keep: Keep) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut named, mut kept) = (BTreeSet::new(), BTreeSet::new());
    let paths = |manifest: &Manifest| {
        let stamps = format!("{STAMPS}/period={}/run={}.json", manifest.period, manifest.run_id);
        manifest.paths().map(ToOwned::to_owned).chain([stamps]).collect::<Vec<_>>()
    };
    for runs in &survey.periods {
        // Newest first; the first has not been superseded, the others when the one before them was written.
        let mut superseded = None;
        for (at, manifest) in runs.manifests.values().rev().enumerate() {
            named.extend(paths(&manifest.says));
            let young = superseded.is_none_or(|since: i64| keep.now.saturating_sub(since) < keep.grace);
            if at < keep.newest || young {
                kept.extend(paths(&manifest.says));
            }
            superseded = Some(manifest.found.modified);
        }
    }
    (named, kept)
}

/// Runs that may be under way: begun and not committed, or begun again after their last commit.
fn open_runs(survey: &Survey, keep: Keep) -> BTreeSet<&str> {
    let written: BTreeSet<&str> = survey.files.keys().filter_map(|path| run_of(path)).collect();
    let mut open = BTreeSet::new();
    for runs in &survey.periods {
        for plan in runs.plans.values() {
            let run_id = plan.says.run_id.as_str();
            let commits = runs.manifests.values().filter(|kept| kept.says.holds(run_id));
            let committed = commits.map(|kept| kept.found.modified).max();
            let young = keep.now.saturating_sub(plan.found.modified) < keep.grace.max(DAY);
            let is_open = match committed {
                None => young || written.contains(run_id),
                Some(committed) => young && plan.found.modified > committed,
            };
            if is_open {
                open.insert(run_id);
            }
        }
    }
    open
}

fn doom(path: &str, found: &Found, reason: Reason) -> Doomed {
    let run_id = run_of(path).map(ToOwned::to_owned);
    Doomed { path: path.to_owned(), bytes: found.size, reason, run_id, location: found.location.clone() }
}

/// The run whose own folder a path lies in, or whose own file it is.
fn run_of(path: &str) -> Option<&str> {
    let own = path.split('/').find_map(|part| part.strip_prefix("run="))?;
    Some(own.strip_suffix(".json").unwrap_or(own))
}

/// Deletes what is doomed, run by run. Before each, plans are looked at again: what a run may have begun to write or to use
/// since the survey is left, and told as held.
///
/// # Errors
/// `O001` or `O003` when the store refuses; what was deleted before is gone.
pub async fn sweep(output: &Location, survey: &Survey, doomed: Swept) -> Outcome<Swept> {
    let Swept { files, mut held } = doomed;
    let mut groups: BTreeMap<Option<String>, Vec<Doomed>> = BTreeMap::new();
    for file in files {
        groups.entry(file.run_id.clone()).or_default().push(file);
    }
    let mut gone = Vec::new();
    for (run_id, files) in groups {
        let begun = begun_since(output, survey).await?;
        let in_use = run_id.as_ref().map_or(!begun.is_empty(), |run_id| begun.contains(run_id));
        if in_use {
            held.extend(files.into_iter().map(|file| file.path));
            continue;
        }
        gone.extend(delete(files).await?);
    }
    gone.sort_by(|a, b| a.path.cmp(&b.path));
    held.sort();
    Ok(Swept { files: gone, held })
}

/// Runs whose plans were put since the survey.
async fn begun_since(output: &Location, survey: &Survey) -> Outcome<BTreeSet<String>> {
    let known: BTreeMap<String, i64> = survey
        .periods
        .iter()
        .flat_map(|runs| {
            runs.plans.values().map(|kept| (plans::path(&runs.period, &kept.says.run_id), kept.found.modified))
        })
        .collect();
    let found = output.join("runs")?.list_below().await?;
    let begun = found.iter().filter_map(|found| {
        let path = format!("runs/{}", found.name);
        let (_, name) = path.split_once("/plans/")?;
        let run_id = name.strip_suffix(".json")?;
        (known.get(&path) != Some(&found.modified)).then(|| run_id.to_owned())
    });
    Ok(begun.collect())
}

/// Deletes the files, and local folders with nothing left in them.
async fn delete(files: Vec<Doomed>) -> Outcome<Vec<Doomed>> {
    let mut folders: BTreeMap<String, Location> = BTreeMap::new();
    for file in &files {
        file.location.delete().await?;
        if let Some(folder) = file.location.folder() {
            folders.insert(folder.display(), folder);
        }
    }
    folders.values().for_each(Location::delete_empty_folder);
    Ok(files)
}

/// Deletes the files of an unfinished run, and then its plan. `run_id` may be as much of the id as no other run begins
/// with.
///
/// # Errors
/// `O011` when there is no such run, `O012` when it is committed, `O001` when the store does not answer.
pub async fn abandon(output: &Location, survey: &Survey, period: &str, run_id: &str) -> Outcome<(String, Vec<Doomed>)> {
    let none = PeriodRuns::default();
    let runs = survey.periods.iter().find(|runs| runs.period == period).unwrap_or(&none);
    let committed = runs.manifests.iter().find(|(_, kept)| kept.says.run_id.starts_with(run_id));
    let matching: Vec<_> = runs.unfinished().filter(|kept| kept.says.run_id.starts_with(run_id)).collect();
    let plan = match (matching.as_slice(), committed) {
        ([plan], None) => *plan,
        ([], Some((number, kept))) => {
            let message = format!("run {} is committed as number {number} of {period}", kept.says.run_id);
            let hint = "what a later run supersedes goes with `ratemill gc`; nothing was deleted";
            return Err(Fault::new(&codes::O012, message).hint(hint).into());
        }
        _ => return Err(no_such_run(runs, period, run_id, output)),
    };
    let run_id = plan.says.run_id.clone();
    let own = |path: &str| run_of(path) == Some(run_id.as_str());
    let mut files: Vec<Doomed> = survey
        .files
        .iter()
        .filter(|(path, _)| own(path))
        .map(|(path, found)| doom(path, found, Reason::Abandoned))
        .collect();
    let staged = survey.staged.iter().map(|found| (survey.below(&found.location), found));
    files.extend(staged.filter(|(path, _)| own(path)).map(|(path, found)| doom(&path, found, Reason::Abandoned)));
    // The plan last: until it is gone, the run is still seen to be unfinished.
    files.push(doom(&plans::path(period, &run_id), &plan.found, Reason::Abandoned));
    Ok((run_id, delete(files).await?))
}

fn no_such_run(runs: &PeriodRuns, period: &str, run_id: &str, output: &Location) -> Faults {
    let message = format!("{period} has no single unfinished run `{run_id}` in `{}`", output.display());
    let ids: Vec<&str> = runs.unfinished().map(|kept| kept.says.run_id.as_str()).collect();
    let hint = match ids.as_slice() {
        [] => "there is no unfinished run of that period; `ratemill status` shows what there is".to_owned(),
        ids => format!("unfinished runs are {}", ids.join(", ")),
    };
    Fault::new(&codes::O011, message).hint(hint).into()
}
