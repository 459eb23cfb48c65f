//! Allowances of plans and contracts: what is included, for whom, of which charges, for how long.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::index::find;
use super::model::{Aggregate, Allowance, Included, Multiply, Rollover, Scope, Validity};
use super::patches::validity;
use super::plans::Shelf;
use super::price::scope;
use super::sections::twice;
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::yaml::Node;

/// Whose allowances are read.
pub(super) struct Owner<'a> {
    /// `plan:PLAN` or `contract:CONTRACT`.
    pub(super) layer: &'a str,
    /// The products a plan includes, sorted; a contract may be laid over any.
    pub(super) includes: Option<&'a [usize]>,
    /// When the owner holds.
    pub(super) within: Validity,
}

/// The allowances under `node`, in declared order.
pub(super) fn allowances(
    node: Option<&Node>,
    owner: &Owner<'_>,
    shelf: &Shelf<'_>,
    faults: &mut Faults,
) -> Vec<Allowance> {
    let nodes = node.map(Node::list).unwrap_or_default();
    let mut ids: BTreeMap<String, Place> = BTreeMap::new();
    for id in nodes.iter().filter_map(|node| node.get("id")?.located()) {
        if id.text.contains('/') || id.text.is_empty() {
            faults.push(Fault::new(&codes::Y006, "the id of an allowance has no `/`").at(&id.place));
        }
        if let Some(first) = ids.get(&id.text) {
            faults.push(twice(&format!("the allowance `{}`", id.text), &id.place, first));
        } else {
            ids.insert(id.text, id.place);
        }
    }
    let mut allowances = Vec::with_capacity(nodes.len());
    for (position, node) in nodes.iter().enumerate() {
        let own = node.get("id").and_then(Node::text).map(str::to_owned);
        let id = own.unwrap_or_else(|| unused(node, &mut ids));
        let id = format!("{}/{id}", owner.layer);
        allowances.extend(allowance(node, (id, position), owner, shelf, faults));
    }
    allowances
}

/// The id of an allowance that says none: that of its meter, with a number when that is taken.
fn unused(node: &Node, ids: &mut BTreeMap<String, Place>) -> String {
    let base = node.get("meter").and_then(Node::text).unwrap_or("amount");
    let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
    let free = std::iter::once(base.to_owned()).chain(numbered).find(|id| !ids.contains_key(id));
    let id = free.unwrap_or_default();
    ids.insert(id.clone(), node.place.clone());
    id
}

fn allowance(
    node: &Node,
    (id, position): (String, usize),
    owner: &Owner<'_>,
    shelf: &Shelf<'_>,
    faults: &mut Faults,
) -> Option<Allowance> {
    let fields = Fields::of(node);
    let included = included(node, &fields, faults);
    let named = fields.get("meter");
    if named.is_none() && (fields.get("on").is_none() || included.is_some_and(|included| !included.is_amount())) {
        let fault = Fault::new(&codes::B005, "an allowance needs a `meter`").at(&node.place);
        faults.push(fault.hint("name the meter of the usage it covers; an `amount` may name charges in `on` instead"));
    }
    let meter = match named {
        Some(named) => Some(find(&shelf.index.meters, named, "meter", faults)?),
        None => None,
    };
    let shared_over = scope(fields.text("shared_over", "subscription"));
    // Whoever is below may have other plans.
    let includes = owner.includes.filter(|_| shared_over != Scope::Subtree);
    let on = fields.get("on").map(|on| charges(on, meter, includes, shelf, faults));
    if let (Some(meter), Some(named)) = (meter, named) {
        check_meter(meter, named, includes, shelf, faults);
        check_aggregate(meter, named, included, shelf, faults);
    }
    let multiply_by = match fields.text("multiply_by", "none") {
        "quantity" => Multiply::Quantity,
        "holders" => Multiply::Holders,
        _ => Multiply::None,
    };
    Some(Allowance {
        id,
        included: included?,
        meter,
        on,
        shared_over,
        priority: fields.text("priority", "0").parse().unwrap_or_default(),
        position,
        rollover: fields.get("rollover").and_then(|node| rollover(node, faults)).unwrap_or_default(),
        multiply_by,
        prorated: fields.text("prorate", "none") == "by_day",
        valid: validity(node, faults).both(owner.within),
        place: node.place.clone(),
    })
}

/// The quantity or the amount.
fn included(node: &Node, fields: &Fields<'_>, faults: &mut Faults) -> Option<Included> {
    let (number, included) = match (fields.get("quantity"), fields.get("amount")) {
        (Some(quantity), None) => (quantity, Included::Quantity(quantity.decimal()?)),
        (None, Some(amount)) => (amount, Included::Amount(amount.decimal()?)),
        _ => {
            let fault = Fault::new(&codes::B005, "an allowance needs one of `quantity` and `amount`").at(&node.place);
            faults.push(fault.hint("`quantity`: units that are not priced; `amount`: what comes off the priced usage"));
            return None;
        }
    };
    check_positive(included.number(), "allowance", number, faults);
    Some(included)
}

fn rollover(node: &Node, faults: &mut Faults) -> Option<Rollover> {
    let fields = Fields::of(node);
    let (periods, cap) = match node.text() {
        Some(_) => (node, None),
        None => (fields.get("periods")?, fields.get("cap")),
    };
    let Ok(count) = periods.text()?.parse() else {
        let fault = Fault::new(&codes::B001, "a rollover of so many periods never ends").at(&periods.place);
        faults.push(fault.hint("1200 are a hundred years of months"));
        return None;
    };
    let most = cap.and_then(Node::decimal);
    if let (Some(most), Some(cap)) = (most, cap) {
        check_positive(most, "cap", cap, faults);
    }
    Some(Rollover { periods: count, cap: most })
}

fn check_positive(number: crate::money::Decimal, what: &str, node: &Node, faults: &mut Faults) {
    if number.is_negative() {
        faults.push(Fault::new(&codes::B001, format!("the {what} {number} is negative")).at(&node.place));
    }
}

/// The charges that `on` names: usage charges on the meter.
fn charges(
    on: &Node,
    meter: Option<usize>,
    includes: Option<&[usize]>,
    shelf: &Shelf<'_>,
    faults: &mut Faults,
) -> Vec<usize> {
    let mut found = Vec::new();
    for named in on.texts() {
        let Some(charge) = shelf.index.charge(&named, faults) else { continue };
        let declared = shelf.index.charges.get(charge);
        if declared.is_some_and(|charge| includes.is_some_and(|includes| !includes.contains(&charge.product))) {
            let fault = Fault::new(&codes::B011, format!("the plan does not include the product of `{}`", named.text));
            faults.push(fault.at(&named.place).hint("add it to `includes`, or leave the charge out"));
        }
        let Some(own) = declared.and_then(|charge| charge.meter) else {
            let fault = Fault::new(&codes::B011, format!("`{}` prices no usage", named.text)).at(&named.place);
            faults.push(fault.hint("an allowance covers charges that have a meter"));
            continue;
        };
        if meter.is_some_and(|meter| meter != own) {
            faults.push(other_meter(&named));
        }
        found.push(charge);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn other_meter(named: &Located) -> Fault {
    let fault = Fault::new(&codes::B011, format!("`{}` is on another meter", named.text)).at(&named.place);
    fault.hint("name charges on the meter of the allowance, or leave the meter of an `amount` out")
}

/// Somebody must be able to use it.
fn check_meter(meter: usize, named: &Node, includes: Option<&[usize]>, shelf: &Shelf<'_>, faults: &mut Faults) {
    let offered = |product: usize| includes.is_none_or(|includes| includes.contains(&product));
    let used = shelf.index.charges.iter().any(|charge| charge.meter == Some(meter) && offered(charge.product));
    if !used {
        let whose = if includes.is_some() { "the plan" } else { "the book" };
        let message = format!("no charge of {whose} uses the meter `{}`", named.text().unwrap_or_default());
        let fault = Fault::new(&codes::B011, message).at(&named.place);
        faults.push(fault.hint("include a product with a charge on it, or remove the allowance"));
    }
}

/// Units can only be taken off what adds up.
fn check_aggregate(meter: usize, named: &Node, included: Option<Included>, shelf: &Shelf<'_>, faults: &mut Faults) {
    let aggregate = shelf.meters.get(meter).and_then(Option::as_ref).map(|meter| meter.aggregate);
    let adds_up = aggregate.is_none_or(|aggregate| matches!(aggregate, Aggregate::Sum | Aggregate::Count));
    if !adds_up && included.is_none_or(|included| !included.is_amount()) {
        let message = format!("the meter `{}` does not add up", named.text().unwrap_or_default());
        let fault = Fault::new(&codes::B011, message).at(&named.place);
        faults.push(fault.hint("included quantities are drawn from meters that sum or count"));
    }
}
