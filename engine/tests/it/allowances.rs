//! Allowances from month to month: what one run publishes is what the next one reads; and what is said of balances and
//! hierarchies that cannot be.

use crate::committed::{self, Row};
use crate::harness::plain;
use crate::tiny::{HEADER, Tiny};

/// 10 minutes a month for each subscription below a customer, which last for one more month.
const PLAN: &str = "plans:
  family:
    includes: [voice]
    allowances:
      - { meter: minutes, quantity: 10, shared_over: subtree, multiply_by: holders, rollover: { periods: 1, cap: 15 } }
";

fn family() -> Tiny {
    let tiny = Tiny::new().with("book.yaml", "products:", &format!("{PLAN}products:"));
    tiny.write(
        "subscriptions.csv",
        "subscription_id,account_id,plan,start,end\nS1,A1,family,2026-01-01,\nS2,A2,family,2026-01-01,\n",
    );
    tiny.write(
        "identifiers.csv",
        "identifier,subscription_id,valid_from,valid_to\n+1,S1,2026-01-01,\n+2,S2,2026-01-01,\n",
    );
    tiny
}

fn columns(rows: &[Row], names: &[&str]) -> Vec<String> {
    rows.iter().map(|row| names.iter().map(|name| plain(&row[*name])).collect::<Vec<_>>().join(" ")).collect()
}

const BALANCE: [&str; 6] = ["subscription_id", "granted_period", "granted", "used", "expired", "left"];

#[test]
fn what_a_month_publishes_opens_the_next_one() {
    let usage = "c1,+1,2026-10-05T10:00:00Z,120\nc2,+2,2026-10-06T10:00:00Z,60\nc3,+2,2026-11-06T10:00:00Z,1380\n";
    let tiny = family().usage("calls.csv", format!("{HEADER}{usage}"));
    let (_, october) = tiny.run();
    // 17 of 20 are left, 15 are carried.
    assert_eq!(columns(october.table("allowance_balances"), &BALANCE), ["S1 2026-10 20 3 2 15"]);
    let draws = ["subscription_id", "holder_subscription_id", "granted_period", "quantity"];
    assert_eq!(columns(october.table("allowance_draws"), &draws), ["S1 S1 2026-10 2", "S2 S1 2026-10 1"]);
    // The published file as it is.
    let file = october.files["allowance_balances"][0].clone();
    let tiny =
        tiny.with("pipeline.yaml", "  identifiers:", &format!("  allowance_balances: out/{file}\n  identifiers:"));
    let november = ["run", "pipeline.yaml", "--period", "2026-11"];
    crate::harness::ratemill(&november).cwd(&tiny.path("")).run().ok();
    let run = committed::read(&tiny.path("out"), "2026-11");
    let expected = ["S1 2026-10 15 15 0 0", "S1 2026-11 20 8 0 12"];
    assert_eq!(columns(run.table("allowance_balances"), &BALANCE), expected);
    let lines = ["subscription_id", "line_kind", "quantity", "amount_net"];
    assert_eq!(columns(run.table("invoice_lines"), &lines), ["S2 allowance 23 0"]);
    assert_eq!(columns(run.table("allowance_draws"), &draws), ["S2 S1 2026-10 15", "S2 S1 2026-11 8"]);
}

#[test]
fn the_control_totals_say_what_has_become_of_an_allowance() {
    let (_, run) = family().run();
    let totals = run.table("control_totals").iter().filter(|row| row["scope"] == "allowance");
    let totals: Vec<Row> = totals.cloned().collect();
    let name = "plan:family/minutes";
    let expected = ["amount_drawn 0", "expired 3", "granted 20", "left 15", "quantity_drawn 2", "used 2"];
    let expected: Vec<String> = expected.map(|text| format!("{name} {text}")).to_vec();
    assert_eq!(columns(&totals, &["allowance", "measure", "value"]), expected);
}

#[test]
fn a_pool_over_a_cycle_of_accounts_is_a_cycle_of_accounts() {
    let tiny = family().with("accounts.csv", "A1,,", "A1,A2,");
    tiny.refused("R006", 2).says("the accounts are their own ancestors").says("accounts.csv");
}

#[test]
fn balances_that_cannot_be_are_refused_where_they_stand() {
    let with = |rows: &str| {
        let tiny = family().with("pipeline.yaml", "  identifiers:", "  allowance_balances: left.csv\n  identifiers:");
        tiny.write("left.csv", format!("subscription_id,allowance,granted_period,left\n{rows}\n"));
        tiny
    };
    let name = "plan:family/minutes";
    with(&format!("S1,{name},2026-09,-1")).refused("R003", 2).says("below zero").says("left.csv:2");
    with(&format!("S1,{name},2026-09,")).refused("R003", 2).says("`left` is blank");
    with(&format!("S7,{name},2026-09,1")).refused("R005", 2).says("S7");
    with(&format!("S1,{name},2026-10,1")).refused("R003", 2).says("not of a period before 2026-10");
    let slip = with("S1,plan:family/minuts,2026-09,1").refused("B003", 2).says("there is no allowance");
    slip.says(&format!("did you mean `{name}`?"));
    let (_, run) = with(&format!("S2,{name},2026-09,4")).run();
    assert_eq!(columns(run.table("allowance_balances"), &BALANCE), ["S1 2026-09 4 2 2 0", "S1 2026-10 20 0 5 15"]);
}

#[test]
fn a_line_tells_whose_allowance_it_has_drawn_on() {
    let usage = "c1,+1,2026-10-05T10:00:00Z,120\nc2,+2,2026-10-06T10:00:00Z,1320\n";
    let tiny = family().usage("calls.csv", format!("{HEADER}{usage}"));
    let (_, run) = tiny.run();
    let line = run
        .table("invoice_lines")
        .iter()
        .find(|line| line["subscription_id"] == "S2" && line["line_kind"] == "allowance");
    let words = ["explain", "pipeline.yaml", "--period", "2026-10", line.unwrap()["line_id"].as_str()];
    let told = crate::harness::ratemill(&words).cwd(&tiny.path("")).run().ok();
    for text in [
        "20 shared by all at and below the account of S1, plan:family/minutes of 2026-10, book.yaml:",
        "used 2, covered 2",
        "used 22, covered 18",
        "equal",
    ] {
        assert!(told.stdout.contains(text), "no {text:?}: {told}");
    }
}
