//! Plans: the products they include, their own prices laid over the list, and their allowances.

use super::fields::{Entry, Fields};
use super::files::Files;
use super::index::{Index, find};
use super::meters::once;
use super::model::{Aggregate, Allowance, Meter, Plan, Price};
use super::price::{Origin, price, scope};
use crate::fault::{Fault, Faults, codes};
use crate::yaml::Node;

/// What plans may refer to.
pub(super) struct Shelf<'a> {
    /// Ids.
    pub(super) index: &'a Index<'a>,
    /// All meters, in the order of the index; `None` for broken ones.
    pub(super) meters: &'a [Option<Meter>],
    /// The files, for price tables.
    pub(super) files: &'a Files,
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
    let mut prices: Vec<(usize, Price)> = Vec::new();
    for entry in fields.get("prices").map(Node::entries).unwrap_or_default() {
        prices.extend(own_price(&key.text, &includes, (&entry.0, &entry.1), shelf, faults));
    }
    prices.sort_by_key(|(charge, _)| *charge);
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

/// A plan's price of one charge: its patch laid over the list price.
fn own_price(
    plan: &str,
    includes: &[usize],
    (key, patch): Entry<'_>,
    shelf: &Shelf<'_>,
    faults: &mut Faults,
) -> Option<(usize, Price)> {
    let position = shelf.index.charge(key, faults)?;
    let charge = shelf.index.charges.get(position)?;
    if !includes.contains(&charge.product) {
        let fault = Fault::new(&codes::B003, format!("the plan does not include the product of `{}`", key.text));
        faults.push(fault.at(&key.place).hint("add it to `includes`, or remove the price"));
    }
    let fields = charge.fields.under(&Fields::of(patch));
    let origin = Origin {
        layer: format!("plan:{plan}"),
        place: &key.place,
        meter: shelf.index.meter_of(charge),
        files: shelf.files,
    };
    price(&fields, &origin, faults).map(|price| (position, price))
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
