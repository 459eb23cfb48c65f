//! Plans: the products they include, their own prices laid over the list, and their allowances.

use super::allowances::{Owner, allowances};
use super::fields::{Entry, Fields};
use super::index::{Index, find};
use super::meters::once;
use super::model::{Meter, Plan, Validity};
use super::patches::patches;
use crate::fault::{Fault, Faults, codes};
use crate::yaml::Node;

/// What plans may refer to.
pub(super) struct Shelf<'a> {
    /// Ids.
    pub(super) index: &'a Index<'a>,
    /// All meters, in the order of the index; `None` for broken ones.
    pub(super) meters: &'a [Option<Meter>],
}

/// The plan an entry declares.
pub(super) fn plan((key, node): Entry<'_>, shelf: &Shelf<'_>, faults: &mut Faults) -> Plan {
    let fields = Fields::of(node);
    let includes = fields.get("includes").map(Node::list).unwrap_or_default();
    let named: Vec<_> = includes.iter().filter_map(Node::located).collect();
    once(&named, "product", faults);
    let found = includes.iter().filter_map(|node| find(&shelf.index.products, node, "product", faults));
    let mut includes: Vec<usize> = found.collect();
    includes.sort_unstable();
    includes.dedup();
    let prices = fields.get("prices");
    check_included(prices, &includes, shelf.index, faults);
    let prices = patches(prices, &format!("plan:{}", key.text), Validity::default(), shelf.index, faults);
    let layer = format!("plan:{}", key.text);
    let owner = Owner { layer: &layer, includes: Some(&includes), within: Validity::default() };
    let allowances = allowances(fields.get("allowances"), &owner, shelf, faults);
    Plan {
        id: key.text.clone(),
        name: fields.get("name").and_then(Node::text).unwrap_or(&key.text).to_owned(),
        currency: fields.get("currency").and_then(|node| super::currency_code(node, faults)),
        includes,
        prices,
        allowances,
        place: key.place.clone(),
    }
}

/// A plan has prices of what it includes only.
fn check_included(prices: Option<&Node>, includes: &[usize], index: &Index<'_>, faults: &mut Faults) {
    for (key, _) in prices.map(Node::entries).unwrap_or_default() {
        // A charge that does not exist is reported where the price is read.
        let Some(charge) = index.charge(key, &mut Faults::default()).and_then(|at| index.charges.get(at)) else {
            continue;
        };
        if !includes.contains(&charge.product) {
            let fault = Fault::new(&codes::B003, format!("the plan does not include the product of `{}`", key.text));
            faults.push(fault.at(&key.place).hint("add it to `includes`, or remove the price"));
        }
    }
}
