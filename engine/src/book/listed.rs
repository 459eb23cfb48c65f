//! List prices: what a charge says itself, and its versions.

use std::sync::Arc;

use super::fields::Written;
use super::index::Declared;
use super::keys::MODELS;
use super::lay::Material;
use super::model::{Layered, Listed, Patch, Validity};
use super::patches::{check_apart, validity};
use super::price::{Origin, price};
use crate::fault::{Fault, Faults, Place, codes};
use crate::yaml::Node;

/// Keys of a charge or version that are no fields of its price.
const BESIDE: [&str; 5] = ["valid_from", "valid_to", "versions", "name", "unit"];

/// The list prices of `charge`, number `number`, by their days; what patches may lie over goes to `material`.
pub(super) fn listed(
    charge: &Declared<'_>,
    number: usize,
    material: &mut Material,
    faults: &mut Faults,
) -> Option<Vec<Listed>> {
    if charge.derived.is_some() {
        material.bases.push(Vec::new());
        return Some(Vec::new());
    }
    let before = faults.0.len();
    let base = Written::of(charge.node, &BESIDE);
    let versions = charge.fields.get("versions").map(Node::list).unwrap_or_default();
    let mut listed = Vec::with_capacity(1 + versions.len());
    let mut bases: Vec<Written> = Vec::new();
    // A charge may leave all numbers to its versions.
    let variant = MODELS.iter().find(|variant| Some(variant.name) == base.model());
    let alone = versions.is_empty() || variant.is_none_or(|variant| base.fields().missing(variant).next().is_none());
    if alone {
        bases.push(base.clone());
        let meter = material.counted.get(number).and_then(Option::as_ref);
        let origin = Origin { layer: "list", place: &charge.key.place, meter, lists: &material.lists };
        if let Some(price) = price(&base.fields(), &origin, faults) {
            listed.push(Listed { valid: Validity::default(), layered: Layered { price, fields: base.clone() } });
        }
    }
    let mut spans = Vec::with_capacity(versions.len());
    for node in versions {
        let valid = validity(node, faults);
        spans.push((valid, &node.place));
        let (layer, place) = (Arc::from("list"), node.place.clone());
        let patch = Patch { charge: number, layer, valid, place, fields: Written::of(node, &BESIDE) };
        if let Some(layered) = faults.keep(material.lay(&base, &patch)) {
            bases.push(layered.fields.clone());
            listed.push(Listed { valid, layered });
        }
    }
    check_apart(&format!("the versions of `{}`", charge.id), spans.clone(), faults);
    if !alone {
        check_whole(&charge.id, spans, faults);
    }
    let mut models = Vec::new();
    bases.retain(|base| {
        let new = !models.contains(&base.model().map(str::to_owned));
        models.push(base.model().map(str::to_owned));
        new
    });
    material.bases.push(bases);
    (faults.0.len() == before && !listed.is_empty()).then_some(listed)
}

/// Where versions alone price a charge, there must be one on every day.
fn check_whole(id: &str, mut spans: Vec<(Validity, &Place)>, faults: &mut Faults) {
    spans.sort_by_key(|(valid, _)| valid.from);
    let mut end = None;
    for (number, (valid, place)) in spans.iter().enumerate() {
        let gap = match (end, valid.from) {
            (None, Some(from)) if number == 0 => Some(format!("before {from}")),
            (Some(end), Some(from)) if end < from => Some(format!("from {end} to {from}")),
            _ => None,
        };
        if let Some(gap) = gap {
            let fault = Fault::new(&codes::B014, format!("`{id}` has no price {gap}")).at(place);
            let hint = "let the versions follow one another, the first without `valid_from` and the last without \
                        `valid_to`, or give the charge numbers beside them";
            faults.push(fault.hint(hint));
        }
        end = valid.to;
    }
    if let (Some(end), Some((_, place))) = (end, spans.last()) {
        let fault = Fault::new(&codes::B014, format!("`{id}` has no price from {end} on")).at(place);
        faults.push(fault.hint("leave out the `valid_to` of the last version, or give the charge numbers beside them"));
    }
}
