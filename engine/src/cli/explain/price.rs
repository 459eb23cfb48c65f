//! The price of a line for people: its origin, its model, and its numbers in the words of the book.

use serde_json::Value;

use super::text::{number, of};
use crate::run::explain::Explanation;
use crate::run::explain::terms::{CellTerms, Terms, TierTerms};

/// Windows and prefixes shown; the JSON has all that were used.
const SHOWN: usize = 12;

/// The price of a line.
pub(super) fn shown(one: &Explanation) -> Vec<String> {
    let (layer, place) = (of(&one.line, "price_layer"), of(&one.line, "price_ref"));
    let mut page = vec![String::new(), format!("Price: {}, from {layer}, {place}", of(&one.line, "model"))];
    let Some(terms) = &one.price else { return page };
    if of(&one.line, "model") != terms.model {
        page.push(format!("  what is not included costs ({}):", terms.model));
    }
    page.extend(before(terms).into_iter().chain(numbers(terms, one)).map(|text| format!("  {text}")));
    let tier = of(&one.line, "tier");
    for row in page.iter_mut().filter(|row| !tier.is_empty() && row.starts_with(&format!("  {tier}: "))) {
        row.replace_range(0..1, "*");
    }
    page
}

/// What happens to quantities before the model, and to whom it applies.
fn before(terms: &Terms) -> Vec<String> {
    let mut rows = Vec::new();
    match (&terms.divide, &terms.divide_step, &terms.divide_round) {
        (Some(divide), Some(step), Some(mode)) => {
            rows.push(format!("quantity / {}, rounded {mode} to whole steps of {}", number(divide), number(step)));
        }
        (Some(divide), ..) => rows.push(format!("quantity / {}", number(divide))),
        _ => {}
    }
    if let Some(free) = &terms.free_units {
        rows.push(format!("the first {} units are free", number(free)));
    }
    if terms.by_record || terms.each == "record" {
        rows.push("every record priced alone".to_owned());
    } else if terms.each != "period" {
        rows.push(format!("every {} priced alone", terms.each));
    }
    if let (Some(digits), Some(mode)) = (terms.round_amount_digits, &terms.round_amount_mode) {
        rows.push(format!("each amount rounded {mode} to {digits} digits"));
    }
    rows
}

fn numbers(terms: &Terms, one: &Explanation) -> Vec<String> {
    let mut rows = Vec::new();
    if let Some(price) = &terms.unit_price {
        rows.push(match &terms.per {
            Some(per) if per.0 != crate::money::Decimal::ONE => format!("{} for {}", number(price), number(per)),
            _ => format!("{} a unit", number(price)),
        });
    }
    rows.extend(tiers(terms));
    if let (Some(size), Some(price), Some(round)) = (&terms.size, &terms.price, &terms.round) {
        rows.push(format!("{} for a block of {} units, blocks counted {round}", number(price), number(size)));
    }
    if let Some(percent) = &terms.percent {
        rows.push(format!("{} %", percent.0));
    }
    for (name, value) in [
        ("at least", &terms.minimum),
        ("at most", &terms.maximum),
        ("fee of a record", &terms.record_fee),
        ("free amount", &terms.free_amount),
        ("a record at least", &terms.record_minimum),
        ("a record at most", &terms.record_maximum),
        ("connecting", &terms.connect_fee),
        ("other cells", &terms.default_unit_price),
    ] {
        rows.extend(value.as_ref().filter(|value| !value.0.is_zero()).map(|value| format!("{name} {}", number(value))));
    }
    rows.extend(terms.bounds.iter().map(|bounds| format!("of the whole charge, {}", bounds.replace('_', " "))));
    rows.extend(terms.free_records.map(|records| format!("the first {records} records are free")));
    let dimensions = one.line.get("dimensions");
    let value = |name: &String| dimensions.and_then(|all| all.get(name)).and_then(Value::as_str);
    let is_own =
        |cell: &&CellTerms| terms.by.iter().zip(&cell.values).all(|(name, own)| value(name) == Some(own.as_str()));
    rows.extend(terms.cells.iter().filter(is_own).map(|cell| {
        let values = terms.by.iter().zip(&cell.values).map(|(name, value)| format!("{name} {value}"));
        format!("{}: {} a unit", values.collect::<Vec<_>>().join(", "), number(&cell.unit_price))
    }));
    rows.extend(terms.windows.iter().take(SHOWN).map(|window| {
        let per =
            if window.per.0 == crate::money::Decimal::ONE { String::new() } else { format!(" for {}", window.per.0) };
        let short = |time: &String| time.strip_suffix(":00").unwrap_or(time).to_owned();
        let hours = window.from.as_ref().zip(window.to.as_ref());
        let hours = hours.map(|(from, to)| format!(", {} to {}", short(from), short(to)));
        let days = window.days.map(|days| {
            let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].into_iter().zip(days);
            let names: Vec<&str> = names.filter(|(_, holds)| *holds).map(|(name, _)| name).collect();
            format!(", {}", names.join(" "))
        });
        let only = match window.holidays {
            Some(true) => ", on holidays",
            Some(false) => ", not on holidays",
            None => "",
        };
        let when = format!("{}{}{only}", days.unwrap_or_default(), hours.unwrap_or_default());
        format!("{}: {}{per}{when}", window.name, number(&window.unit_price))
    }));
    rows.extend(terms.prefixes.iter().take(SHOWN).map(|row| {
        let prices: Vec<String> = row.tiers.iter().map(tier_price).collect();
        format!("{}: prefix {}, {}", row.destination, row.prefix, prices.join(", then "))
    }));
    if let Some(zone) = &terms.timezone {
        rows.push(format!("clock of {zone}"));
    }
    rows.extend(terms.sql.iter().flat_map(|sql| sql.lines().map(str::to_owned)));
    if let Some(amount) = &terms.amount {
        rows.push(format!("{} for each", number(amount)));
    }
    rows
}

fn tiers(terms: &Terms) -> Vec<String> {
    let mut rows = Vec::new();
    let mut from = String::new();
    for tier in &terms.tiers {
        let bound = tier.up_to.as_ref().map(number);
        let range = match (&bound, tier.below) {
            (Some(bound), false) => format!("{from}up to {bound}"),
            (Some(bound), true) => format!("{from}below {bound}"),
            (None, _) => format!("{from}no end"),
        };
        rows.push(format!("{}: {range}: {}", tier.tier, tier_price(tier)));
        from = bound
            .map(|bound| if tier.below { format!("from {bound}, ") } else { format!("over {bound}, ") })
            .unwrap_or_default();
    }
    rows
}

fn tier_price(tier: &TierTerms) -> String {
    let mut text = number(&tier.unit_price);
    if tier.per.0 == crate::money::Decimal::whole(100) {
        text.push_str(" for 100");
    } else if tier.per.0 == crate::money::Decimal::ONE {
        text.push_str(" a unit");
    } else {
        text.push_str(&format!(" for {}", number(&tier.per)));
    }
    if !tier.flat_fee.0.is_zero() {
        text.push_str(&format!(" and {} once", number(&tier.flat_fee)));
    }
    if let Some(increment) = &tier.increment {
        text.push_str(&format!(", in steps of {}", number(increment)));
    }
    text
}
