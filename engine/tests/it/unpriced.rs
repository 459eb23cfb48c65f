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
fn every_missing_cell_is_told_once_and_where_its_price_stands() {
    let rows = format!(
        "{}c9,+2,2026-10-06T10:00:00Z,60\nc0,+2,2026-10-06T11:00:00Z,60\n",
        usage(&[("+1", "60"), ("+1", "60"), ("+2", "60")])
    )
    .replace("c0,+2", "c1,+2");
    let tiny = matrix("{ call: c2, unit_price: 1 }")
        .with("pipeline.yaml", "key: [record_id]", "key: [record_id, identifier]")
        .usage("calls.csv", rows);
    let ran = tiny.refused("B009", 2).says("book.yaml:9");
    for (cell, times) in [("call `c0`", 1), ("call `c1`", 1), ("call `c2`", 0), ("call `c9`", 1)] {
        assert_eq!(ran.stderr.matches(cell).count(), times, "{cell}: {ran}");
    }
    ran.says("`c1`, used by subscription `S1` (account `A1`, meter `minutes`) and")
        .says("one other")
        .says("`c9`, used by subscription `S2` (account `A2`, meter `minutes`)");
}

#[test]
fn missing_cells_beyond_fifty_are_counted() {
    let tiny = matrix("{ call: none, unit_price: 1 }").usage("calls.csv", usage(&[("+1", "60"); 60]));
    tiny.refused("B009", 2).says("10 more faults like these are not shown");
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
