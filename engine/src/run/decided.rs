//! What people have decided about records in suspense, as the facts of a run: by record what holds, and what of it the run
//! has to count.
//!
//! What is decided of one copy of a record holds of whichever copy is kept; the latest decision counts. A record that is
//! recycled needs nothing: a run judges every record anew, but for those that are written off. Only of a closed period does
//! what is in suspense stay there until it is recycled: what it is rated by has changed since for many reasons.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use hashbrown::{HashMap, HashSet};

use super::Job;
use crate::columns::{Texts, named, texts_named as texts};
use crate::control::SuspenseTotals;
use crate::fault::{Fault, Outcome};
use crate::lineset::Manifest;
use crate::lineset::decisions::{Action, Named, Taken, taken};
use crate::lineset::parts::read_columns;
use crate::store::Location;
use crate::tables::Table;
use crate::usage::{Mark, Metered, Origin, Suspended, reasons};

/// The decisions of a period.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    pub(super) taken: Vec<Taken>,
    /// What stays in suspense although nothing was decided of it.
    held: Held,
}

/// What was in suspense when the period was closed.
#[derive(Debug, Default)]
struct Held {
    records: Vec<Named>,
    /// Digests of the tables it stands in.
    tables: Vec<String>,
    /// Digests of the decisions that had been taken by then.
    before: Vec<String>,
}

impl Decisions {
    /// All that were taken so far.
    ///
    /// # Errors
    /// Those of reading them.
    pub(super) async fn of(output: &Location, period: &str) -> Outcome<Self> {
        Ok(Self { taken: taken(output, period).await?, held: Held::default() })
    }

    /// Those that a run with these digests has gone by.
    pub(super) fn only(mut self, digests: &[String]) -> Self {
        self.taken.retain(|taken| digests.contains(&taken.digest));
        self
    }

    /// The same for a closed period: what was in suspense then stays there, until a later decision recycles it.
    ///
    /// # Errors
    /// `O001` and `O006` for parts that cannot be read.
    pub(super) async fn holding(mut self, output: &Location, closed: &Manifest) -> Outcome<Self> {
        let parts = || closed.tables.get(Table::Suspense.name()).into_iter().flatten();
        let digests: HashMap<(&str, &str), &str> = closed
            .inputs
            .iter()
            .map(|file| ((file.source.as_str(), file.name.as_str()), file.digest.as_str()))
            .collect();
        for part in parts() {
            for batch in read_columns(output, part, &["source", "file", "row", "reason"]).await? {
                let (sources, files, codes) =
                    (texts(&batch, "source")?, texts(&batch, "file")?, texts(&batch, "reason")?);
                let rows = named(&batch, "row")?.as_primitive::<Int64Type>();
                for at in 0..batch.num_rows() {
                    let text = |texts: Texts<'_>| texts.get(at).unwrap_or_default().to_owned();
                    let (source, file, code) = (text(sources), text(files), text(codes));
                    // Which of two records of one key counts, the records say.
                    if code == reasons::CONFLICTING_KEY {
                        continue;
                    }
                    let digest = digests.get(&(source.as_str(), file.as_str())).copied().unwrap_or_default().to_owned();
                    let row = u32::try_from(rows.value(at)).map_err(|_| Fault::ours("a row below zero"))?;
                    self.held.records.push(Named { source, file, digest, code, rows: vec![row] });
                }
            }
        }
        self.held.tables = parts().map(|part| part.digest.clone()).collect();
        self.held.before.clone_from(&closed.decisions);
        Ok(self)
    }

    /// In the order they were taken, for the id of the run.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        self.taken.iter().map(|taken| taken.digest.as_str())
    }

    /// Of what is held, for the id of the run.
    pub(super) fn held(&self) -> impl Iterator<Item = &str> {
        self.held.tables.iter().map(String::as_str)
    }

    /// What holds of each record of `files`: source, name and digest, in their order. Of a file with other bytes nothing is
    /// said.
    pub(super) fn said<'f>(&self, files: impl Iterator<Item = (&'f str, &'f str, &'f str)>) -> Decided {
        let mut decided = Decided::default();
        if self.taken.is_empty() && self.held.records.is_empty() {
            return decided;
        }
        let numbers: HashMap<(&str, &str, &str), u32> = files.zip(0..).collect();
        let number =
            |named: &Named| numbers.get(&(named.source.as_str(), named.file.as_str(), named.digest.as_str())).copied();
        for named in &self.held.records {
            let Some(file) = number(named) else { continue };
            for row in &named.rows {
                let code = Arc::from(named.code.as_str());
                decided.held.insert(Origin::new(file, *row), code);
            }
        }
        for (last, Taken { says, digest }) in self.taken.iter().enumerate() {
            let reason: Arc<str> = Arc::from(says.reason.as_str());
            let releases = says.action == Action::Recycle && !self.held.before.contains(digest);
            for named in &says.records {
                let Some(file) = number(named) else { continue };
                let code: Arc<str> = Arc::from(named.code.as_str());
                for row in &named.rows {
                    let origin = Origin::new(file, *row);
                    if releases {
                        decided.held.remove(&origin);
                    }
                    let said = decided.records.entry(origin).or_default();
                    (said.code, said.last) = (Arc::clone(&code), last);
                    match says.action {
                        Action::WriteOff => said.mark.written_off = Some(Arc::clone(&reason)),
                        Action::Recycle => {
                            said.mark = Mark { written_off: None, recycled: said.mark.recycled + 1 };
                        }
                    }
                }
            }
        }
        decided
    }
}

/// What holds of records in suspense.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// What somebody has decided.
    records: HashMap<Origin, Said>,
    /// What stays in suspense all the same, with the reason code it is there for.
    held: HashMap<Origin, Arc<str>>,
}

/// What holds of one record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// The reason code it was set aside with when it was last decided.
    pub(super) code: Arc<str>,
    /// Position of the last decision that names it.
    pub(super) last: usize,
    pub(super) mark: Mark,
}

impl Decided {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn of(&self, origin: Origin) -> Option<&Said> {
        self.records.get(&origin)
    }

    /// The reason code of a record that stays in suspense although nothing was decided of it.
    pub(super) fn held(&self, origin: Origin) -> Option<&str> {
        self.held.get(&origin).map(|code| &**code)
    }

    /// The records among `measures` of which something was decided, by key and contents.
    pub(super) fn among(&self, measures: &[Metered]) -> HashMap<(u128, u64), Vec<Origin>> {
        let mut by_contents: HashMap<(u128, u64), Vec<Origin>> = HashMap::new();
        if !self.is_empty() {
            for measure in measures.iter().filter(|measure| self.records.contains_key(&measure.origin)) {
                let of_record = by_contents.entry((measure.key, measure.content)).or_default();
                if of_record.last() != Some(&measure.origin) {
                    of_record.push(measure.origin);
                }
            }
        }
        by_contents
    }

    /// The copy of a record that was decided last.
    pub(super) fn latest(&self, copies: &[Origin]) -> Option<Origin> {
        let said = copies.iter().filter_map(|origin| Some((self.of(*origin)?.last, Reverse(*origin))));
        said.max().map(|(_, Reverse(origin))| origin)
    }

    /// The copy that was decided last, when it is written off.
    pub(super) fn written_off(&self, copies: &[Origin]) -> Option<Origin> {
        let latest = self.latest(copies)?;
        self.of(latest).filter(|said| said.mark.written_off.is_some()).map(|_| latest)
    }

    /// Marks the rows in suspense: each by what was decided of it, or of the copies it is kept for.
    pub(super) fn mark(&self, suspended: &mut [Suspended], kept_for: &HashMap<Origin, Vec<Origin>>) {
        for row in suspended.iter_mut().filter(|_| !self.is_empty()) {
            let copies = kept_for.get(&row.origin).into_iter().flatten().copied();
            let copies: Vec<Origin> = copies.chain([row.origin]).collect();
            if let Some(said) = self.latest(&copies).and_then(|latest| self.of(latest)) {
                row.mark = said.mark.clone();
            }
        }
    }
}

/// What has become of all records that are in suspense, or were when something was decided of them; `None` where nothing
/// was decided. What is `represented` by another copy is that record.
pub(super) fn totals(job: &Job<'_>, suspended: &[Suspended], represented: &HashSet<Origin>) -> Option<SuspenseTotals> {
    if job.decided.is_empty() {
        return None;
    }
    let named = || job.decided.records.iter().filter(|(origin, _)| !represented.contains(*origin));
    let rows = || suspended.iter().map(|row| row.origin);
    let all: HashSet<Origin> = rows().chain(named().map(|(origin, _)| *origin)).collect();
    let mut totals = SuspenseTotals { came_in: all.len() as u64, ..SuspenseTotals::default() };
    for row in suspended {
        let count = if row.mark.written_off.is_some() { &mut totals.written_off } else { &mut totals.open };
        *count += 1;
    }
    let rows: HashSet<Origin> = rows().collect();
    for (_, said) in named().filter(|(origin, _)| !rows.contains(*origin)) {
        // What is written off stays so, also when the rules would not even set it aside any more.
        let count = if said.mark.written_off.is_some() { &mut totals.written_off } else { &mut totals.recycled };
        *count += 1;
    }
    Some(totals)
}

/// The usage files of a job as decisions name them.
pub(super) fn named_files<'f>(
    sources: &'f [crate::pipeline::model::Source],
    files: &'f [crate::read::InputFile],
) -> impl Iterator<Item = (&'f str, &'f str, &'f str)> {
    files.iter().map(|file| (sources[file.source].name.as_str(), file.name.as_str(), file.digest.as_str()))
}
