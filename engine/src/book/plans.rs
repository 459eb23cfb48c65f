//! Plans: the products they include, their own prices laid over the list, and their allowances.

use super::fields::{Entry, Fields};
use super::index::{Index, find};
use super::meters::once;
use super::model::{Aggregate, Allowance, Meter, Plan, Validity};
use super::patches::patches;
use super::price::scope;
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
    let allowances = fields.get("allowances").map(Node::list).unwrap_or_default();
    let allowances = allowances.iter().filter_map(|node| allowance(node, &includes, shelf, faults)).collect();
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

fn allowance(node: &Node, includes: &[usize], shelf: &Shelf<'_>, faults: &mut Faults) -> Option<Allowance> {
    let fields = Fields::of(node);
    let named = fields.get("meter")?;
    let meter = find(&shelf.index.meters, named, "meter", faults)?;
    let used =
        shelf.index.charges.iter().any(|charge| charge.meter == Some(meter) && includes.contains(&charge.product));
    if !used {
        let fault = Fault::new(&codes::B011, format!("no charge of the plan uses the meter `{}`", named.text()?));
        faults.push(fault.at(&named.place).hint("include a product with a charge on it, or remove the allowance"));
    }
    let aggregate = shelf.meters.get(meter).and_then(Option::as_ref).map(|meter| meter.aggregate);
    if aggregate.is_some_and(|aggregate| !matches!(aggregate, Aggregate::Sum | Aggregate::Count)) {
        let fault = Fault::new(&codes::B011, format!("the meter `{}` does not add up", named.text()?)).at(&named.place);
        faults.push(fault.hint("allowances are drawn from meters that sum or count"));
    }
    let quantity = fields.decimal("quantity")?;
    if quantity.is_negative() {
        let fault = Fault::new(&codes::B001, format!("the quantity {quantity} is negative"));
        faults.push(fault.at(&fields.get("quantity")?.place));
    }
    let shared_over = scope(fields.text("shared_over", "subscription"));
    Some(Allowance { meter, quantity, shared_over, place: node.place.clone() })
}
