//! The books and usage worked out by hand: each folder of `engine/tests/cases` is one job and what must come of it.
//!
//! `expected_lines.csv` holds the columns of `invoice_lines` that matter to the case, rows in any order; so do the others for
//! the tables named below. The README of a case shows the arithmetic.
//! `UPDATE_GOLDEN=1` rewrites them from what the engine finds: read the difference before it is committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::committed::{self, Row};
use crate::harness::{digests, files, folder, plain, ratemill, same_bytes};

/// Expected file to table.
const TABLES: &[(&str, &str)] = &[
    ("expected_lines.csv", "invoice_lines"),
    ("expected_taxes.csv", "invoice_taxes"),
    ("expected_discounts.csv", "line_discounts"),
    ("expected_invoices.csv", "invoices"),
    ("expected_subtotals.csv", "invoice_subtotals"),
    ("expected_credit_draws.csv", "credit_draws"),
    ("expected_credit_balances.csv", "credit_balances"),
    ("expected_suspense.csv", "suspense"),
    ("expected_buckets.csv", "usage_buckets"),
    ("expected_rated_usage.csv", "rated_usage"),
    ("expected_shares.csv", "commitment_shares"),
    ("expected_commitment_balances.csv", "commitment_balances"),
    ("expected_notices.csv", "notices"),
    ("expected_draws.csv", "allowance_draws"),
    ("expected_balances.csv", "allowance_balances"),
    ("expected_levels.csv", "levels"),
];
const PERIOD: &str = "2026-10";

fn cases() -> Vec<PathBuf> {
    let all = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")).unwrap();
    let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    all.sort();
    all
}

/// Runs the case in two ways and compares; what differs, or an empty text.
fn check(case: &Path) -> String {
    let (out, other) = (folder(), folder());
    let odd = ["--partitions", "4", "--batch-rows", "3", "--shuffle-seed", "5"];
    for (output, words) in [(&out, &["--partitions", "1"][..]), (&other, &odd[..])] {
        let output = output.path().to_str().unwrap();
        let ran =
            ratemill(&["run", "pipeline.yaml", "--period", PERIOD, "--output", output]).cwd(case).words(words).run();
        if ran.status.code() != Some(0) {
            return format!("{ran}");
        }
    }
    same_bytes(
        &digests(out.path()),
        &digests(other.path()),
        "1 partition, and 4 with batches of 3 records in another order",
    );
    let run = committed::read(out.path(), PERIOD);
    let wrong = TABLES.iter().filter(|(file, _)| case.join(file).exists()).map(|(file, table)| {
        let found = run.table(table);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            rewrite(&case.join(file), found);
        }
        compare(&case.join(file), found)
    });
    wrong.collect()
}

/// The header and the rows of an expected file, numbers without trailing zeros.
fn expected(file: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(plain).collect());
    (header, rows.collect())
}

fn chosen(header: &[String], found: &[Row]) -> Vec<Vec<String>> {
    let blank = String::new();
    let mut rows: Vec<Vec<String>> = found
        .iter()
        .map(|row| header.iter().map(|column| plain(row.get(column).unwrap_or(&blank))).collect())
        .collect();
    rows.sort();
    rows
}

fn compare(file: &Path, found: &[Row]) -> String {
    let (header, mut right) = expected(file);
    if let Some(row) = found.first() {
        let unknown: Vec<_> =
            header.iter().filter(|column| !column.contains('.') && !row.contains_key(*column)).collect();
        assert!(unknown.is_empty(), "{}: the table has no column {unknown:?}", file.display());
    }
    right.sort();
    let found = chosen(&header, found);
    let mut counts: BTreeMap<&Vec<String>, i32> = BTreeMap::new();
    right.iter().for_each(|row| *counts.entry(row).or_default() += 1);
    found.iter().for_each(|row| *counts.entry(row).or_default() -= 1);
    let differing = counts.into_iter().filter(|(_, count)| *count != 0).map(|(row, count)| {
        let sign = if count > 0 { "right  " } else { "found  " };
        format!("    {sign} {}\n", row.join(","))
    });
    let differing: String = differing.collect();
    if differing.is_empty() {
        differing
    } else {
        format!("  {}\n    columns {}\n{differing}", file.display(), header.join(","))
    }
}

fn rewrite(file: &Path, found: &[Row]) {
    let (header, _) = expected(file);
    let rows = chosen(&header, found);
    let mut writer = csv::Writer::from_path(file).unwrap();
    writer.write_record(&header).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.flush().unwrap();
}

#[test]
fn every_case_comes_out_as_worked_out_by_hand() {
    let wrong: Vec<String> = cases()
        .iter()
        .map(|case| (case, check(case)))
        .filter(|(_, wrong)| !wrong.is_empty())
        .map(|(case, wrong)| format!("{}\n{wrong}", case.file_name().unwrap().to_string_lossy()))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases().len(), wrong.join("\n"));
}

#[test]
fn every_case_is_complete_and_explained() {
    let cases = cases();
    assert!(cases.len() >= 12, "{} cases", cases.len());
    for case in cases {
        let found = files(&case);
        for name in ["README.md", "pipeline.yaml", "book.yaml", "usage.csv", "expected_lines.csv"] {
            assert!(found.contains_key(name), "{} has no {name}", case.display());
        }
    }
}
