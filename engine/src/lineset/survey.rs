//! What lies in an output: every manifest and plan of every period, and every file of the tables.
//!
//! Files are listed first and manifests read after them, so that whatever was committed in between is known to be named.
//! Nothing here deletes.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{try_join, try_join_all};
use futures::{StreamExt, TryStreamExt, stream};

use super::commit::numbered;
use super::manifest::Manifest;
use super::plans::Plan;
use crate::fault::Outcome;
use crate::store::{Found, Location};
use crate::tables::Table;

/// The folder of notes that only save the next run work: JSON, one file for each run.
pub const STAMPS: &str = "stamps";

/// Manifests and plans read at the same time.
const AT_ONCE: usize = 16;

/// What lies in an output.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Periods with a manifest or a plan, ascending.
    pub periods: Vec<PeriodRuns>,
    /// The Parquet files of the tables and the notes of runs, by their paths below the output.
    pub files: BTreeMap<String, Found>,
    /// Files that a writer to a local folder was killed over, or is still writing.
    pub staged: Vec<Found>,
    /// What precedes the paths of this output in what its locations show.
    root: String,
}

/// The runs of a period.
#[derive(Clone, Debug, Default)]
pub struct PeriodRuns {
    /// The period.
    pub period: String,
    /// Its manifests by number; the last one names the line set.
    pub manifests: BTreeMap<u32, Kept<Manifest>>,
    /// Its plans by run.
    pub plans: BTreeMap<String, Kept<Plan>>,
}

/// What an object says, and the object.
#[derive(Clone, Debug)]
pub struct Kept<T> {
    /// What it says.
    pub says: T,
    /// The object.
    pub found: Found,
}

impl Survey {
    /// Looks at everything below the output.
    ///
    /// # Errors
    /// `O001` when the store does not answer, `O005` when a manifest or plan cannot be read.
    pub async fn of(output: &Location) -> Outcome<Self> {
        let tables = Table::ALL.iter().map(|table| table.name());
        let mut known: BTreeSet<String> = tables.chain([STAMPS]).map(ToOwned::to_owned).collect();
        let mut files = listed(output, &known).await?;
        let mut periods = periods(output).await?;
        // Tables of another version of the engine are only known by what manifests name.
        let named = periods.iter().flat_map(|period| period.manifests.values());
        let named =
            named.flat_map(|kept| kept.says.paths()).filter_map(|path| Some(path.split_once('/')?.0.to_owned()));
        let more: BTreeSet<String> = named.filter(|folder| !known.contains(folder)).collect();
        if !more.is_empty() {
            files.extend(listed(output, &more).await?);
            known.extend(more);
            periods = self::periods(output).await?;
        }
        known.insert("runs".to_owned());
        let below = |folder: &String| Ok(output.join(folder)?.staged_below());
        let staged = known.iter().map(below).collect::<Outcome<Vec<_>>>()?.concat();
        Ok(Self { periods, files, staged, root: format!("{}/", output.display()) })
    }

    /// The path of a location below the output.
    #[must_use]
    pub fn below(&self, location: &Location) -> String {
        let shown = location.display();
        shown.strip_prefix(&self.root).unwrap_or(&shown).to_owned()
    }
}

impl PeriodRuns {
    /// The newest manifest with its number.
    #[must_use]
    pub fn newest(&self) -> Option<(u32, &Kept<Manifest>)> {
        self.manifests.last_key_value().map(|(number, kept)| (*number, kept))
    }

    /// Whether the run stands in a manifest.
    #[must_use]
    pub fn is_committed(&self, run_id: &str) -> bool {
        self.manifests.values().any(|kept| kept.says.holds(run_id))
    }

    /// The plans of runs that stand in no manifest.
    pub fn unfinished(&self) -> impl Iterator<Item = &Kept<Plan>> {
        self.plans.values().filter(|kept| !self.is_committed(&kept.says.run_id))
    }
}

/// The Parquet files below these folders of the output.
async fn listed(output: &Location, folders: &BTreeSet<String>) -> Outcome<BTreeMap<String, Found>> {
    let below = |folder: &'_ String| {
        let folder = folder.clone();
        async move {
            let found = output.join(&folder)?.list_below().await?;
            let end = if folder == STAMPS { ".json" } else { ".parquet" };
            let parts = found.into_iter().filter(|found| found.name.ends_with(end));
            Ok::<_, crate::fault::Faults>(
                parts.map(|found| (format!("{folder}/{}", found.name), found)).collect::<Vec<_>>(),
            )
        }
    };
    Ok(try_join_all(folders.iter().map(below)).await?.into_iter().flatten().collect())
}

/// All manifests and plans.
async fn periods(output: &Location) -> Outcome<Vec<PeriodRuns>> {
    let found = output.join("runs")?.list_below().await?;
    let mut manifests = Vec::new();
    let mut plans = Vec::new();
    for object in found {
        let name = format!("runs/{}", object.name);
        let Some((period, rest)) = object.name.strip_prefix("period=").and_then(|name| name.split_once('/')) else {
            continue;
        };
        let period = period.to_owned();
        if let Some(number) = numbered(rest) {
            manifests.push((period, number, name, object));
        } else if rest.strip_prefix("plans/").is_some_and(|plan| plan.ends_with(".json") && !plan.contains('/')) {
            plans.push((period, name, object));
        }
    }
    let manifests = stream::iter(manifests).map(|(period, number, name, object)| async move {
        // One that goes away while it is looked for was never to be relied upon.
        let bytes = object.location.read_if_there().await?;
        let says = bytes.map(|bytes| Manifest::parse(&name, &bytes)).transpose()?;
        Ok::<_, crate::fault::Faults>(says.map(|says| (period, number, Kept { says, found: object })))
    });
    let plans = stream::iter(plans).map(|(period, name, object)| async move {
        let bytes = object.location.read_if_there().await?;
        let says = bytes.map(|bytes| Plan::parse(&name, &bytes)).transpose()?;
        Ok::<_, crate::fault::Faults>(says.map(|says| (period, Kept { says, found: object })))
    });
    let (manifests, plans) =
        try_join(manifests.buffered(AT_ONCE).try_collect::<Vec<_>>(), plans.buffered(AT_ONCE).try_collect::<Vec<_>>())
            .await?;
    let mut periods: BTreeMap<String, PeriodRuns> = BTreeMap::new();
    for (period, number, kept) in manifests.into_iter().flatten() {
        periods.entry(period).or_default().manifests.insert(number, kept);
    }
    for (period, kept) in plans.into_iter().flatten() {
        periods.entry(period).or_default().plans.insert(kept.says.run_id.clone(), kept);
    }
    Ok(periods.into_iter().map(|(period, runs)| PeriodRuns { period, ..runs }).collect())
}
