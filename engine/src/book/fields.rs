//! The keys of a price while several layers are laid over each other.
//!
//! [`Fields`] are references into a tree, for reading. [`Written`] outlives the files, because accounts and subscriptions
//! are met later: what is laid together shares its values, whatever their size.

use std::sync::Arc;

use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;
use crate::yaml::keys::Variant;

use super::keys::{KEPT_WITH_MODEL, OF_QUANTITIES};

/// A key with its value.
pub(super) type Entry<'a> = (&'a Located, &'a Node);

/// The keys and values of one mapping, or of one laid over another.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a>(Vec<Entry<'a>>);

impl<'a> Fields<'a> {
    /// The keys of `node` that have a value.
    pub(super) fn of(node: &'a Node) -> Self {
        Self(node.entries().iter().map(|(key, node)| (key, node)).filter(|(_, node)| !node.is_null()).collect())
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.0.iter().find(|(name, _)| name.text == key).map(|(_, node)| *node)
    }

    /// The text of `key`, or `default`.
    pub(super) fn text(&self, key: &str, default: &'static str) -> &'a str {
        self.get(key).and_then(Node::text).unwrap_or(default)
    }

    /// The number of `key`.
    pub(super) fn decimal(&self, key: &str) -> Option<Decimal> {
        self.get(key).and_then(Node::decimal)
    }

    /// Reports the keys that do not go with `variant`, and those it misses (at `place`).
    pub(super) fn check_choice(&self, variant: &Variant, all: &[Variant], place: &Place, faults: &mut Faults) {
        let named = |variant: &Variant, key: &str| variant.required.contains(&key) || variant.optional.contains(&key);
        for (key, _) in &self.0 {
            let chosen_by_variant = all.iter().any(|other| named(other, &key.text));
            if chosen_by_variant && !named(variant, &key.text) {
                let fault = Fault::new(&codes::B005, format!("`{}` does not take `{}`", variant.name, key.text));
                let takes: Vec<&str> = variant.required.iter().chain(variant.optional).copied().collect();
                let takes = if takes.is_empty() { "no key of its own".to_owned() } else { takes.join(", ") };
                faults.push(fault.at(&key.place).hint(format!("`{}` takes {takes}", variant.name)));
            }
        }
        for missing in self.missing(variant) {
            let fault = Fault::new(&codes::B005, format!("`{}` needs `{missing}`", variant.name)).at(place);
            faults.push(fault.hint(format!("`{}`: {}", variant.name, variant.about)));
        }
    }

    /// The keys that `variant` needs and that are not there.
    pub(super) fn missing(&self, variant: &'a Variant) -> impl Iterator<Item = &'static str> {
        variant.required.iter().copied().filter(|key| self.get(key).is_none())
    }
}

/// The fields of a price, or of a patch: they can be laid over each other long after the files are gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Vec<Arc<(Located, Node)>>);

impl Written {
    /// The keys of `node` that have a value, without those in `not`.
    pub(super) fn of(node: &Node, not: &[&str]) -> Self {
        let entries = node.entries().iter().filter(|(key, node)| !node.is_null() && !not.contains(&key.text.as_str()));
        entries.map(|(key, node)| (key.clone(), node.clone())).collect()
    }

    /// The fields, to be read.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields(self.0.iter().map(|entry| (&entry.0, &entry.1)).collect())
    }

    /// `patch` laid over these fields; another `model` drops the keys of the old one.
    pub(super) fn under(&self, patch: &Self) -> Self {
        let replaced = patch.model().is_some_and(|model| self.model() != Some(model));
        let by_query = patch.model() == Some("sql");
        let outlasts = |key: &str| KEPT_WITH_MODEL.contains(&key) && !(by_query && OF_QUANTITIES.contains(&key));
        let stays = |key: &str| patch.get(key).is_none() && (!replaced || outlasts(key));
        let kept = self.0.iter().filter(|entry| stays(&entry.0.text));
        Self(kept.chain(&patch.0).cloned().collect())
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|entry| entry.0.text == key).map(|entry| &entry.1)
    }

    /// The name of the charge model.
    pub(super) fn model(&self) -> Option<&str> {
        self.get("model").and_then(Node::text)
    }

    /// The same with the key `from` called `to`.
    pub(super) fn renamed(&self, from: &str, to: &str) -> Self {
        let entry = |entry: &Arc<(Located, Node)>| match entry.0.text == from {
            true => Arc::new((Located { text: to.to_owned(), place: entry.0.place.clone() }, entry.1.clone())),
            false => Arc::clone(entry),
        };
        Self(self.0.iter().map(entry).collect())
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both say something of the same keys.
    pub(super) fn names_same_keys(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|entry| other.get(&entry.0.text).is_some())
    }
}

impl FromIterator<(Located, Node)> for Written {
    fn from_iter<T: IntoIterator<Item = (Located, Node)>>(entries: T) -> Self {
        Self(entries.into_iter().map(Arc::new).collect())
    }
}
