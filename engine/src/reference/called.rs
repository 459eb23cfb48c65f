//! Whom identifiers stand for, found by their text: once for every record of usage, so everything lies close together.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::model::Target;

/// Identifiers with their targets.
#[derive(Clone, Debug, Default)]
pub struct Identifiers {
    texts: String,
    targets: Vec<Target>,
    places: HashTable<Entry>,
}

/// Where the text and the targets of one identifier lie.
#[derive(Clone, Copy, Debug)]
struct Entry {
    text: (u32, u32),
    targets: (u32, u32),
}

impl Identifiers {
    /// Room for `count` identifiers.
    pub(super) fn with_room(count: usize) -> Self {
        Self { places: HashTable::with_capacity(count), targets: Vec::with_capacity(count), ..Self::default() }
    }

    /// Adds an identifier that is not there yet; `None` when there are too many.
    pub(super) fn add(&mut self, text: &str, targets: impl Iterator<Item = Target>) -> Option<()> {
        let (from, first) = (self.texts.len(), self.targets.len());
        self.texts.push_str(text);
        self.targets.extend(targets);
        let span = |from: usize, to: usize| Some((u32::try_from(from).ok()?, u32::try_from(to).ok()?));
        let entry = Entry { text: span(from, self.texts.len())?, targets: span(first, self.targets.len())? };
        let texts = &self.texts;
        self.places.insert_unique(hash(text), entry, |entry| hash(text_of(texts, entry)));
        Some(())
    }

    /// The targets of an identifier, sorted by `valid_from`, not overlapping; `None` when it is not known.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<&[Target]> {
        let entry = self.places.find(hash(text), |entry| text_of(&self.texts, entry) == text)?;
        self.targets.get(entry.targets.0 as usize..entry.targets.1 as usize)
    }

    /// Number of identifiers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

fn text_of<'t>(texts: &'t str, entry: &Entry) -> &'t str {
    texts.get(entry.text.0 as usize..entry.text.1 as usize).unwrap_or_default()
}
