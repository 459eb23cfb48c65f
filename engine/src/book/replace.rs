//! Account overrides: replaced fields laid over a price that is checked already.
//!
//! The same rule as for the prices of plans: fields replace fields, another model drops the old model's numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::{MODELS, OVERRIDDEN};
use super::model::{Model, OverrideFields, Price, RecordTerms};
use super::price::{default_lines_by, is_metered, out_of_range};
use crate::fault::{Fault, Faults, Outcome, Place, codes};
use crate::money::{Decimal, Rounding};
use crate::yaml::{closest, did_you_mean};

/// The price that `fields` make of `base`.
///
/// # Errors
/// `B005` for fields the model does not take or misses, `B001` for numbers out of range.
pub fn resolve_override(base: &Price, fields: &OverrideFields, layer: String, place: &Place) -> Outcome<Price> {
    let old = base.model.name();
    let name = fields.model.as_deref().unwrap_or(old);
    let broken = |message: String| Faults::from(Fault::new(&codes::B005, message).at(place));
    if is_metered(name) != is_metered(old) {
        return Err(broken(format!("a `{old}` charge cannot become `{name}`: only one of them prices usage")));
    }
    let mut faults = Faults::default();
    for (key, _) in numbers(fields) {
        if !takes(name, key) {
            faults.push(Fault::new(&codes::B005, format!("`{name}` does not take `{key}`")).at(place));
        }
    }
    let kept = if name == old { Some(&base.model) } else { None };
    let model = model(name, kept, fields).map_err(|key| broken(format!("`{name}` needs `{key}`")));
    let Some(model) = faults.keep(model) else { return Err(faults) };
    if let Some((_, message)) = out_of_range(&model) {
        faults.push(Fault::new(&codes::B001, message).at(place));
    }
    // Lines by the cells of a matrix make no sense once the matrix is gone; lines the user asked for stay.
    let by_default = base.lines_by == default_lines_by(&base.model);
    let lines_by = if by_default { default_lines_by(&model) } else { base.lines_by.clone() };
    faults.or(Price { model, lines_by, layer, place: place.clone(), ..base.clone() })
}

/// The fields of a row of the price_overrides table, given by column name. Columns that are no field are the user's own
/// unless their name looks like a slip.
///
/// # Errors
/// `B005` for an unknown model, a misspelt column or a row that replaces nothing, `B001` for what is not a number.
pub fn override_fields(text: &BTreeMap<String, String>, place: &Place) -> Outcome<OverrideFields> {
    let mut faults = Faults::default();
    let mut fields = OverrideFields::default();
    for (column, value) in text.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let value = value.trim();
        if column == "model" {
            if !MODELS.iter().any(|variant| variant.name == value) {
                let fault = Fault::new(&codes::B005, format!("there is no charge model `{value}`")).at(place);
                let hint = did_you_mean(value, MODELS.iter().map(|variant| variant.name));
                faults.push(Fault { hint, ..fault });
            }
            fields.model = Some(value.to_owned());
        } else if let Some(slot) = slot(&mut fields, column) {
            let fault = |cause| Fault::new(&codes::B001, format!("`{value}` in `{column}`: {cause}")).at(place);
            *slot = faults.keep(Decimal::parse(value).map_err(|cause| fault(cause).into()));
        } else if let Some(meant) = closest(column, OVERRIDDEN.iter().map(|key| key.name)) {
            let fault = Fault::new(&codes::B005, format!("an override has no field `{column}`")).at(place);
            faults.push(fault.hint(format!("did you mean `{meant}`?")));
        }
    }
    if faults.0.is_empty() && fields == OverrideFields::default() {
        faults.push(nothing_replaced(place));
    }
    faults.or(fields)
}

/// An override without any field.
pub(super) fn nothing_replaced(place: &Place) -> Fault {
    let fields: Vec<&str> = OVERRIDDEN.iter().map(|key| key.name).collect();
    Fault::new(&codes::B005, "the override replaces nothing")
        .at(place)
        .hint(format!("name one of {}", fields.join(", ")))
}

/// The number that `key` stands for.
pub(super) fn slot<'a>(fields: &'a mut OverrideFields, key: &str) -> Option<&'a mut Option<Decimal>> {
    Some(match key {
        "unit_price" => &mut fields.unit_price,
        "amount" => &mut fields.amount,
        "percent" => &mut fields.percent,
        "minimum" => &mut fields.minimum,
        "maximum" => &mut fields.maximum,
        "size" => &mut fields.size,
        "price" => &mut fields.price,
        _ => return None,
    })
}

/// The numbers that are given, by key.
fn numbers(fields: &OverrideFields) -> Vec<(&'static str, Decimal)> {
    let mut fields = fields.clone();
    let given = OVERRIDDEN.iter().filter_map(|key| Some((key.name, (*slot(&mut fields, key.name)?)?)));
    given.collect()
}

fn takes(model: &str, key: &str) -> bool {
    let variant = MODELS.iter().find(|variant| variant.name == model);
    let listed = variant.is_some_and(|variant| variant.required.contains(&key) || variant.optional.contains(&key));
    listed || (model == "matrix" && key == "unit_price")
}

/// The model `name` of `fields`, what they leave out taken from `kept`; an error names the missing key.
fn model(name: &str, kept: Option<&Model>, fields: &OverrideFields) -> Result<Model, &'static str> {
    Ok(match (name, kept) {
        ("per_unit", Some(Model::PerUnit { unit_price, per })) => {
            Model::PerUnit { unit_price: fields.unit_price.unwrap_or(*unit_price), per: *per }
        }
        ("per_unit", _) => Model::PerUnit { unit_price: fields.unit_price.ok_or("unit_price")?, per: Decimal::ONE },
        ("package", Some(Model::Package { size, price, rounding })) => Model::Package {
            size: fields.size.unwrap_or(*size),
            price: fields.price.unwrap_or(*price),
            rounding: *rounding,
        },
        ("package", _) => Model::Package {
            size: fields.size.ok_or("size")?,
            price: fields.price.ok_or("price")?,
            rounding: Some(Rounding::Up),
        },
        ("percentage", Some(Model::Percentage { percent, minimum, maximum, records })) => Model::Percentage {
            percent: fields.percent.unwrap_or(*percent),
            minimum: fields.minimum.or(*minimum),
            maximum: fields.maximum.or(*maximum),
            records: *records,
        },
        ("percentage", _) => Model::Percentage {
            percent: fields.percent.ok_or("percent")?,
            minimum: fields.minimum,
            maximum: fields.maximum,
            records: RecordTerms::default(),
        },
        ("matrix", Some(Model::Matrix { by, cells, default })) => {
            Model::Matrix { by: by.clone(), cells: Arc::clone(cells), default: fields.unit_price.or(*default) }
        }
        ("recurring", Some(Model::Recurring { amount, prorate, advance })) => {
            Model::Recurring { amount: fields.amount.unwrap_or(*amount), prorate: *prorate, advance: *advance }
        }
        ("recurring", _) => Model::Recurring { amount: fields.amount.ok_or("amount")?, prorate: true, advance: true },
        ("one_time", Some(Model::OneTime { amount })) => Model::OneTime { amount: fields.amount.unwrap_or(*amount) },
        ("one_time", _) => Model::OneTime { amount: fields.amount.ok_or("amount")? },
        (_, Some(kept)) => kept.clone(),
        ("dynamic", None) => Model::Dynamic { multiplier: Decimal::ONE },
        ("matrix", None) => return Err("cells"),
        ("increments", None) => return Err("increment"),
        ("calendar", None) => return Err("windows"),
        ("prefix", None) => return Err("prefixes"),
        ("formula", None) => return Err("formula"),
        ("sql", None) => return Err("sql"),
        (_, None) => return Err("tiers"),
    })
}
