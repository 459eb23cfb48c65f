//! What is said to somebody who writes prices for the first time: each slip is told in words that lead on.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Ran, folder, ratemill, write};
use crate::tiny::Tiny;

const LAYER: &str = "layers: [ { id: school, when: WHEN, prices: { voice/minutes: PRICES } } ]\n";

fn layered(when: &str, prices: &str) -> Ran {
    let layer = LAYER.replace("WHEN", when).replace("PRICES", prices);
    Tiny::new().with("book.yaml", "meters:\n", &format!("{layer}meters:\n")).validate()
}

#[test]
fn a_text_in_double_quotes_is_told_to_stand_in_single_ones() {
    layered("'account.level = \"education\"'", "{ unit_price: 1 }").exits(2).says("single quotes: 'education'");
}

#[test]
fn a_decimal_comma_is_told_as_one() {
    layered("\"account.level = 'customer'\"", "{ unit_price: 0,004 }").exits(2).says("a decimal comma?");
    layered("\"account.level = 'customer'\"", "{ unit_price: \"0,004\" }").exits(2).says("a decimal comma?");
}

#[test]
fn a_line_that_is_out_of_its_column_is_told_to_be() {
    let ran = Tiny::new().with("book.yaml", "    name: Voice\n", "     name: Voice\n").validate();
    ran.exits(2).says("Y001").says("check the indentation");
}

#[test]
fn the_hint_on_days_names_ranges() {
    let windows =
        "model: calendar, windows: [ { name: a, days: weekdays, unit_price: 1 }, { name: b, unit_price: 1 } ]";
    let ran = Tiny::new().with("book.yaml", "model: per_unit, unit_price: 0.10", windows).validate();
    let ran = ran.exits(2).says("mon-fri");
    assert!(!ran.stderr.contains("committed"), "{ran}");
}

#[test]
fn a_column_that_no_source_returns_is_told_with_the_sources() {
    let more = "usage:\n  rooms:\n    path: rooms/*\n    format: csv\n    schema: { id: string, at: timestamp }\n    \
                mediate: SELECT id AS record_id, 'room' AS record_type, id AS identifier, at AS record_time FROM input\n";
    let seminars = "meters:\n  seminars: { record_type: seminar, quantity: attended_s / 60 }\n";
    let tiny = Tiny::new().with("pipeline.yaml", "usage:\n", more).with("book.yaml", "meters:\n", seminars);
    let ran = tiny.validate().exits(2).says("E001").says("no source of the pipeline returns the column `attended_s`");
    ran.says("calls, rooms");
}

const TESTS: &str = r#"book: book.yaml
period: 2026-10
given:
  subscriptions: [ { product: voice } ]
tests:
  - name: one minute
    given:
      usage:
        - { record_type: call, seconds: 60 }
        - { record_type: call, seconds: 60, record_time: 2026-11-02 }
    expect: { lines: [ { charge: voice/minutes, quantity: 1 } ] }
  - name: nothing
    expect: { lines: [] }
"#;

fn tests(text: &str) -> TempDir {
    let (tiny, here) = (Tiny::new(), folder());
    write(&here.path().join("book.yaml"), std::fs::read(tiny.path("book.yaml")).unwrap());
    write(&here.path().join("a.test.yaml"), text);
    here
}

fn run(here: &Path, words: &[&str]) -> Ran {
    ratemill(&["test", "."]).words(words).cwd(here).run()
}

#[test]
fn a_test_that_passes_tells_of_records_of_another_period() {
    let ran = run(tests(TESTS).path(), &[]).ok();
    assert!(ran.stdout.contains("  ok    one minute\n        note: 1 of 2 records is of another period\n"), "{ran}");
}

#[test]
fn records_set_aside_for_the_same_reason_are_one_row() {
    let here =
        tests(&TESTS.replace("{ record_type: call, seconds: 60 }", "{ record_type: fax, seconds: 60, times: 603 }"));
    let ran = run(here.path(), &[]).exits(1);
    assert!(ran.stdout.contains("603 x, the first of line 9"), "{ran}");
    assert!(ran.stdout.contains("no meter of the book has the record_type `fax`"), "{ran}");
    assert_eq!(ran.stdout.matches("no_meter").count(), 1, "{ran}");
}

#[test]
fn a_fault_in_what_all_tests_are_given_is_told_once() {
    let ran = run(tests(&TESTS.replace("product: voice", "product: vioce")).path(), &[]).exits(2);
    assert_eq!(ran.stdout.matches("B003").count(), 1, "{ran}");
    assert!(ran.stdout.contains("FAULT nothing  (a.test.yaml:12)\n        for the same reason\n"), "{ran}");
}

#[test]
fn a_test_can_give_the_levels_at_the_start() {
    let here = tests(&TESTS.replace(
        "  - name: nothing\n",
        "  - name: a level carried\n    given: { levels: [ { meter: seats, level: 7 } ] }\n    expect: { lines: [ \
         { charge: voice/seats, quantity: 7 } ] }\n  - name: nothing\n",
    ));
    let book = std::fs::read_to_string(here.path().join("book.yaml")).unwrap();
    let seats = "meters:\n  seats: { record_type: seat, quantity: seconds, aggregate: weighted_sum, carry: true }\n";
    let charge = "    charges:\n      seats: { meter: seats, model: per_unit, unit_price: 1 }\n";
    let book = book.replace("meters:\n", seats).replace("    charges:\n", charge);
    write(&here.path().join("book.yaml"), book);
    run(here.path(), &[]).ok();
}

#[test]
fn coverage_counts_the_parts_of_each_price_and_can_be_of_one_product() {
    let here = tests(TESTS);
    let book = std::fs::read_to_string(here.path().join("book.yaml")).unwrap();
    let versions = "versions: [\n          { valid_from: 2026-10-01, valid_to: 2030-01-01, free_units: 1 },\n          \
                    { valid_from: 2030-01-01, free_units: 2 } ]";
    write(&here.path().join("book.yaml"), book.replace("unit_price: 0.10", &format!("unit_price: 0.10, {versions}")));
    write(&here.path().join("a.test.yaml"), TESTS.replace("lines: [ { charge", "lines_include: [ { charge"));
    let of = |words: &[&str]| run(here.path(), words).ok();
    let told = of(&["--coverage", "--format", "json"]).json();
    assert_eq!(told["coverage"][0]["totals"]["tier"], json!({ "all": 2, "touched": 1 }), "{told:#}");
    assert!(of(&["--coverage"]).stdout.contains("(with 1 tier)"));
    let of_none = of(&["--coverage=faxes", "--format", "json"]).json();
    assert_eq!(of_none["coverage"][0]["untouched"], json!([]), "{of_none:#}");
    of(&["--coverage", "--format", "junit"]).says("junit holds no coverage");
}
