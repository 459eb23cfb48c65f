//! Commitments of contracts, and the charges that bill what is made of other lines.
//!
//! Such a charge is declared by what needs it, not under its product: it has no meter and nobody subscribes to it.

use std::collections::BTreeMap;

use super::fields::{Entry, Fields};
use super::index::{Declared, Index, charges_of, find};
use super::model::{Commitment, Committed, Model, Over, Validity};
use super::price::not_negative;
use super::sections::{Sections, twice};
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;

/// The commitments in a contract's node, one or a list.
fn listed(contract: &Node) -> &[Node] {
    match contract.get("commitment") {
        Some(node) if node.list().is_empty() => std::slice::from_ref(node),
        Some(node) => node.list(),
        None => &[],
    }
}

/// The id of a commitment: its own, or that of its contract.
fn id_of(node: &Node, contract: &Located) -> Located {
    match node.get("id").and_then(Node::located) {
        Some(id) => id,
        None => Located { text: contract.text.clone(), place: node.place.clone() },
    }
}

/// The charges that commitments and bounds of accounts are billed by: one for each product and id, whatever the number
/// of contracts that have a commitment of that name.
pub(super) fn derived<'a>(
    sections: &Sections<'a>,
    products: &BTreeMap<&'a str, usize>,
    faults: &mut Faults,
) -> Vec<Declared<'a>> {
    let of_contracts = sections
        .contracts
        .iter()
        .flat_map(|(key, node)| listed(node).iter().map(move |one| (id_of(one, key), one, Model::Commitment)));
    let of_accounts = sections
        .account_bounds
        .iter()
        .filter_map(|node| Some((node.get("id")?.located()?, *node, Model::AccountBound)));
    let mut declared: Vec<Declared<'a>> = Vec::new();
    let mut known: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for (key, node, model) in of_contracts.chain(of_accounts) {
        let Some(named) = node.get("product") else { continue };
        let Some(product) = find(products, named, "product", faults) else { continue };
        if key.text.contains('/') {
            faults.push(Fault::new(&codes::Y006, "an id has no `/`: it is that of a charge").at(&key.place));
        }
        match known.get(&(product, key.text.clone())).map(|at| &declared[*at]) {
            Some(first) if first.derived != Some(model.clone()) || model == Model::AccountBound => {
                faults.push(twice(&format!("the charge `{}`", first.id), &key.place, &first.key.place));
            }
            Some(_) => {}
            None => {
                known.insert((product, key.text.clone()), declared.len());
                let id = format!("{}/{}", named.text().unwrap_or_default(), key.text);
                let (fields, derived) = (Fields::default(), Some(model));
                declared.push(Declared { id, product, key, fields, node, meter: None, derived });
            }
        }
    }
    declared
}

/// The commitments of a contract.
pub(super) fn commitments(
    (key, node): Entry<'_>,
    contract: usize,
    valid: Validity,
    index: &Index<'_>,
    faults: &mut Faults,
) -> Vec<Commitment> {
    let mut commitments: Vec<Commitment> = Vec::new();
    for node in listed(node) {
        let id = id_of(node, key);
        if let Some(first) = commitments.iter().find(|one| one.id == id.text) {
            let fault = twice(&format!("the commitment `{}`", id.text), &id.place, &first.place);
            faults.push(fault.hint("give each commitment of a contract an `id`"));
        }
        commitments.extend(commitment(node, id, contract, valid, index, faults));
    }
    commitments
}

fn commitment(
    node: &Node,
    id: Located,
    contract: usize,
    valid: Validity,
    index: &Index<'_>,
    faults: &mut Faults,
) -> Option<Commitment> {
    let fields = Fields::of(node);
    let to = committed(&fields, &id.place, index, faults);
    let term_months = term_months(&fields, &id.place, faults);
    let over = match fields.text("over", "contract") {
        "account" => Over::Account,
        "subtree" => Over::Subtree,
        _ => Over::Contract,
    };
    // An unknown product was told when the charge was declared.
    let product = index.products.get(fields.get("product")?.text()?)?;
    Some(Commitment {
        charge: index.derived(*product, &id.text)?,
        contract,
        valid,
        to: to?,
        term_months: term_months?,
        over,
        true_up: fields.text("true_up", "true") == "true",
        in_full: fields.text("prorate", "prorated") == "full",
        place: id.place,
        id: id.text,
    })
}

/// How much is committed: an amount, or a quantity with what goes with it.
fn committed(fields: &Fields<'_>, place: &Place, index: &Index<'_>, faults: &mut Faults) -> Option<Committed> {
    let of_quantity = fields.get("quantity").is_some();
    if of_quantity == fields.get("amount").is_some() {
        let fault = Fault::new(&codes::B005, "a commitment needs one of `amount` and `quantity`").at(place);
        faults.push(fault.hint("`amount` is money, `quantity` usage of a `meter`"));
        return None;
    }
    let (kind, foreign): (&str, &[&str]) = match of_quantity {
        true => ("quantity", &["on", "overage_factor"]),
        false => ("amount", &["meter", "shortfall_price"]),
    };
    for key in foreign {
        if let Some(node) = fields.get(key) {
            let message =
                format!("a commitment to an {kind} does not take `{key}`").replace("an quantity", "a quantity");
            faults.push(Fault::new(&codes::B005, message).at(&node.place));
        }
    }
    if !of_quantity {
        let amount = not_negative(fields, "amount", faults);
        let overage_factor = match fields.get("overage_factor") {
            Some(_) => not_negative(fields, "overage_factor", faults)?,
            None => Decimal::ONE,
        };
        let on = fields.get("on").map(|on| charges_of(on, index, faults));
        return Some(Committed::Amount { amount: amount?, overage_factor, on });
    }
    let quantity = not_negative(fields, "quantity", faults);
    let price = not_negative(fields, "shortfall_price", faults);
    let named = fields.get("meter");
    for (key, missing) in [("meter", named.is_none()), ("shortfall_price", fields.get("shortfall_price").is_none())] {
        if missing {
            let message = format!("a commitment to a quantity needs `{key}`");
            faults.push(Fault::new(&codes::B005, message).at(place));
        }
    }
    let meter = named.and_then(|named| find(&index.meters, named, "meter", faults));
    Some(Committed::Quantity { quantity: quantity?, meter: meter?, shortfall_price: price? })
}

/// The months of a term; `Some(None)` for a commitment of each period.
fn term_months(fields: &Fields<'_>, place: &Place, faults: &mut Faults) -> Option<Option<u32>> {
    let per_term = fields.text("per", "month") == "term";
    let Some(node) = fields.get("term_months") else {
        if per_term {
            faults.push(Fault::new(&codes::B005, "`per: term` needs `term_months`").at(place));
            return None;
        }
        return Some(None);
    };
    if !per_term {
        let fault = Fault::new(&codes::B005, "`term_months` needs `per: term`").at(&node.place);
        faults.push(fault);
        return None;
    }
    // A hundred years are more than any contract lasts.
    let months = node.text().and_then(|text| text.parse().ok()).filter(|months| (1..=1200).contains(months));
    if months.is_none() {
        faults.push(Fault::new(&codes::B001, "a term has 1 to 1200 months").at(&node.place));
    }
    months.map(Some)
}
