//! Meters: what goes with each aggregate.

use super::fields::{Entry, Fields};
use super::keys::AGGREGATES;
use super::model::{Aggregate, Meter, RoundEach};
use crate::fault::{Fault, Faults, Located, codes};
use crate::money::{Decimal, Rounding};
use crate::yaml::Node;

/// The meter an entry declares; `None` when a fault was reported.
pub(super) fn meter((key, node): Entry<'_>, faults: &mut Faults) -> Option<Meter> {
    let fields = Fields::of(node);
    let chosen = fields.text("aggregate", "sum");
    let variant = AGGREGATES.iter().find(|variant| variant.name == chosen)?;
    let place = fields.get("aggregate").map_or(&key.place, |node| &node.place);
    fields.check_choice(variant, AGGREGATES, place, faults);
    let record_types = fields.get("record_type")?.texts();
    if record_types.is_empty() {
        let fault = Fault::new(&codes::Y005, "the meter counts no record type").at(&fields.get("record_type")?.place);
        faults.push(fault.hint("name one at least"));
    }
    once(&record_types, "record type", faults);
    let dimensions = fields.get("dimensions").map(Node::texts).unwrap_or_default();
    let attributes = fields.get("attributes").map(Node::texts).unwrap_or_default();
    once(&dimensions.iter().chain(&attributes).cloned().collect::<Vec<_>>(), "dimension", faults);
    Some(Meter {
        id: key.text.clone(),
        record_types: record_types.into_iter().map(|record_type| record_type.text).collect(),
        expression: fields.get("quantity").or_else(|| fields.get("of")).and_then(Node::located),
        round_each: fields.get("round_each").and_then(|node| round_each(node, faults)),
        aggregate: aggregate(chosen)?,
        dimensions: dimensions.into_iter().map(|dimension| dimension.text).collect(),
        attributes: attributes.into_iter().map(|attribute| attribute.text).collect(),
        unit: fields.text("unit", "").to_owned(),
        place: key.place.clone(),
    })
}

/// The rounding mode of that name.
pub(super) fn mode(name: &str) -> Rounding {
    match name {
        "half_even" => Rounding::HalfEven,
        "up" => Rounding::Up,
        "down" => Rounding::Down,
        _ => Rounding::HalfUp,
    }
}

/// Reports each text that stands twice.
pub(super) fn once(texts: &[Located], what: &str, faults: &mut Faults) {
    for (index, text) in texts.iter().enumerate() {
        if let Some(first) = texts.iter().take(index).find(|first| first.text == text.text) {
            let fault = Fault::new(&codes::B002, format!("the {what} `{}` is named twice", text.text)).at(&text.place);
            faults.push(fault.hint(format!("the first is at {}", first.place)));
        }
    }
}

fn aggregate(name: &str) -> Option<Aggregate> {
    Some(match name {
        "sum" => Aggregate::Sum,
        "count" => Aggregate::Count,
        "max" => Aggregate::Max,
        "min" => Aggregate::Min,
        "latest" => Aggregate::Latest,
        "unique" => Aggregate::Unique,
        _ => return None,
    })
}

fn round_each(node: &Node, faults: &mut Faults) -> Option<RoundEach> {
    let fields = Fields::of(node);
    let step = fields.decimal("step")?;
    if step <= Decimal::ZERO {
        faults.push(
            Fault::new(&codes::B001, format!("the step {step} is not above zero")).at(&fields.get("step")?.place),
        );
    }
    Some(RoundEach { step, mode: mode(fields.text("mode", "up")) })
}
