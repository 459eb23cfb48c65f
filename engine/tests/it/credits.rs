//! Prepaid credits: what is wrong with a table of them, how the next period goes on, and what is told of them.

use std::fs;

use serde_json::json;

use crate::committed::{self, Row};
use crate::harness::{folder, ratemill, write};
use crate::tiny::Tiny;

const HEADER: &str = "credit_id,account_id,currency,granted,left,priority,granted_on,expires_on,products\n";

/// The tiny job, which bills 0.20 USD, with these credits.
fn with_credits(rows: &str) -> Tiny {
    let tiny = Tiny::new().with("pipeline.yaml", "reference:\n", "reference:\n  credits: credits.csv\n");
    tiny.write("credits.csv", format!("{HEADER}{rows}"));
    tiny
}

#[test]
fn every_broken_credit_is_told_at_once_with_its_line() {
    let rows = "\
C1,A1,USD,10,,,,,
C1,A1,USD,10,,,,,
C2,A9,USD,10,,,,,
C3,A1,UDS,10,,,,,
C4,A1,USD,-1,,,,,
C5,A1,USD,1.001,,,,,
C6,A1,USD,1,2,,,,
C7,A1,USD,,,,,,
C8,A1,USD,1,,high,,,
C9,A1,USD,1,,,2026-10-01,2026-10-01,
C10,A1,USD,1,,,soon,,
C11,A1,USD,100000000000000,,,,,
";
    let ran = with_credits(rows).validate().exits(2);
    for (line, code, said) in [
        (3, "R004", "`credit_id` `C1` stands in line 2 already"),
        (4, "R005", "`account_id` `A9` does not exist in accounts"),
        (5, "R009", "`UDS` is not a currency"),
        (6, "R003", "below zero"),
        (7, "R003", "`granted` `1.001`: not an amount that can be paid in the currency"),
        (8, "R003", "`left` `2`: more than `granted`"),
        (9, "R003", "`granted` is blank"),
        (10, "R003", "`priority` `high`: not a whole number"),
        (11, "R008", "`expires_on` 2026-10-01 is not after `granted_on` 2026-10-01"),
        (12, "R003", "`granted_on` `soon`: not a date"),
        (13, "R003", "`granted` `100000000000000`: not an amount"),
    ] {
        assert!(ran.stderr.contains(&format!("credits.csv:{line}")), "line {line}: {ran}");
        assert!(ran.stderr.contains(code) && ran.stderr.contains(said), "{code} {said}: {ran}");
    }
    assert_eq!(ran.stderr.matches("credits.csv:").count(), 11, "{ran}");
}

#[test]
fn a_credit_that_can_never_pay_is_refused() {
    let ran = with_credits("C1,A1,USD,10,,,,,voice; voize\nC2,A1,EUR,10,,,,,\n").validate().exits(2);
    let ran = ran.says("B003").says("credit `C1` is for the unknown product `voize`").says("credits.csv:2");
    let ran = ran.says("did you mean `voice`?").says("B010").says("credits.csv:3");
    ran.says("credit `C2` is in EUR, account `A1` and those below it are billed in USD");
    with_credits("").with("credits.csv", "granted,", "amount,").refused("R002", 2).says("credits.csv");
}

fn only<'r>(rows: &'r [Row], columns: &[&str]) -> Vec<Vec<&'r str>> {
    rows.iter().map(|row| columns.iter().map(|column| row[*column].as_str()).collect()).collect()
}

#[test]
fn the_balances_of_a_period_are_the_credits_of_the_next() {
    let tiny = with_credits("C1,A1,USD,10,0.15,,,2026-12-01,\nC2,A1,USD,5,,3,2026-10-31,,voice\n");
    let (summary, run) = tiny.run();
    let columns = ["credit_id", "opening", "drawn", "expired", "left"];
    assert_eq!(
        only(run.table("credit_balances"), &columns),
        [["C1", "0.15", "0.15", "0", "0"], ["C2", "5", "0.05", "0", "4.95"]]
    );
    let usd = &summary["totals"][0];
    assert_eq!((&usd["gross"], &usd["credit"], &usd["payable"]), (&json!("0.2"), &json!("0.2"), &json!("0")));
    let balances = tiny.path("out").join(&run.files["credit_balances"][0]);
    fs::copy(balances, tiny.path("credits.parquet")).unwrap();
    let tiny = tiny.with("pipeline.yaml", "credits.csv", "credits.parquet");
    let tiny = tiny.with("usage/calls.csv", "2026-10-05", "2026-11-05");
    let words = ["run", "pipeline.yaml", "--period", "2026-11"];
    let ran = ratemill(&words).cwd(&tiny.path("")).run().ok();
    assert!(ran.stdout.contains("credit") && ran.stdout.contains("payable"), "{ran}");
    let november = committed::read(&tiny.path("out"), "2026-11");
    // Nothing is left of the first, and it ends in November; the second goes on with its priority, days and products.
    assert_eq!(
        only(november.table("credit_balances"), &columns),
        [["C1", "0", "0", "0", "0"], ["C2", "4.95", "0.2", "0", "4.75"]]
    );
    let kept = ["priority", "granted_on", "expires_on", "products", "granted"];
    assert_eq!(only(november.table("credit_balances"), &kept)[1], ["3", "2026-10-31", "", "voice", "5"]);
}

#[test]
fn an_explanation_tells_what_credits_pay_of_the_invoice() {
    let tiny = with_credits("C1,A1,USD,10,0.15,,,,\n");
    let (_, run) = tiny.run();
    let id = &run.table("invoice_lines")[0]["line_id"];
    let words = ["explain", "pipeline.yaml", id, "--period", "2026-10"];
    let ran = ratemill(&words).cwd(&tiny.path("")).run().ok();
    assert!(ran.stdout.contains("Prepaid credits on its invoice\n"), "{ran}");
    assert!(ran.stdout.contains("pays 0.15 USD") && ran.stdout.contains("explanation alone: equal"), "{ran}");
}

#[test]
fn a_rule_test_can_give_credits_and_expect_draws() {
    let here = folder();
    let tiny = Tiny::new();
    write(&here.path().join("book.yaml"), fs::read(tiny.path("book.yaml")).unwrap());
    write(
        &here.path().join("a.test.yaml"),
        "book: book.yaml
period: 2026-10
given:
  subscriptions: [ { product: voice } ]
  usage: [ { record_type: call, seconds: 600 } ]
tests:
  - name: a credit pays
    given: { credits: [ { granted: 0.75 }, { credit_id: later, granted: 1, priority: 1 } ] }
    expect:
      invoices: [ { amount_gross: 1, amount_credit: 1, amount_payable: 0 } ]
      credit_draws: [ { credit_id: C1, amount: 0.75 }, { credit_id: later, amount: 0.25 } ]
      credit_balances_include: [ { credit_id: later, opening: 1, drawn: 0.25, left: 0.75 } ]
",
    );
    ratemill(&["test", "."]).cwd(here.path()).run().ok();
}
