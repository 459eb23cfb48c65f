//! `itemise: true`: the rated records of a charge, which add up to its lines.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rust_decimal::Decimal;

use crate::committed::{self, Row};
use crate::harness::{copy, folder, ratemill};

const PERIOD: &str = "2026-10";

fn run(at: &Path) -> committed::Committed {
    ratemill(&["run", "pipeline.yaml", "--period", PERIOD, "--output", "out"]).cwd(at).run().ok();
    committed::read(&at.join("out"), PERIOD)
}

fn case(name: &str) -> tempfile::TempDir {
    let at = folder();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name), at.path());
    at
}

fn number(row: &Row, column: &str) -> Decimal {
    row[column].parse().unwrap()
}

#[test]
fn the_records_of_a_line_come_in_order_of_time_and_add_up_to_it() {
    let at = case("itemised");
    let found = run(at.path());
    let records = found.table("rated_usage");
    let mut sums: BTreeMap<&str, (u64, Decimal, Decimal)> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for pair in records.windows(2).filter(|pair| pair[0]["line_id"] == pair[1]["line_id"]) {
        assert!(pair[0]["record_time"] <= pair[1]["record_time"], "{pair:#?}");
    }
    for row in records {
        let sum = sums.entry(&row["line_id"]).or_default();
        *sum = (sum.0 + 1, sum.1 + number(row, "quantity"), sum.2 + number(row, "amount_rated"));
        if order.last() != Some(&row["line_id"].as_str()) {
            order.push(&row["line_id"]);
        }
    }
    let lines: Vec<&Row> = found.table("invoice_lines").iter().filter(|line| line["charge"] != "p/plain").collect();
    assert_eq!(order, lines.iter().map(|line| line["line_id"].as_str()).collect::<Vec<_>>(), "the order of the lines");
    for line in lines {
        let sum = (line["record_count"].parse().unwrap(), number(line, "quantity"), number(line, "amount_rated"));
        assert_eq!(sums[line["line_id"].as_str()], sum, "{line:#?}");
    }
    let totals = found.table("control_totals").iter().filter(|row| row["scope"] == "charge");
    let told: Vec<(&str, &str, &str)> = totals
        .filter(|row| row["measure"].ends_with("_itemised"))
        .map(|row| (row["charge"].as_str(), row["measure"].as_str(), row["value"].as_str()))
        .collect();
    let right = [
        ("p/call", "amount_itemised", "1.46"),
        ("p/call", "records_itemised", "4"),
        ("p/fee", "amount_itemised", "2.5"),
        ("p/fee", "records_itemised", "3"),
        ("p/step", "amount_itemised", "15.5"),
        ("p/step", "records_itemised", "5"),
    ];
    assert_eq!(told, right);
}

#[test]
fn without_a_charge_that_asks_for_it_the_table_has_no_rows_and_the_lines_are_the_same() {
    let at = case("itemised");
    let asked = run(at.path());
    let book = at.path().join("book.yaml");
    let text = fs::read_to_string(&book).unwrap();
    fs::write(&book, text.replace("itemise: true", "itemise: false")).unwrap();
    fs::remove_dir_all(at.path().join("out")).unwrap();
    let plain = run(at.path());
    assert_eq!(plain.table("rated_usage").len(), 0);
    assert_eq!(plain.files["rated_usage"].len(), 1, "the columns are there all the same");
    let amounts = |found: &committed::Committed| -> Vec<(String, String)> {
        found.table("invoice_lines").iter().map(|row| (row["line_id"].clone(), row["amount_rated"].clone())).collect()
    };
    assert_eq!(amounts(&plain), amounts(&asked));
    assert!(!plain.table("control_totals").iter().any(|row| row["measure"].ends_with("_itemised")));
}

#[test]
fn a_charge_that_is_not_priced_record_by_record_has_nothing_to_publish() {
    let at = case("itemised");
    let book = at.path().join("book.yaml");
    let text = fs::read_to_string(&book).unwrap();
    fs::write(&book, text.replace("unit_price: 0.01 }", "unit_price: 0.01, itemise: true }")).unwrap();
    let ran = ratemill(&["validate", "pipeline.yaml"]).cwd(at.path()).run().exits(2);
    ran.says("B005").says("`itemise` needs records that `per_unit` prices one by one");
}
