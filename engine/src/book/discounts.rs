//! Discounts: how much, of which lines, for whom and when.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::index::{Index, unknown};
use super::keys::REDUCTIONS;
use super::model::{Discount, DiscountLevel, On, Percent, Reduction};
use super::patches::validity;
use super::sections::twice;
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;

/// What stands before the id of a plan in `on`.
const OF_PLAN: &str = "plan:";

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
    let reduction = reduction(&fields, place, faults);
    let level = match fields.text("level", "line") {
        "account" => DiscountLevel::Account,
        "invoice" => DiscountLevel::Invoice,
        _ => DiscountLevel::Line,
    };
    check_fit(&fields, level, faults);
    let cap = not_negative(&fields, "cap", faults);
    let periods = fields.get("periods").and_then(|node| {
        let periods = node.text()?.parse::<u32>().ok().filter(|periods| *periods > 0);
        if periods.is_none() {
            faults.push(Fault::new(&codes::B001, "`periods` is a number from 1 on").at(&node.place));
        }
        periods
    });
    Some(Discount {
        when: fields.get("when").and_then(Node::located),
        on: fields.get("on").map(|on| lines(&on.texts(), index, faults)),
        level,
        of_original: fields.text("of", "rest") == "original",
        exclusive: fields.text("exclusive", "false") == "true",
        cap,
        periods,
        currency: fields.get("currency").and_then(|node| super::currency_code(node, faults)),
        valid: validity(node, faults),
        coupon: fields.text("coupon", "false") == "true",
        id: id.as_ref()?.text.clone(),
        reduction: reduction?,
        place: place.clone(),
    })
}

/// How much a discount takes off: exactly one key says so.
fn reduction(fields: &Fields<'_>, place: &Place, faults: &mut Faults) -> Option<Reduction> {
    let said: Vec<(&str, &Node)> =
        REDUCTIONS.iter().filter_map(|name| fields.get(name).map(|node| (*name, node))).collect();
    let [(name, node)] = said.as_slice() else {
        let fault = match said.get(1) {
            Some((name, node)) => {
                Fault::new(&codes::B005, format!("a discount takes no `{name}` beside `{}`", said[0].0)).at(&node.place)
            }
            None => Fault::new(&codes::B005, "the discount does not say how much it takes off").at(place),
        };
        faults.push(fault.hint(format!("write one of {}", REDUCTIONS.join(", "))));
        return None;
    };
    let number = not_negative(fields, name, faults);
    match *name {
        "percent_column" => node.located().map(|column| Reduction::Percent(Percent::AccountColumn(column))),
        "percent" => {
            let percent = number?;
            if percent > Decimal::whole(100) {
                let fault = Fault::new(&codes::B001, format!("a discount of {percent} % takes more than there is"));
                faults.push(fault.at(&node.place).hint("a percentage from 0 to 100"));
            }
            Some(Reduction::Percent(Percent::Fixed(percent)))
        }
        "amount" => number.map(Reduction::Amount),
        "free_units" => number.map(Reduction::FreeUnits),
        _ => number.map(Reduction::FixedPrice),
    }
}

/// The number of `key`; below zero it is a fault.
fn not_negative(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<Decimal> {
    let (number, node) = (fields.decimal(key)?, fields.get(key)?);
    if number.is_negative() {
        faults.push(Fault::new(&codes::B001, format!("`{key}` {number} is negative")).at(&node.place));
    }
    Some(number)
}

/// Reports keys that mean nothing beside the others.
fn check_fit(fields: &Fields<'_>, level: DiscountLevel, faults: &mut Faults) {
    let of_lines = ["free_units", "fixed_price"];
    let level = fields.get("level").filter(|_| level != DiscountLevel::Line);
    if let (Some(level), Some(name)) = (level, of_lines.into_iter().find(|name| fields.get(name).is_some())) {
        let fault = Fault::new(&codes::B005, format!("`{name}` looks at single lines")).at(&level.place);
        faults.push(fault.hint("leave `level` out"));
    }
    let others = ["amount", "free_units", "fixed_price"];
    if let (Some(of), Some(name)) = (fields.get("of"), others.into_iter().find(|name| fields.get(name).is_some())) {
        let fault = Fault::new(&codes::B005, format!("`of` does not go with `{name}`")).at(&of.place);
        faults.push(fault.hint("it says what a percentage is taken of"));
    }
}

/// The lines that products, charges and plans mean.
fn lines(named: &[Located], index: &Index<'_>, faults: &mut Faults) -> On {
    let mut on = On::default();
    for named in named {
        if let Some(plan) = named.text.strip_prefix(OF_PLAN) {
            match index.plans.get(plan) {
                Some(plan) => on.plans.push(*plan),
                None => {
                    let plan = Located { text: plan.to_owned(), place: named.place.clone() };
                    faults.push(unknown(&plan, "plan", index.plans.keys().copied()));
                }
            }
        } else {
            on.charges.extend(index.named(named, faults));
        }
    }
    for list in [&mut on.charges, &mut on.plans] {
        list.sort_unstable();
        list.dedup();
    }
    on
}
