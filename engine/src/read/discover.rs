//! Which usage files there are: listed and fingerprinted before any of them is read, because a run is a function of
//! their bytes. Nothing is decoded here.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

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
}

impl InputFile {
    /// The file's bytes, the same as when it was fingerprinted.
    ///
    /// # Errors
    /// `O001` when it cannot be read, `U005` when it changed.
    pub async fn read(&self) -> Outcome<Bytes> {
        let (bytes, digest) = fingerprinted(&self.location).await?;
        if digest == self.digest { Ok(bytes) } else { Err(changed(&self.location).into()) }
    }
}

/// Lists and fingerprints every usage file, up to `threads` at a time, sorted by source and name.
///
/// # Errors
/// `U001` for each source without files, `O001` and `O003` for what cannot be listed or read, `U005` for a file that
/// changes meanwhile.
pub async fn discover(sources: &[Source], threads: usize) -> Outcome<Vec<InputFile>> {
    let mut faults = Faults::default();
    let mut found = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let files = faults.keep(list(source).await).unwrap_or_default();
        found.extend(files.into_iter().map(|file| (index, file)));
    }
    faults.or(())?;
    let files = futures::stream::iter(found).map(|(source, found)| fingerprint(source, found));
    let mut files: Vec<InputFile> = files.buffered(threads.max(1)).try_collect().await?;
    files.sort_by(|a, b| (a.source, &a.name).cmp(&(b.source, &b.name)));
    for (index, file) in files.iter_mut().enumerate() {
        file.index = u32::try_from(index).map_err(|_| Fault::ours("more than 2^32 usage files"))?;
    }
    Ok(files)
}

async fn list(source: &Source) -> Outcome<Vec<Found>> {
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
    if files.is_empty() {
        let message = format!("no file matches the path of source `{}`: `{}`", source.name, pattern.display());
        let fault = Fault::new(&codes::U001, message).at(&source.path.place);
        return Err(fault.hint("check the path and whether last night's delivery arrived").into());
    }
    Ok(files)
}

async fn fingerprint(source: usize, found: Found) -> Outcome<InputFile> {
    let Found { location, name, size, .. } = found;
    let (bytes, digest) = fingerprinted(&location).await?;
    if u64::try_from(bytes.len()) != Ok(size) {
        return Err(changed(&location).into());
    }
    Ok(InputFile { index: 0, source, name, location, size, digest })
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
