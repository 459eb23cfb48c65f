//! The keys of a price while several layers are laid over each other: references into the trees, never copies.

use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;
use crate::yaml::keys::Variant;

use super::keys::KEPT_WITH_MODEL;

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

    /// `patch` laid over these fields; another `model` drops the keys of the old one.
    pub(super) fn under(&self, patch: &Self) -> Self {
        let model = |fields: &Self| fields.get("model").and_then(Node::text).map(str::to_owned);
        let replaced = model(patch).is_some_and(|model_new| model(self).as_deref() != Some(model_new.as_str()));
        let stays = |key: &str| patch.get(key).is_none() && (!replaced || KEPT_WITH_MODEL.contains(&key));
        let kept = self.0.iter().filter(|(key, _)| stays(&key.text));
        Self(kept.chain(&patch.0).copied().collect())
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
        for missing in variant.required.iter().filter(|key| self.get(key).is_none()) {
            let fault = Fault::new(&codes::B005, format!("`{}` needs `{missing}`", variant.name)).at(place);
            faults.push(fault.hint(format!("`{}`: {}", variant.name, variant.about)));
        }
    }
}
