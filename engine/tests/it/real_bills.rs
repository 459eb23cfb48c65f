//! Bills that others have drawn up, rated again from their own usage and compared charge by charge.
//!
//! The files are not ours to ship: they lie in a folder beside the workspace or where `RATEMILL_REAL_DATA` says. Without
//! it these tests say loudly that they have shown nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use tempfile::TempDir;

use crate::committed::{self, Committed, Row};
use crate::harness::{self, announce, folder, ratemill, workspace};

/// The file, or none and a loud word.
fn real(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("RATEMILL_REAL_DATA").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| workspace().join("../shared/real-data"));
    let file = folder.join(name);
    if !file.exists() {
        announce(&format!("SKIPPED: {} is not there; set RATEMILL_REAL_DATA to its folder", file.display()));
        return None;
    }
    Some(file.canonicalize().unwrap())
}

fn records(file: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(File::open(file).unwrap());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number(text: &str) -> Decimal {
    text.parse().or_else(|_| Decimal::from_scientific(text)).unwrap()
}

/// A copy of `engine/tests/real/NAME` with these files beside it.
fn copy_of(name: &str, tables: &[(&str, String)]) -> TempDir {
    let here = folder();
    harness::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(name), here.path());
    for (table, text) in tables {
        harness::write(&here.path().join(table), text);
    }
    here
}

/// Runs the copied pipeline; its summary and what it has committed.
fn rated(here: &TempDir, period: &str, variable: &str, file: &Path) -> (Value, Committed) {
    let out = here.path().join("out");
    let words = ["run", "pipeline.yaml", "--period", period, "--format", "json"];
    let ran = ratemill(&words).cwd(here.path()).env(variable, file).env("OUTPUT_ROOT", &out).run().ok();
    (ran.json(), committed::read(&out, period))
}

#[test]
fn every_usage_row_of_an_aws_report_costs_what_the_provider_charged() {
    let Some(file) = real("aws-cur-2023-11.csv") else { return };
    let report = records(&file);
    let usage: Vec<_> = report.iter().filter(|row| row["lineItem/LineItemType"] == "Usage").collect();
    assert_eq!((report.len(), usage.len()), (1281, 1269));

    // Straight from the text of the report: `4.4E-7` stays `4.4E-7`.
    let rates: BTreeSet<String> =
        usage.iter().map(|row| format!("{},{}", row["pricing/RateCode"], row["lineItem/UnblendedRate"])).collect();
    assert_eq!(rates.len(), 192, "one rate for each code");
    let rates: Vec<String> = rates.into_iter().collect();
    let payer = &usage[0]["lineItem/UsageAccountId"];
    let here = copy_of(
        "aws-cur",
        &[
            ("rates.csv", format!("rate_code,unit_price\n{}\n", rates.join("\n"))),
            ("accounts.csv", format!("account_id,parent_id,level,name,currency\n{payer},,customer,Payer,USD\n")),
            (
                "subscriptions.csv",
                format!("subscription_id,account_id,product,start,end\nS1,{payer},cloud,2023-01-01,\n"),
            ),
            ("identifiers.csv", format!("identifier,subscription_id,valid_from,valid_to\n{payer},S1,,\n")),
        ],
    );
    let (summary, run) = rated(&here, "2023-11", "CUR_FILE", &file);

    let told = &summary["records"];
    let counts = ["read", "rated", "filtered", "duplicate", "suspended", "out_of_window"];
    let counts = counts.map(|kind| told[kind].as_u64().unwrap());
    assert_eq!(counts, [1281, 1269, 12, 0, 0, 0], "{summary:#}");
    let lines: BTreeMap<(&str, &str), &Row> = run
        .table("invoice_lines")
        .iter()
        .map(|line| ((line["dimensions.line_item"].as_str(), line["dimensions.interval_text"].as_str()), line))
        .collect();
    assert_eq!(lines.len(), 1269);
    let mut sum = Decimal::ZERO;
    for row in usage {
        let line = lines[&(row["identity/LineItemId"].as_str(), row["identity/TimeInterval"].as_str())];
        assert_eq!(line["dimensions.rate_code"], row["pricing/RateCode"]);
        assert_eq!(number(&line["quantity"]), number(&row["lineItem/UsageAmount"]));
        let ours = number(&line["amount_rated"]);
        let theirs = number(&row["lineItem/UnblendedCost"]);
        assert!((ours - theirs).abs() <= number("0.00000000021"), "{ours} instead of {theirs}: {line:#?}");
        sum += ours;
    }
    assert_eq!(sum, number("1.6023086913628"));
}

#[test]
fn five_thousand_subscribers_pay_what_they_were_charged_and_exact_halves_go_up() {
    let Some(file) = real("mlc_churn.csv") else { return };
    let subscribers = records(&file);
    assert_eq!(subscribers.len(), 5000);
    let table = |head: &str, row: &dyn Fn(&str) -> String| {
        let rows: Vec<String> = subscribers.iter().map(|subscriber| row(&subscriber["rownames"])).collect();
        format!("{head}\n{}\n", rows.join("\n"))
    };
    let here = copy_of(
        "churn",
        &[
            (
                "accounts.csv",
                table("account_id,parent_id,level,name,currency", &|id| format!("A{id},,customer,Subscriber {id},USD")),
            ),
            (
                "subscriptions.csv",
                table("subscription_id,account_id,product,start,end", &|id| format!("S{id},A{id},calls,2020-01-01,")),
            ),
            ("identifiers.csv", table("identifier,subscription_id,valid_from,valid_to", &|id| format!("{id},S{id},,"))),
        ],
    );
    let (summary, run) = rated(&here, "2026-10", "CHURN_FILE", &file);
    assert_eq!(summary["records"]["rated"].as_u64(), Some(5000), "{summary:#}");

    let lines: BTreeMap<(&str, &str), &Row> = run
        .table("invoice_lines")
        .iter()
        .map(|line| ((line["subscription_id"].as_str(), line["meter"].as_str()), line))
        .collect();
    let cent = number("0.01");
    for (meter, price, off_by_a_cent, total) in [
        ("day", "0.17", 0, "153248.34"),
        ("eve", "0.085", 0, "85271.61"),
        ("night", "0.045", 56, "45089.22"),
        ("intl", "0.27", 0, "13855.98"),
    ] {
        let (mut off, mut sum) = (0, Decimal::ZERO);
        for subscriber in &subscribers {
            let id = format!("S{}", subscriber["rownames"]);
            // Who has no minutes has no line.
            let line = lines.get(&(id.as_str(), meter));
            let ours = line.map_or(Decimal::ZERO, |line| number(&line["amount_net"]));
            let minutes = number(&subscriber[&format!("total_{meter}_minutes")]);
            let theirs = number(&subscriber[&format!("total_{meter}_charge")]);
            let exact = minutes * number(price);
            assert_eq!(ours, exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero), "{id} {meter}");
            assert_eq!(line.is_some(), !minutes.is_zero(), "{id} {meter}");
            if ours != theirs {
                // Only where the file's maker rounded an exact half with binary floats.
                assert_eq!(ours - theirs, cent, "{id} {meter}");
                off += 1;
            }
            sum += ours;
        }
        assert_eq!((off, sum), (off_by_a_cent, number(total)), "{meter}");
    }
}
