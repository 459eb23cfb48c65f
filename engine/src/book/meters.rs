//! Meters: what goes with each aggregate.

use super::fields::{Entry, Fields};
use super::keys::AGGREGATES;
use super::model::{Aggregate, DAY, Level, Meter, OfWindow, RoundEach, Then, Windowed};
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
        aggregate: aggregate(chosen, &fields, faults)?,
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

fn aggregate(name: &str, fields: &Fields<'_>, faults: &mut Faults) -> Option<Aggregate> {
    let level = Level {
        absolute: fields.text("records_are", "change") == "level",
        carry: fields.text("carry", "false") == "true",
    };
    Some(match name {
        "sum" => Aggregate::Sum,
        "count" => Aggregate::Count,
        "max" => Aggregate::Max,
        "min" => Aggregate::Min,
        "latest" => Aggregate::Latest,
        "unique" => Aggregate::Unique,
        "weighted_sum" => Aggregate::WeightedSum(level),
        "prorated_sum" => Aggregate::ProratedSum(level),
        "percentile" => Aggregate::Percentile(percent(fields.get("percentile")?, faults)?),
        "windowed" => Aggregate::Windowed(windowed(fields, fields.get("windowed")?, faults)?),
        _ => return None,
    })
}

fn percent(node: &Node, faults: &mut Faults) -> Option<Decimal> {
    let fields = Fields::of(node);
    let percent = fields.decimal("percent")?;
    if percent <= Decimal::ZERO || percent > Decimal::whole(100) {
        let fault = Fault::new(&codes::B001, format!("the percentile {percent} is not above 0 and at most 100"));
        faults.push(fault.at(&fields.get("percent")?.place));
    }
    Some(percent)
}

fn windowed(meter: &Fields<'_>, node: &Node, faults: &mut Faults) -> Option<Windowed> {
    let fields = Fields::of(node);
    let (window, of) = (fields.get("window")?.located()?, fields.get("of")?);
    let minutes = minutes(&window.text);
    if minutes.is_none() {
        let message = format!("`{}` is no window that fills a day with whole ones", window.text);
        let fault = Fault::new(&codes::B001, message).at(&window.place);
        faults.push(fault.hint("write hour, day, or a number of minutes that divides a day, such as `15 minutes`"));
    }
    let of = match of.text()? {
        "max" => OfWindow::Max,
        "min" => OfWindow::Min,
        "sum" => OfWindow::Sum,
        "count" => OfWindow::Count,
        "latest" => OfWindow::Latest,
        _ => return None,
    };
    if of != OfWindow::Count && meter.get("quantity").is_none() {
        let fault = Fault::new(&codes::B005, "`windowed` needs `quantity`").at(&fields.get("of")?.place);
        faults.push(fault.hint("only `of: count` does without"));
    }
    let then = match fields.text("then", "sum") {
        "max" => Then::Max,
        "min" => Then::Min,
        _ => Then::Sum,
    };
    Some(Windowed { minutes: minutes?, of, then })
}

/// The minutes of a window, when it divides a day.
fn minutes(window: &str) -> Option<u16> {
    let minutes = match window {
        "hour" => 60,
        "day" => DAY,
        _ => window.strip_suffix(" minutes").or_else(|| window.strip_suffix(" minute"))?.parse().ok()?,
    };
    (minutes > 0 && DAY.is_multiple_of(minutes)).then_some(minutes)
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
