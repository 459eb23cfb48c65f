//! The files of a book laid side by side: each top-level key over all files, each id once, everything sorted by id.

use std::collections::BTreeMap;

use super::fields::Entry;
use super::files::Document;
use crate::fault::{Fault, Faults, Place, codes};
use crate::yaml::Node;

/// What stands under the top-level keys.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) book: Option<&'a Node>,
    pub(super) currency: Option<&'a Node>,
    pub(super) fx: Option<&'a Node>,
    pub(super) rounding: Option<&'a Node>,
    pub(super) tax: Option<&'a Node>,
    pub(super) meters: Vec<Entry<'a>>,
    pub(super) products: Vec<Entry<'a>>,
    pub(super) plans: Vec<Entry<'a>>,
    pub(super) contracts: Vec<Entry<'a>>,
    pub(super) layers: Vec<&'a Node>,
    pub(super) discounts: Vec<&'a Node>,
    pub(super) account_bounds: Vec<&'a Node>,
    pub(super) thresholds: Vec<&'a Node>,
    pub(super) overrides: Vec<&'a Node>,
}

impl<'a> Sections<'a> {
    /// The sections of all `documents` together.
    pub(super) fn of(documents: &'a [Document], faults: &mut Faults) -> Self {
        let roots = || documents.iter().map(|document| &document.root);
        let list = |key: &str| roots().filter_map(|root| root.get(key)).flat_map(Node::list).collect();
        Self {
            book: single(documents, "book", faults),
            currency: single(documents, "currency", faults),
            fx: single(documents, "fx", faults),
            rounding: single(documents, "rounding", faults),
            tax: single(documents, "tax", faults),
            meters: by_id(roots().filter_map(|root| root.get("meters")), "meter", faults),
            products: by_id(roots().filter_map(|root| root.get("products")), "product", faults),
            plans: by_id(roots().filter_map(|root| root.get("plans")), "plan", faults),
            contracts: by_id(roots().filter_map(|root| root.get("contracts")), "contract", faults),
            layers: list("layers"),
            discounts: list("discounts"),
            account_bounds: list("account_bounds"),
            thresholds: list("thresholds"),
            overrides: list("overrides"),
        }
    }
}

/// The value of a key that may stand in one file only.
fn single<'a>(documents: &'a [Document], key: &str, faults: &mut Faults) -> Option<&'a Node> {
    let mut first: Option<&Node> = None;
    for node in documents.iter().filter_map(|document| document.root.get(key)) {
        match first {
            None => first = Some(node),
            Some(first) => faults.push(twice(&format!("`{key}`"), &node.place, &first.place)),
        }
    }
    first
}

/// The entries of several mappings as one, sorted by id.
pub(super) fn by_id<'a>(mappings: impl Iterator<Item = &'a Node>, what: &str, faults: &mut Faults) -> Vec<Entry<'a>> {
    let mut entries: BTreeMap<&str, Entry<'a>> = BTreeMap::new();
    for (key, node) in mappings.flat_map(Node::entries) {
        if key.text.contains('/') {
            let fault = Fault::new(&codes::Y006, format!("the id of a {what} has no `/`")).at(&key.place);
            faults.push(fault);
        }
        match entries.get(key.text.as_str()) {
            Some((first, _)) => faults.push(twice(&format!("the {what} `{}`", key.text), &key.place, &first.place)),
            None => drop(entries.insert(&key.text, (key, node))),
        }
    }
    entries.into_values().collect()
}

/// `what` stands at `place` and at `first`.
pub(super) fn twice(what: &str, place: &Place, first: &Place) -> Fault {
    let fault = Fault::new(&codes::B002, format!("{what} is declared twice")).at(place);
    fault.hint(format!("the first is at {first}"))
}
