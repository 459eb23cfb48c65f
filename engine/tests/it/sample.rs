//! The sample job of the README: what it counts, what a second run does, and the same bytes however it is run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::committed::{self, Row};
use crate::harness::{Call, digests, folder, ratemill, same_bytes, text, workspace};

pub(crate) const PIPELINE: &str = "pipelines/nightly.yaml";
pub(crate) const PERIOD: &str = "2026-10";

/// What one plain run of the sample job left and said.
pub(crate) struct Reference {
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) summary: Value,
}

/// One plain run, for all tests to compare with.
pub(crate) static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let out = folder();
    let ran = sample(out.path()).run().ok();
    Reference { digests: digests(out.path()), summary: ran.json() }
});

/// The call that runs the sample job into `output`.
pub(crate) fn sample(output: &Path) -> Call {
    let output = output.to_str().unwrap();
    ratemill(&["run", PIPELINE, "--period", PERIOD, "--output", output, "--format", "json"]).cwd(&workspace())
}

/// The counts of `sample-data/expected.json` added up over its sources: (records, suspense by reason).
fn expected() -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let bytes = fs::read(workspace().join("sample-data/expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&bytes).unwrap();
    let (mut records, mut suspense) = (BTreeMap::new(), BTreeMap::new());
    for source in expected["sources"].as_object().unwrap().values() {
        for kind in ["read", "rated", "suspended", "duplicate", "out_of_window", "filtered"] {
            *records.entry(kind.to_owned()).or_default() += source[kind].as_u64().unwrap();
        }
        for (reason, count) in source["suspense"].as_object().unwrap() {
            *suspense.entry(reason.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    (records, suspense)
}

fn number(row: &Row, column: &str) -> Decimal {
    row[column].parse().unwrap()
}

fn sum(rows: &[Row], column: &str) -> Decimal {
    rows.iter().map(|row| number(row, column)).sum()
}

#[test]
fn the_counts_are_those_the_sample_was_made_with() {
    let (records, suspense) = expected();
    let found = &REFERENCE.summary;
    assert_eq!(found["outcome"], "committed");
    for (kind, count) in records {
        assert_eq!(found["records"][&kind].as_u64(), Some(count), "records {kind}: {found:#}");
    }
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for row in found["suspense"].as_array().unwrap() {
        *reasons.entry(text(&row["reason"])).or_default() += row["records"].as_u64().unwrap();
    }
    assert_eq!(reasons, suspense);
}

#[test]
fn every_file_and_meter_reconciles_with_what_the_sample_was_made_with() {
    let out = folder();
    sample(out.path()).run().ok();
    let run = committed::read(out.path(), PERIOD);
    let bytes = fs::read(workspace().join("sample-data/expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&bytes).unwrap();
    let totals = run.table("control_totals");
    let of = |scope: &str, source: &str, file: &str, measure: &str| -> Decimal {
        let hit = |row: &&Row| {
            row["scope"] == scope && row["source"] == source && row["file"] == file && row["measure"] == measure
        };
        totals.iter().filter(hit).map(|row| row["value"].parse::<Decimal>().unwrap()).sum()
    };
    for (source, counts) in expected["sources"].as_object().unwrap() {
        assert_eq!(
            of("source", source, "", "records_read"),
            Decimal::from(counts["read"].as_u64().unwrap()),
            "{source}"
        );
        let files = counts["files"].as_object().unwrap();
        let found = totals.iter().filter(|row| row["scope"] == "file" && row["source"] == *source);
        let found: Vec<&Row> = found.filter(|row| row["measure"] == "records_read").collect();
        assert_eq!(found.len(), files.len(), "files of {source}");
        for (file, counts) in files {
            // The engine names a file below the fixed part of its path.
            let row = found.iter().find(|row| file.ends_with(row["file"].as_str()));
            let name = &row.unwrap_or_else(|| panic!("no control total of {file}"))["file"];
            for kind in ["read", "rated", "suspended", "duplicate", "out_of_window", "filtered"] {
                let right = Decimal::from(counts[kind].as_u64().unwrap());
                assert_eq!(of("file", source, name, &format!("records_{kind}")), right, "{file} {kind}");
            }
        }
    }
}

#[test]
fn lines_taxes_invoices_and_summary_add_up_to_each_other() {
    let out = folder();
    let summary = sample(out.path()).run().ok().json();
    let run = committed::read(out.path(), PERIOD);
    let (lines, taxes) = (run.table("invoice_lines"), run.table("invoice_taxes"));
    let invoices = run.table("invoices");
    assert_eq!(summary["run_id"], run.run_id.as_str());
    assert_eq!(summary["lines"].as_u64(), Some(lines.len() as u64));
    assert_eq!(summary["invoices"].as_u64(), Some(invoices.len() as u64));
    let by_currency = summary["totals"].as_array().unwrap();
    assert!(by_currency.len() > 1, "the sample has accounts in several currencies");
    for total in by_currency {
        let currency = text(&total["currency"]);
        let of =
            |rows: &[Row]| -> Vec<Row> { rows.iter().filter(|row| row["currency"] == currency).cloned().collect() };
        let (lines, taxes, invoices) = (of(lines), of(taxes), of(invoices));
        let told = |key: &str| text(&total[key]).parse::<Decimal>().unwrap();
        assert_eq!(told("net"), sum(&lines, "amount_net"), "{currency} net");
        assert_eq!(told("list"), sum(&lines, "amount_list"), "{currency} list");
        assert_eq!(told("discount"), sum(&lines, "amount_discount"), "{currency} discount");
        assert_eq!(told("tax"), sum(&taxes, "amount"), "{currency} tax");
        assert_eq!(told("gross"), told("net") + told("tax"), "{currency} gross");
        assert_eq!(told("net"), sum(&invoices, "amount_net"), "{currency} invoices");
        assert_eq!(told("gross"), sum(&invoices, "amount_gross"), "{currency} invoices");
    }
    for line in lines {
        let [list, discount, included, net] =
            ["amount_list", "amount_discount", "amount_tax_included", "amount_net"].map(|column| number(line, column));
        assert_eq!(list - discount - included, net, "{line:#?}");
        assert!(!line["price_ref"].is_empty() && !line["price_layer"].is_empty(), "an unexplained line: {line:#?}");
    }
}

#[test]
fn a_second_run_says_already_done_and_changes_nothing() {
    let out = folder();
    sample(out.path()).run().ok();
    let before = digests(out.path());
    let again = sample(out.path()).run().ok().says("already done");
    assert_eq!(again.json()["outcome"], "already_done");
    assert_eq!(again.json()["run_id"], REFERENCE.summary["run_id"]);
    same_bytes(&before, &digests(out.path()), "a second run");
    same_bytes(&REFERENCE.digests, &before, "a run into another folder");
}

#[test]
fn plan_and_validate_write_nothing() {
    let out = folder();
    let output = out.path().to_str().unwrap();
    for words in [vec!["plan", PIPELINE, "--period", PERIOD, "--output", output], vec!["validate", PIPELINE]] {
        ratemill(&words).cwd(&workspace()).env("OUTPUT_ROOT", output).run().ok();
    }
    assert_eq!(digests(out.path()), BTreeMap::new());
}

#[test]
fn the_summary_for_people_says_what_came_in_and_what_went_out() {
    let out = folder();
    let output = out.path().to_str().unwrap();
    let ran = ratemill(&["run", PIPELINE, "--period", PERIOD, "--output", output]).cwd(&workspace()).run().ok();
    let told = format!("{}\n{}", ran.stdout, ran.stderr).replace([',', '\u{202f}', '_'], "");
    let (records, suspense) = expected();
    for (kind, count) in &records {
        assert!(told.contains(&count.to_string()), "the summary does not tell {kind} {count}: {ran}");
    }
    for reason in suspense.keys() {
        assert!(told.contains(&reason.replace('_', "")), "the summary does not tell {reason}: {ran}");
    }
    assert!(told.contains("USD") && told.contains("invoicelines"), "{ran}");
}

#[track_caller]
fn same_as_plain(words: &[&str]) {
    let out = folder();
    sample(out.path()).words(words).run().ok();
    same_bytes(&REFERENCE.digests, &digests(out.path()), &words.join(" "));
}

#[test]
fn one_partition_gives_the_same_bytes() {
    same_as_plain(&["--partitions", "1"]);
}

#[test]
fn two_partitions_give_the_same_bytes() {
    same_as_plain(&["--partitions", "2"]);
}

#[test]
fn eight_partitions_give_the_same_bytes() {
    same_as_plain(&["--partitions", "8"]);
}

#[test]
fn small_batches_give_the_same_bytes() {
    same_as_plain(&["--batch-rows", "1024"]);
}

#[test]
fn large_batches_give_the_same_bytes() {
    same_as_plain(&["--batch-rows", "8192", "--partitions", "2"]);
}

#[test]
fn files_in_another_order_give_the_same_bytes() {
    same_as_plain(&["--shuffle-seed", "1"]);
    same_as_plain(&["--shuffle-seed", "7", "--partitions", "8"]);
}

#[test]
fn little_memory_gives_the_same_bytes() {
    same_as_plain(&["--memory-limit", "256MB"]);
}

#[test]
fn the_folder_it_is_called_from_does_not_matter() {
    let out = folder();
    let elsewhere = folder();
    let pipeline = workspace().join(PIPELINE);
    let output = out.path().to_str().unwrap();
    ratemill(&["run", pipeline.to_str().unwrap(), "--period", PERIOD, "--output", output])
        .cwd(elsewhere.path())
        .run()
        .ok();
    same_bytes(&REFERENCE.digests, &digests(out.path()), "another working directory");
}

#[test]
fn the_output_can_be_named_by_the_environment() {
    let out = folder();
    let inside = out.path().join("billing");
    ratemill(&["run", PIPELINE, "--period", PERIOD]).cwd(&workspace()).env("OUTPUT_ROOT", &inside).run().ok();
    same_bytes(&REFERENCE.digests, &digests(&inside), "OUTPUT_ROOT");
}

#[test]
fn logs_on_request_are_one_json_object_a_line_on_stderr() {
    let out = folder();
    let ran = sample(out.path()).words(&["--log-format", "json"]).run().ok();
    ran.json();
    let logs: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!logs.is_empty(), "no log line: {ran}");
    for line in logs {
        serde_json::from_str::<Value>(line).unwrap_or_else(|cause| panic!("{cause}: {line}"));
    }
}

#[test]
fn schema_and_completions_go_to_stdout() {
    for subject in ["pipeline", "book"] {
        let schema = ratemill(&["schema", subject]).run().ok().json();
        assert!(schema["$schema"].is_string() && schema["properties"].is_object(), "{schema:#}");
    }
    assert!(ratemill(&["completions", "bash"]).run().ok().stdout.contains("ratemill"));
}
