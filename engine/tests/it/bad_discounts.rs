//! Discounts, conditions and coupons that are mistaken: refused where they stand, before any usage is read.

use crate::harness::{Ran, ratemill};
use crate::tiny::Tiny;

/// The tiny job with these discounts.
fn with(discounts: &str) -> Tiny {
    Tiny::new().with("book.yaml", "currency: account\n", &format!("currency: account\ndiscounts:\n{discounts}"))
}

#[track_caller]
fn refused(discount: &str, code: &str, says: &str) -> Ran {
    with(&format!("  - {discount}\n")).refused(code, 2).says("book.yaml:4").says(says)
}

#[test]
fn a_discount_says_how_much_it_takes_off_exactly_once() {
    refused("{ id: a }", "B005", "does not say how much it takes off").says("free_units");
    refused("{ id: a, percent: 5, amount: 1 }", "B005", "no `amount` beside `percent`");
    refused("{ id: a, percent: 100.5 }", "B001", "a discount of 100.5 % takes more than there is");
    refused("{ id: a, percent: -1 }", "B001", "`percent` -1 is negative");
    refused("{ id: a, amount: -1 }", "B001", "`amount` -1 is negative");
    refused("{ id: a, free_units: -1 }", "B001", "`free_units` -1 is negative");
    refused("{ id: a, percent: 5, cap: -0.01 }", "B001", "`cap` -0.01 is negative");
    refused("{ id: a, percent: 5, periods: 0 }", "B001", "`periods` is a number from 1 on");
}

#[test]
fn keys_that_mean_nothing_together_are_refused() {
    refused("{ id: a, free_units: 5, level: account }", "B005", "`free_units` looks at single lines");
    refused("{ id: a, fixed_price: 5, level: invoice }", "B005", "`fixed_price` looks at single lines");
    refused("{ id: a, amount: 5, of: original }", "B005", "`of` does not go with `amount`");
    refused("{ id: a, percent: 5, valid_from: 2026-10-01, valid_to: 2026-10-01 }", "B014", "is not after `valid_from`");
    refused("{ id: a, percent: 5, level: order }", "Y006", "level");
    refused("{ id: a, percent: 5, stack: true }", "Y004", "stack");
}

#[test]
fn what_a_discount_names_must_be_there() {
    refused("{ id: a, percent: 5, on: [vioce] }", "B003", "there is no product `vioce`").says("did you mean `voice`?");
    refused("{ id: a, percent: 5, on: [voice/minute] }", "B003", "there is no charge `voice/minute`");
    refused("{ id: a, percent: 5, on: [\"plan:team\"] }", "B003", "there is no plan `team`");
    refused("{ id: a, percent_column: agreed }", "B003", "the accounts have no column `agreed`");
    refused("{ id: a, percent: 5, currency: XXY }", "R009", "there is no currency `XXY`");
    with("  - { id: a, percent: 5 }\n  - { id: a, amount: 5 }\n")
        .refused("B002", 2)
        .says("the discount `a` is declared twice");
}

#[test]
fn conditions_of_discounts_are_checked_before_usage_is_read() {
    let when = |sql: &str| format!("{{ id: a, percent: 5, when: \"{sql}\" }}");
    refused(&when("usage('minuts') > 5"), "B003", "there is no meter `minuts`").says("did you mean `minutes`?");
    refused(&when("has_product('video')"), "B003", "there is no product `video`");
    refused(&when("amount('voice/minuts') > 5"), "B003", "there is no charge `voice/minuts`");
    refused(&when("account.segmant = 'x'"), "E001", "there is no column `account.segmant`");
    refused(&when("usage('minutes')"), "E005", "true or false is needed here");
    refused(&when("usage(minutes) > 5"), "E005", "as a text in single quotes");
    refused(&when("now() > '2026-01-01'"), "E003", "now");
    // All at once, whatever else is wrong.
    let both = format!("  - {}\n  - {{ id: b, percent: 105 }}\n", when("usage('minuts') > 5"));
    with(&both).refused("B003", 2).says("B001");
}

#[test]
fn a_condition_that_cannot_be_computed_names_the_subscription() {
    let ran = with("  - { id: a, percent: 5, when: \"10 / (usage('minutes') - 2) > 1\" }\n").refused("E007", 2);
    ran.says("the condition of discount `a` cannot be computed for subscription `S1`").says("book.yaml:4");
}

/// The tiny job with a discount for coupons and these rows of them.
fn coupons(rows: &str) -> Tiny {
    let tiny = with("  - { id: gift, amount: 5, coupon: true }\n  - { id: open, percent: 5 }\n");
    tiny.write("coupons.csv", format!("coupon_id,discount,account_id,subscription_id,redeemed_from,valid_to\n{rows}"));
    tiny.with(
        "pipeline.yaml",
        "  identifiers: identifiers.csv\n",
        "  identifiers: identifiers.csv\n  coupons: coupons.csv\n",
    )
}

#[test]
fn coupons_are_of_discounts_that_take_them() {
    coupons("C1,gitf,A1,,,\n")
        .refused("R005", 2)
        .says("coupons.csv:2")
        .says("there is no discount `gitf`")
        .says("did you mean `gift`?");
    coupons("C1,open,A1,,,\n").refused("R005", 2).says("the discount `open` takes no coupons");
}

#[test]
fn every_broken_coupon_is_told_at_once() {
    let rows = "C1,gift,A9,,,\nC1,gift,A1,,,\nC2,gift,,S9,,\nC3,gift,,,,\nC4,gift,A1,S1,,\nC5,gift,A1,,2026-10-02,2026-10-01\n\
                C6,gift,A1,,soon,\n,gift,A1,,,\n";
    let ran = coupons(rows).validate().exits(2);
    for said in [
        "R004",
        "R005",
        "R003",
        "R008",
        "neither an account nor",
        "both an account and",
        "`soon`",
        "`coupon_id` is blank",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {ran}");
    }
    let tiny = coupons("");
    tiny.write("coupons.csv", "coupon_id,account_id\nC1,A1\n");
    tiny.refused("R002", 2).says("the column `discount` is missing");
}

#[test]
fn a_coupon_is_drawn_once_a_period() {
    let (_, run) = coupons("C1,gift,A1,,,\n").run();
    let amounts: Vec<&str> = run.table("line_discounts").iter().map(|row| row["amount"].as_str()).collect();
    // Two minutes are 0.20: the coupon takes all of it, and 5 % of nothing is nothing.
    assert_eq!(amounts, ["0.2"]);
    let (_, run) = coupons("").run();
    let rows: Vec<&str> = run.table("line_discounts").iter().map(|row| row["discount"].as_str()).collect();
    assert_eq!(rows, ["open"], "nobody has redeemed the coupon");
}

#[test]
fn rule_tests_are_given_coupons_and_expect_discounts() {
    let tiny = coupons("");
    tiny.write(
        "discounts.test.yaml",
        "book: book.yaml
period: 2026-10
tests:
  - name: a coupon comes off before the five per cent
    given:
      subscriptions: [ { account_id: A1, product: voice } ]
      coupons: [ { discount: gift, account_id: A1, redeemed_from: 2026-10-01 } ]
      usage: [ { record_type: call, seconds: 6000 } ]
    expect:
      lines: [ { charge: voice/minutes, amount_list: 10.00, amount_discount: 5.25, amount_net: 4.75 } ]
      discounts:
        - { charge: voice/minutes, discount: gift, coupon_id: C1, amount: 5 }
        - { charge: voice/minutes, discount: open, coupon_id: \"\", amount: 0.25 }
",
    );
    let ran = ratemill(&["test", "discounts.test.yaml", "--coverage"]).cwd(&tiny.path("")).run().ok();
    assert!(ran.stdout.contains("discounts         2 of 2"), "{ran}");
}
