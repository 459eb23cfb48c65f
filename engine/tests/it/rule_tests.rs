//! `ratemill test` as a pricing manager meets it: tests that pass, a difference that is seen at once, faults with their
//! places, reports for build servers, and what no test has touched.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Ran, folder, ratemill, workspace, write};
use crate::sample;

const BOOK: &str = r"book: phones
currency: USD
meters:
  minutes: { record_type: call, quantity: seconds / 60, aggregate: sum, dimensions: [region], unit: minute }
  messages: { record_type: sms, aggregate: count }
products:
  voice:
    name: Voice
    charges:
      minutes:
        meter: minutes
        model: graduated
        tiers:
          - { up_to: 100, unit_price: 0.10 }
          - { up_to: 1000, unit_price: 0.08 }
          - { unit_price: 0.05 }
      messages: { meter: messages, model: per_unit, unit_price: 0.02 }
      line: { model: recurring, amount: 9.00 }
  roaming:
    name: Roaming
    charges:
      minutes:
        meter: minutes
        model: matrix
        by: [region]
        cells:
          - { region: emea, unit_price: 0.30 }
          - { region: apac, unit_price: 0.40 }
        default_unit_price: 0.90
plans:
  family:
    includes: [voice]
    prices:
      voice/line: { amount: 7.00 }
    allowances:
      - { meter: minutes, quantity: 50 }
discounts:
  - { id: loyal, percent: 10, on: [voice/line] }
";

const TESTS: &str = r"book: ../book.yaml
period: 2026-10
tests:
  - name: the second hundred minutes cost less
    given:
      subscriptions: [ { product: voice } ]
      usage:
        - { record_type: call, seconds: 600, times: 11, region: emea }
    expect:
      lines:
        - { charge: voice/minutes, tier: 1, quantity: 100, amount_net: 10 }
        - { charge: voice/minutes, tier: 2, quantity: 10, amount_net: 0.80 }
        - { charge: voice/line, amount_list: 9.00, amount_discount: 0.9 }
  - name: messages are counted
    given:
      subscriptions: [ { subscription_id: S7, account_id: B1, plan: family } ]
      usage:
        - { record_type: sms, identifier: S7, times: 3 }
        - { record_type: sms, identifier: nobody }
    expect:
      lines_include: [ { account_id: B1, charge: voice/messages, quantity: 3.000, amount_net: 6e-2 } ]
      suspense: [ { reason: unknown_identifier, identifier: nobody } ]
";

/// A folder with a book and tests of it.
fn tests(text: &str) -> TempDir {
    let here = folder();
    write(&here.path().join("book.yaml"), BOOK);
    write(&here.path().join("tests/phones.test.yaml"), text);
    here
}

fn run(here: &Path, words: &[&str]) -> Ran {
    ratemill(&["test"]).words(words).cwd(here).run()
}

#[track_caller]
fn with(old: &str, new: &str) -> TempDir {
    assert!(TESTS.contains(old), "the tests have no {old:?}");
    tests(&TESTS.replacen(old, new, 1))
}

#[test]
fn tests_that_hold_pass() {
    let here = tests(TESTS);
    for words in [&["tests"][..], &["tests/phones.test.yaml"], &["--book", "book.yaml"], &["."], &["tests", "."]] {
        let ran = run(here.path(), words).ok();
        assert!(ran.stdout.ends_with("\n2 tests: 2 passed\n"), "{ran}");
        assert!(ran.stdout.contains("  ok    the second hundred minutes cost less\n"), "{ran}");
    }
}

#[test]
fn a_difference_is_seen_at_once() {
    let here = tests(
        &TESTS
            .replace("tier: 2, quantity: 10, amount_net: 0.80", "tier: 2, quantity: 10, amount_net: 1.00")
            .replace("{ charge: voice/line, amount_list: 9.00, amount_discount: 0.9 }", "{ charge: voice/setup }"),
    );
    let ran = run(here.path(), &["tests"]).exits(1);
    insta::assert_snapshot!("rule_test_that_fails", ran.stdout);
}

#[test]
fn a_test_that_says_nothing_of_suspense_expects_none() {
    let here = with("      suspense: [ { reason: unknown_identifier, identifier: nobody } ]\n", "");
    let ran = run(here.path(), &["tests"]).exits(1);
    insta::assert_snapshot!("rule_test_with_a_slip", ran.stdout);
}

#[test]
fn every_line_must_be_expected_unless_some_are_only_included() {
    let line = "        - { charge: voice/line, amount_list: 9.00, amount_discount: 0.9 }\n";
    run(with(line, "").path(), &["tests"]).exits(1);
    run(tests(&TESTS.replace(line, "").replace("      lines:\n", "      lines_include:\n")).path(), &["tests"]).ok();
    run(with("lines_include: [", "lines: [").path(), &["tests"]).exits(1);
}

#[test]
fn numbers_are_compared_exactly_and_texts_as_they_are() {
    run(with("amount_net: 0.80", "amount_net: 0.8").path(), &["tests"]).ok();
    run(with("amount_net: 0.80", "amount_net: 0.8000000000001").path(), &["tests"]).exits(1);
    run(with("tier: 2", "tier: 02").path(), &["tests"]).exits(1);
    let times = "tier: 2, service_start: 2026-10-01, period_end: 2026-11-01T00:00:00Z";
    run(with("tier: 2", times).path(), &["tests"]).ok();
    run(with("tier: 2", "tier: 2, service_start: 2026-10-02").path(), &["tests"]).exits(1);
}

#[test]
fn all_faults_of_a_test_file_are_told_at_once() {
    let here = tests(
        &TESTS
            .replace("    expect:\n      lines:", "    expects:\n      lines:")
            .replace("account_id: B1, charge: voice/messages", "acount_id: B1, charge: voice/messages")
            .replace("amount_net: 6e-2", "amount_net: cheap")
            .replace("period: 2026-10", "period: October"),
    );
    let ran = run(here.path(), &["tests"]).exits(2);
    insta::assert_snapshot!("rule_test_file_with_faults", ran.stderr);
    assert!(ran.stdout.is_empty(), "{ran}");
}

#[test]
fn what_the_engine_refuses_is_told_at_its_place_in_the_test_file() {
    let here = with("plan: family", "plan: familly");
    let ran = run(here.path(), &["tests"]).exits(2).says("tests/phones.test.yaml:16").says("did you mean `family`?");
    assert!(ran.stdout.contains("  ok    the second hundred minutes cost less\n"), "the others are run: {ran}");
    assert!(ran.stdout.contains("  FAULT messages are counted  (tests/phones.test.yaml:14)\n"), "{ran}");
    let told = run(here.path(), &["tests", "--format", "json"]).exits(2).json();
    assert_eq!((&told["passed"], &told["refused"]), (&json!(1), &json!(1)));
    assert_eq!(told["tests"][1]["faults"][0]["line"], json!(16));
}

#[test]
fn faults_of_the_book_are_told_as_always() {
    let here = tests(TESTS);
    write(&here.path().join("book.yaml"), BOOK.replace("meter: messages", "meter: mesages").replace("0.08", "cheap"));
    let ran = run(here.path(), &["tests"]).exits(2).says("B003").says("B001").says("book.yaml:15");
    assert!(ran.stdout.is_empty(), "{ran}");
    // The SQL of meters is checked with the columns that the tests have.
    write(&here.path().join("book.yaml"), BOOK.replace("seconds / 60", "sqrt(seconds)"));
    run(here.path(), &["tests"]).exits(2).says("E003").says("book.yaml:4");
    // The book without its tests is a book all the same: tests lie in its folder and are none of its files.
    write(&here.path().join("book.yaml"), BOOK);
    run(here.path(), &["--book", "."]).ok();
}

#[test]
fn a_filter_chooses_tests_by_name_and_file() {
    let here = tests(TESTS);
    let ran = run(here.path(), &["tests", "--filter", "MESSAGES"]).ok();
    assert!(ran.stdout.ends_with("\n1 test: 1 passed\n"), "{ran}");
    assert!(run(here.path(), &["tests", "--filter", "phones"]).ok().stdout.contains("2 tests"));
    run(here.path(), &["tests", "--filter", "faxes"]).exits(2).says("T001");
    run(&here.path().join("tests"), &["nowhere"]).exits(2).says("T001");
    run(here.path(), &[]).exits(2);
}

#[test]
fn another_book_can_be_put_to_the_same_tests() {
    let here = tests(TESTS);
    write(&here.path().join("dearer.yaml"), BOOK.replace("unit_price: 0.08", "unit_price: 0.09"));
    let ran = run(here.path(), &["tests", "--book", "dearer.yaml"]).exits(1);
    assert!(ran.stdout.contains("1 passed, 1 failed"), "{ran}");
}

#[test]
fn build_servers_get_junit_xml() {
    let here = with("amount_net: 0.80", "amount_net: 0.90");
    let ran = run(here.path(), &["tests", "--format", "junit"]).exits(1);
    insta::assert_snapshot!("rule_tests_as_junit", ran.stdout);
    let python = "import sys, xml.etree.ElementTree as tree; root = tree.fromstring(sys.argv[1].encode()); \
                  print(len(root.findall('testsuite/testcase')), len(root.findall('testsuite/testcase/failure')))";
    let parsed = std::process::Command::new(crate::harness::tool("python")).args(["-c", python, &ran.stdout]).output();
    assert_eq!(String::from_utf8_lossy(&parsed.unwrap().stdout), "2 1\n", "{ran}");
    ratemill(&["validate", "pipeline.yaml", "--format", "junit"]).run().exits(2).says("junit");
}

#[test]
fn programs_get_one_json_object() {
    let here = with("amount_net: 0.80", "amount_net: 0.90");
    let told = run(here.path(), &["tests", "--format", "json"]).exits(1).json();
    assert_eq!((&told["outcome"], &told["passed"], &told["failed"]), (&json!("failed"), &json!(1), &json!(1)));
    let row = &told["tests"][0]["differences"][0]["rows"][0];
    assert_eq!(
        (&row["wrong"], &row["differing"], &row["line"]),
        (&json!("differs"), &json!(["amount_net"]), &json!(12))
    );
    assert!(told.get("coverage").is_none());
}

#[test]
fn coverage_shows_what_no_test_has_touched() {
    let here = tests(TESTS);
    let ran = run(here.path(), &["tests", "--coverage"]).ok();
    insta::assert_snapshot!("rule_test_coverage", ran.stdout);
    let told = run(here.path(), &["tests", "--coverage", "--format", "json"]).ok().json();
    let of = &told["coverage"][0];
    assert_eq!(of["totals"]["price"], json!({ "all": 5, "touched": 4 }), "{of:#}");
    assert_eq!(of["totals"]["tier"], json!({ "all": 3, "touched": 2 }), "{of:#}");
    assert_eq!(of["totals"]["discount"], json!({ "all": 1, "touched": 1 }), "{of:#}");
}

#[test]
fn the_books_that_are_shipped_keep_their_promises() {
    for (book, least) in [("video", 25), ("mobile", 20), ("tokens", 15), ("electricity", 15)] {
        let ran = ratemill(&["test", &format!("rules/{book}")]).cwd(&workspace()).run().ok();
        assert!(ran.stdout.matches("  ok    ").count() >= least, "{ran}");
    }
}

#[test]
fn untouched_prices_that_are_in_use_are_shown_with_their_lines() {
    let out = folder();
    sample::sample(out.path()).run().ok();
    let output = out.path().to_str().unwrap();
    let words = ["test", "rules/video", "--usage-output", output, "--period", sample::PERIOD, "--format", "json"];
    let told = ratemill(&words).cwd(&workspace()).run().ok().json();
    let untouched = told["coverage"][0]["untouched"].as_array().unwrap();
    let find = |layer: &str, charge: &str| {
        let same = |piece: &&Value| piece["layer"] == layer && piece["charge"] == charge && piece["part"] == "";
        untouched.iter().find(same).unwrap_or_else(|| panic!("{layer} {charge} is touched: {told:#}"))
    };
    assert!(find("override:A0057", "video/seats")["used"].as_u64().unwrap() > 0);
    assert!(untouched.iter().any(|piece| piece["used"] == 0), "nothing is out of use: {told:#}");
    let absent = ["test", "rules/video", "--usage-output", output, "--period", "2020-01"];
    ratemill(&absent).cwd(&workspace()).run().exits(2).says("T002");
}
