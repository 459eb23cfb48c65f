//! Where bytes lie: the only room that knows object stores. A [`Location`] is a path or URL the user wrote; everything
//! behind it is one and the same for a local folder, `s3://`, `gs://`, `az://` and `memory://`.
//!
//! Every write is whole or not at all: an object appears complete under its name, and the manifest only if the name is
//! free. Nothing here retries a refused put, and nothing here knows what the bytes mean.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::fault::{Fault, Outcome, codes};

mod clear;
#[cfg(test)]
pub(crate) mod flaky;
mod pattern;
mod s3;
pub mod settings;
#[cfg(test)]
mod tests;

pub use pattern::{Pattern, escaped};

/// A place in a store: a file or a folder, whatever letters its name has.
#[derive(Clone, Debug)]
pub struct Location {
    store: Arc<dyn ObjectStore>,
    /// What precedes a path of this store in what the user writes: `s3://bucket/`, or `/`.
    root: String,
    path: Path,
}

/// A file found by [`Location::list`] or [`Pattern::list`].
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is.
    pub location: Location,
    /// Its path below the folder, or below the part of a pattern that is no glob: the same wherever the tree lies.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written, by the store's clock: microseconds UTC.
    pub modified: i64,
    /// What the store changes with every write of the file: its entity tag, or the time of the write.
    pub stamp: String,
}

/// What became of a put-if-absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is ours.
    Done,
    /// Another object had the name already.
    Occupied,
}

/// `memory://` is one store per process, so that a test can put what a run then reads.
static MEMORY: LazyLock<Arc<InMemory>> = LazyLock::new(|| Arc::new(InMemory::new()));

impl Location {
    /// Reads a path or URL: a local path (relative ones from the working directory), `file://`, `s3://`, `gs://`,
    /// `az://`, `memory://`. Keys and endpoints come from the environment (`AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID`, …).
    ///
    /// # Errors
    /// `O003` when it cannot be used.
    pub fn parse(text: &str) -> Outcome<Self> {
        let broken = |cause: String| {
            Fault::new(&codes::O003, format!("`{text}` cannot be used: {cause}")).hint(
                "use a path, file://, s3://bucket/folder, gs://, az:// or memory://, with the keys in the environment",
            )
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("file", text));
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() && ["s3", "gs", "az"].contains(&scheme) {
            return Err(broken("it names no bucket".to_owned()).into());
        }
        let store: Arc<dyn ObjectStore> = match scheme {
            "file" => return Self::local(rest).map_err(|cause| broken(cause).into()),
            "memory" => Arc::clone(&MEMORY) as Arc<dyn ObjectStore>,
            "s3" => Arc::new(s3::bucket(bucket).map_err(broken)?),
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
                Arc::new(builder.build().map_err(|cause| broken(cause.to_string()))?)
            }
            "az" => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
                Arc::new(builder.build().map_err(|cause| broken(cause.to_string()))?)
            }
            _ => return Err(broken(format!("unknown scheme `{scheme}`")).into()),
        };
        let key = if scheme == "memory" { rest } else { key };
        let root = if scheme == "memory" { "memory://".to_owned() } else { format!("{scheme}://{bucket}/") };
        let path = Path::parse(key.trim_matches('/')).map_err(|cause| broken(cause.to_string()))?;
        Ok(Self { store, root, path })
    }

    fn local(text: &str) -> Result<Self, String> {
        let absolute = std::path::absolute(text).map_err(|cause| cause.to_string())?;
        let mut plain = PathBuf::new();
        for part in absolute.components() {
            match part {
                std::path::Component::ParentDir => {
                    plain.pop();
                }
                part => plain.push(part),
            }
        }
        let text = plain.to_str().ok_or("the path is not UTF-8")?;
        // `Path::parse` keeps glob characters and spaces as they are; `Path::from` would encode them.
        let path = Path::parse(text.trim_matches('/')).map_err(|cause| cause.to_string())?;
        Ok(Self { store: Arc::new(LocalFileSystem::new()), root: "/".to_owned(), path })
    }

    /// The location as the user would write it.
    #[must_use]
    pub fn display(&self) -> String {
        format!("{}{}", self.root, self.path)
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.filename().unwrap_or_default()
    }

    /// The location `relative` (parts joined by `/`) below this one.
    ///
    /// # Errors
    /// `O003` when it is not a plain path.
    pub fn join(&self, relative: &str) -> Outcome<Self> {
        let whole = format!("{}/{}", self.path, relative);
        let path = Path::parse(whole.trim_matches('/'))
            .map_err(|cause| Fault::new(&codes::O003, format!("`{relative}` is not a path: {cause}")))
            .map_err(|fault| fault.hint("write plain names joined by `/`"))?;
        Ok(Self { store: Arc::clone(&self.store), root: self.root.clone(), path })
    }

    /// The folder it lies in; none for the root of a store.
    #[must_use]
    pub fn folder(&self) -> Option<Self> {
        let (above, _) = self.path.as_ref().rsplit_once('/')?;
        Some(Self { store: Arc::clone(&self.store), root: self.root.clone(), path: Path::parse(above).ok()? })
    }

    /// All files this location means, sorted by name: the file itself, or every file below the folder.
    ///
    /// # Errors
    /// `O001` when the store does not answer.
    pub async fn list(&self) -> Outcome<Vec<Found>> {
        if !self.path.as_ref().is_empty() {
            match self.store.head(&self.path).await {
                Ok(meta) => {
                    let name = self.file_name().to_owned();
                    return Ok(vec![self.found(name, meta)]);
                }
                // No such object: it can still be a folder.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => return Err(self.fault("read", &cause).into()),
            }
        }
        self.list_below().await
    }

    /// Every file below this folder, sorted by name.
    ///
    /// # Errors
    /// `O001` when the store does not answer.
    pub async fn list_below(&self) -> Outcome<Vec<Found>> {
        let mut found = Vec::new();
        let mut listing = self.store.list(Some(&self.path));
        while let Some(meta) = listing.try_next().await.map_err(|cause| self.fault("list", &cause))? {
            let path = meta.location.to_string();
            let name = path.strip_prefix(self.path.as_ref()).unwrap_or(&path).trim_start_matches('/').to_owned();
            found.push(self.found(name, meta));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn found(&self, name: String, meta: ObjectMeta) -> Found {
        let stamp = meta.e_tag.unwrap_or_else(|| meta.last_modified.to_rfc3339());
        let location = Self { path: meta.location, ..self.clone() };
        Found { location, name, size: meta.size, modified: meta.last_modified.timestamp_micros(), stamp }
    }

    /// The whole object.
    ///
    /// # Errors
    /// `O001` when it cannot be read.
    pub async fn read(&self) -> Outcome<Bytes> {
        self.read_if_there()
            .await?
            .ok_or_else(|| Fault::new(&codes::O001, format!("`{}` does not exist", self.display())))
            .map_err(|fault| fault.hint("it may have been moved meanwhile: running again is safe").into())
    }

    /// The whole object, or `None` when there is none.
    ///
    /// # Errors
    /// `O001` when the store does not answer.
    pub async fn read_if_there(&self) -> Outcome<Option<Bytes>> {
        match self.store.get(&self.path).await {
            Ok(object) => Ok(Some(object.bytes().await.map_err(|cause| self.fault("read", &cause))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.fault("read", &cause).into()),
        }
    }

    /// A range of the object's bytes.
    ///
    /// # Errors
    /// `O001` when it cannot be read.
    pub async fn read_range(&self, range: Range<u64>) -> Outcome<Bytes> {
        self.store.get_range(&self.path, range).await.map_err(|cause| self.fault("read", &cause).into())
    }

    /// Writes the whole object, replacing what is there.
    ///
    /// # Errors
    /// `O001` when it cannot be written.
    pub async fn put(&self, bytes: Bytes) -> Outcome<()> {
        let put = self.store.put(&self.path, PutPayload::from_bytes(bytes)).await;
        put.map(|_| ()).map_err(|cause| self.fault("write", &cause).into())
    }

    /// Writes the whole object if there is none under its name.
    ///
    /// # Errors
    /// `O001` when the store does not answer; the object may or may not be there then.
    pub async fn put_if_absent(&self, bytes: Bytes) -> Outcome<Put> {
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&self.path, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => Ok(Put::Done),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::Occupied)
            }
            Err(cause) => Err(self.fault("write", &cause).into()),
        }
    }

    /// The store and path, for readers that fetch ranges (Parquet).
    #[must_use]
    pub fn object(&self) -> (Arc<dyn ObjectStore>, Path) {
        (Arc::clone(&self.store), self.path.clone())
    }

    /// Whether there is a folder of this name: on most stores, whether a file lies below it.
    ///
    /// # Errors
    /// `O001` when the store does not answer.
    pub async fn is_folder(&self) -> Outcome<bool> {
        if self.is_local() && std::path::Path::new(&self.display()).is_dir() {
            return Ok(true);
        }
        let first = self.store.list(Some(&self.path)).try_next().await;
        Ok(first.map_err(|cause| self.fault("list", &cause))?.is_some())
    }

    /// Refuses a place no file can be written below, as far as that can be known without writing.
    ///
    /// # Errors
    /// `O003` when a file stands in the way.
    pub fn check_folder(&self) -> Outcome<()> {
        let shown = self.display();
        let mut above = std::path::Path::new(&shown).ancestors().filter(|_| self.is_local());
        match above.find(|path| path.exists()) {
            Some(path) if !path.is_dir() => {
                let message = format!("cannot write below `{shown}`: `{}` is a file", path.display());
                Err(Fault::new(&codes::O003, message).hint(IN_THE_WAY).into())
            }
            _ => Ok(()),
        }
    }

    fn is_local(&self) -> bool {
        self.root == "/"
    }

    fn fault(&self, verb: &str, cause: &object_store::Error) -> Fault {
        // A server may say again what it was sent.
        let message = settings::without_secrets(format!("cannot {verb} `{}`: {cause}", self.display()));
        match refusal(cause) {
            Some(hint) => Fault::new(&codes::O003, message).hint(hint),
            None => Fault::new(&codes::O001, message)
                .hint("check the address, the keys in the environment and that the store is up; running again is safe"),
        }
    }
}

const IN_THE_WAY: &str = "a file stands where a folder is needed: name another folder, or move the file away";

/// What to do about a refusal of the local file system that trying again does not change; `None` for all that may pass.
fn refusal(cause: &object_store::Error) -> Option<&'static str> {
    if matches!(cause, object_store::Error::InvalidPath { .. }) {
        return Some("names are UTF-8 text without control characters: rename the file, or move it away");
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(cause);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                ErrorKind::PermissionDenied => {
                    Some("give the user that runs Ratemill the right to it, or name another place")
                }
                ErrorKind::ReadOnlyFilesystem => Some("this file system can only be read: name another place"),
                ErrorKind::NotADirectory | ErrorKind::AlreadyExists => Some(IN_THE_WAY),
                ErrorKind::IsADirectory => {
                    Some("a folder stands where a file is needed: move it away, or name another place")
                }
                ErrorKind::InvalidFilename => Some("the file system does not take this name: name another place"),
                _ => None,
            };
        }
        cause = inner.source();
    }
    None
}
