//! One price: the fields of a charge, with whatever was laid over them, as a checked [`Price`].

use std::sync::Arc;

use super::bounds::bounds;
use super::cells::cells;
use super::clock::calendar;
use super::destinations::{increments, prefixes};
use super::fields::Fields;
use super::index::Counted;
use super::keys::{MODELS, OF_QUANTITIES};
use super::lists::Lists;
use super::meters::mode;
use super::model::{Convert, Each, Model, Price, RecordTerms, RoundAmount, Scope, ZeroUsage};
use super::recurring::schedule;
use super::tiers::{Holding, Past, tiers};
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::currency::minor_digits;
use crate::money::{Decimal, Rounding};
use crate::yaml::{Node, did_you_mean};

/// Where a price comes from and what it may refer to.
pub(super) struct Origin<'a> {
    /// `list`, `plan:<id>`, …
    pub(super) layer: &'a str,
    /// The rule.
    pub(super) place: &'a Place,
    /// What the charge's meter counts; `None` when it has none or an unknown one.
    pub(super) meter: Option<&'a Counted>,
    /// The lists, for price tables.
    pub(super) lists: &'a Lists,
}

/// The price `fields` say; `None` when a fault was reported, here or by the check of the file's shape.
pub(super) fn price(fields: &Fields<'_>, origin: &Origin<'_>, faults: &mut Faults) -> Option<Price> {
    let chosen = fields.get("model")?;
    let variant = MODELS.iter().find(|variant| Some(variant.name) == chosen.text())?;
    fields.check_choice(variant, MODELS, &chosen.place, faults);
    check_meter(fields, variant.name, &chosen.place, faults);
    let dimensions = origin.meter.map(|meter| meter.dimensions.as_slice());
    let by = match variant.name {
        "prefix" => texts(fields.get("by"), origin.meter.map(Counted::named).as_deref(), faults),
        _ => texts(fields.get("by"), dimensions, faults),
    };
    let lines_by = fields.get("lines_by").map(|node| texts(Some(node), dimensions, faults));
    check_lines_by(fields, variant.name, &by, lines_by.as_deref(), faults);
    let each = each(fields, variant.name, origin.meter, faults);
    check_money(fields, variant.name, origin.meter, faults);
    check_quantities(fields, variant.name, faults);
    check_end(fields, origin.meter, faults);
    let model = model(fields, variant.name, by, origin, faults)?;
    if let Some((key, message)) = out_of_range(&model) {
        let place = fields.get(key).map_or(&chosen.place, |node| &node.place);
        let code = if key == "cells" { &codes::B005 } else { &codes::B001 };
        faults.push(Fault::new(code, message).at(place));
    }
    let price = Price {
        scope: scope(fields.text("scope", "subscription")),
        each,
        lines_by: lines_by.unwrap_or_else(|| default_lines_by(&model)),
        restarts: fields.text("groups", "shared") == "restart",
        zero_usage: match fields.text("zero_usage", "none") {
            "fee" => ZeroUsage::Fee,
            "line" => ZeroUsage::Line,
            _ => ZeroUsage::None,
        },
        convert: fields.get("convert").map(|node| convert(node, faults)),
        free_units: not_negative(fields, "free_units", faults).unwrap_or(Decimal::ZERO),
        round_amount: fields.get("round_amount").and_then(|node| round_amount(node, faults)),
        itemise: fields.text("itemise", "false") == "true",
        when: fields.get("when").and_then(Node::located),
        bounds: bounds(fields, variant.name, faults),
        model,
        layer: origin.layer.to_owned(),
        place: origin.place.clone(),
    };
    if let (Some(node), Model::Percentage { records, .. }) = (fields.get("each"), &price.model)
        && price.each != Each::Period
        && records.any()
    {
        let fault = Fault::new(&codes::B005, "terms of single records do not go with `each`").at(&node.place);
        faults.push(fault.hint("they look at the records of the period one by one: leave `each` out, or say `period`"));
    }
    if let (Some(node), true, false) = (fields.get("itemise"), price.itemise, price.by_record()) {
        let fault =
            Fault::new(&codes::B005, format!("`itemise` needs records that `{}` prices one by one", variant.name));
        faults.push(
            fault.at(&node.place).hint("`each: record`, or a model on single records such as increments or prefix"),
        );
    }
    Some(price)
}

/// A share is taken of money: a meter of minutes or people has no percentage.
fn check_money(fields: &Fields<'_>, model: &str, meter: Option<&Counted>, faults: &mut Faults) {
    let of_money = matches!(model, "percentage" | "graduated_percentage" | "dynamic");
    let is_money = |unit: &str| matches!(unit, "" | "money" | "unit") || minor_digits(unit).is_some();
    let Some(meter) = meter.filter(|meter| of_money && !is_money(&meter.unit)) else { return };
    let Some(named) = fields.get("meter") else { return };
    let fault =
        Fault::new(&codes::B005, format!("`{model}` prices an amount of money, the meter counts in `{}`", meter.unit));
    faults.push(
        fault
            .at(&named.place)
            .hint("name a meter whose quantity is money; its `unit` is `money`, a currency, or left out"),
    );
}

/// A query gives quantities and amounts itself, and a fixed amount has no units: neither has anything to convert or round.
fn check_quantities(fields: &Fields<'_>, model: &str, faults: &mut Faults) {
    if is_metered(model) && model != "sql" {
        return;
    }
    for key in OF_QUANTITIES {
        let Some(node) = fields.get(key) else { continue };
        let fault = Fault::new(&codes::B005, format!("`{model}` does not take `{key}`")).at(&node.place);
        let hint = if model == "sql" { "compute it in the SELECT" } else { "it prices no usage" };
        faults.push(fault.hint(hint));
    }
}

/// Whether a record is past the last tier is known where records add up to what fills the tiers.
fn check_end(fields: &Fields<'_>, meter: Option<&Counted>, faults: &mut Faults) {
    let Some(node) = fields.get("beyond").filter(|node| node.text() == Some("unpriced")) else { return };
    let adds_up = meter.is_none_or(|meter| matches!(meter.aggregate.as_str(), "sum" | "count"));
    let key = ["convert", "free_units"].into_iter().find(|key| fields.get(key).is_some());
    if adds_up && key.is_none() {
        return;
    }
    let why = key
        .map_or("a meter that adds up its records".to_owned(), |key| format!("tiers that are filled without `{key}`"));
    let fault = Fault::new(&codes::B005, format!("`beyond: unpriced` needs {why}")).at(&node.place);
    faults.push(fault.hint("records are set aside whole: say `beyond: free`, or leave the last tier open"));
}

fn check_lines_by(fields: &Fields<'_>, model: &str, by: &[String], lines_by: Option<&[String]>, faults: &mut Faults) {
    let (Some(node), Some(lines_by)) = (fields.get("lines_by"), lines_by.filter(|_| model == "matrix")) else { return };
    for missing in by.iter().filter(|dimension| !lines_by.contains(dimension)) {
        let fault = Fault::new(&codes::B007, format!("`lines_by` of a matrix lacks its dimension `{missing}`"));
        faults.push(fault.at(&node.place).hint("a line has one price: name every dimension of `by`"));
    }
}

/// What the model is applied to, checked against the model and the meter.
fn each(fields: &Fields<'_>, model: &str, meter: Option<&Counted>, faults: &mut Faults) -> Each {
    let Some(node) = fields.get("each") else { return Each::Period };
    let each = match node.text() {
        Some("window") => Each::Window,
        Some("day") => Each::Day,
        Some("record") => Each::Record,
        _ => Each::Period,
    };
    let alone = matches!(model, "increments" | "calendar" | "prefix" | "formula" | "sql" | "recurring" | "one_time");
    if alone && each != Each::Period {
        let fault = Fault::new(&codes::B005, format!("`{model}` does not take `each`")).at(&node.place);
        faults.push(fault.hint("it says itself what it is applied to: leave `each` out"));
    } else if each == Each::Window && meter.is_some_and(|meter| meter.aggregate != "windowed") {
        let fault = Fault::new(&codes::B005, "`each: window` needs a meter with `aggregate: windowed`").at(&node.place);
        faults.push(fault);
    }
    each
}

fn convert(node: &Node, faults: &mut Faults) -> Convert {
    let fields = Fields::of(node);
    let divide = above_zero(&fields, "divide", faults).unwrap_or(Decimal::ONE);
    let step = above_zero(&fields, "step", faults).unwrap_or(Decimal::ONE);
    let round = fields.get("round").and_then(Node::text).map(|name| (step, mode(name)));
    if round.is_none()
        && let Some(step) = fields.get("step")
    {
        faults.push(Fault::new(&codes::B005, "`step` needs `round`, the direction").at(&step.place));
    }
    Convert { divide, round }
}

fn round_amount(node: &Node, faults: &mut Faults) -> Option<RoundAmount> {
    let fields = Fields::of(node);
    let digits = fields.get("digits")?;
    let number = digits.text()?.parse().ok().filter(|digits| *digits <= crate::money::SCALE);
    if number.is_none() {
        faults.push(Fault::new(&codes::B001, "amounts have at most 18 digits after the point").at(&digits.place));
    }
    Some(RoundAmount { digits: number?, mode: mode(fields.text("mode", "half_up")) })
}

/// The number of `key`, with a fault unless it is above zero.
pub(super) fn above_zero(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<Decimal> {
    let number = fields.decimal(key)?;
    if number <= Decimal::ZERO {
        let fault = Fault::new(&codes::B001, format!("the {key} {number} is not above zero"));
        faults.push(fault.at(&fields.get(key)?.place));
    }
    Some(number)
}

/// The number of `key`, with a fault when it is negative.
pub(super) fn not_negative(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<Decimal> {
    let number = fields.decimal(key)?;
    if number.is_negative() {
        faults.push(Fault::new(&codes::B001, format!("`{key}` {number} is negative")).at(&fields.get(key)?.place));
    }
    Some(number)
}

/// The dimensions that get a line each when the price does not say.
pub(super) fn default_lines_by(model: &Model) -> Vec<String> {
    if let Model::Matrix { by, .. } = model { by.clone() } else { Vec::new() }
}

/// The scope of that name.
pub(super) fn scope(name: &str) -> Scope {
    match name {
        "package" => Scope::Package,
        "account" => Scope::Account,
        "subtree" => Scope::Subtree,
        "invoice" => Scope::Invoice,
        _ => Scope::Subscription,
    }
}

/// Whether charges of this model price the usage of a meter.
pub(super) fn is_metered(model: &str) -> bool {
    !matches!(model, "recurring" | "one_time")
}

/// The key and the fault of what makes no sense in its model.
pub(super) fn out_of_range(model: &Model) -> Option<(&'static str, String)> {
    match model {
        Model::Package { size, .. } if *size <= Decimal::ZERO => {
            Some(("size", format!("the size {size} is not above zero")))
        }
        Model::Percentage { minimum: Some(minimum), maximum: Some(maximum), .. } if minimum > maximum => {
            Some(("maximum", format!("the maximum {maximum} is below the minimum {minimum}")))
        }
        Model::Matrix { cells, default: None, .. } if cells.is_empty() => {
            Some(("cells", "the matrix has neither a cell nor a `default_unit_price`".to_owned()))
        }
        _ => None,
    }
}

fn check_meter(fields: &Fields<'_>, model: &str, place: &Place, faults: &mut Faults) {
    let fault = match (is_metered(model), fields.get("meter")) {
        (true, None) => Fault::new(&codes::B005, format!("`{model}` needs a `meter`")),
        (false, Some(_)) => Fault::new(&codes::B005, format!("`{model}` does not take a `meter`")),
        _ => return,
    };
    faults.push(fault.at(place).hint("usage models price a meter; recurring and one_time need none"));
}

/// The dimensions `node` names, checked against those there are.
fn texts(node: Option<&Node>, dimensions: Option<&[String]>, faults: &mut Faults) -> Vec<String> {
    let named: Vec<Located> = node.map(Node::texts).unwrap_or_default();
    for dimension in &named {
        let known = dimensions.is_none_or(|dimensions| dimensions.contains(&dimension.text));
        if !known {
            let fault = Fault::new(&codes::B007, format!("the meter has no dimension `{}`", dimension.text));
            let hint = did_you_mean(&dimension.text, dimensions.unwrap_or_default().iter().map(String::as_str));
            let hint = hint.or(Some("name it under `dimensions` of the meter".to_owned()));
            faults.push(Fault { hint, ..fault.at(&dimension.place) });
        }
    }
    named.into_iter().map(|dimension| dimension.text).collect()
}

fn model(fields: &Fields<'_>, name: &str, by: Vec<String>, origin: &Origin<'_>, faults: &mut Faults) -> Option<Model> {
    let lists = origin.lists;
    let bands = |faults: &mut Faults| {
        let beyond = Past::of(fields.text("beyond", "refused"));
        let (node, holding) = (fields.get("tiers")?, Holding::of(name));
        lists.tiers.get(node, (holding, beyond), || tiers(node, holding, beyond, lists, faults).map(Arc::from))
    };
    Some(match name {
        "per_unit" => Model::PerUnit {
            unit_price: fields.decimal("unit_price")?,
            per: above_zero(fields, "per", faults).unwrap_or(Decimal::ONE),
        },
        "graduated" => Model::Graduated { tiers: bands(faults)? },
        "volume" => Model::Volume { tiers: bands(faults)? },
        "stairstep" => Model::Stairstep { tiers: bands(faults)? },
        "graduated_percentage" => Model::GraduatedPercentage { tiers: bands(faults)? },
        "package" => Model::Package {
            size: fields.decimal("size")?,
            price: fields.decimal("price")?,
            rounding: match fields.text("round", "up") {
                "exact" => None,
                "down" => Some(Rounding::Down),
                _ => Some(Rounding::Up),
            },
        },
        "percentage" => Model::Percentage {
            percent: fields.decimal("percent")?,
            minimum: fields.decimal("minimum"),
            maximum: fields.decimal("maximum"),
            records: record_terms(fields, faults),
        },
        "matrix" => {
            let node = fields.get("cells")?;
            let cells = lists.cells.get(node, by.clone(), || cells(node, &by, lists, faults).map(Arc::from))?;
            Model::Matrix { by, cells, default: fields.decimal("default_unit_price") }
        }
        "dynamic" => Model::Dynamic { multiplier: fields.decimal("multiplier").unwrap_or(Decimal::ONE) },
        "increments" => {
            let (initial, increment) = (above_zero(fields, "initial", faults), above_zero(fields, "increment", faults));
            let per = above_zero(fields, "per", faults).unwrap_or(Decimal::ONE);
            let tiers = increments(fields.decimal("unit_price")?, per, initial, Some(increment?));
            let connect_fee = fields.decimal("connect_fee").unwrap_or(Decimal::ZERO);
            Model::Increments { tiers: tiers.into(), connect_fee }
        }
        "calendar" => {
            let unit = origin.meter.map_or("", |meter| meter.unit.as_str());
            Model::Calendar(Arc::new(calendar(fields, unit, lists, faults)?))
        }
        "prefix" => {
            let node = fields.get("prefixes")?;
            let prefixes = lists.prefixes.get(node, (), || prefixes(node, lists, faults).map(Arc::new))?;
            Model::Prefix { by: only(by, fields, faults)?, prefixes }
        }
        "formula" => Model::Formula { sql: fields.get("formula")?.located()? },
        "sql" => Model::Sql { sql: fields.get("sql")?.located()? },
        "recurring" => Model::Recurring { amount: fields.decimal("amount")?, schedule: schedule(fields, faults)? },
        "one_time" => Model::OneTime { amount: fields.decimal("amount")? },
        _ => return None,
    })
}

/// The one column that prefixes are of.
fn only(mut by: Vec<String>, fields: &Fields<'_>, faults: &mut Faults) -> Option<String> {
    if by.len() != 1 {
        let fault = Fault::new(&codes::B005, "`prefix` takes one dimension or attribute `by` which it looks up");
        faults.push(fault.at(&fields.get("by")?.place));
        return None;
    }
    by.pop()
}

fn record_terms(fields: &Fields<'_>, faults: &mut Faults) -> RecordTerms {
    let terms = RecordTerms {
        fee: fields.decimal("record_fee").unwrap_or(Decimal::ZERO),
        free_records: fields.get("free_records").and_then(Node::text).and_then(|text| text.parse().ok()),
        free_amount: not_negative(fields, "free_amount", faults),
        free_amount_outlasts: fields.text("free_amount_outlasts", "false") == "true",
        minimum: fields.decimal("record_minimum"),
        maximum: fields.decimal("record_maximum"),
    };
    if let (Some(minimum), Some(maximum), Some(node)) = (terms.minimum, terms.maximum, fields.get("record_maximum"))
        && minimum > maximum
    {
        let message = format!("`record_maximum` {maximum} is below `record_minimum` {minimum}");
        faults.push(Fault::new(&codes::B001, message).at(&node.place));
    }
    terms
}
