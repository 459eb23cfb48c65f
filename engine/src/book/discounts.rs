//! Discounts, and the account overrides written in the book.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::index::{Index, unknown};
use super::keys::OVERRIDDEN;
use super::model::{AccountOverride, Discount, OverrideFields, Percent, Plan, Price};
use super::replace::{nothing_replaced, resolve_override, slot};
use super::sections::twice;
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;

/// All discounts, as declared.
pub(super) fn discounts(nodes: &[&Node], index: &Index<'_>, faults: &mut Faults) -> Vec<Discount> {
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    let mut discounts = Vec::new();
    for node in nodes {
        if let Some(id) = node.get("id")
            && let Some(first) = seen.insert(id.text().unwrap_or_default(), &id.place)
        {
            faults.push(twice(&format!("the discount `{}`", id.text().unwrap_or_default()), &id.place, first));
        }
        discounts.extend(discount(node, index, faults));
    }
    discounts
}

fn discount(node: &Node, index: &Index<'_>, faults: &mut Faults) -> Option<Discount> {
    let fields = Fields::of(node);
    let id = fields.get("id").and_then(Node::located);
    let place = id.as_ref().map_or(&node.place, |id| &id.place);
    let percent = match (fields.get("percent"), fields.get("percent_column")) {
        (Some(percent), None) => percent.decimal().map(Percent::Fixed),
        (None, Some(column)) => column.located().map(Percent::AccountColumn),
        _ => {
            let fault = Fault::new(&codes::B005, "a discount needs one of `percent` and `percent_column`").at(place);
            faults.push(fault.hint("`percent` is the same for everybody, `percent_column` names a column of accounts"));
            None
        }
    };
    if let (Some(Percent::Fixed(number)), Some(percent)) = (&percent, fields.get("percent"))
        && (number.is_negative() || *number > Decimal::whole(100))
    {
        let fault = Fault::new(&codes::B001, format!("a discount of {number} % is not between 0 and 100"));
        faults.push(fault.at(&percent.place));
    }
    let on = fields.get("on").map(|on| {
        let mut charges: Vec<usize> = on.texts().iter().flat_map(|named| charges_of(named, index, faults)).collect();
        charges.sort_unstable();
        charges.dedup();
        charges
    });
    Some(Discount { id: id.as_ref()?.text.clone(), percent: percent?, on, place: place.clone() })
}

/// The charges a product or `product/charge` means.
fn charges_of(named: &Located, index: &Index<'_>, faults: &mut Faults) -> Vec<usize> {
    if named.text.contains('/') {
        return index.charge(named, faults).into_iter().collect();
    }
    match index.products.get(named.text.as_str()) {
        Some(product) => {
            let charges = index.charges.iter().enumerate().filter(|(_, charge)| charge.product == *product);
            charges.map(|(position, _)| position).collect()
        }
        None => {
            faults.push(unknown(named, "product", index.products.keys().copied()));
            Vec::new()
        }
    }
}

/// The overrides written in the book, each held against the prices it may come to lie over.
pub(super) fn overrides(
    nodes: &[&Node],
    index: &Index<'_>,
    list: &[Option<Price>],
    plans: &[Plan],
    faults: &mut Faults,
) -> Vec<AccountOverride> {
    let mut seen: BTreeMap<(&str, usize), Place> = BTreeMap::new();
    let mut overrides = Vec::new();
    for node in nodes {
        let fields = override_of(node);
        let named = node.get("charge").and_then(Node::located);
        let Some(charge) = named.as_ref().and_then(|named| index.charge(named, faults)) else { continue };
        let Some(account) = node.get("account").and_then(Node::text) else { continue };
        let place = node.get("charge").map_or(&node.place, |charge| &charge.place).clone();
        if let Some(first) = seen.insert((account, charge), place.clone()) {
            faults.push(twice(&format!("the override of account `{account}`"), &place, &first));
        }
        if OVERRIDDEN.iter().all(|key| node.get(key.name).is_none()) {
            faults.push(nothing_replaced(&place));
        }
        check_fit(&fields, charge, list, plans, &place, faults);
        overrides.push(AccountOverride { account: account.to_owned(), charge, fields, place });
    }
    overrides
}

fn override_of(node: &Node) -> OverrideFields {
    let model = node.get("model").and_then(Node::text).map(str::to_owned);
    let mut fields = OverrideFields { model, ..OverrideFields::default() };
    for key in OVERRIDDEN {
        if let (Some(slot), Some(value)) = (slot(&mut fields, key.name), node.get(key.name)) {
            *slot = value.decimal();
        }
    }
    fields
}

/// An override must fit the list price or the price of some plan; which one it is depends on the account.
fn check_fit(
    fields: &OverrideFields,
    charge: usize,
    list: &[Option<Price>],
    plans: &[Plan],
    place: &Place,
    faults: &mut Faults,
) {
    let resolve = |base: &Price| resolve_override(base, fields, String::new(), place);
    let Some(Some(base)) = list.get(charge) else { return };
    let Err(unfit) = resolve(base) else { return };
    let of_plans = plans.iter().flat_map(|plan| &plan.prices).filter(|(position, _)| *position == charge);
    let fits = of_plans.into_iter().any(|(_, price)| resolve(price).is_ok());
    if !fits {
        faults.0.extend(unfit.0);
    }
}
