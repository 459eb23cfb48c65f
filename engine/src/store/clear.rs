//! Taking objects away again: only `gc` and `abandon` do that, and only what no line set names.

use std::path::Path;
use std::time::UNIX_EPOCH;

use object_store::ObjectStoreExt;

use super::{Found, Location};
use crate::fault::Outcome;

impl Location {
    /// Deletes the object; one that is not there is deleted already.
    ///
    /// # Errors
    /// `O001` or `O003` when the store refuses.
    pub async fn delete(&self) -> Outcome<()> {
        // The local store has no object of a name that it stages a write under, so such a file is taken away as a file.
        if self.is_local() && staged(self.file_name()) {
            return match std::fs::remove_file(self.display()) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    let cause = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(cause) };
                    Err(self.fault("delete", &cause).into())
                }
                _ => Ok(()),
            };
        }
        match self.store.delete(&self.path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(self.fault("delete", &cause).into()),
        }
    }

    /// Takes a local folder away when nothing is in it; other stores have no folders.
    pub fn delete_empty_folder(&self) {
        if self.is_local() {
            // One that is not empty stays; whoever writes below it makes it again.
            let _ = std::fs::remove_dir(self.display());
        }
    }

    /// Files below this local folder that a writer was killed over: the local store writes `name#1` and renames it.
    /// Other stores show no object before it is whole.
    #[must_use]
    pub fn staged_below(&self) -> Vec<Found> {
        let mut found = Vec::new();
        let root = self.display();
        let mut folders: Vec<_> = if self.is_local() { vec![Path::new(&root).to_path_buf()] } else { Vec::new() };
        while let Some(folder) = folders.pop() {
            // A folder that goes away meanwhile holds nothing any more.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).ok().and_then(Path::to_str);
                let Some(name) = name.filter(|name| staged(name)) else { continue };
                let Ok(location) = self.join(name) else { continue };
                let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let modified = since.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_default();
                found.push(Found { location, name: name.to_owned(), size: meta.len(), modified, stamp: String::new() });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }
}

/// Whether the local store stages a write under this name.
fn staged(name: &str) -> bool {
    let number = name.rsplit_once('#').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
