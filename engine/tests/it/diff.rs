//! `ratemill diff`: what changed between two line sets, compared with what the tables of both say.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::committed::{self, Committed};
use crate::harness::{Call, ratemill};
use crate::tiny::{HEADER, Tiny};

const USAGE: &str = "c1,+1,2026-10-05T10:00:00Z,120\nc2,+2,2026-10-06T10:00:00Z,600\nc3,+3,2026-10-07T10:00:00Z,60\n";

/// Three subscriptions of two accounts, one of them in yen, taxed.
fn job() -> Tiny {
    let tiny = Tiny::new()
        .usage("calls.csv", format!("{HEADER}{USAGE}"))
        .with("pipeline.yaml", "limits:", "  tax_rates: tax_rates.csv\nlimits:")
        .with("book.yaml", "    name: Voice\n", "    name: Voice\n    tax_category: telecom\n")
        .with(
            "book.yaml",
            "      minutes:",
            "      line: { model: recurring, every: month, amount: 5 }\n      minutes:",
        );
    tiny.write("tax_rates.csv", "jurisdiction,tax,category,rate,valid_from,valid_to\nX,vat,telecom,10,2026-01-01,\n");
    tiny.write(
        "accounts.csv",
        "account_id,parent_id,level,name,currency,tax_jurisdiction\nA1,,customer,Ann,USD,X\nA2,,customer,Bo,USD,X\nA3,,customer,Cho,JPY,X\n",
    );
    tiny.write(
        "subscriptions.csv",
        "subscription_id,account_id,product,start,end\nS1,A1,voice,2026-01-01,\nS2,A2,voice,2026-01-01,\nS3,A3,voice,2026-01-01,\n",
    );
    tiny.write(
        "identifiers.csv",
        "identifier,subscription_id,valid_from,valid_to\n+1,S1,2026-01-01,\n+2,S2,2026-01-01,\n+3,S3,2026-01-01,\n",
    );
    tiny
}

fn diff(tiny: &Tiny, words: &[&str]) -> Call {
    ratemill(&["diff", "pipeline.yaml"]).words(words).cwd(&tiny.path(""))
}

fn told(tiny: &Tiny, words: &[&str]) -> Value {
    diff(tiny, words).words(&["--format", "json"]).run().ok().json()
}

fn number(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

/// Gross by currency, from the tables: lines and their taxes.
fn gross(run: &Committed) -> BTreeMap<String, Decimal> {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for (table, column) in [("invoice_lines", "amount_net"), ("invoice_taxes", "amount")] {
        for row in run.table(table) {
            *sums.entry(row["currency"].clone()).or_default() += row[column].parse::<Decimal>().unwrap();
        }
    }
    sums
}

#[test]
fn what_changed_is_told_by_account_product_charge_and_line() {
    let tiny = job();
    let (_, first) = tiny.run();
    // A dearer minute, one subscription less with its usage, another more.
    let tiny = tiny.with("book.yaml", "unit_price: 0.10", "unit_price: 0.125");
    tiny.write("subscriptions.csv", "subscription_id,account_id,product,start,end\nS1,A1,voice,2026-01-01,\nS3,A3,voice,2026-01-01,\nS4,A2,voice,2026-01-01,\n");
    tiny.write(
        "identifiers.csv",
        "identifier,subscription_id,valid_from,valid_to\n+1,S1,2026-01-01,\n+3,S3,2026-01-01,\n",
    );
    let (_, second) = tiny.run();
    let found = told(&tiny, &["2026-10/1", "2026-10/2"]);
    assert_eq!((&found["a"]["run_id"], &found["b"]["run_id"]), (&json!(first.run_id), &json!(second.run_id)));
    assert_eq!(found, told(&tiny, &[&first.run_id[..10], &second.run_id]), "the same by run id");

    let (a, b) = (gross(&first), gross(&second));
    for total in found["totals"].as_array().unwrap() {
        let currency = total["currency"].as_str().unwrap();
        assert_eq!((number(&total["a"]["gross"]), number(&total["b"]["gross"])), (a[currency], b[currency]));
        let change = b[currency] - a[currency];
        assert_eq!(number(&total["change"]["gross"]), change);
        for section in ["accounts", "products", "charges"] {
            let own = found[section].as_array().unwrap().iter().filter(|row| row["currency"] == currency);
            assert_eq!(own.map(|row| number(&row["change"]["gross"])).sum::<Decimal>(), change, "{section}");
        }
        let moved = found["lines"]["moved"].as_array().unwrap().iter().filter(|row| row["currency"] == currency);
        assert_eq!(moved.map(|row| number(&row["change"]["gross"])).sum::<Decimal>(), change);
    }
    // S2's minutes and line are gone, S4's line is new; the minutes of S1 and S3 have another price, their lines not.
    let lines = &found["lines"];
    assert_eq!(
        (&lines["same"], &lines["changed"], &lines["only_a"], &lines["only_b"]),
        (&json!(2), &json!(2), &json!(2), &json!(1))
    );
    let of = |account: &str, state: &str| {
        let all = lines["moved"].as_array().unwrap().iter();
        let own: Vec<&Value> = all.filter(|row| row["account"] == account && row["state"] == state).collect();
        own[0].clone()
    };
    // 2 minutes at 0.125 instead of 0.10: 0.25 and 10 % of it (0.03) instead of 0.20 and 0.02.
    let minutes = of("A1", "changed");
    assert_eq!(minutes["a"], json!({ "net": "0.2", "tax": "0.02", "gross": "0.22" }));
    assert_eq!(minutes["b"], json!({ "net": "0.25", "tax": "0.03", "gross": "0.28" }));
    let fields: BTreeSet<&str> =
        minutes["fields"].as_array().unwrap().iter().map(|field| field.as_str().unwrap()).collect();
    assert_eq!(
        fields,
        BTreeSet::from(["amount_list", "amount_net", "amount_rated", "list_unit_price", "tax", "unit_price"])
    );
    assert_eq!((&lines["fields"]["unit_price"], &lines["fields"]["gl_account"]), (&json!(2), &json!(null)));
    // Biggest first: 5 and 5.50 of A2 against 0.06 of A1.
    let dollars: Vec<&Value> =
        lines["moved"].as_array().unwrap().iter().filter(|row| row["currency"] == "USD").collect();
    assert_eq!(dollars.last().unwrap()["account"], "A1");
    assert_eq!(found["accounts"].as_array().unwrap().iter().filter(|row| row["currency"] == "USD").count(), 2);

    let ran = diff(&tiny, &["2026-10/1", "2026-10/2", "--top", "1"]).run().ok();
    insta::with_settings!({ filters => [(r"[0-9a-f]{32}", "ID")] }, { insta::assert_snapshot!("diff", ran.stdout) });
    let csv = diff(&tiny, &["2026-10/1", "2026-10/2", "--by", "charge", "--format", "csv"]).run().ok().stdout;
    insta::assert_snapshot!("diff_csv", csv);
    assert_eq!(
        told(&tiny, &["2026-10/1", "2026-10/2", "--by", "line", "--top", "1"])["lines"]["moved"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "one of each currency"
    );
}

#[test]
fn the_same_line_set_has_no_difference() {
    let tiny = job();
    tiny.run();
    let found = told(&tiny, &["2026-10/1", "2026-10/1"]);
    assert_eq!(
        (&found["accounts"], &found["lines"]["moved"], &found["lines"]["same"]),
        (&json!([]), &json!([]), &json!(6))
    );
    assert_eq!(found["totals"][0]["change"], json!({ "net": "0", "tax": "0", "gross": "0" }));
}

#[test]
fn line_sets_of_two_periods_have_sums_in_common_and_no_lines() {
    let tiny = job();
    let (_, october) = tiny.run();
    ratemill(&["run", "pipeline.yaml", "--period", "2026-11"]).cwd(&tiny.path("")).run().ok();
    let november = committed::read(&tiny.path("out"), "2026-11");
    diff(&tiny, &["2026-10/1", "2026-11/1"]).run().exits(2).says("O013").says("--by account");
    diff(&tiny, &["2026-10/1", "2026-11/1", "--by", "line"]).run().exits(2).says("O013");
    let found = told(&tiny, &["2026-10/1", "2026-11/1", "--by", "charge"]);
    // November has no usage: all that changes is the minutes.
    let charges: BTreeSet<&str> =
        found["charges"].as_array().unwrap().iter().map(|row| row["charge"].as_str().unwrap()).collect();
    assert_eq!(
        (charges, &found["lines"], &found["accounts"]),
        (BTreeSet::from(["voice/minutes"]), &json!(null), &json!(null))
    );
    let change = gross(&november)["USD"] - gross(&october)["USD"];
    let total = found["totals"].as_array().unwrap().iter().find(|row| row["currency"] == "USD").unwrap();
    assert_eq!(number(&total["change"]["gross"]), change);
}

#[test]
fn a_line_set_that_is_not_there_is_told() {
    let tiny = job();
    let (_, first) = tiny.run();
    let tiny = tiny.with("book.yaml", "unit_price: 0.10", "unit_price: 0.20");
    tiny.run();
    for name in ["2026-10/7", "2026-09/1", "xyz", ""] {
        diff(&tiny, &[name, "2026-10/1"]).run().exits(2).says("O013").says("ratemill status");
    }
    let ran = diff(&tiny, &["2026-10/1", "2026-10/2"]).words(&["--format", "junit"]).run().exits(2);
    drop(ran.says("`ratemill test` only"));
    ratemill(&["status", "pipeline.yaml", "--format", "csv"])
        .cwd(&tiny.path(""))
        .run()
        .exits(2)
        .says("`ratemill simulate` only");
    // What gc has deleted cannot be compared, and what to do is said.
    std::fs::remove_file(tiny.path("out").join(&first.files["invoice_lines"][0])).unwrap();
    diff(&tiny, &["2026-10/1", "2026-10/2"]).run().exits(3).says("O006").says("ratemill gc");
}
