//! Bounds and thresholds: the least and greatest amount of a charge or an account, and what is told when it is reached.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::index::{Index, find};
use super::model::{AccountBound, Bounds, Threshold, Watched};
use super::price::{above_zero, is_metered, not_negative, scope};
use super::sections::twice;
use crate::fault::{Fault, Faults, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;

/// Keys of a charge that say its bounds.
const KEYS: [&str; 4] = ["minimum", "maximum", "minimum_prorate", "bounds"];

/// The bounds of a price of this model; none of percentage, whose minimum and maximum are those of a line.
pub(super) fn bounds(fields: &Fields<'_>, model: &str, faults: &mut Faults) -> Bounds {
    let refused: &[&str] = match model {
        "percentage" => &KEYS[2..],
        _ if is_metered(model) => &[],
        _ => &KEYS,
    };
    for key in refused {
        let Some(node) = fields.get(key) else { continue };
        let fault = Fault::new(&codes::B005, format!("`{model}` does not take `{key}`")).at(&node.place);
        faults.push(fault.hint(match model {
            "percentage" => "its `minimum` and `maximum` are those of a line: another model bounds the whole charge",
            _ => "the amount is the same in every period; usage models have bounds",
        }));
    }
    if model == "percentage" || !is_metered(model) {
        return Bounds::default();
    }
    let (minimum, maximum) = least_and_greatest(fields, faults);
    if minimum.is_none()
        && let Some(node) = fields.get("minimum_prorate")
    {
        faults.push(Fault::new(&codes::B005, "`minimum_prorate` needs a `minimum`").at(&node.place));
    }
    Bounds {
        minimum,
        maximum,
        before_discounts: fields.text("bounds", "after_discounts") == "before_discounts",
        in_full: fields.text("minimum_prorate", "prorated") == "full",
    }
}

/// `minimum` and `maximum`, neither of them negative, the one not above the other.
fn least_and_greatest(fields: &Fields<'_>, faults: &mut Faults) -> (Option<Decimal>, Option<Decimal>) {
    let (minimum, maximum) = (not_negative(fields, "minimum", faults), not_negative(fields, "maximum", faults));
    if let (Some(least), Some(most), Some(node)) = (minimum, maximum, fields.get("maximum"))
        && least > most
    {
        let message = format!("the maximum {most} is below the minimum {least}");
        faults.push(Fault::new(&codes::B001, message).at(&node.place));
    }
    (minimum, maximum)
}

/// The bounds of accounts, as declared.
pub(super) fn account_bounds(nodes: &[&Node], index: &Index<'_>, faults: &mut Faults) -> Vec<AccountBound> {
    nodes.iter().filter_map(|node| account_bound(node, index, faults)).collect()
}

fn account_bound(node: &Node, index: &Index<'_>, faults: &mut Faults) -> Option<AccountBound> {
    let fields = Fields::of(node);
    let id = fields.get("id").and_then(Node::located)?;
    let (minimum, maximum) = least_and_greatest(&fields, faults);
    if minimum.is_none() && maximum.is_none() {
        let fault = Fault::new(&codes::B005, format!("the bound `{}` needs `minimum` or `maximum`", id.text));
        faults.push(fault.at(&id.place));
    }
    // An unknown product was told when the charge was declared.
    let product = index.products.get(fields.get("product")?.text()?)?;
    let charge = index.derived(*product, &id.text)?;
    let when = fields.get("when").and_then(Node::located);
    Some(AccountBound { minimum, maximum, when, charge, place: id.place, id: id.text })
}

/// The thresholds, as declared.
pub(super) fn thresholds(nodes: &[&Node], index: &Index<'_>, faults: &mut Faults) -> Vec<Threshold> {
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    let mut thresholds = Vec::new();
    for node in nodes {
        if let Some(id) = node.get("id")
            && let Some(first) = seen.insert(id.text().unwrap_or_default(), &id.place)
        {
            let id_text = id.text().unwrap_or_default();
            faults.push(twice(&format!("the threshold `{id_text}`"), &id.place, first));
        }
        thresholds.extend(threshold(node, index, faults));
    }
    thresholds
}

fn threshold(node: &Node, index: &Index<'_>, faults: &mut Faults) -> Option<Threshold> {
    let fields = Fields::of(node);
    let id = fields.get("id").and_then(Node::located)?;
    let of = match (fields.get("meter"), fields.get("charge")) {
        (Some(meter), None) => find(&index.meters, meter, "meter", faults).map(Watched::Meter),
        (None, Some(charge)) => charge.located().and_then(|named| index.charge(&named, faults)).map(Watched::Charge),
        _ => {
            let message = format!("the threshold `{}` needs one of `meter` and `charge`", id.text);
            faults.push(Fault::new(&codes::B005, message).at(&id.place));
            None
        }
    };
    let at = above_zero(&fields, "at", faults);
    let notice = fields.get("notice").and_then(Node::text)?.to_owned();
    let scope = scope(fields.text("scope", "subscription"));
    Some(Threshold { of: of?, at: at?, notice, scope, place: id.place, id: id.text })
}
