//! The tables between the stages of the hot path: metered records, settled records, usage buckets, suspended records.
//!
//! They are vocabulary only: small rows and columns, no stage's logic. Instants are UTC microseconds, quantities units of
//! 10⁻¹⁸ as in [`crate::money::Decimal`].

use std::sync::Arc;

pub mod reasons;

/// Position of a record in the run's input: file index, then row; its order is the order of paths and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(u64);

impl Origin {
    /// The record `row` of file `file`.
    #[must_use]
    pub const fn new(file: u32, row: u32) -> Self {
        Self((file as u64) << 32 | row as u64)
    }

    /// File index and row in one number.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The file's index.
    #[must_use]
    pub fn file(self) -> usize {
        usize::try_from(self.0 >> 32).unwrap_or(usize::MAX)
    }

    /// The record's number in the file, from 0.
    #[must_use]
    pub fn row(self) -> u32 {
        u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }
}

/// A record's measure for one meter, before duplicates are settled. A record that several meters count has several
/// of them with one `origin`.
#[derive(Clone, Copy, Debug)]
pub struct Metered {
    /// 128-bit hash of the dedup key.
    pub key: u128,
    /// The measured quantity; for unique meters the number of the value.
    pub quantity: i128,
    /// 64-bit hash of the whole mediated record.
    pub content: u64,
    /// Where the record stands.
    pub origin: Origin,
    /// What it counts for.
    pub slot: Slot,
    /// Record time.
    pub time: i64,
}

/// What a measure counts for: subscription and cell (meter and dimension values), or nothing, when guiding or
/// measuring failed and the record goes to suspense unless it is a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u64);

impl Slot {
    /// A record that cannot be counted.
    pub const NOWHERE: Self = Self(u64::MAX);

    /// The slot of `subscription` and `cell`.
    #[must_use]
    pub const fn new(subscription: u32, cell: u32) -> Self {
        Self((subscription as u64) << 32 | cell as u64)
    }

    /// Subscription index.
    #[must_use]
    pub fn subscription(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }

    /// Cell number.
    #[must_use]
    pub fn cell(self) -> u32 {
        u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }
}

/// A measure that counts: its record is neither a duplicate nor in suspense.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// The measured quantity; for unique meters the number of the value.
    pub quantity: i128,
    /// What it counts for.
    pub slot: Slot,
    /// Record time.
    pub time: i64,
    /// Where the record stands.
    pub origin: Origin,
}

/// What became of a record once all records of its key were known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It counts.
    Counts,
    /// The same record came before.
    Duplicate,
    /// Another record with its key came first.
    Conflicting,
    /// It could not be guided or measured.
    Nowhere,
    /// A charge has no price for it.
    Unpriced,
    /// It is past the last tier of a charge.
    Beyond,
    /// It would count, but was written off when it was in suspense.
    WrittenOff,
    /// It would count, but was in suspense when its period was closed.
    Held,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Counts,
        Self::Duplicate,
        Self::Conflicting,
        Self::Nowhere,
        Self::Unpriced,
        Self::Beyond,
        Self::WrittenOff,
        Self::Held,
    ];

    /// Whether the record is in suspense.
    #[must_use]
    pub const fn is_suspended(self) -> bool {
        !matches!(self, Self::Counts | Self::Duplicate)
    }

    /// The word of the table `usage_records`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Duplicate => "duplicate",
            Self::Conflicting => "conflicting",
            Self::Nowhere => "nowhere",
            Self::Unpriced => "unpriced",
            Self::Beyond => "beyond",
            Self::WrittenOff => "written_off",
            Self::Held => "held",
        }
    }
}

/// A measure whose record's fate is known.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The measure.
    pub measure: Metered,
    /// What became of its record.
    pub verdict: Verdict,
}

/// A meter with one value of each of its dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Meter index.
    pub meter: u32,
    /// A value per dimension of the meter, as declared there; empty text for null.
    pub values: Vec<Arc<str>>,
}

/// The usage cube of a run, by column: one row for each subscription, cell and day, sorted in that order.
#[derive(Debug, Default)]
pub struct Buckets {
    /// The cells, sorted; `cell` refers to them.
    pub cells: Vec<Cell>,
    /// Subscription index.
    pub subscription: Vec<u32>,
    /// Index in `cells`.
    pub cell: Vec<u32>,
    /// Local day of the period, from 0.
    pub day: Vec<u16>,
    /// Aggregated quantity of the day.
    pub quantity: Vec<i128>,
    /// Records in the bucket.
    pub records: Vec<u32>,
    /// First record time.
    pub first: Vec<i64>,
    /// Last record time.
    pub last: Vec<i64>,
    /// Sorted distinct values of unique meters: `(row, values)` ascending by row.
    pub values: Vec<(u32, Vec<Arc<str>>)>,
    /// The single records of the meters that some price asks for one by one.
    pub singles: Records,
}

/// One usage bucket that stands by itself.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Subscription index and cell number.
    pub slot: Slot,
    /// Local day of the period, from 0.
    pub day: u16,
    /// Aggregated quantity of the day.
    pub quantity: i128,
    /// Records in it.
    pub records: u32,
    /// First record time.
    pub first: i64,
    /// Last record time.
    pub last: i64,
    /// Sorted distinct values of a unique meter.
    pub values: Option<Vec<Arc<str>>>,
}

/// Single records that count, by column; sorted by subscription, meter, time and origin.
#[derive(Debug, Default)]
pub struct Records {
    /// Cells with the values of attributes behind those of dimensions, sorted; `cell` refers to them.
    pub cells: Vec<Cell>,
    /// Subscription index.
    pub subscription: Vec<u32>,
    /// Index in `cells`.
    pub cell: Vec<u32>,
    /// Record time.
    pub time: Vec<i64>,
    /// Measured quantity.
    pub quantity: Vec<i128>,
    /// Where it stands.
    pub origin: Vec<Origin>,
}

impl Buckets {
    /// Number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscription.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscription.is_empty()
    }
}

/// A record set aside.
#[derive(Clone, Debug)]
pub struct Suspended {
    /// Where it stands.
    pub origin: Origin,
    /// Stable reason.
    pub reason: Arc<str>,
    /// The column at fault.
    pub field: Option<String>,
    /// What is wrong with it, for people.
    pub detail: Option<String>,
    /// Mediated record id, when known.
    pub record_id: Option<String>,
    /// Mediated record type, when known.
    pub record_type: Option<String>,
    /// Mediated identifier, when known.
    pub identifier: Option<String>,
    /// Mediated record time, when known.
    pub record_time: Option<i64>,
    /// The record as it arrived.
    pub raw: String,
    /// What was decided of it.
    pub mark: Mark,
}

/// What was decided of a record in suspense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// For what reason it was written off; `None`: it is open.
    pub written_off: Option<Arc<str>>,
    /// How often it was recycled.
    pub recycled: u32,
}

/// What became of the records of one file; `read` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records in the file.
    pub read: u64,
    /// Counted in at least one usage bucket.
    pub rated: u64,
    /// In suspense.
    pub suspended: u64,
    /// The same record came before.
    pub duplicate: u64,
    /// Record time outside the period.
    pub out_of_window: u64,
    /// Left out by the WHERE of the mediation.
    pub filtered: u64,
}

impl Tally {
    /// Adds another tally of the same file.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.rated += other.rated;
        self.suspended += other.suspended;
        self.duplicate += other.duplicate;
        self.out_of_window += other.out_of_window;
        self.filtered += other.filtered;
    }
}
