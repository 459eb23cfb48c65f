//! Patches: what they make of a price, when they hold, and what is said of those that make no sense.

use std::collections::BTreeMap;

use super::*;
use crate::book::model::{AccountOverride, Layered, Validity};

/// `pairs` of a row of the price_overrides table, for the charge at `charge`.
fn row(charge: usize, pairs: &[(&str, &str)]) -> Outcome<AccountOverride> {
    let texts: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    override_of_row(("A1", charge), &texts, Validity::default(), &Place::row("price_overrides.csv", 2))
}

fn list(book: &PriceBook, charge: usize) -> &Layered {
    &book.charges[charge].listed[0].layered
}

#[tokio::test]
async fn overrides_replace_fields_or_the_whole_model() {
    let book = load_files("override", &[("b.yaml", RICH)]).await.unwrap();
    let lay = |charge: usize, pairs: &[(&str, &str)]| book.lay(list(&book, charge), &row(charge, pairs).unwrap().patch);
    let package = lay(0, &[("price", "7"), ("size", " "), ("note", "agreed")]).unwrap().price;
    assert!(matches!(package.model, Model::Package { size, price, .. } if (size, price) == (dec("100"), dec("7"))));
    assert_eq!((package.layer.as_str(), package.place.line, package.lines_by.len()), ("override:A1", 2, 1));
    let replaced = lay(2, &[("model", "per_unit"), ("unit_price", "0.031")]).unwrap().price;
    assert!(matches!(replaced.model, Model::PerUnit { unit_price, .. } if unit_price == dec("0.031")));
    assert_eq!(replaced.scope, Scope::Account);
    let matrix = lay(3, &[("unit_price", "3")]).unwrap().price;
    assert!(matches!(matrix.model, Model::Matrix { default: Some(price), .. } if price == dec("3")));
    let free = lay(2, &[("free_units", "10"), ("scope", "subtree"), ("zero_usage", "fee")]).unwrap().price;
    assert_eq!((free.free_units, free.scope), (dec("10"), Scope::Subtree));
    assert!(matches!(free.model, Model::Graduated { .. }));
    for (charge, pairs, message) in [
        (2, vec![("unit_price", "1")], "`graduated` does not take `unit_price`"),
        (0, vec![("model", "per_unit")], "`per_unit` needs `unit_price`"),
        (0, vec![("model", "volume")], "`volume` needs `tiers`"),
        (
            0,
            vec![("model", "recurring"), ("amount", "1")],
            "a `package` charge cannot become `recurring`: only one of them prices usage",
        ),
        (0, vec![("size", "0")], "the size 0 is not above zero"),
    ] {
        assert_eq!(lay(charge, &pairs).unwrap_err().0[0].message, message);
    }
}

#[test]
fn a_row_of_overrides_says_what_is_wrong_with_it() {
    for (pairs, shown) in [
        (vec![("unit_price", "1,5")], "price_overrides.csv:2: B001 `unit_price`: `1,5`: not a decimal number"),
        (vec![("unitprice", "1")], "price_overrides.csv:2: B005 an override has no field `unitprice`"),
        (
            vec![("scope", "acount")],
            "price_overrides.csv:2: Y006 `scope`: `acount` is not one of subscription, package, account, subtree, invoice",
        ),
        (vec![("note", "x")], "price_overrides.csv:2: B005 the override replaces nothing"),
    ] {
        assert_eq!(row(0, &pairs).unwrap_err().to_string(), shown);
    }
}

#[tokio::test]
async fn a_price_list_is_read_once_whatever_lies_over_it() {
    let text = format!(
        "{BASE}plans:\n  a: {{ includes: [recording], prices: {{ recording/storage: {{ scope: account }} }} }}\n  b: {{ includes: [recording], prices: {{ recording/storage: {{ model: volume, tiers: [ {{ unit_price: 1 }} ] }} }} }}\n"
    );
    let book = load_files("once-read", &[("b.yaml", &text)]).await.unwrap();
    let charge = book.charges.iter().position(|charge| charge.id == "recording/storage").unwrap();
    let base = list(&book, charge);
    let over = |plan: usize| book.lay(base, &book.plans[plan].prices[0]).unwrap();
    let tiers = |layered: &Layered| match &layered.price.model {
        Model::Graduated { tiers } | Model::Volume { tiers } => Arc::clone(tiers),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&tiers(base), &tiers(&over(0))));
    assert!(Arc::ptr_eq(&tiers(&over(1)), &tiers(&over(1))));
    assert_eq!(tiers(&over(1)).len(), 1);
}

#[tokio::test]
async fn what_is_laid_over_prices_is_checked_where_it_stands() {
    let layer = |rest: &str| format!("layers:\n  - {{ id: emea, {rest} }}\n");
    let contract = |prices: &str| format!("contracts:\n  acme: {{ prices: {{ video/minutes: {prices} }} }}\n");
    let cases: Vec<(String, &[&str])> = vec![
        (layer("prices: { video/minutes: { unit_price: 0.08 } }"), &[]),
        (layer("prices: { video/minute: { unit_price: 0.08 } }"), &["B003 16 video/minute"]),
        (layer("prices: { video/minutes: { size: 10 } }"), &["B005 16 size"]),
        (layer("prices: { video/minutes: { unit_prise: 1 } }"), &["Y004 16 unit_prise"]),
        ("layers: [ { id: a } ]\n".to_owned(), &["Y005 15 {"]),
        ("layers: [ { id: a, prices: {} }, { id: a, prices: {} } ]\n".to_owned(), &["B002 15 a"]),
        (layer("valid_from: 2026-10-15, valid_to: 2026-10-15, prices: {}"), &["B014 16 2026-10-15"]),
        (layer("valid_from: 15.10.2026, prices: {}"), &["Y006 16 15.10.2026"]),
        (
            layer("valid_to: 2026-10-15, prices: { video/minutes: { valid_from: 2026-11-01, unit_price: 1 } }"),
            &["B014 16 video/minutes"],
        ),
        // A later layer may lie over what an earlier one makes.
        (
            layer("prices: { video/minutes: { model: package, size: 10, price: 1 } } }\n  - { id: b, prices: { video/minutes: { size: 20 } }"),
            &[],
        ),
        (contract("[ { unit_price: 1, valid_to: 2026-11-01 }, { valid_from: 2026-11-01, unit_price: 2 } ]"), &[]),
        // What stays between two of them is the price below.
        (contract("[ { unit_price: 1, valid_to: 2026-10-15 }, { valid_from: 2026-11-01, unit_price: 2 } ]"), &[]),
        (contract("[ { unit_price: 1, valid_to: 2026-11-02 }, { valid_from: 2026-11-01, unit_price: 2 } ]"), &["B014 16 {"]),
        (contract("[ { unit_price: 1 }, { unit_price: 2 } ]"), &["B002 16 {"]),
        (
            "overrides: [ { account: A, charge: video/minutes, unit_price: 1, valid_to: 2026-10-15 }, { account: A, charge: video/minutes, unit_price: 2, valid_from: 2026-10-15 } ]\n".to_owned(),
            &[],
        ),
        (
            "overrides: [ { account: A, charge: video/minutes, unit_price: 1, valid_to: 2026-10-16 }, { account: A, charge: video/minutes, unit_price: 2, valid_from: 2026-10-15 } ]\n".to_owned(),
            &["B014 15 video/minutes"],
        ),
        (
            "overrides: [ { account: A, charge: recording/storage, tiers: [ { up_to: 5, unit_price: 1 } ] } ]\n".to_owned(),
            &["B004 15 5"],
        ),
    ];
    for (index, (text, expected)) in cases.iter().enumerate() {
        let found = faults_of(&format!("laid-{index}"), &[("b.yaml", &format!("{BASE}{text}"))]).await;
        assert_eq!(found, *expected, "{text}");
    }
}

#[tokio::test]
async fn versions_of_a_list_price_have_their_days() {
    let cases: &[(&str, &[&str])] = &[
        ("unit_price: 1, versions: [ { valid_from: 2026-10-15, unit_price: 2 } ]", &[]),
        ("unit_price: 1, versions: [ { valid_from: 2026-10-15, model: package, size: 10, price: 2 } ]", &[]),
        ("unit_price: 1, versions: [ { valid_from: 2026-10-15, size: 10 } ]", &["B005 5 size"]),
        (
            "unit_price: 1, versions: [ { valid_from: 2026-10-15, unit_price: 2 }, { valid_from: 2026-10-20, unit_price: 3 } ]",
            &["B014 5 {"],
        ),
        ("versions: [ { valid_to: 2026-10-15, unit_price: 1 }, { valid_from: 2026-10-15, unit_price: 2 } ]", &[]),
        (
            "versions: [ { valid_to: 2026-10-15, unit_price: 1 }, { valid_from: 2026-10-20, unit_price: 2 } ]",
            &["B014 5 {"],
        ),
        ("versions: [ { valid_from: 2026-10-15, unit_price: 1 } ]", &["B014 5 {"]),
        ("versions: [ { valid_to: 2026-10-15, unit_price: 1 } ]", &["B014 5 {"]),
        ("versions: []", &["B005 5 per_unit"]),
    ];
    for (index, (charge, expected)) in cases.iter().enumerate() {
        let text = format!(
            "book: b\nmeters:\n  m: {{ record_type: r, quantity: q }}\nproducts:\n  p: {{ charges: {{ c: {{ meter: m, model: per_unit, {charge} }} }} }}\n"
        );
        let found = faults_of(&format!("version-{index}"), &[("b.yaml", &text)]).await;
        assert_eq!(found, *expected, "{charge}");
    }
}
