//! Generates prices: of usage by every model, of what has no usage, and patches over them.

use super::dice::Dice;
use super::features::{Feature, on};
use super::generate::{DEVICES, REGIONS};
use super::records::has_terms;
use super::words::{Charge, Field, Fields, Meter, Read};

const PRICES: [&str; 8] = ["1", "0.1", "0.005", "0.333333333333333333", "2.5", "0.00000001", "0", "12.345"];
const BOUNDS: [&str; 6] = ["1", "10", "50.5", "100", "250", "1000"];
const FEES: [&str; 5] = ["0", "5", "0.01", "2.505", "0.000000000000000001"];

fn one(text: &str) -> Field {
    Field::One(text.to_owned())
}

fn fields<const N: usize>(pairs: [(&str, Field); N]) -> Fields {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn put(all: &mut Fields, key: &str, text: &str) {
    all.insert(key.to_owned(), one(text));
}

pub(crate) fn recurring() -> Fields {
    fields([("model", one("recurring")), ("amount", one("10"))])
}

pub(crate) fn fixed(dice: &mut Dice<'_>) -> Fields {
    let amount = dice.of(&["49.00", "10.01", "0.005", "1000", "0"]);
    if dice.holds(1, 3) {
        return fields([("model", one("one_time")), ("amount", one(amount))]);
    }
    let prorate = dice.of(&["by_day", "none"]);
    fields([("model", one("recurring")), ("amount", one(amount)), ("prorate", one(prorate))])
}

/// A price of usage, with the options of its charge.
pub(crate) fn usage(dice: &mut Dice<'_>, meter: &Meter) -> Fields {
    let mut price = model(dice, meter);
    let model = price.one("model").unwrap().to_owned();
    let accumulates = ["graduated", "volume", "stairstep", "graduated_percentage", "package"].contains(&model.as_str());
    if accumulates {
        let mut scopes = vec!["subscription", "account"];
        if on(Feature::WideScopes) {
            scopes.extend(["package", "subtree", "invoice"]);
        }
        if model != "package" || on(Feature::WideScopes) {
            put(&mut price, "scope", dice.of(&scopes));
        }
    }
    if !["matrix", "prefix", "calendar"].contains(&model.as_str()) {
        let lines = dice.some(&meter.dimensions);
        if !lines.is_empty() {
            price.insert("lines_by".to_owned(), Field::Many(lines));
            if accumulates && on(Feature::Groups) {
                put(&mut price, "groups", dice.of(&["shared", "restart"]));
            }
        }
    }
    options(dice, meter, &mut price, &model);
    price
}

fn options(dice: &mut Dice<'_>, meter: &Meter, price: &mut Fields, model: &str) {
    let whole = ["per_unit", "graduated", "volume", "stairstep", "package"].contains(&model);
    let single = ["subscription"].contains(&price.word("scope", "subscription"));
    if whole && on(Feature::Convert) && dice.holds(1, 6) {
        let mut convert = fields([("divide", one(dice.of(&["1000", "3", "0.5"])))]);
        if dice.holds(2, 3) {
            put(&mut convert, "step", dice.of(&["1", "0.1"]));
            put(&mut convert, "round", dice.of(&["up", "down", "half_up", "half_even"]));
        }
        price.insert("convert".to_owned(), Field::Map(convert));
    }
    if whole && on(Feature::FreeUnits) && dice.holds(1, 6) {
        put(price, "free_units", dice.of(&["10", "0.5", "100"]));
    }
    if whole && on(Feature::RoundAmount) && dice.holds(1, 6) {
        let mode = dice.of(&["half_up", "up", "down", "half_even"]);
        let round = fields([("digits", one(dice.of(&["4", "2", "0"]))), ("mode", one(mode))]);
        price.insert("round_amount".to_owned(), Field::Map(round));
    }
    if whole && on(Feature::Each) && ["sum", "windowed"].contains(&meter.aggregate) && dice.holds(1, 4) {
        let mut each = vec!["record", "day"];
        if meter.aggregate == "windowed" {
            each = vec!["window"];
        }
        put(price, "each", dice.of(&each));
        price.remove("scope");
    }
    let grouped = price.one("groups") == Some("restart") || price.contains_key("lines_by");
    if whole && single && !grouped && on(Feature::ZeroUsage) && dice.holds(1, 4) {
        put(price, "zero_usage", dice.of(&["fee", "line"]));
    }
}

/// The fields of a model alone.
fn model(dice: &mut Dice<'_>, meter: &Meter) -> Fields {
    let mut models = vec!["per_unit", "graduated", "graduated", "volume", "package", "percentage"];
    if !meter.dimensions.is_empty() {
        models.push("matrix");
    }
    let more = [
        (Feature::Stairstep, "stairstep"),
        (Feature::GraduatedPercentage, "graduated_percentage"),
        (Feature::Dynamic, "dynamic"),
    ];
    models.extend(more.iter().filter(|(feature, _)| on(*feature)).map(|(_, name)| *name));
    if meter.aggregate == "sum" {
        let records =
            [(Feature::Increments, "increments"), (Feature::Prefix, "prefix"), (Feature::Calendar, "calendar")];
        models.extend(records.iter().filter(|(feature, _)| on(*feature)).map(|(_, name)| *name));
    }
    let model = dice.of(&models);
    let mut price = fields([("model", one(model))]);
    match model {
        "per_unit" => {
            put(&mut price, "unit_price", dice.of(&PRICES));
            per(dice, &mut price);
        }
        "graduated" | "volume" | "stairstep" | "graduated_percentage" => tiers(dice, &mut price, model),
        "package" => {
            put(&mut price, "size", dice.of(&["10", "100", "0.5", "60", "7"]));
            put(&mut price, "price", dice.of(&PRICES));
            put(&mut price, "round", dice.of(&["up", "down", "exact"]));
        }
        "percentage" => percentage(dice, &mut price, meter),
        "matrix" => matrix(dice, &mut price, meter),
        "dynamic" => put(&mut price, "multiplier", dice.of(&["1", "1.5", "0.333333333333333333"])),
        "increments" => {
            put(&mut price, "increment", dice.of(&["1", "6", "60"]));
            put(&mut price, "initial", dice.of(&["60", "30", "1"]));
            put(&mut price, "unit_price", dice.of(&PRICES));
            put(&mut price, "connect_fee", dice.of(&FEES));
            per(dice, &mut price);
        }
        "prefix" => prefixes(dice, &mut price),
        _ => calendar(dice, &mut price),
    }
    price
}

fn per(dice: &mut Dice<'_>, price: &mut Fields) {
    if on(Feature::Per) && dice.holds(1, 4) {
        put(price, "per", dice.of(&["1000", "60", "7"]));
    }
}

fn tiers(dice: &mut Dice<'_>, price: &mut Fields, model: &str) {
    let mut bounds = dice.some(&BOUNDS);
    bounds.truncate(3);
    let end = if on(Feature::TierOptions) && dice.holds(1, 4) { "below" } else { "up_to" };
    let beyond = on(Feature::TierOptions) && !bounds.is_empty() && dice.holds(1, 6);
    let mut rows = Vec::new();
    for at in 0..bounds.len() + usize::from(!beyond) {
        let mut row = Fields::new();
        if let Some(bound) = bounds.get(at) {
            put(&mut row, end, bound);
        }
        match model {
            "graduated_percentage" => put(&mut row, "percent", dice.of(&["1", "2.9", "0", "12.345"])),
            "stairstep" => put(&mut row, "flat_fee", dice.of(&FEES)),
            _ => {
                put(&mut row, "unit_price", dice.of(&PRICES));
                per(dice, &mut row);
                if on(Feature::TierOptions) && dice.holds(1, 6) {
                    put(&mut row, "increment", dice.of(&["1", "10", "0.5"]));
                }
            }
        }
        if model != "stairstep" && dice.holds(1, 3) {
            put(&mut row, "flat_fee", dice.of(&FEES));
        }
        rows.push(row);
    }
    price.insert("tiers".to_owned(), Field::Rows(rows));
    if beyond {
        put(price, "beyond", "free");
    }
}

fn percentage(dice: &mut Dice<'_>, price: &mut Fields, meter: &Meter) {
    put(price, "percent", dice.of(&["2.9", "10", "0", "33.333333333333333333"]));
    if dice.holds(1, 3) {
        put(price, "minimum", dice.of(&["0.5", "1"]));
    }
    if dice.holds(1, 3) {
        put(price, "maximum", dice.of(&["20", "1"]));
    }
    if on(Feature::RecordTerms) && meter.aggregate == "sum" && dice.holds(1, 2) {
        let terms: [(&str, &[&str]); 5] = [
            ("record_fee", &["0.3", "0.005"]),
            ("free_records", &["2", "5"]),
            ("free_amount", &["100", "250.5"]),
            ("record_minimum", &["0.5"]),
            ("record_maximum", &["1.5"]),
        ];
        for (term, choices) in dice.some(&terms) {
            put(price, term, dice.of(choices));
        }
        if price.contains_key("free_amount") && price.contains_key("free_records") && dice.holds(1, 2) {
            put(price, "free_amount_outlasts", "true");
        }
    }
}

fn matrix(dice: &mut Dice<'_>, price: &mut Fields, meter: &Meter) {
    let mut by = dice.some(&meter.dimensions);
    if by.is_empty() {
        by = meter.dimensions.clone();
    }
    let values = |name: &str| if name == "region" { REGIONS.to_vec() } else { DEVICES.to_vec() };
    let mut rows: Vec<Fields> = vec![Fields::new()];
    for name in &by {
        rows = rows
            .iter()
            .flat_map(|row| values(name).into_iter().map(move |value| (row.clone(), value)))
            .map(|(mut row, value)| {
                put(&mut row, name, value);
                row
            })
            .collect();
    }
    let mut cells = Vec::new();
    for mut row in rows {
        if cells.is_empty() || dice.holds(2, 3) {
            put(&mut row, "unit_price", dice.of(&PRICES));
            cells.push(row);
        }
    }
    if !on(Feature::NoCell) || dice.holds(2, 3) {
        put(price, "default_unit_price", dice.of(&PRICES));
    }
    price.insert("by".to_owned(), Field::Many(by));
    price.insert("cells".to_owned(), Field::Rows(cells));
}

fn prefixes(dice: &mut Dice<'_>, price: &mut Fields) {
    let mut rows = Vec::new();
    for prefix in ["1", "49", "4930", "4989", "121", "447"] {
        if rows.is_empty() || dice.holds(1, 2) {
            let mut row = fields([("prefix", one(prefix)), ("unit_price", one(dice.of(&PRICES)))]);
            if dice.holds(1, 2) {
                put(&mut row, "destination", &format!("to_{prefix}"));
            }
            if dice.holds(1, 2) {
                put(&mut row, "increment", dice.of(&["1", "60"]));
                put(&mut row, "initial", dice.of(&["30", "60"]));
            }
            if dice.holds(1, 3) {
                put(&mut row, "connect_fee", dice.of(&FEES));
            }
            per(dice, &mut row);
            rows.push(row);
        }
    }
    price.insert("by".to_owned(), Field::Many(vec!["dialed".to_owned()]));
    price.insert("prefixes".to_owned(), Field::Rows(rows));
}

fn calendar(dice: &mut Dice<'_>, price: &mut Fields) {
    let mut rows = Vec::new();
    for at in 0..dice.below(4) {
        let mut row = fields([("name", one(&format!("w{at}")))]);
        if dice.holds(2, 3) {
            let (from, to) = dice.of(&[("08:00", "20:00"), ("22:00", "06:00"), ("02:30", "03:30"), ("00:00", "12:15")]);
            put(&mut row, "from", from);
            put(&mut row, "to", to);
        }
        match dice.below(4) {
            1 => {
                drop(row.insert("days".to_owned(), Field::Many(["mon", "wed", "sun"].map(ToOwned::to_owned).to_vec())))
            }
            2 => drop(row.insert(
                "dates".to_owned(),
                Field::Many(["2026-10-25", "2026-03-08", "2026-11-01"].map(ToOwned::to_owned).to_vec()),
            )),
            3 => put(&mut row, "holidays", "true"),
            _ => {}
        }
        if row.len() > 1 {
            rows.push(row);
        }
    }
    rows.push(fields([("name", one("rest"))]));
    for row in &mut rows {
        put(row, "unit_price", dice.of(&PRICES));
        per(dice, row);
        if dice.holds(1, 3) {
            put(row, "increment", dice.of(&["1", "60", "0.5"]));
        }
    }
    if rows.iter().any(|row| row.contains_key("holidays")) {
        let days = ["2026-10-05", "2026-03-29", "2026-11-26"].map(ToOwned::to_owned).to_vec();
        price.insert("holidays".to_owned(), Field::Many(days));
    }
    price.insert("windows".to_owned(), Field::Rows(rows));
    put(price, "spans", dice.of(&["none", "second", "minute", "hour"]));
    if dice.holds(1, 3) {
        put(price, "timezone", dice.of(&["Europe/Berlin", "America/New_York"]));
    }
    if dice.holds(1, 3) {
        put(price, "connect_fee", dice.of(&FEES));
    }
}

/// Fields that replace some of a charge's: of the same model, or of another.
pub(crate) fn patch(dice: &mut Dice<'_>, charge: &Charge, meter: Option<&Meter>) -> Fields {
    let Some(meter) = meter else {
        return fields([("amount", one(dice.of(&["9", "0.01", "123.455"])))]);
    };
    if charge.steady {
        let own = charge.price.one("model").unwrap();
        return match own {
            "matrix" => fields([("default_unit_price", one(dice.of(&PRICES)))]),
            "graduated" | "volume" | "stairstep" | "graduated_percentage" => {
                let mut price = Fields::new();
                tiers(dice, &mut price, own);
                price
            }
            _ => single(dice, charge),
        };
    }
    let fresh = model(dice, meter);
    // A charge with options of its own takes no model whose lines stand by themselves.
    let by_itself = ["matrix", "prefix", "calendar"].contains(&fresh.word("model", "per_unit"));
    let plain = charge.price.len() <= 2 || charge.price.one("model") == fresh.one("model");
    let alone = charge.price.contains_key("each") && (fresh.one("model") == Some("increments") || has_terms(&fresh));
    if alone || (by_itself && !plain) { Fields::new() } else { fresh }
}

/// The single numbers that an override of an account can have.
/// It names its model where the price below it may have another than the list's.
pub(crate) fn single(dice: &mut Dice<'_>, charge: &Charge) -> Fields {
    let price = dice.of(&PRICES);
    let own = charge.price.one("model").unwrap();
    if !charge.steady {
        return fields([("model", one("per_unit")), ("unit_price", one(price))]);
    }
    match own {
        "per_unit" | "matrix" | "increments" => fields([("unit_price", one(price))]),
        "package" => dice.of(&[
            fields([("size", one("25"))]),
            fields([("price", one(price))]),
            fields([("size", one("0.1")), ("price", one("3"))]),
        ]),
        "percentage" if has_terms(&charge.price) => fields([("percent", one("7.7"))]),
        "percentage" => dice.of(&[
            fields([("percent", one("7.7"))]),
            fields([("minimum", one("0.75"))]),
            fields([("percent", one("1")), ("maximum", one("2"))]),
        ]),
        "recurring" | "one_time" => fields([("amount", one(price))]),
        _ => Fields::new(),
    }
}
