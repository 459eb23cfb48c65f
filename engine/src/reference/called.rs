//! Whom identifiers stand for, found by their text: once for every record of usage, so everything lies close together, and
//! many are looked up at once, so that their ways to memory overlap.

use xxhash_rust::xxh3::xxh3_64;

use super::model::{Holder, Index, Target};

/// Identifiers with their targets.
#[derive(Clone, Debug, Default)]
pub struct Identifiers {
    texts: String,
    targets: Vec<Target>,
    entries: Vec<Entry>,
    /// Places by hash, a power of two of them; a taken one sends to the next.
    slots: Vec<Slot>,
}

/// Where the text and the targets of one identifier lie.
#[derive(Clone, Copy, Debug)]
struct Entry {
    text: (u32, u32),
    targets: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    /// Position in the entries.
    entry: u32,
}

const FREE: Slot = Slot { hash: 0, entry: u32::MAX };

impl Identifiers {
    /// Room for `count` identifiers, which no more may be added than.
    pub(super) fn with_room(count: usize) -> Self {
        let slots = vec![FREE; (2 * count.max(1)).next_power_of_two()];
        Self { texts: String::new(), targets: Vec::with_capacity(count), entries: Vec::with_capacity(count), slots }
    }

    /// Adds an identifier that is not there yet; `None` when there are too many.
    pub(super) fn add(&mut self, text: &str, targets: impl Iterator<Item = Target>) -> Option<()> {
        let (from, first) = (self.texts.len(), self.targets.len());
        self.texts.push_str(text);
        self.targets.extend(targets);
        let span = |from: usize, to: usize| Some((u32::try_from(from).ok()?, u32::try_from(to).ok()?));
        let entry = Entry { text: span(from, self.texts.len())?, targets: span(first, self.targets.len())? };
        let hash = xxh3_64(text.as_bytes());
        let free = self.ways(hash).find(|at| self.slots[*at].entry == FREE.entry)?;
        self.slots[free] = Slot { hash, entry: u32::try_from(self.entries.len()).ok()? };
        self.entries.push(entry);
        Some(())
    }

    /// Lets targets that are subscription `n` be subscription `numbers[n]`.
    pub(super) fn renumber(&mut self, numbers: &[Index]) {
        for target in &mut self.targets {
            if let Holder::Subscription(number) = &mut target.holder {
                *number = numbers.get(*number as usize).copied().unwrap_or(*number);
            }
        }
    }

    /// Every identifier with its targets, sorted by its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Target])> {
        self.entries.iter().map(|entry| (self.text(entry), self.targets(entry).unwrap_or_default()))
    }

    /// The targets of an identifier, sorted by `valid_from`, not overlapping; `None` when it is not known.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<&[Target]> {
        let hash = xxh3_64(text.as_bytes());
        let taken = self.ways(hash).map(|at| self.slots[at]).take_while(|slot| slot.entry != FREE.entry);
        let mut alike = taken.filter(|slot| slot.hash == hash).filter_map(|slot| self.entries.get(slot.entry as usize));
        alike.find(|entry| self.text(entry) == text).and_then(|entry| self.targets(entry))
    }

    /// The targets of many identifiers at once.
    pub fn get_all<'t>(&self, texts: impl Iterator<Item = Option<&'t str>>) -> Vec<Option<&[Target]>> {
        let texts: Vec<Option<(&str, u64)>> =
            texts.map(|text| text.map(|text| (text, xxh3_64(text.as_bytes())))).collect();
        let first = |hash: u64| {
            let met = self.ways(hash).map(|at| self.slots[at]);
            met.into_iter()
                .find(|slot| slot.entry == FREE.entry || slot.hash == hash)
                .map_or(FREE.entry, |slot| slot.entry)
        };
        let entries: Vec<u32> = texts.iter().map(|text| text.map_or(FREE.entry, |(_, hash)| first(hash))).collect();
        let entries: Vec<Option<&Entry>> = entries.iter().map(|entry| self.entries.get(*entry as usize)).collect();
        let found = texts.iter().zip(entries).map(|(text, entry)| {
            let (entry, (text, _)) = (entry?, (*text)?);
            // Two identifiers of one hash: the other one may be meant.
            if self.text(entry) == text { self.targets(entry) } else { self.get(text) }
        });
        found.collect()
    }

    /// Number of identifiers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The slots in which an identifier of `hash` may be, in order.
    fn ways(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let slots = self.slots.len();
        let start = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0);
        (0..slots).map(move |step| (start + step) & (slots - 1))
    }

    fn text(&self, entry: &Entry) -> &str {
        self.texts.get(entry.text.0 as usize..entry.text.1 as usize).unwrap_or_default()
    }

    fn targets(&self, entry: &Entry) -> Option<&[Target]> {
        self.targets.get(entry.targets.0 as usize..entry.targets.1 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_found_one_by_one_and_all_at_once() {
        let mut identifiers = Identifiers::with_room(500);
        let target = |number| Target { from: 0, to: 1, holder: Holder::Account(number) };
        for number in 0..500 {
            let targets = (0..number % 3).map(|at| target(number + at));
            identifiers.add(&format!("site-{number}"), targets).unwrap();
        }
        let asked: Vec<Option<String>> =
            (0..600).map(|number| (number % 7 > 0).then(|| format!("site-{number}"))).collect();
        let found = identifiers.get_all(asked.iter().map(Option::as_deref));
        for (number, (text, found)) in (0..).zip(asked.iter().zip(found)) {
            let expected = text.as_ref().filter(|_| number < 500);
            let expected = expected.map(|_| (0..number % 3).map(|at| target(number + at)).collect::<Vec<_>>());
            assert_eq!(found.map(<[Target]>::to_vec), expected, "{number}");
            assert_eq!(text.as_ref().and_then(|text| identifiers.get(text)), found);
        }
        assert_eq!((identifiers.len(), Identifiers::default().get("site-1")), (500, None));
    }
}
