//! Discounts: how much, of which charges.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::index::{Index, charges_of};
use super::model::{Discount, Percent};
use super::sections::twice;
use crate::fault::{Fault, Faults, Place, codes};
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
    let on = fields.get("on").map(|on| charges_of(on, index, faults));
    Some(Discount { id: id.as_ref()?.text.clone(), percent: percent?, on, place: place.clone() })
}
