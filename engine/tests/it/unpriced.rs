//! Usage and amounts that cannot be priced: what is said of them, once for each cause, and whose turn it is.

use crate::tiny::{HEADER, Tiny};

const PER_UNIT: &str = "model: per_unit, unit_price: 0.10 }";

fn usage(calls: &[(&str, &str)]) -> String {
    let row =
        |(at, (caller, seconds)): (usize, &(&str, &str))| format!("c{at},{caller},2026-10-05T10:00:00Z,{seconds}\n");
    format!("{HEADER}{}", calls.iter().enumerate().map(row).collect::<String>())
}

/// Two subscriptions, each used by its own caller, and a matrix over who called.
fn matrix(cells: &str) -> Tiny {
    Tiny::new()
        .with("pipeline.yaml", "started AS record_time,", "started AS record_time, id AS call,")
        .with("book.yaml", "aggregate: sum,", "aggregate: sum, dimensions: [call],")
        .with("book.yaml", PER_UNIT, &format!("model: matrix, by: [call], cells: [{cells}] }}"))
        .with("subscriptions.csv", "S1,A1,", "S2,A2,voice,2026-01-01,\nS1,A1,")
        .with("identifiers.csv", "+1,S1,", "+2,S2,2026-01-01,\n+1,S1,")
}

#[test]
fn usage_without_a_cell_is_set_aside_and_the_rest_is_billed() {
    let tiny = matrix("{ call: c2, unit_price: 1 }")
        .with("pipeline.yaml", "suspense_records: 1", "suspense_records: 0.9")
        .usage("calls.csv", usage(&[("+1", "60"), ("+1", "60"), ("+2", "60")]));
    let (summary, run) = tiny.run();
    assert_eq!(summary["records"]["suspended"], 2);
    assert_eq!(summary["records"]["rated"], 1);
    let suspended: Vec<_> =
        run.table("suspense").iter().map(|row| (row["record_id"].as_str(), row["reason"].as_str())).collect();
    assert_eq!(suspended, [("c0", "no_price"), ("c1", "no_price")]);
    assert_eq!(run.table("suspense")[0]["detail"], "charge voice/minutes has no price for it");
    let lines: Vec<_> = run.table("invoice_lines").iter().map(|row| row["subscription_id"].as_str()).collect();
    assert_eq!(lines, ["S2"]);
}

#[test]
fn an_amount_of_too_many_digits_is_the_price_s_fault() {
    let tiny = Tiny::new().with("book.yaml", "0.10", "90000000000000");
    tiny.refused("G003", 2)
        .says("book.yaml:9")
        .says("charge `voice/minutes`: 2 units of subscription `S1` (account `A1`, meter `minutes`)");
}

#[test]
fn a_quantity_of_too_many_digits_is_the_input_s_fault() {
    let calls = [("+1", "99999999999999999999"), ("+1", "99999999999999999999")];
    let tiny = Tiny::new().with("book.yaml", "seconds / 60", "seconds / 2").usage("calls.csv", usage(&calls));
    tiny.refused("G002", 3).says("subscription `S1` (account `A1`, meter `minutes`)");
    let tiny = Tiny::new().with("book.yaml", "seconds / 60", "seconds").usage("calls.csv", usage(&calls));
    tiny.refused("G002", 3).says("the usage of meter `minutes`").says("wrong quantity");
}

#[test]
fn accounts_of_overrides_are_looked_for_even_in_a_broken_book() {
    let overrides = "products:\n  other: { charges: { c: { model: per_unit, unit_price: 1 } } }\n";
    let tiny = Tiny::new().with("book.yaml", "products:\n", overrides);
    let book = std::fs::read_to_string(tiny.path("book.yaml")).unwrap();
    tiny.write("book.yaml", format!("{book}overrides: [ {{ account: A9, charge: voice/minutes, unit_price: 1 }} ]\n"));
    tiny.validate().exits(2).says("there is no account `A9`").says("`per_unit` needs a `meter`");
}

#[test]
fn validate_finds_discounts_that_are_no_percentage() {
    let tiny = Tiny::new();
    let book = std::fs::read_to_string(tiny.path("book.yaml")).unwrap();
    tiny.write("book.yaml", format!("{book}discounts: [ {{ id: agreed, percent_column: level }} ]\n"));
    tiny.validate().exits(2).says("B003").says("the accounts have no column `level` of their own");
    tiny.write("book.yaml", format!("{book}discounts: [ {{ id: agreed, percent_column: percent }} ]\n"));
    let tiny = tiny
        .with("accounts.csv", "currency\n", "currency,percent\n")
        .with("accounts.csv", "Ann,USD\n", "Ann,USD,101\n")
        .with("accounts.csv", "Annex,USD\n", "Annex,USD,\n");
    tiny.validate().exits(2).says("R003").says("account `A1`: percent is `101`");
}
