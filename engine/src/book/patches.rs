//! Patches as the book writes them: of versions, layers, contracts, plans and overrides, each with the days it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::allowances::{Owner, allowances};
use super::clock::date;
use super::fields::{Entry, Fields, Written};
use super::index::Index;
use super::lay::nothing_replaced;
use super::model::{AccountOverride, Contract, Layer, Patch, Validity};
use super::plans::Shelf;
use super::sections::twice;
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::yaml::Node;

/// Keys beside the fields of a patch.
const BESIDE: [&str; 4] = ["valid_from", "valid_to", "account", "charge"];

/// The patches under `prices`: of `layer`, which holds on the days `within`; sorted by charge.
pub(super) fn patches(
    prices: Option<&Node>,
    layer: &str,
    within: Validity,
    index: &Index<'_>,
    faults: &mut Faults,
) -> Vec<Patch> {
    let layer: Arc<str> = layer.into();
    let mut patches = Vec::new();
    for (key, node) in prices.map(Node::entries).unwrap_or_default() {
        let Some(charge) = index.charge(key, faults) else { continue };
        let start = patches.len();
        let dated = if node.list().is_empty() { std::slice::from_ref(node) } else { node.list() };
        for node in dated {
            let place = if node.entries().is_empty() { &key.place } else { &node.place };
            let place = if dated.len() > 1 { place } else { &key.place };
            let valid = validity(node, faults);
            check_within(valid, within, place, faults);
            let (layer, fields) = (Arc::clone(&layer), Written::of(node, &BESIDE));
            patches.push(Patch { charge, layer, valid: valid.both(within), place: place.clone(), fields });
        }
        let spans: Vec<_> = patches[start..].iter().map(|patch| (patch.valid, &patch.place)).collect();
        check_apart(&format!("the prices of `{}`", key.text), spans, faults);
    }
    patches.sort_by_key(|patch| patch.charge);
    patches
}

/// The days `node` says, with a fault when there are none.
pub(super) fn validity(node: &Node, faults: &mut Faults) -> Validity {
    let mut day = |key: &str| node.get(key).and_then(Node::located).and_then(|text| date(&text, faults));
    let valid = Validity { from: day("valid_from"), to: day("valid_to") };
    if let (true, Some(from), Some(to)) = (valid.is_empty(), valid.from, node.get("valid_to")) {
        let fault = Fault::new(&codes::B014, format!("`valid_to` is not after `valid_from` {from}")).at(&to.place);
        faults.push(fault.hint("`valid_to` is the first day it no longer holds"));
    }
    valid
}

/// A patch that holds on no day of what it stands in was meant otherwise.
fn check_within(valid: Validity, within: Validity, place: &Place, faults: &mut Faults) {
    if !valid.is_empty() && !within.is_empty() && valid.both(within).is_empty() {
        faults.push(Fault::new(&codes::B014, "the price holds on no day of what it stands in").at(place));
    }
}

/// Reports what holds on the same day as another one of the same thing.
pub(super) fn check_apart(what: &str, mut spans: Vec<(Validity, &Place)>, faults: &mut Faults) {
    spans.retain(|(valid, _)| !valid.is_empty());
    spans.sort_by_key(|(valid, place)| (valid.from, place.source.name.clone(), place.line, place.column));
    for pair in spans.windows(2) {
        let [(earlier, first), (later, place)] = pair else { continue };
        if earlier.both(*later).is_empty() {
            continue;
        }
        // Neither says any day: one of the two is too many.
        if *earlier == *later && *earlier == Validity::default() {
            faults.push(twice(what, place, first));
            continue;
        }
        let on = later.from.map_or_else(|| "before any date".to_owned(), |from| format!("on {from}"));
        let fault = Fault::new(&codes::B014, format!("{what} overlap: two of them hold {on}")).at(place);
        faults.push(fault.hint(format!("the other is at {first}; let it end with a `valid_to`")));
    }
}

/// The layers, in declared order.
pub(super) fn layers(nodes: &[&Node], index: &Index<'_>, faults: &mut Faults) -> Vec<Layer> {
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    let mut layers = Vec::new();
    for node in nodes {
        let Some(id) = node.get("id").and_then(Node::located) else { continue };
        if let Some(first) = seen.insert(id.text.clone(), id.place.clone()) {
            faults.push(twice(&format!("the layer `{}`", id.text), &id.place, &first));
        }
        let valid = validity(node, faults);
        let prices = patches(node.get("prices"), &format!("layer:{}", id.text), valid, index, faults);
        let when = node.get("when").and_then(Node::located);
        layers.push(Layer { when, prices, id: id.text, place: id.place });
    }
    layers
}

/// The contract an entry declares, with the days it holds.
pub(super) fn contract((key, node): Entry<'_>, shelf: &Shelf<'_>, faults: &mut Faults) -> (Contract, Validity) {
    let (valid, layer) = (validity(node, faults), format!("contract:{}", key.text));
    let prices = patches(node.get("prices"), &layer, valid, shelf.index, faults);
    let owner = Owner { layer: &layer, includes: None, within: valid };
    let allowances = allowances(node.get("allowances"), &owner, shelf, faults);
    (Contract { id: key.text.clone(), prices, allowances, place: key.place.clone() }, valid)
}

/// The overrides written in the book.
pub(super) fn overrides(nodes: &[&Node], index: &Index<'_>, faults: &mut Faults) -> Vec<AccountOverride> {
    let mut spans: BTreeMap<(String, String), Vec<(Validity, Place)>> = BTreeMap::new();
    let mut overrides = Vec::new();
    for node in nodes {
        let fields = Fields::of(node);
        let named = fields.get("charge").and_then(Node::located);
        let Some(charge) = named.as_ref().and_then(|named| index.charge(named, faults)) else { continue };
        let (Some(account), Some(Located { text, place })) = (fields.get("account").and_then(Node::text), named) else {
            continue;
        };
        let valid = validity(node, faults);
        let fields = Written::of(node, &BESIDE);
        if fields.is_empty() {
            faults.push(nothing_replaced(&place));
        }
        spans.entry((account.to_owned(), text)).or_default().push((valid, place.clone()));
        let patch = Patch { charge, layer: format!("override:{account}").into(), valid, place, fields };
        overrides.push(AccountOverride { account: account.to_owned(), patch });
    }
    for ((account, charge), spans) in &spans {
        let spans: Vec<_> = spans.iter().map(|(valid, place)| (*valid, place)).collect();
        let what = format!("the overrides of `{charge}` for account `{account}`");
        check_apart(&what, spans, faults);
    }
    overrides
}
