//! What a commit promises: one line set stands for a period, it is whole, it is of one pipeline, and what is said of it
//! is true.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::committed;
use crate::harness::{Running, files, folder};
use crate::tiny::{GOOD, HEADER, Tiny};

/// The job with one more record, told from all other jobs by `nth`.
fn with_other_facts(nth: usize) -> Tiny {
    Tiny::new().usage("calls.csv", format!("{HEADER}{GOOD}{}", GOOD.replace("c1,", &format!("n{nth},"))))
}

#[test]
fn of_runs_of_other_facts_that_race_each_commits_a_number_of_its_own_or_says_who_was_first() {
    let (jobs, out) = ((0..8).map(with_other_facts).collect::<Vec<_>>(), folder());
    let output = out.path().to_str().unwrap();
    let racing: Vec<Running> = jobs.iter().map(|job| job.json_call().words(&["--output", output]).start()).collect();
    let (mut numbers, mut ids) = (Vec::new(), BTreeSet::new());
    for ran in racing.into_iter().map(Running::wait) {
        let told = ran.json();
        if ran.status.code() == Some(4) {
            assert_eq!((&told["outcome"], &told["faults"][0]["code"]), (&"failed".into(), &"O002".into()), "{told:#}");
        } else {
            assert_eq!((ran.status.code(), &told["outcome"]), (Some(0), &"committed".into()), "{ran}");
            numbers.push(told["number"].as_u64().unwrap());
            ids.insert(told["run_id"].as_str().unwrap().to_owned());
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=u64::try_from(ids.len()).unwrap()).collect::<Vec<_>>(), "no number twice, none left out");
    // Those who lost have left files that no manifest names; the newest manifest's are all there.
    assert!(ids.contains(&committed::read(out.path(), "2026-10").run_id));
    let written = files(&out.path().join("runs/period=2026-10"));
    let (plans, manifests): (Vec<_>, Vec<_>) = written.keys().partition(|name| name.starts_with("plans/"));
    // Whoever got as far as writing has told so before.
    assert_eq!((manifests.len(), plans.len() >= ids.len()), (ids.len(), true), "{written:?}");
}

#[test]
fn a_run_that_was_overtaken_is_exit_4_and_replaces_the_other_when_it_is_run_again() {
    let (slow, quick, out) = (with_other_facts(1), with_other_facts(2), folder());
    let output = out.path().to_str().unwrap();
    let go = slow.path("go");
    let held = slow.json_call().words(&["--output", output]).env("RATEMILL_FAILPOINT", "before_manifest");
    let held = held.env("RATEMILL_FAILPOINT_UNTIL", &go).start();
    // Its tables are written once it is held: it has looked for a committed run before.
    while files(out.path()).keys().filter(|name| name.ends_with("part-000.parquet")).count() < 6 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let first = quick.json_call().words(&["--output", output]).run().ok().json();
    std::fs::write(&go, "").unwrap();
    let told = held.wait().exits(4).json();
    assert_eq!(told["faults"][0]["code"], "O002");
    assert!(told["faults"][0]["message"].as_str().unwrap().contains(first["run_id"].as_str().unwrap()), "{told:#}");
    assert_eq!(committed::read(out.path(), "2026-10").run_id, first["run_id"].as_str().unwrap());

    let again = slow.json_call().words(&["--output", output]).run().ok().json();
    assert_eq!((&again["outcome"], again["number"].as_u64()), (&"committed".into(), Some(2)));
}

#[test]
fn a_run_stays_committed_when_nobody_reads_its_summary() {
    for words in [&["--format", "json"][..], &[]] {
        let tiny = Tiny::new();
        let ran = tiny.call().words(words).unread().run().ok();
        assert!(!ran.stderr.contains("nothing was committed"), "{ran}");
        let ran = ran.says("committed as number 1 of 2026-10, but the summary could not be printed");
        committed::read(&tiny.path("out"), "2026-10");
        drop(ran);
        tiny.call().words(words).unread().run().ok().says("already done as number 1");
    }
}

#[test]
fn a_committed_run_whose_file_is_gone_is_not_called_done() {
    let tiny = Tiny::new();
    let (summary, run) = tiny.run();
    let lost = tiny.path("out").join(&run.files["invoices"][0]);
    let whole = std::fs::read(&lost).unwrap();
    for damage in [None, Some(&whole[1..])] {
        match damage {
            None => std::fs::remove_file(&lost).unwrap(),
            Some(bytes) => std::fs::write(&lost, bytes).unwrap(),
        }
        let told = tiny.json_call().run().exits(3).json();
        assert_eq!(told["faults"].as_array().unwrap().len(), 1, "{told:#}");
        assert_eq!(told["faults"][0]["code"], "O006");
        assert!(told["faults"][0]["message"].as_str().unwrap().contains(&run.files["invoices"][0]), "{told:#}");
    }
    // What the hint says: without its manifest the run is made again, with the same bytes.
    std::fs::remove_file(tiny.path("out").join(&run.manifest)).unwrap();
    let again: Value = tiny.json_call().run().ok().json();
    assert_eq!((&again["outcome"], &again["run_id"]), (&"committed".into(), &summary["run_id"]));
    assert_eq!(std::fs::read(&lost).unwrap(), whole);
}

#[test]
fn a_pipeline_does_not_supersede_the_line_set_of_another() {
    let tiny = Tiny::new();
    let (_, first) = tiny.run();
    let tiny = tiny.with("pipeline.yaml", "pipeline: tiny", "pipeline: other");
    let told = tiny.json_call().run().exits(2).json();
    assert_eq!(told["faults"][0]["code"], "O007", "{told:#}");
    assert!(told["faults"][0]["message"].as_str().unwrap().contains("`tiny`, not by `other`"), "{told:#}");
    assert_eq!(committed::read(&tiny.path("out"), "2026-10").run_id, first.run_id);
    // With other facts it supersedes its own.
    let tiny = tiny.with("pipeline.yaml", "pipeline: other", "pipeline: tiny").with("book.yaml", "0.10", "0.20");
    assert_eq!(tiny.json_call().run().ok().json()["number"], 2);
}

#[test]
fn a_name_that_shows_in_the_tables_or_the_manifest_is_one_of_the_facts() {
    let overrides = "account_id,charge,unit_price\nA1,voice/minutes,0.05\n";
    let tiny = Tiny::new().with("pipeline.yaml", "limits:", "  price_overrides: prices.csv\nlimits:");
    tiny.write("prices.csv", overrides);
    tiny.write("moved/prices.csv", overrides);
    tiny.write("special.csv", overrides);
    let id = |tiny: &Tiny, output: &str| {
        let summary = tiny.json_call().words(&["--output", output]).run().ok().json();
        (summary["run_id"].as_str().unwrap().to_owned(), committed::read(&tiny.path(output), "2026-10"))
    };
    let (first, run) = id(&tiny, "1");
    assert_eq!(run.table("invoice_lines")[0]["price_ref"], "prices.csv:2");
    let tiny = tiny.with("pipeline.yaml", "prices.csv", "moved/prices.csv");
    assert_eq!(id(&tiny, "2").0, first, "where a file lies is no fact");
    let tiny = tiny.with("pipeline.yaml", "moved/prices.csv", "special.csv");
    let (renamed, run) = id(&tiny, "3");
    assert_eq!(run.table("invoice_lines")[0]["price_ref"], "special.csv:2");
    let other = id(&tiny.with("pipeline.yaml", "pipeline: tiny", "pipeline: other"), "4").0;
    assert_eq!(BTreeSet::from([&first, &renamed, &other]).len(), 3);
}
