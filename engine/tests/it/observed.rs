//! What is told of a run while it goes on and when it has ended: metrics, events, logs.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::harness::{files, ratemill};
use crate::tiny::{GOOD, HEADER, Tiny};

const STAGES: [&str; 8] = ["prepare", "discover", "take_in", "settle", "rate", "write", "verify", "commit"];

/// The metrics in a file: name and labels to value.
fn metrics(tiny: &Tiny) -> BTreeMap<String, String> {
    let text = fs::read_to_string(tiny.path("run.prom")).unwrap();
    let mut described = Vec::new();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let name = comment.split(' ').nth(1).unwrap();
            described.push(name.to_owned());
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(described.contains(&name.split('{').next().unwrap().to_owned()), "{line} is not described");
        assert!(found.insert(name.to_owned(), value.to_owned()).is_none(), "{line} stands twice");
    }
    found
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(events: &[Value]) -> Vec<String> {
    let stage = |event: &Value| event["stage"].as_str().map(|stage| format!(" {stage}")).unwrap_or_default();
    events.iter().map(|event| format!("{}{}", event["event"].as_str().unwrap(), stage(event))).collect()
}

#[test]
fn metrics_tell_how_the_run_ended_and_when_one_last_ended_well() {
    let bad = "c2,+9,2026-10-05T10:00:00Z,60\n";
    let tiny = Tiny::new().usage("calls.csv", format!("{HEADER}{GOOD}{GOOD}{bad}"));
    let run = || tiny.call().words(&["--metrics", "run.prom"]);
    run().run().ok();
    let of = |name: &str| format!("ratemill_run_{name}");
    let labels = r#"pipeline="tiny",period="2026-10""#;
    let told = metrics(&tiny);
    let value = |name: &str, more: &str| told[&of(&format!("{name}{{{labels}{more}}}"))].as_str();
    assert_eq!((value("outcome", r#",outcome="committed""#), value("exit_code", "")), ("1", "0"));
    let fates = ["rated", "suspended", "duplicate", "out_of_window", "filtered"];
    assert_eq!(fates.map(|fate| value("records", &format!(r#",fate="{fate}""#))), ["1", "1", "1", "0", "0"]);
    assert_eq!(value("suspense", r#",source="calls",reason="unknown_identifier""#), "1");
    assert_eq!((value("lines", ""), value("amount", r#",currency="USD",amount="gross""#)), ("1", "0.2"));
    for stage in STAGES {
        value("stage_seconds", &format!(r#",stage="{stage}""#));
    }
    if cfg!(target_os = "linux") {
        let peak: u64 = value("peak_memory_bytes", "").parse().unwrap();
        assert!(peak > 1 << 20, "{peak}");
    }
    let last = of("last_success_timestamp_seconds{pipeline=\"tiny\"}");
    let success = told[&last].clone();

    // A run that fails says so, and keeps when one last ended well; nothing is left beside the file.
    tiny.write("identifiers.csv", "identifier,subscription_id,valid_from,valid_to\n+1,S9,2026-01-01,\n");
    fs::write(tiny.path("run.prom"), fs::read_to_string(tiny.path("run.prom")).unwrap().replace(&success, "12345"))
        .unwrap();
    run().run().exits(2);
    let told = metrics(&tiny);
    let value = |name: &str, more: &str| told[&of(&format!("{name}{{{labels}{more}}}"))].as_str();
    assert_eq!((value("outcome", r#",outcome="failed""#), value("exit_code", "")), ("1", "2"));
    assert_eq!(value("faults", r#",code="R005""#), "1");
    assert_eq!(told[&last], "12345");
    assert!(files(&tiny.path("")).keys().all(|name| !name.ends_with(".part")));

    // That they cannot be written is told, and no reason to fail.
    tiny.write("identifiers.csv", "identifier,subscription_id,valid_from,valid_to\n+1,S1,2026-01-01,\n");
    tiny.call().words(&["--metrics", "nowhere/run.prom"]).run().ok().says("the metrics could not be written");
    run().run().ok().says("already done");
    assert_eq!(metrics(&tiny)[&of(&format!("outcome{{{labels},outcome=\"already_done\"}}"))], "1");
}

#[test]
fn events_tell_every_stage_with_the_run() {
    let tiny = Tiny::new();
    let ran = tiny.call().words(&["--events", "-"]).run().ok();
    let told = events(&ran.stdout);
    let mut right = vec!["run_started".to_owned()];
    right.extend(STAGES.iter().flat_map(|stage| [format!("stage_started {stage}"), format!("stage_finished {stage}")]));
    right.extend(["committed".to_owned(), "run_finished".to_owned()]);
    assert_eq!(names(&told), right);
    let (committed, end) = (&told[told.len() - 2], &told[told.len() - 1]);
    assert_eq!((&committed["report"]["records"]["rated"], &end["exit_code"]), (&json!(1), &json!(0)));
    let run_id = committed["report"]["run_id"].clone();
    // Known from the end of the first stage that reads usage files on.
    let known = told.iter().position(|event| event["run_id"] == run_id).unwrap();
    assert!(known <= 4 && told[known..].iter().all(|event| event["run_id"] == run_id), "{told:#?}");
    assert!(told.iter().all(|event| event["period"] == "2026-10" && event["at"].is_string()));

    tiny.call().words(&["--events", "run.ndjson"]).run().ok();
    let told = events(&fs::read_to_string(tiny.path("run.ndjson")).unwrap());
    assert_eq!(names(&told).iter().rev().nth(1).unwrap(), "already_done");
    tiny.json_call().words(&["--events", "-"]).run().exits(2).says("both print on stdout");
}

#[test]
fn events_of_a_failed_run_hold_its_faults() {
    let tiny = Tiny::new().with("book.yaml", "meter: minutes", "meter: hours");
    let ran = tiny.call().words(&["--events", "-"]).run().exits(2);
    let told = events(&ran.stdout);
    assert_eq!(
        names(&told),
        ["run_started", "stage_started prepare", "stage_finished prepare", "fault", "run_finished"]
    );
    assert_eq!((&told[3]["fault"]["code"], &told[3]["fault"]["file"]), (&json!("B003"), &json!("book.yaml")));
    assert_eq!((&told[4]["exit_code"], &told[4]["run_id"]), (&json!(2), &json!(null)));
    // Nobody reads, or nobody can: the run goes on.
    let tiny = Tiny::new();
    tiny.call().words(&["--events", "-"]).unread().run().ok().says("no more events");
    tiny.call().words(&["--events", "nowhere/x.ndjson"]).run().ok().says("cannot be written");
}

#[test]
fn the_log_of_a_run_carries_its_id_as_soon_as_there_is_one() {
    let tiny = Tiny::new();
    let ran = ratemill(&["run", "pipeline.yaml", "--period", "2026-10", "--log-format", "json"])
        .cwd(&tiny.path(""))
        .run()
        .ok();
    let lines = events(&ran.stderr);
    let run_id = lines.last().unwrap()["run_id"].clone();
    assert!(run_id.is_string());
    let known = lines.iter().position(|line| line["run_id"].is_string()).unwrap();
    assert!(known <= 3 && lines[known..].iter().all(|line| line["run_id"] == run_id), "{}", ran.stderr);
}
