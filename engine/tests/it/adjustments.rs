//! What becomes of a closed period when something is learnt later: its line set stays, and the next open period bills the
//! difference, once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::committed::{self, Committed};
use crate::harness::{Ran, ratemill, same_bytes};
use crate::month::{Drops, Month, drops};

pub(crate) fn call(month: &Month, name: &str, period: &str) -> Ran {
    ratemill(&[name, "pipeline.yaml", "--period", period, "--format", "json"]).cwd(month.folder()).run()
}

pub(crate) fn run(month: &Month, period: &str) -> Value {
    call(month, "run", period).ok().json()
}

pub(crate) fn read(month: &Month, period: &str) -> Committed {
    committed::read(&month.path("out"), period)
}

/// Net and tax by account and charge, adjustments included.
pub(crate) fn billed(sets: &[&Committed]) -> BTreeMap<(String, String), (i64, i64)> {
    let cents = |text: &str| -> i64 {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        sign * (whole.parse::<i64>().unwrap() * 100 + format!("{fraction:0<2}").parse::<i64>().unwrap())
    };
    let mut sums: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
    for set in sets {
        let mut charges: BTreeMap<&str, &str> = BTreeMap::new();
        for line in set.table("invoice_lines") {
            charges.insert(&line["line_id"], &line["charge"]);
            let sum = sums.entry((line["account_id"].clone(), line["charge"].clone())).or_default();
            sum.0 += cents(&line["amount_net"]);
        }
        for tax in set.table("invoice_taxes") {
            let charge = charges[tax["line_id"].as_str()].to_owned();
            sums.entry((tax["account_id"].clone(), charge)).or_default().1 += cents(&tax["amount"]);
        }
    }
    sums.retain(|_, sum| *sum != (0, 0));
    sums
}

/// A month with taxes, of which `drops` have come and are billed for good.
pub(crate) fn closed(drops: &[(String, String)]) -> Month {
    let month = Month::new();
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    month.put(
        "pipeline.yaml",
        &pipeline.replace("identifiers: identifiers.csv", "identifiers: identifiers.csv\n  tax_rates: tax_rates.csv"),
    );
    month.put(
        "tax_rates.csv",
        "jurisdiction,tax,category,rate,valid_from,valid_to,compound\n,VAT,,0.19,2026-01-01,,false\n",
    );
    let accounts = std::fs::read_to_string(month.path("accounts.csv")).unwrap();
    let accounts: String = accounts
        .lines()
        .enumerate()
        .map(|(at, line)| format!("{line},{}\n", if at == 0 { "tax_jurisdiction" } else { "DE" }))
        .collect();
    month.put("accounts.csv", &accounts);
    month.put("tax_rates.csv", "jurisdiction,tax,tax_category,rate,valid_from,valid_to\nDE,VAT,,19,2026-01-01,\n");
    drops.iter().for_each(|drop| month.arrives(drop));
    run(&month, "2026-10");
    call(&month, "close", "2026-10").ok();
    month
}

/// What the run of October over all of these would have billed.
fn whole(drops: &Drops) -> Committed {
    let month = closed(drops);
    read(&month, "2026-10")
}

#[test]
fn late_usage_of_a_closed_period_is_billed_once_in_the_open_one() {
    let drops = drops(11, 40);
    let month = closed(&drops[..24]);
    let october = read(&month, "2026-10");
    let before = month.committed();
    let mut late = 0;
    for together in drops[24..].chunks(4) {
        together.iter().for_each(|drop| month.arrives(drop));
        let told = run(&month, "2026-11");
        assert_eq!(told["outcome"], "committed", "{told:#}");
        assert_eq!(run(&month, "2026-11")["outcome"], "already_done");
        let lines = read(&month, "2026-11")
            .table("invoice_lines")
            .iter()
            .filter(|line| line["line_kind"] == "adjustment")
            .count();
        assert!(lines > late, "each delivery has late usage");
        late = lines;
    }
    let november = read(&month, "2026-11");
    // Both months together come to what October would have come to, and what November has of its own.
    let fresh = Month::new();
    for name in ["pipeline.yaml", "accounts.csv", "tax_rates.csv"] {
        fresh.put(name, &std::fs::read_to_string(month.path(name)).unwrap());
    }
    drops.iter().for_each(|drop| fresh.arrives(drop));
    run(&fresh, "2026-11");
    assert_eq!(billed(&[&october, &november]), billed(&[&whole(&drops), &read(&fresh, "2026-11")]));
    // The closed line set has not been touched.
    let after = month.committed();
    for (path, digest) in &before.1 {
        assert_eq!(after.1.get(path), Some(digest), "{path}");
    }
    for line in november.table("invoice_lines").iter().filter(|line| line["line_kind"] == "adjustment") {
        assert_eq!([&line["model"], &line["price_layer"], &line["price_ref"]], ["adjustment", "", ""]);
        assert_eq!(line["adjusts_line_id"].len(), 32, "{line:?}");
    }
    // Closed as well, November has billed them for good, and December does not.
    call(&month, "close", "2026-11").ok();
    assert_eq!(call(&month, "rerate", "2026-11").ok().json()["adjustments"], 0);
    run(&month, "2026-12");
    assert_eq!(read(&month, "2026-12").table("invoice_lines").len(), 0);
}

#[test]
fn a_rerate_under_other_prices_says_the_cause_of_every_difference() {
    // Without the file of the first of November: that month has nothing of its own.
    let drops: Drops = drops(12, 40).into_iter().take(31).collect();
    let month = closed(&drops);
    let october = read(&month, "2026-10");
    assert_eq!(call(&month, "rerate", "2026-10").ok().json()["already"], true);
    let book = std::fs::read_to_string(month.path("book.yaml")).unwrap();
    let dearer = book.replace("region: EU, unit_price: 0.02", "region: EU, unit_price: 0.05");
    month.put("book.yaml", &dearer);
    let told = call(&month, "rerate", "2026-10").ok().json();
    assert!(told["adjustments"].as_u64().unwrap() > 0, "{told:#}");
    let rerated = read(&month, "2026-10");
    let rows = rerated.table("adjustments");
    assert!(rows.iter().all(|row| row["cause"] == "price" && row["quantity"] == "0"), "{rows:?}");
    assert_eq!(rerated.table("invoice_lines").len(), october.table("invoice_lines").len());
    assert_eq!(call(&month, "rerate", "2026-10").ok().json()["already"], true);
    run(&month, "2026-11");
    let fresh = closed(&drops);
    fresh.put("book.yaml", &dearer);
    std::fs::remove_dir_all(fresh.path("out")).unwrap();
    run(&fresh, "2026-10");
    assert_eq!(billed(&[&october, &read(&month, "2026-11")]), billed(&[&read(&fresh, "2026-10")]));
    // Back again: what was billed more is given back.
    month.put("book.yaml", &book);
    call(&month, "rerate", "2026-10").ok();
    run(&month, "2026-11");
    assert_eq!(billed(&[&october, &read(&month, "2026-11")]), billed(&[&october]));
    // A line that adjusts another is explained by saying so.
    let november = read(&month, "2026-11");
    let id = november.table("invoice_lines")[0]["line_id"].clone();
    let words = ["explain", "pipeline.yaml", &id, "--period", "2026-11", "--format", "json"];
    let told = ratemill(&words).cwd(month.folder()).run().ok();
    assert!(told.stdout.contains("adjusts a line of a closed period"), "{told}");
}

#[test]
fn an_open_period_is_not_rerated_and_late_usage_can_be_left() {
    let drops = drops(13, 30);
    let month = Month::new();
    drops[..20].iter().for_each(|drop| month.arrives(drop));
    run(&month, "2026-10");
    assert_eq!(call(&month, "rerate", "2026-10").exits(2).json()["faults"][0]["code"], "O016");
    let month = closed(&drops[..20]);
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    month.put("pipeline.yaml", &pipeline.replace("incremental: {}", "incremental: { late_usage: leave }"));
    let before = month.committed();
    drops[20..].iter().for_each(|drop| month.arrives(drop));
    run(&month, "2026-11");
    same_bytes(&before.1, &month.committed().1, "a closed period whose late usage is left");
    assert!(read(&month, "2026-11").table("invoice_lines").iter().all(|line| line["line_kind"] != "adjustment"));
}
