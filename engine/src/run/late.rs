//! What a run of an open period finds to do for closed ones: records of theirs among the files that it has read, and
//! decisions on their suspense that they have not been rated by.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use hashbrown::HashSet;

use super::{Decisions, Prepared, RunOptions};
use crate::columns::{Texts, named, texts_named};
use crate::fault::Outcome;
use crate::lineset::commit::periods;
use crate::lineset::manifest::Input;
use crate::lineset::parts::{of_all, read_part};
use crate::lineset::{Manifest, current};
use crate::store::Location;
use crate::tables::Table;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A closed period, and what it has not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateUsage {
    /// The closed period.
    pub period: String,
    /// Files with records of other periods.
    pub files: Vec<Input>,
    /// Whether there are decisions on its suspense.
    pub decided: bool,
}

/// What the newest run of the period has read and left, or somebody has decided, and closed periods before it have not
/// seen.
///
/// # Errors
/// `O001`, `O005` and `O006` for manifests and parts that cannot be read.
pub async fn late_usage(prepared: &Prepared, options: &RunOptions) -> Outcome<Vec<LateUsage>> {
    // Only what has kept its usage can be rated once more.
    let Some(incremental) = &prepared.pipeline.incremental else { return Ok(Vec::new()) };
    let output = Location::parse(&options.output)?;
    let label = &prepared.period.label;
    // There is no clock in a run: how late a record is, the beginning of the period says that has read it.
    let late_before = incremental.suspend_late_after.map(|days| prepared.period.start() - i64::from(days) * DAY);
    let mut late = Vec::new();
    let mut left: Option<Vec<Input>> = None;
    for period in periods(&output).await?.into_iter().filter(|period| period < label) {
        let Some((_, closed)) = current(&output, &period).await?.filter(|(_, closed)| closed.closed.is_some()) else {
            continue;
        };
        let left = match &left {
            Some(left) => left,
            None => {
                let Some((_, own)) = current(&output, label).await? else { return Ok(late) };
                let strangers = strangers(&output, &own, options.partitions).await?;
                left.insert(if incremental.adjusts_late { strangers } else { Vec::new() })
            }
        };
        let base = closed.rerated.as_deref().unwrap_or(&closed);
        let seen: HashSet<(&str, &str)> =
            base.inputs.iter().map(|input| (input.source.as_str(), input.digest.as_str())).collect();
        let files = left.iter().filter(|input| !seen.contains(&(input.source.as_str(), input.digest.as_str())));
        let files: Vec<Input> = files.map(|input| Input { late_before, ..input.clone() }).collect();
        let decisions = Decisions::of(&output, &period).await?;
        let decided = decisions.digests().any(|digest| !base.decisions.iter().any(|done| done == digest));
        if decided || !files.is_empty() {
            late.push(LateUsage { period, files, decided });
        }
    }
    Ok(late)
}

/// The inputs of a run that have records of other periods.
async fn strangers(output: &Location, manifest: &Manifest, threads: usize) -> Outcome<Vec<Input>> {
    let mut found: HashSet<(String, String)> = HashSet::new();
    let parts = manifest.tables.get(Table::UsageFiles.name()).into_iter().flatten();
    for batch in of_all(parts, threads, |part| read_part(output, Table::UsageFiles, part)).await?.iter().flatten() {
        let (sources, files) = (texts_named(batch, "source")?, texts_named(batch, "file")?);
        let strange = named(batch, "out_of_window")?.as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| strange.value(*row) > 0) {
            let text = |texts: Texts<'_>| texts.get(row).unwrap_or_default().to_owned();
            found.insert((text(sources), text(files)));
        }
    }
    let is_one = |input: &&Input| found.contains(&(input.source.clone(), input.name.clone()));
    Ok(manifest.inputs.iter().filter(is_one).cloned().collect())
}
