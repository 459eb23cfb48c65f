//! A store in memory that does not always answer, for tests of what is done then.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::Location;

/// The store. Each number is how many answers of its kind are still to be lost.
#[derive(Debug, Default)]
pub(crate) struct Flaky {
    /// What has arrived.
    pub(crate) store: InMemory,
    /// Puts that arrive, but whose answer does not.
    pub(crate) unanswered_puts: AtomicUsize,
    /// Puts that do not arrive.
    pub(crate) lost_puts: AtomicUsize,
    /// Gets without an answer.
    pub(crate) lost_gets: AtomicUsize,
    /// Listings without an answer.
    pub(crate) lost_lists: AtomicUsize,
}

impl Flaky {
    /// The folder `path` of this store.
    pub(crate) fn at(self, path: &str) -> Location {
        Location { store: std::sync::Arc::new(self), root: "flaky://".to_owned(), path: path.into() }
    }
}

fn spent(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn silence() -> Error {
    Error::Generic { store: "flaky", source: "the connection broke".into() }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flaky")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if spent(&self.lost_puts) {
            return Err(silence());
        }
        let put = self.store.put_opts(location, payload, opts).await;
        if spent(&self.unanswered_puts) { Err(silence()) } else { put }
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if spent(&self.lost_gets) {
            return Err(silence());
        }
        self.store.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if spent(&self.lost_lists) {
            return futures::stream::once(async { Err(silence()) }).boxed();
        }
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}
