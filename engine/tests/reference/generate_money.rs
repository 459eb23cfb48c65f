//! Generates what is done with amounts: discounts, coupons, conversions, taxes, credits.

use chrono::{Days as Shift, Months, NaiveDate};

use super::dice::Dice;
use super::exact::Exact;
use super::features::{AMOUNTS, CAPS, Feature, on};
use super::generate_around::{maybe, put};
use super::price::period;
use super::words::{Case, Days, Field, Fields, Rate, Read, Row, row};

/// A condition of the forms that the rater reads.
pub(crate) fn condition(dice: &mut Dice<'_>, case: &Case) -> String {
    let part = |dice: &mut Dice<'_>| match dice.below(4) {
        0 => format!("account.segment = '{}'", dice.of(&["a", "b"])),
        1 => format!("has_product('{}')", dice.of(&case.products).id),
        2 => format!("NOT has_product('{}')", dice.of(&case.products).id),
        _ => {
            let adding = case.meters.iter().filter(|meter| ["sum", "count"].contains(&meter.aggregate));
            let adding: Vec<&str> = adding.map(|meter| meter.id.as_str()).collect();
            if adding.is_empty() {
                return "account.segment = 'a'".to_owned();
            }
            format!("usage('{}') >= {}", dice.of(&adding), dice.of(&["1", "100", "1000"]))
        }
    };
    let first = part(dice);
    if dice.holds(1, 3) { format!("{first} AND {}", part(dice)) } else { first }
}

pub(crate) fn discounts(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, after) = period(&case.settings);
    for discount in &mut case.discounts {
        put(discount, "exclusive", dice.of(&["false", "true"]));
    }
    for at in 0..dice.below(4) {
        let mut fields = Fields::new();
        put(&mut fields, "id", &format!("~e{at}"));
        maybe(dice, &mut fields, "level", &["line", "account", "invoice"]);
        let line = fields.word("level", "line") == "line";
        let kinds = if on(Feature::UnitDiscounts) && line { 5 } else { 3 };
        match dice.below(kinds) {
            0 | 1 => {
                put(&mut fields, "percent", dice.of(&["10", "50", "2.5", "33.333", "100"]));
                maybe(dice, &mut fields, "of", &["rest", "original"]);
            }
            2 if !AMOUNTS => put(&mut fields, "percent", "5"),
            2 => put(&mut fields, "amount", dice.of(&["1", "10", "100"])),
            3 => put(&mut fields, "free_units", dice.of(&["1", "10"])),
            _ => put(&mut fields, "fixed_price", dice.of(&["0.01", "0.5"])),
        }
        maybe(dice, &mut fields, "exclusive", &["false", "true"]);
        if CAPS && !fields.contains_key("amount") && dice.holds(1, 3) {
            put(&mut fields, "cap", dice.of(&["1", "20"]));
        }
        maybe(dice, &mut fields, "periods", &["1", "3", "100"]);
        if dice.holds(1, 4) {
            let day = dice.of(&[first, after, first - Months::new(2)]);
            put(&mut fields, dice.of(&["valid_from", "valid_to"]), &day.to_string());
        }
        let mut named: Vec<String> = dice.some(&case.charges).into_iter().map(|charge| charge.id).collect();
        named.extend(dice.some(&case.plans).into_iter().map(|plan| format!("plan:{}", plan.id)));
        named.extend(dice.some(&case.products).into_iter().map(|product| product.id));
        if !named.is_empty() {
            fields.insert("on".to_owned(), Field::Many(named));
        } else {
            // Cases share one book: what is on everything must still be for this one alone.
            fields.insert("on".to_owned(), Field::Many(case.products.iter().map(|known| known.id.clone()).collect()));
        }
        case.discounts.push(fields);
    }
}

/// A first day, and none or a later day after it.
fn validity(dice: &mut Dice<'_>, firsts: [NaiveDate; 3]) -> (NaiveDate, String) {
    let from = dice.of(&firsts);
    let to = from + Shift::new(dice.of(&[1, 20, 40, 62]));
    (from, if dice.holds(1, 2) { to.to_string() } else { String::new() })
}

pub(crate) fn coupons(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, after) = period(&case.settings);
    let mut rows = Vec::new();
    for at in 0..case.discounts.len() {
        if !dice.holds(1, 3) {
            continue;
        }
        put(&mut case.discounts[at], "coupon", "true");
        for number in 0..dice.below(3) {
            let account = dice.holds(1, 2);
            let (from, to) = validity(dice, [first, after, first - Months::new(2)]);
            let holder = |wanted: bool, id: String| if wanted { id } else { String::new() };
            rows.push(row([
                ("coupon_id", format!("~u{at}{number}")),
                ("discount", case.discounts[at].one("id").unwrap().to_owned()),
                ("account_id", holder(account, dice.of(&case.accounts).id)),
                ("subscription_id", holder(!account, dice.of(&case.subscriptions).id)),
                ("redeemed_from", from.to_string()),
                ("valid_to", to),
            ]));
        }
    }
    case.tables.insert("coupons", rows);
}

pub(crate) fn conditions(dice: &mut Dice<'_>, case: &mut Case) {
    for at in 0..case.discounts.len() {
        if dice.holds(1, 2) {
            let when = condition(dice, case);
            put(&mut case.discounts[at], "when", &when);
        }
    }
}

pub(crate) fn due(dice: &mut Dice<'_>, case: &mut Case) {
    for at in 0..case.charges.len() {
        if case.charges[at].meter.is_none() && dice.holds(1, 3) {
            let when = condition(dice, case);
            put(&mut case.charges[at].price, "when", &when);
        }
    }
}

/// The same for all cases: they share one table.
pub(crate) fn fx_rates(_: &mut Dice<'_>, case: &mut Case) {
    let (first, after) = period(&case.settings);
    let Some((_, terms)) = &case.settings.fx else { return };
    let inverse = terms.one("inverse") == Some("true");
    let mut rows = Vec::new();
    for (to, rates) in [("JPY", ["151.25", "149.9"]), ("KWD", ["0.306", "0.3071"]), ("EUR", ["0.92", "0.91"])] {
        for (day, rate) in [(first - Shift::new(3), rates[0]), (after - Shift::new(3), rates[1])] {
            // One over a rate, where the book takes those.
            let (from, to) = if inverse && to == "KWD" { (to, "USD") } else { ("USD", to) };
            rows.push(row([
                ("from", from.to_owned()),
                ("to", to.to_owned()),
                ("date", day.to_string()),
                ("rate", rate.to_owned()),
            ]));
        }
    }
    case.tables.insert("fx_rates", rows);
    for account in &mut case.accounts {
        if account.currency == "CLF" {
            account.currency = "USD".to_owned();
        }
    }
}

pub(crate) fn tax_terms(dice: &mut Dice<'_>, case: &mut Case) {
    for place in ["~J1", "~J2"] {
        let mut more = |tax: &str, category: &str, percent: &str, compound: bool| {
            let text = str::to_owned;
            let (jurisdiction, tax, category, percent) = (text(place), text(tax), text(category), text(percent));
            let rate = Rate { jurisdiction, tax, category, percent, days: Days::ALWAYS, compound, more: Row::new() };
            case.rates.push(rate);
        };
        if dice.holds(1, 2) {
            more("duty", "", dice.of(&["2", "0.5", "33.333"]), dice.holds(1, 2));
        }
        if dice.holds(1, 3) {
            more("excise", dice.of(&["", "goods"]), dice.of(&["1", "20"]), dice.holds(2, 3));
        }
        if dice.holds(1, 3) {
            more("gst", "goods", dice.of(&["2.5", "0"]), dice.holds(1, 4));
        }
    }
    for rate in &mut case.rates {
        let mut put = |key: &str, text: &str| drop(rate.more.insert(key.to_owned(), text.to_owned()));
        let zero = Exact::read(&rate.percent).is_zero();
        put("category_code", dice.of(if zero { &["", "Z", "AE", "E"] } else { &["", "S", "", "S"] }));
        match dice.below(4) {
            1 => put("inclusive", "true"),
            2 => put("cap", dice.of(&["1", "0.5", "100"])),
            3 => put(dice.of(&["threshold_from", "threshold_to"]), dice.of(&["1", "10", "100"])),
            _ => {}
        }
    }
    for subscription in &mut case.subscriptions {
        let place = dice.of(&["", "", "~J1", "~J2"]).to_owned();
        subscription.more.insert("tax_jurisdiction".to_owned(), place);
    }
}

pub(crate) fn exemptions(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, after) = period(&case.settings);
    let mut rows: Vec<Row> = Vec::new();
    for account in &case.accounts {
        if dice.holds(1, 3) {
            let (from, to) = validity(dice, [first - Months::new(3), first, after]);
            rows.push(row([
                ("account_id", account.id.clone()),
                ("tax", dice.of(&["", "gst", "pst", "levy"]).to_owned()),
                ("valid_from", from.to_string()),
                ("valid_to", to),
                ("certificate", "c-1".to_owned()),
                ("category_code", dice.of(&["E", "AE", ""]).to_owned()),
            ]));
        }
    }
    case.tables.insert("tax_exemptions", rows);
}

pub(crate) fn credits(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, after) = period(&case.settings);
    let mut rows = Vec::new();
    for at in 0..dice.below(4) {
        let account = dice.of(&case.accounts);
        let products = if dice.holds(1, 4) { dice.of(&case.products).id } else { String::new() };
        let left = dice.of(&["5", "50", "1000", "0"]);
        let (from, to) = validity(dice, [first - Months::new(1), first, after]);
        rows.push(row([
            ("credit_id", format!("~g{at}")),
            ("account_id", account.id),
            ("currency", account.currency),
            ("granted", "1000".to_owned()),
            ("left", left.to_owned()),
            ("priority", dice.of(&["1", "2"]).to_owned()),
            ("granted_on", from.to_string()),
            ("expires_on", to),
            ("products", products),
        ]));
    }
    case.tables.insert("credits", rows);
}
