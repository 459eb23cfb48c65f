//! Who is told how far a run is. A run has no clock: whoever watches looks at theirs.

use std::fmt;
use std::sync::Arc;

/// A part of a run, in the order of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Pipeline, book, reference tables and rules are loaded and checked.
    Prepare,
    /// Usage files are found and fingerprinted.
    Discover,
    /// Usage is read, guided and measured.
    TakeIn,
    /// Duplicates are settled and buckets filled.
    Settle,
    /// Usage is rated and billed.
    Rate,
    /// Tables are made, recounted and written.
    Write,
    /// What was written is read back.
    Verify,
    /// The manifest is put.
    Commit,
}

impl Stage {
    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Discover => "discover",
            Self::TakeIn => "take_in",
            Self::Settle => "settle",
            Self::Rate => "rate",
            Self::Write => "write",
            Self::Verify => "verify",
            Self::Commit => "commit",
        }
    }
}

/// What somebody who watches is told.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'m> {
    /// A stage begins; the one before it has ended.
    Begins(Stage),
    /// The facts are known, and so is the run's id.
    Named(&'m str),
}

/// Whoever is told.
type Watcher = dyn Fn(Moment<'_>) + Send + Sync;

/// Somebody who watches, or nobody.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<Watcher>>);

impl Watch {
    /// Tells `watcher`.
    #[must_use]
    pub fn by(watcher: impl Fn(Moment<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watcher)))
    }

    /// The stage begins.
    pub fn begins(&self, stage: Stage) {
        self.tell(Moment::Begins(stage));
    }

    /// The run has this id.
    pub fn named(&self, run_id: &str) {
        self.tell(Moment::Named(run_id));
    }

    fn tell(&self, moment: Moment<'_>) {
        if let Some(watcher) = &self.0 {
            watcher(moment);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch" } else { "nobody" })
    }
}
