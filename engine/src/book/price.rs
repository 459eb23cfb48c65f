//! One price: the fields of a charge, with whatever was laid over them, as a checked [`Price`].

use super::cells::cells;
use super::fields::Fields;
use super::files::Files;
use super::keys::MODELS;
use super::model::{Model, Price, Scope};
use super::tiers::tiers;
use crate::fault::{Fault, Faults, Located, Place, codes};
use crate::money::{Decimal, Rounding};
use crate::yaml::{Node, did_you_mean};

/// Where a price comes from and what it may refer to.
pub(super) struct Origin<'a> {
    /// `list`, `plan:<id>`.
    pub(super) layer: String,
    /// The rule.
    pub(super) place: &'a Place,
    /// The dimensions of the charge's meter; `None` when it has none or an unknown one.
    pub(super) dimensions: Option<&'a [String]>,
    /// The files, for price tables.
    pub(super) files: &'a Files,
}

/// The price `fields` say; `None` when a fault was reported, here or by the check of the file's shape.
pub(super) fn price(fields: &Fields<'_>, origin: &Origin<'_>, faults: &mut Faults) -> Option<Price> {
    let chosen = fields.get("model")?;
    let variant = MODELS.iter().find(|variant| Some(variant.name) == chosen.text())?;
    fields.check_choice(variant, MODELS, &chosen.place, faults);
    check_meter(fields, variant.name, &chosen.place, faults);
    let by = texts(fields.get("by"), origin.dimensions, faults);
    let lines_by = fields.get("lines_by").map(|node| texts(Some(node), origin.dimensions, faults));
    if let Some(lines_by) = lines_by.as_ref().filter(|_| variant.name == "matrix") {
        for missing in by.iter().filter(|dimension| !lines_by.contains(dimension)) {
            let fault = Fault::new(&codes::B007, format!("`lines_by` of a matrix lacks its dimension `{missing}`"));
            faults.push(
                fault.at(&fields.get("lines_by")?.place).hint("a line has one price: name every dimension of `by`"),
            );
        }
    }
    let model = model(fields, variant.name, by, origin, faults)?;
    if let Some((key, message)) = out_of_range(&model) {
        let place = fields.get(key).map_or(&chosen.place, |node| &node.place);
        let code = if key == "cells" { &codes::B005 } else { &codes::B001 };
        faults.push(Fault::new(code, message).at(place));
    }
    Some(Price {
        scope: scope(fields.text("scope", "subscription")),
        lines_by: lines_by.unwrap_or_else(|| default_lines_by(&model)),
        model,
        layer: origin.layer.clone(),
        place: origin.place.clone(),
    })
}

/// The dimensions that get a line each when the price does not say.
pub(super) fn default_lines_by(model: &Model) -> Vec<String> {
    if let Model::Matrix { by, .. } = model { by.clone() } else { Vec::new() }
}

/// The scope of that name.
pub(super) fn scope(name: &str) -> Scope {
    if name == "account" { Scope::Account } else { Scope::Subscription }
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
    Some(match name {
        "per_unit" => Model::PerUnit { unit_price: fields.decimal("unit_price")? },
        "graduated" => Model::Graduated { tiers: tiers(fields.get("tiers")?, origin.files, faults)?.into() },
        "volume" => Model::Volume { tiers: tiers(fields.get("tiers")?, origin.files, faults)?.into() },
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
        },
        "matrix" => Model::Matrix {
            cells: cells(fields.get("cells")?, &by, origin.files, faults)?.into(),
            by,
            default: fields.decimal("default_unit_price"),
        },
        "recurring" => Model::Recurring {
            amount: fields.decimal("amount")?,
            prorate: fields.text("prorate", "by_day") == "by_day",
            advance: fields.text("bill", "advance") == "advance",
        },
        "one_time" => Model::OneTime { amount: fields.decimal("amount")? },
        _ => return None,
    })
}
