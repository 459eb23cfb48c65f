//! Nights that go on from each other come to what one run over all files comes to, in whatever order and however often the
//! files arrive.

use std::collections::BTreeMap;

use crate::committed;
use crate::harness::same_bytes;
use crate::month::{Drops, Month, drops};

/// What one run over all files commits.
pub(crate) fn at_once(drops: &[(String, String)]) -> (String, BTreeMap<String, String>) {
    let month = Month::new();
    drops.iter().for_each(|drop| month.arrives(drop));
    month.call("run").run().ok();
    month.committed()
}

#[track_caller]
pub(crate) fn same(
    expected: &(String, BTreeMap<String, String>),
    found: &(String, BTreeMap<String, String>),
    what: &str,
) {
    same_bytes(&expected.1, &found.1, what);
    assert_eq!(expected.0, found.0, "{what}: the manifest");
}

#[test]
fn a_month_of_nights_is_one_run_over_the_month_to_the_byte() {
    let drops = drops(1, 60);
    let expected = at_once(&drops);
    let month = Month::new();
    for drop in &drops {
        month.arrives(drop);
        let ran = month.call("run").run().ok().json();
        assert_eq!(ran["outcome"], "committed");
    }
    same(&expected, &month.committed(), "31 nights");
    // The month has everything in it that can become of a record.
    let run = committed::read(&month.path("out"), "2026-10");
    let verdicts: std::collections::BTreeSet<&str> =
        run.table("usage_records").iter().map(|row| row["verdict"].as_str()).collect();
    assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), ["conflicting", "counts", "duplicate", "nowhere", "unpriced"]);
}

#[test]
fn files_that_come_late_and_in_any_order_change_nothing() {
    let mut drops = drops(2, 40);
    let expected = at_once(&drops);
    drops.sort_by_key(|(name, _)| blake3::hash(name.as_bytes()).to_hex().to_string());
    let month = Month::new();
    for together in drops.chunks(3) {
        together.iter().for_each(|drop| month.arrives(drop));
        month.call("run").run().ok();
    }
    same(&expected, &month.committed(), "nights in any order");
}

#[test]
fn files_that_are_delivered_twice_change_nothing() {
    let drops = drops(3, 40);
    let expected = at_once(&drops);
    let month = Month::new();
    for together in drops.chunks(4) {
        together.iter().for_each(|drop| month.arrives(drop));
        month.call("run").run().ok();
        // Again under its name, and under another one that sorts behind it.
        for (name, text) in together {
            month.arrives(&(name.clone(), text.clone()));
            month.arrives(&(format!("z{name}"), text.clone()));
        }
        assert_eq!(month.call("run").run().ok().json()["outcome"], "already_done");
    }
    same(&expected, &month.committed(), "every file twice");
    // A copy that sorts before the file it is a copy of is the one that counts: as it would be in one run.
    let (name, text) = &drops[5];
    month.arrives(&(format!("0{name}"), text.clone()));
    month.call("run").run().ok();
    let all = Month::new();
    drops.iter().for_each(|drop| all.arrives(drop));
    all.arrives(&(format!("0{name}"), text.clone()));
    all.call("run").run().ok();
    same(&all.committed(), &month.committed(), "a copy that sorts before its file");
}

#[test]
fn a_night_opens_only_files_that_are_new() {
    // A record of an old file that conflicts with one that sorts before it goes to suspense with its text: then the file is
    // opened. These sort as they come.
    let sorted = drops(4, 30).into_iter().enumerate().map(|(nth, (name, text))| (format!("{nth:02}-{name}"), text));
    let drops: Drops = sorted.collect();
    let month = Month::new();
    drops.iter().take(20).for_each(|drop| month.arrives(drop));
    month.call("run").run().ok();
    // What was read may have gone since.
    std::fs::remove_dir_all(month.path("usage")).unwrap();
    drops.iter().skip(20).for_each(|drop| month.arrives(drop));
    month.call("run").run().ok();
    same(&at_once(&drops), &month.committed(), "after the files have gone");
}

#[test]
fn other_prices_need_no_file_and_other_rules_of_reading_need_all_of_them() {
    let drops = drops(5, 30);
    let (month, all) = (Month::new(), Month::new());
    for drop in &drops {
        month.arrives(drop);
        all.arrives(drop);
    }
    month.call("run").run().ok();
    let book = std::fs::read_to_string(month.path("book.yaml")).unwrap();
    let dearer = book
        .replace("region: US, unit_price: 0.03 }", "region: US, unit_price: 0.04 }, { region: MARS, unit_price: 1 }");
    assert_ne!(book, dearer);
    std::fs::rename(month.path("usage"), month.path("gone")).unwrap();
    for one in [&month, &all] {
        one.put("book.yaml", &dearer);
        one.call("run").run().ok();
    }
    same(&all.committed(), &month.committed(), "other prices");
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    let stricter = pipeline.replace("amount < 0", "amount < 1");
    month.put("pipeline.yaml", &stricter);
    assert_eq!(month.call("run").run().exits(3).json()["faults"][0]["code"], "U009");
    std::fs::rename(month.path("gone"), month.path("usage")).unwrap();
    all.put("pipeline.yaml", &stricter);
    for one in [&month, &all] {
        one.call("run").run().ok();
    }
    same(&all.committed(), &month.committed(), "other rules");
}

#[test]
fn a_file_of_other_bytes_under_a_known_name_is_refused_or_a_correction() {
    let drops = drops(6, 20);
    let month = Month::new();
    drops.iter().for_each(|drop| month.arrives(drop));
    month.call("run").run().ok();
    let (name, text) = &drops[3];
    let other = text.lines().take(9).map(|line| format!("{line}\n")).collect::<String>();
    month.arrives(&(name.clone(), other.clone()));
    let told = month.call("run").run().exits(3).json();
    assert_eq!(told["faults"][0]["code"], "U008", "{told:#}");
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    let correcting = pipeline.replace("incremental: {}", "incremental: { changed_files: correct }");
    month.put("pipeline.yaml", &correcting);
    month.call("run").run().ok();
    let mut corrected = drops.clone();
    corrected[3].1 = other;
    let all = Month::new();
    all.put("pipeline.yaml", &correcting);
    corrected.iter().for_each(|drop| all.arrives(drop));
    all.call("run").run().ok();
    same(&all.committed(), &month.committed(), "a corrected file");
}

#[test]
fn simulate_says_without_a_usage_file_what_a_run_with_the_other_book_would_change() {
    let drops = drops(7, 30);
    let month = Month::new();
    drops.iter().for_each(|drop| month.arrives(drop));
    let before = month.call("run").run().ok().json();
    std::fs::rename(month.path("usage"), month.path("gone")).unwrap();
    let book = std::fs::read_to_string(month.path("book.yaml")).unwrap();
    month.put("dearer.yaml", &book.replace("up_to: 10, unit_price: 0.10", "up_to: 12, unit_price: 0.25"));
    let same = month.call("simulate").words(&["--book", "book.yaml"]).run().ok().json();
    assert_eq!((&same["lines"]["changed"], &same["lines"]["only_b"]), (&0.into(), &0.into()), "{same:#}");
    let tree = crate::harness::digests(&month.path("out"));
    let simulated = month.call("simulate").words(&["--book", "dearer.yaml"]).run().ok().json();
    same_bytes(&tree, &crate::harness::digests(&month.path("out")), "a simulation leaves nothing");
    assert_ne!(simulated["lines"]["changed"], 0, "{simulated:#}");
    // The same as running it and comparing.
    std::fs::rename(month.path("gone"), month.path("usage")).unwrap();
    std::fs::rename(month.path("dearer.yaml"), month.path("book.yaml")).unwrap();
    let after = month.call("run").run().ok().json();
    let runs = [before["run_id"].as_str().unwrap(), after["run_id"].as_str().unwrap()];
    let words = ["diff", "pipeline.yaml", runs[0], runs[1], "--format", "json"];
    let found = crate::harness::ratemill(&words).cwd(month.folder()).run().ok().json();
    assert_eq!(found["totals"], simulated["totals"]);
    assert_eq!(found["accounts"], simulated["accounts"]);
    // Other meters would have to be read again.
    month.put("other.yaml", &book.replace("amount / 60", "amount / 30"));
    let told = month.call("simulate").words(&["--book", "other.yaml"]).run().exits(2).json();
    assert_eq!(told["faults"][0]["code"], "O014");
}

#[test]
fn a_period_is_closed_when_it_is_complete_and_then_nothing_of_it_changes() {
    let drops = drops(8, 40);
    let month = Month::new();
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    month.put("pipeline.yaml", &pipeline.replace("    suspend:", "    expect: day\n    suspend:"));
    let close = |words: &[&str]| {
        let words: Vec<&str> = ["close", "pipeline.yaml", "--period", "2026-10", "--format", "json"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        crate::harness::ratemill(&words).cwd(month.folder()).run()
    };
    let failing = |ran: crate::harness::Ran| -> Vec<String> {
        let told = ran.exits(1).json();
        assert_eq!(told["closed"], false, "{told:#}");
        let gates = told["gates"].as_array().unwrap().clone();
        gates
            .iter()
            .filter(|gate| gate["holds"] == false)
            .map(|gate| gate["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(close(&[]).exits(2).json()["faults"][0]["code"], "O009");
    drops.iter().take(12).for_each(|drop| month.arrives(drop));
    month.call("run").run().ok();
    assert_eq!(failing(close(&[])), ["complete"]);
    drops.iter().skip(12).for_each(|drop| month.arrives(drop));
    assert_eq!(failing(close(&[])), ["facts", "complete"]);
    month.call("run").run().ok();
    let before = month.committed();
    let told = close(&[]).ok().json();
    assert_eq!((&told["closed"], told["number"].as_u64()), (&true.into(), Some(3)), "{told:#}");
    assert_eq!(close(&[]).ok().json()["already"], true);
    assert_eq!(month.call("run").run().ok().json()["outcome"], "already_done");
    // What comes later is not billed in it.
    month.arrives(&("late.csv".to_owned(), drops[2].1.replace("\nr", "\nx")));
    assert_eq!(month.call("run").run().exits(4).json()["faults"][0]["code"], "O015");
    let after = month.committed();
    same_bytes(&before.1, &after.1, "a closed period");
    assert_eq!(before.0.lines().count() + 1, after.0.lines().count(), "{}", after.0);
}

#[test]
fn a_period_that_is_not_complete_is_closed_for_a_reason_that_is_kept() {
    let month = Month::new();
    drops(9, 20).iter().for_each(|drop| month.arrives(drop));
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    let pipeline = pipeline
        .replace("    suspend:", "    expect: hour\n    suspend:")
        .replace("suspense_records: 1", "suspense_records: 0");
    month.put("pipeline.yaml", &pipeline);
    month.call("run").run().exits(1);
    let told = month.call("close").run().exits(1).json();
    let gates: Vec<&serde_json::Value> =
        told["gates"].as_array().unwrap().iter().filter(|gate| gate["holds"] == false).collect();
    let names: Vec<&str> = gates.iter().map(|gate| gate["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["suspense", "complete"], "{told:#}");
    assert!(gates[1]["said"].as_str().unwrap().starts_with("source `calls` has nothing of 2026-10-01T"), "{told:#}");
    month.call("close").words(&["--despite", "the bridge was down"]).run().ok();
    let manifest: serde_json::Value = serde_json::from_str(&month.committed().0).unwrap();
    assert_eq!(manifest["closed"]["despite"], "the bridge was down");
    assert_eq!(manifest["closed"]["failed"].as_object().unwrap().len(), 2);
    let lost = crate::harness::files(&month.path("out/invoices"));
    std::fs::remove_file(lost.values().next().unwrap()).unwrap();
    month.call("close").run().ok();
}
