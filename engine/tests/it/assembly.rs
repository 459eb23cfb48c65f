//! Invoices as wholes: their numbers over the periods of an output, and taxes that a tax service works out meanwhile.

use std::fs;

use serde_json::Value;

use crate::committed::{self, Committed};
use crate::harness::{Ran, ratemill};
use crate::tiny::{HEADER, Tiny};

/// Two customers of their own; the second alone has usage in November.
fn numbered() -> Tiny {
    let tiny = Tiny::new().with(
        "pipeline.yaml",
        "output: out\n",
        "invoices: { seller: acme, number: \"RM-{year}/{month}-{seq:04}\" }\noutput: out\n",
    );
    tiny.write(
        "accounts.csv",
        "account_id,level,name,currency\nA1,customer,Ann,USD\nB1,customer,Bob,USD\nC1,customer,Cem,USD\n",
    );
    let start = "2026-01-01,\n";
    tiny.write(
        "subscriptions.csv",
        format!(
            "subscription_id,account_id,product,start,end\nS1,A1,voice,{start}S2,B1,voice,{start}S3,C1,voice,{start}"
        ),
    );
    tiny.write(
        "identifiers.csv",
        format!("identifier,subscription_id,valid_from,valid_to\n+1,S1,{start}+2,S2,{start}+3,S3,{start}"),
    );
    tiny.usage(
        "calls.csv",
        format!(
            "{HEADER}c1,+1,2026-10-05T10:00:00Z,60\nc2,+2,2026-10-05T10:00:00Z,60\nc3,+2,2026-11-05T10:00:00Z,60\n"
        ),
    )
}

fn run(tiny: &Tiny, period: &str) -> Ran {
    ratemill(&["run", "pipeline.yaml", "--period", period, "--format", "json"]).cwd(&tiny.path("")).run()
}

fn numbers(tiny: &Tiny, period: &str) -> Vec<(String, String)> {
    let run = committed::read(&tiny.path("out"), period);
    let invoices = run.table("invoices").iter();
    invoices.map(|row| (row["bill_to_account_id"].clone(), row["invoice_number"].clone())).collect()
}

fn pair(account: &str, number: &str) -> (String, String) {
    (account.to_owned(), number.to_owned())
}

#[test]
fn numbers_go_on_from_period_to_period_and_stay_in_a_rerun() {
    let tiny = numbered();
    run(&tiny, "2026-10").ok();
    let october = [pair("A1", "RM-2026/10-0001"), pair("B1", "RM-2026/10-0002")];
    assert_eq!(numbers(&tiny, "2026-10"), october);
    let november = run(&tiny, "2026-11").ok().json();
    assert_eq!(numbers(&tiny, "2026-11"), [pair("B1", "RM-2026/11-0003")]);
    let manifest = fs::read_to_string(tiny.path("out/runs/period=2026-11/0001.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["invoice_numbers"]["acme"], serde_json::json!({ "first": 3, "next": 4 }));
    // Another price: the same invoices in the same order.
    let tiny = tiny.with("book.yaml", "unit_price: 0.10", "unit_price: 0.20");
    assert_eq!(run(&tiny, "2026-10").ok().json()["number"], 2);
    assert_eq!(numbers(&tiny, "2026-10"), october);
    let tiny = tiny.with("book.yaml", "unit_price: 0.20", "unit_price: 0.10");
    let again = run(&tiny, "2026-11").ok().json();
    assert_eq!((&again["outcome"], &again["run_id"]), (&Value::from("already_done"), &november["run_id"]));
}

#[test]
fn numbers_that_a_later_period_has_given_are_not_given_twice() {
    let tiny = numbered();
    run(&tiny, "2026-10").ok();
    run(&tiny, "2026-11").ok();
    let more = fs::read_to_string(tiny.path("usage/calls.csv")).unwrap() + "c4,+3,2026-10-06T10:00:00Z,60\n";
    let tiny = tiny.usage("calls.csv", more);
    tiny.call().run().exits(2).says("O010").says("2026-11 begin with 3");
    assert_eq!(numbers(&tiny, "2026-10").len(), 2);
}

#[test]
fn a_period_without_invoices_takes_no_number() {
    let tiny = numbered();
    run(&tiny, "2026-09").ok();
    run(&tiny, "2026-10").ok();
    assert_eq!(numbers(&tiny, "2026-10")[0], pair("A1", "RM-2026/10-0001"));
}

#[test]
fn invoices_without_numbering_have_none() {
    let (_, run) = Tiny::new().run();
    assert_eq!(run.table("invoices")[0]["invoice_number"], "");
}

#[test]
fn patterns_that_number_nothing_are_refused_with_their_place() {
    for (pattern, why) in [
        ("RM-{year}", "without {seq}"),
        ("{seq}-{seq:03}", "twice"),
        ("{seq}-{day}", "{day}"),
        ("{seq:6}", "{seq:6}"),
        ("{seq", "without its `}`"),
        ("{seq}}", "without its `{`"),
    ] {
        let tiny = numbered().with("pipeline.yaml", "RM-{year}/{month}-{seq:04}", pattern);
        tiny.refused("P005", 2).says(why).says("pipeline.yaml:19");
    }
    numbered().with("pipeline.yaml", "seller: acme", "seller: Acme Inc").refused("P001", 2);
    numbered().with("pipeline.yaml", "seller: acme, ", "").refused("Y005", 2);
}

// Taxes of a tax service.

fn exchanged() -> Tiny {
    Tiny::new().with(
        "pipeline.yaml",
        "output: out\n",
        "tax: { exchange: { requests: ask, answers: answered } }\noutput: out\n",
    )
}

/// Asks, and gives the run id and the only line asked about.
fn asked(tiny: &Tiny) -> (String, String) {
    tiny.refused("U006", 3).says("answers-").says("requests-");
    let file = fs::read_dir(tiny.path("ask")).unwrap().next().unwrap().unwrap();
    let name = file.file_name().into_string().unwrap();
    let run_id = name.trim_start_matches("requests-").trim_end_matches(".csv").to_owned();
    let text = fs::read_to_string(file.path()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    let of = |name: &str| rows[0][header.iter().position(|column| column == name).unwrap()].to_owned();
    assert_eq!(
        [of("account_id"), of("charge"), of("amount_net"), of("currency")],
        ["A1", "voice/minutes", "0.2", "USD"]
    );
    (run_id, of("line_id"))
}

const ANSWERS: &str = "line_id,tax,tax_jurisdiction,rate_percent,taxable_amount,amount,category_code,reason,exempt\n";

fn answered(rows: impl Fn(&str) -> String) -> Tiny {
    let tiny = exchanged();
    let (run_id, line) = asked(&tiny);
    tiny.write(&format!("answered/answers-{run_id}.csv"), format!("{ANSWERS}{}", rows(&line)));
    tiny
}

fn taxes(run: &Committed) -> Vec<[String; 7]> {
    let columns = ["tax", "tax_jurisdiction", "rate_percent", "taxable_amount", "amount", "exempt", "category_code"];
    run.table("invoice_taxes").iter().map(|row| columns.map(|column| row[column].clone())).collect()
}

#[test]
fn a_run_asks_for_taxes_and_ends_when_they_are_answered() {
    let tiny = answered(|line| {
        format!(
            "{line},state,US-CO,2.9,0.20,0.01,,,\n{line},city,US-CO-DEN,5,,0,E,resale,true\n{line},fee,US,,,0.05,,flat,\n"
        )
    });
    let (_, run) = tiny.run();
    let expected = [
        ["state", "US-CO", "2.9", "0.2", "0.01", "false", "S"],
        ["city", "US-CO-DEN", "5", "0.2", "0", "true", "E"],
        ["fee", "US", "0", "0.2", "0.05", "false", "S"],
    ];
    assert_eq!(taxes(&run), expected);
    assert_eq!(run.table("invoices")[0]["amount_gross"], "0.26");
    assert_eq!(run.table("invoice_taxes")[1]["reason"], "resale");
    let told = ratemill(&["explain", "pipeline.yaml", "--period", "2026-10", "--all"]).cwd(&tiny.path("")).run().ok();
    for text in ["as the tax service has answered", "resale"] {
        assert!(told.stdout.contains(text), "{told}");
    }
    // Whatever is answered later: the run stands.
    fs::remove_dir_all(tiny.path("answered")).unwrap();
    assert_eq!(tiny.json_call().run().ok().json()["outcome"], "already_done");
}

#[test]
fn a_line_may_be_answered_to_bear_no_tax() {
    let (_, run) = answered(|line| format!("{line},,,,,,,,\n")).run();
    assert!(run.table("invoice_taxes").is_empty());
}

#[test]
fn answers_that_cannot_be_meant_are_refused_with_their_line() {
    answered(|_| String::new()).refused("U007", 3).says("1 of 1 lines");
    answered(|line| format!("{line},vat,,,,0.04,,,\nffff,vat,,,,1,,,\n")).refused("R005", 2).says(".csv:3");
    answered(|line| format!("{line},vat,,,,0.04,,,\n{line},vat,,,,0.04,,,\n")).refused("R004", 2).says(".csv:3");
    for row in [
        ",vat,,,,0.045,,,",
        ",vat,,,,4 cents,,,",
        ",vat,,,,,,,maybe",
        ",vat,,20,,0.04,XX,,",
        ",vat,,,,0.04,,,true",
        ",,,,,0.04,,,",
        ",vat,,,0.201,0.04,,,",
    ] {
        answered(|line| format!("{line}{row}\n")).refused("R003", 2).says(".csv:2");
    }
}

#[test]
fn taxes_come_from_one_place() {
    let tiny = exchanged().with(
        "pipeline.yaml",
        "  accounts: accounts.csv\n",
        "  accounts: accounts.csv\n  tax_rates: tax_rates.csv\n",
    );
    tiny.write("tax_rates.csv", "jurisdiction,tax,rate\nJ,vat,20\n");
    tiny.refused("P001", 2).says("tax_rates");
}
