//! Which usage files there are: listed and fingerprinted before any of them is read, because a run is a function of
//! their bytes. Nothing is decoded here.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults, Outcome, Place, codes};
use crate::pipeline::model::Source;
use crate::store::{Found, Location, Pattern};

/// One usage file.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// Its place among all files of the run.
    pub index: u32,
    /// Its source, by place in the pipeline's list.
    pub source: usize,
    /// Its path below the fixed part of the source's pattern.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, in hex.
    pub digest: String,
    /// Whether an earlier night has read it.
    pub known: bool,
    /// Whether it is still in the store.
    pub here: bool,
    /// Records before this instant came too late with it: it joined a period that was closed already.
    pub late_before: Option<i64>,
}

impl InputFile {
    /// The file's bytes, the same as when it was fingerprinted.
    ///
    /// # Errors
    /// `O001` when it cannot be read, `U005` when it changed, `U009` when an earlier night has read it and it has gone since.
    pub async fn read(&self) -> Outcome<Bytes> {
        if !self.here {
            let fault =
                Fault::new(&codes::U009, "an earlier night has read the file, it must be read again, and it is gone");
            let hint =
                "put it back: rules of reading or reference tables have changed, or a record of it went to suspense";
            return Err(fault.at(&Place::file(&self.location.display())).hint(hint).into());
        }
        let (bytes, digest) = fingerprinted(&self.location).await?;
        if digest == self.digest { Ok(bytes) } else { Err(changed(&self.location).into()) }
    }
}

/// A file that an earlier night has read.
#[derive(Clone, Debug)]
pub struct KnownFile {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, in hex.
    pub digest: String,
    /// Records before this instant came too late with it.
    pub late_before: Option<i64>,
}

/// A file as an earlier night has found it: as long as size and stamp are the same, so are its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// Its source.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What the store changes with every write of it.
    pub stamp: String,
    /// BLAKE3 of its bytes, in hex.
    pub digest: String,
}

/// What is known of usage files before they are looked for.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What was read, by source and name.
    pub files: BTreeMap<(usize, String), KnownFile>,
    /// What was found in the store, by source and name.
    pub stamps: HashMap<(String, String), Stamped>,
    /// Whether a file of other bytes takes the place of the known one; otherwise it is refused.
    pub corrections: bool,
}

/// The usage files of a run.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Sorted by source and name.
    pub files: Vec<InputFile>,
    /// All that was found, for the next night.
    pub stamps: Vec<Stamped>,
    /// Whether what was taken in of known files still holds.
    pub holds: bool,
}

/// Lists and fingerprints every usage file, up to `threads` at a time, sorted by source and name.
///
/// # Errors
/// `U001` for each source without files, `O001` and `O003` for what cannot be listed or read, `U005` for a file that
/// changes meanwhile.
pub async fn discover(sources: &[Source], threads: usize) -> Outcome<Vec<InputFile>> {
    let found = listed(sources, |_| false).await?;
    let files = futures::stream::iter(found).map(|(source, found)| fingerprint(source, found, None));
    let files: Vec<(InputFile, String)> = files.buffered(threads.max(1)).try_collect().await?;
    numbered(files.into_iter().map(|(file, _)| file).collect())
}

/// The same for a run that goes on from an earlier one: a known file whose stamp has not changed is not opened, one that
/// has gone from the store since it was read still counts, and of files with the same bytes only the first by name does.
///
/// # Errors
/// Those of [`discover`], and `U008` for each file that has other bytes now than when it was read.
pub async fn discover_more(sources: &[Source], threads: usize, known: &Known) -> Outcome<Discovered> {
    let found = listed(sources, |source| known.files.keys().any(|(of, _)| *of == source)).await?;
    let files = found.into_iter().map(|(source, found)| {
        let stamped = known.stamps.get(&(sources[source].name.clone(), found.name.clone()));
        fingerprint(source, found, stamped)
    });
    let files: Vec<(InputFile, String)> = futures::stream::iter(files).buffered(threads.max(1)).try_collect().await?;
    let (mut discovered, mut faults) = (Discovered { holds: true, ..Discovered::default() }, Faults::default());
    let mut all: BTreeMap<(usize, String), InputFile> = BTreeMap::new();
    for ((source, name), file) in &known.files {
        let location = Pattern::parse(&sources[*source].path.text)?.at(name)?;
        let KnownFile { size, digest, late_before } = file.clone();
        let (source, key, name) = (*source, (*source, name.clone()), name.clone());
        let (index, known, here) = (0, true, false);
        all.insert(key, InputFile { index, source, name, location, size, digest, known, here, late_before });
    }
    for (mut file, stamp) in files {
        let (source, name) = (sources[file.source].name.clone(), file.name.clone());
        discovered.stamps.push(Stamped { source, name, size: file.size, stamp, digest: file.digest.clone() });
        let before = known.files.get(&(file.source, file.name.clone()));
        let same = before.filter(|before| before.digest == file.digest);
        (file.known, file.late_before) = (same.is_some(), same.and_then(|same| same.late_before));
        if before.is_some() && !file.known {
            discovered.holds = false;
            if !known.corrections {
                faults.push(other_bytes(&file.location));
            }
        }
        all.insert((file.source, file.name.clone()), file);
    }
    faults.or(())?;
    let mut first: HashMap<(usize, String), bool> = HashMap::new();
    for file in all.into_values() {
        match first.entry((file.source, file.digest.clone())) {
            Entry::Vacant(place) => drop(place.insert(file.known)),
            Entry::Occupied(first) => {
                // What was read under this name has another name now.
                discovered.holds &= !file.known || *first.get();
                continue;
            }
        }
        discovered.files.push(file);
    }
    discovered.files = numbered(discovered.files)?;
    Ok(discovered)
}

fn other_bytes(location: &Location) -> Fault {
    Fault::new(&codes::U008, "the file has other bytes than when it was read")
        .at(&Place::file(&location.display()))
        .hint("deliver it under a new name; or, if it corrects what it was, say `incremental: { changed_files: correct }`")
}

/// Sorted by source and name, with their places as numbers.
///
/// # Errors
/// Our bug when there are more than 2^32.
pub fn numbered(mut files: Vec<InputFile>) -> Outcome<Vec<InputFile>> {
    files.sort_by(|a, b| (a.source, &a.name).cmp(&(b.source, &b.name)));
    for (index, file) in files.iter_mut().enumerate() {
        file.index = u32::try_from(index).map_err(|_| Fault::ours("more than 2^32 usage files"))?;
    }
    Ok(files)
}

async fn listed(sources: &[Source], may_be_empty: impl Fn(usize) -> bool) -> Outcome<Vec<(usize, Found)>> {
    let mut faults = Faults::default();
    let mut found = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let files = faults.keep(list(source, may_be_empty(index)).await).unwrap_or_default();
        found.extend(files.into_iter().map(|file| (index, file)));
    }
    faults.or(found)
}

async fn list(source: &Source, may_be_empty: bool) -> Outcome<Vec<Found>> {
    let place = |mut faults: Faults| {
        faults
            .0
            .iter_mut()
            .for_each(|fault| fault.place = fault.place.take().or_else(|| Some(source.path.place.clone())));
        faults
    };
    let pattern = Pattern::parse(&source.path.text).map_err(place)?;
    let mut files = pattern.list().await.map_err(place)?;
    if pattern.is_plain() {
        // Of a folder named as a whole, what tools leave there (`_SUCCESS`, `.DS_Store`) is no usage.
        files.retain(|file| !file.name.split('/').any(|part| part.starts_with(['.', '_'])));
    }
    if files.is_empty() && !may_be_empty {
        let message = format!("no file matches the path of source `{}`: `{}`", source.name, pattern.display());
        let fault = Fault::new(&codes::U001, message).at(&source.path.place);
        return Err(fault.hint("check the path and whether last night's delivery arrived").into());
    }
    Ok(files)
}

async fn fingerprint(source: usize, found: Found, stamped: Option<&Stamped>) -> Outcome<(InputFile, String)> {
    let Found { location, name, size, stamp, .. } = found;
    let digest = match stamped.filter(|stamped| stamped.size == size && stamped.stamp == stamp) {
        Some(stamped) => stamped.digest.clone(),
        None => {
            let (bytes, digest) = fingerprinted(&location).await?;
            if u64::try_from(bytes.len()) != Ok(size) {
                return Err(changed(&location).into());
            }
            digest
        }
    };
    let (index, known, here, late_before) = (0, false, true, None);
    Ok((InputFile { index, source, name, location, size, digest, known, here, late_before }, stamp))
}

/// Bytes whose fingerprint takes less than handing it to another thread.
const SMALL: usize = 1 << 16;

async fn fingerprinted(location: &Location) -> Outcome<(Bytes, String)> {
    let bytes = location.read().await?;
    if bytes.len() < SMALL {
        let digest = blake3::hash(&bytes).to_hex().to_string();
        return Ok((bytes, digest));
    }
    let kept = bytes.clone();
    let digest = tokio::task::spawn_blocking(move || blake3::hash(&bytes).to_hex().to_string()).await;
    Ok((kept, digest.map_err(|cause| Fault::ours(format!("fingerprinting broke off: {cause}")))?))
}

fn changed(location: &Location) -> Fault {
    Fault::new(&codes::U005, "the file changed while the run was reading it")
        .at(&Place::file(&location.display()))
        .hint("let deliveries finish before the run starts, then run again")
}
