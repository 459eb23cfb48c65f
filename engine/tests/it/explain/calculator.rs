//! Rates a line from the JSON of its explanation, by the words of the price language alone: a little calculator of its own
//! for the models whose arithmetic is easy. It shares nothing with the engine.

use arrow::datatypes::i256;
use serde_json::Value;

/// A number in units of 10^-18.
pub(crate) type Units = i128;

const ONE: Units = 1_000_000_000_000_000_000;

/// What a line comes to, or nothing where the arithmetic is not easy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Worked {
    pub(crate) model: String,
    pub(crate) quantity: Units,
    pub(crate) rated: Units,
    pub(crate) list: Units,
    pub(crate) discount: Units,
    pub(crate) net: Units,
}

/// A decimal text.
pub(crate) fn units(value: &Value) -> Units {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no decimal text"));
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(fraction.len() <= 18, "{text}");
    sign * format!("{whole}{fraction:0<18}").parse::<Units>().unwrap()
}

/// A position in a list.
pub(crate) fn position(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// a x b / c, to the nearest, halves away from zero.
fn ratio(a: Units, b: Units, c: Units) -> Units {
    let (a, b, c) = (i256::from_i128(a), i256::from_i128(b), i256::from_i128(c));
    let doubled = (a * b) * i256::from_i128(2);
    let away = if doubled.is_negative() == c.is_negative() { c } else { i256::ZERO - c };
    ((doubled + away) / (c * i256::from_i128(2))).to_i128().unwrap()
}

fn rounded(number: Units, digits: u32, mode: &str) -> Units {
    let unit = 10_i128.pow(18 - digits);
    let (floor, rest) = (number.abs() / unit, number.abs() % unit);
    let up = match mode {
        "half_up" => rest * 2 >= unit,
        "half_even" => rest * 2 > unit || (rest * 2 == unit && floor % 2 == 1),
        "up" => rest > 0,
        "down" => false,
        other => panic!("{other} is no rounding"),
    };
    number.signum() * (floor + i128::from(up)) * unit
}

/// The line of this explanation, worked out.
pub(crate) fn worked(explanation: &Value) -> Option<Worked> {
    let (model, quantity, rated) = if explanation["made_of"].is_object() {
        made(&explanation["made_of"], &explanation["rounding"])
    } else if explanation["fixed"].is_object() {
        let fixed = &explanation["fixed"];
        let full = ratio(units(&fixed["amount"]), units(&fixed["quantity"]), ONE);
        let (part, of) = (fixed["part"].as_i64().unwrap(), fixed["of"].as_i64().unwrap());
        let model = explanation["price"]["model"].as_str().unwrap().to_owned();
        let sign = if fixed["credit"] == true { -1 } else { 1 };
        (model, units(&fixed["quantity"]), sign * ratio(full, part.into(), of.into()))
    } else if explanation["amounts"].is_object() {
        ("allowance".to_owned(), 0, -covered_amount(&explanation["amounts"]))
    } else if explanation["allowances"]["own"].is_array() {
        // What is taken back of included quantities is the engine's own business.
        let draws = explanation["allowances"]["draws"].as_array().unwrap();
        let portions = draws.iter().flat_map(|draw| draw["portions"].as_array().unwrap());
        if portions.into_iter().any(|portion| units(&portion["quantity"]) < 0) {
            return None;
        }
        ("allowance".to_owned(), covered(&explanation["allowances"]), 0)
    } else {
        usage(&explanation["rating"])?
    };
    let exchange = &explanation["exchange"];
    let rated = if exchange.is_object() { ratio(rated, units(&exchange["rate"]), ONE) } else { rated };
    let steps = &explanation["rounding"];
    let digits = u32::try_from(steps["digits"].as_u64().unwrap()).unwrap();
    let mode = steps["mode"].as_str().unwrap();
    let list = rounded(rated, digits, mode);
    let base = steps["discount_base"] == "rounded";
    let start = if base { list } else { rated };
    let mut left = start;
    for discount in explanation["discounts"].as_array().unwrap() {
        // Money that is shared out over lines is the engine's own business.
        if discount["kind"] != "percent" || discount["level"] != "line" || discount["shared"].is_object() {
            return None;
        }
        let of = if discount["of"] == "original" { start } else { left };
        let off = ratio(of, units(&discount["value"]), 100 * ONE);
        let off = if left < 0 { off.max(left) } else { off.min(left) };
        left -= if base { rounded(off, digits, mode) } else { off };
    }
    let net = rounded(left, digits, mode);
    let discount = list - net;
    let taxes = explanation["taxes"].as_array().unwrap();
    let net = net - taxes.iter().map(|tax| units(&tax["amount_included"])).sum::<Units>();
    Some(Worked { model, quantity, rated, list, discount, net })
}

/// Kind, quantity and amount of a line that is made of other lines.
fn made(made: &Value, rounding: &Value) -> (String, Units, Units) {
    let digits = u32::try_from(rounding["digits"].as_u64().unwrap()).unwrap();
    let cents = |number: Units| rounded(number, digits, rounding["mode"].as_str().unwrap());
    let of = Units::from(made["of"].as_i64().unwrap());
    let spans = made["spans"].as_array().unwrap().iter();
    // Whole days of an amount fit; the division is the one rounding.
    let days: Units = spans.map(|span| units(&span["amount"]) * Units::from(span["days"].as_i64().unwrap())).sum();
    let exact = ratio(days, 1, of);
    let bound = if made["rounded"] == true { cents(exact) } else { exact };
    assert_eq!(bound, units(&made["bound"]), "{made:#}");
    let (before, sum) = (units(&made["before"]), units(&made["sum"]));
    let what = made["what"].as_str().unwrap();
    let (quantity, rated) = match what {
        "shortfall" => {
            let missing = bound - before - sum;
            (missing, cents(ratio(missing, units(&made["price"]), ONE)))
        }
        "overage" => {
            let beyond = (before + sum - bound).max(0) - (before - bound).max(0);
            (units(&made["quantity"]), cents(ratio(beyond, units(&made["price"]), ONE)))
        }
        _ => (units(&made["quantity"]), bound - before - sum),
    };
    (what.to_owned(), quantity, rated)
}

/// What included amounts cover of the line: of what is left, and of what the charge comes to, the lines before it come
/// first.
fn covered_amount(using: &Value) -> Units {
    let all = |key: &str| using[key].as_array().unwrap().iter().map(units).collect::<Vec<_>>();
    let (mut left, amounts): (Units, Vec<Units>) = (all("left").iter().sum(), all("amounts"));
    left = left.min(amounts.iter().sum::<Units>().max(0));
    let own = position(&using["own"]);
    let before: Units = amounts[..own].iter().map(|amount| (*amount).max(0)).sum();
    amounts[own].max(0).min((left - before).max(0))
}

/// What the allowances cover of the line's usage: of all draws before it, and its own.
fn covered(using: &Value) -> Units {
    let own = using["own"].as_array().unwrap();
    let (draw, part) = (position(&own[0]), position(&own[1]));
    let mut left: std::collections::BTreeMap<usize, Units> = std::collections::BTreeMap::new();
    let key = |portion: &Value| format!("{} {} {}", portion["subscription"], portion["dimensions"], portion["stretch"]);
    let draws = using["draws"].as_array().unwrap();
    let wanted = &draws[draw]["portions"][position(&draws[draw]["covered"][part]["portion"])];
    let mut of_line = 0;
    for (number, draw_of) in draws.iter().enumerate().take(draw + 1) {
        for portion in draw_of["portions"].as_array().unwrap() {
            let mut quantity = units(&portion["quantity"]);
            for from in draw_of["from"].as_array().unwrap() {
                let granted = &using["allowances"][position(from)]["quantity"];
                let rest = left.entry(position(from)).or_insert_with(|| units(granted));
                let taken = quantity.min(*rest).max(0);
                *rest -= taken;
                quantity -= taken;
                if number == draw && key(portion) == key(wanted) {
                    of_line += taken;
                }
            }
        }
    }
    of_line
}

/// Model, quantity and amount of a line of usage.
fn usage(rating: &Value) -> Option<(String, Units, Units)> {
    let stretches = rating["stretches"].as_array()?;
    let terms = &stretches[0]["terms"];
    let odd = ["divide", "free_units", "round_amount_digits"].iter().any(|key| !terms[*key].is_null());
    let easy = terms["each"] == "period" && terms["by_record"] == false && terms["restarts"] == false;
    if stretches.len() > 1 || odd || !easy {
        return None;
    }
    let portions: Vec<Units> =
        rating["portions"].as_array()?.iter().map(|portion| units(&portion["quantity"])).collect();
    if portions.iter().any(|quantity| *quantity <= 0) {
        return None;
    }
    let part = &rating["parts"][position(&rating["own"])];
    let at = position(&part["portion"]);
    let (before, quantity): (Units, Units) = (portions[..at].iter().sum(), portions[at]);
    let total: Units = portions.iter().sum();
    let model = terms["model"].as_str()?.to_owned();
    let per = |price: &Value| (units(&price["unit_price"]), units(&price["per"]));
    let (quantity, rated) = match model.as_str() {
        "per_unit" => {
            let (price, per) = per(terms);
            (quantity, ratio(quantity, price, per))
        }
        "matrix" => (quantity, ratio(quantity, cell(terms, &rating["portions"][at]), ONE)),
        "percentage" => {
            let plain = ratio(quantity, units(&terms["percent"]), 100 * ONE);
            let least = if terms["minimum"].is_null() { plain } else { plain.max(units(&terms["minimum"])) };
            (quantity, if terms["maximum"].is_null() { least } else { least.min(units(&terms["maximum"])) })
        }
        "package" => {
            let (size, price) = (units(&terms["size"]), units(&terms["price"]));
            let due = |filled: Units| match terms["round"].as_str() {
                Some("up") => (filled + size - 1) / size * price,
                Some("down") => filled / size * price,
                _ => ratio(filled, price, size),
            };
            (quantity, due(before + quantity) - due(before))
        }
        "volume" => {
            let tiers = terms["tiers"].as_array()?;
            let tier = tiers.iter().find(|tier| holds(tier, total))?;
            plain(tier)?;
            let (price, per) = per(tier);
            let fee = if before == 0 { units(&tier["flat_fee"]) } else { 0 };
            (quantity, ratio(quantity, price, per) + fee)
        }
        "graduated" => graduated(terms, part["tier"].as_str()?, before, quantity)?,
        _ => return None,
    };
    Some((model, quantity, rated))
}

/// Increments are not easy.
fn plain(tier: &Value) -> Option<()> {
    tier["increment"].is_null().then_some(())
}

fn holds(tier: &Value, total: Units) -> bool {
    tier["up_to"].is_null()
        || if tier["below"] == true { total < units(&tier["up_to"]) } else { total <= units(&tier["up_to"]) }
}

/// What lies in one tier of the usage that takes the total from `before` on, and its price.
fn graduated(terms: &Value, name: &str, before: Units, quantity: Units) -> Option<(Units, Units)> {
    let mut begin = 0;
    let mut entered_before = before > 0;
    for tier in terms["tiers"].as_array()? {
        plain(tier)?;
        let end = if tier["up_to"].is_null() { Units::MAX } else { units(&tier["up_to"]) };
        if tier["tier"] == name {
            let inside = (before + quantity).clamp(begin, end) - before.clamp(begin, end);
            // The fee is due by whoever takes the total into the tier.
            let fee = if entered_before { 0 } else { units(&tier["flat_fee"]) };
            return Some((inside, ratio(inside, units(&tier["unit_price"]), units(&tier["per"])) + fee));
        }
        entered_before = !holds(tier, before);
        begin = end;
    }
    None
}

/// The price of the cell a portion falls into.
fn cell(terms: &Value, portion: &Value) -> Units {
    let by = terms["by"].as_array().unwrap();
    let value = |name: &Value| portion["dimensions"][name.as_str().unwrap()].as_str().unwrap_or_default();
    let fits = |cell: &&Value| {
        let values = cell["values"].as_array().unwrap().iter();
        by.iter().zip(values).all(|(name, cell)| cell.as_str() == Some(value(name)))
    };
    let found = terms["cells"].as_array().and_then(|cells| cells.iter().find(fits));
    units(found.map_or(&terms["default_unit_price"], |cell| &cell["unit_price"]))
}
