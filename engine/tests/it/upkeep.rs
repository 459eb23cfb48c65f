//! Looking after an output: plans of runs, `status`, `gc` and `abandon`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::committed;
use crate::harness::{Call, Ran, digests, files, ratemill, same_bytes};
use crate::month::{Month, drops};
use crate::tiny::Tiny;

const PERIOD: &str = "2026-10";

/// A command about the output of the tiny job.
fn about(tiny: &Tiny, words: &[&str]) -> Call {
    ratemill(&[&words[..1], &["pipeline.yaml"], &words[1..]].concat()).cwd(&tiny.path(""))
}

fn told(tiny: &Tiny, words: &[&str]) -> Value {
    about(tiny, words).words(&["--format", "json"]).run().ok().json()
}

fn status(tiny: &Tiny) -> Value {
    told(tiny, &["status"])["periods"][0].clone()
}

/// The job with another price: other facts, so another run.
fn at_price(tiny: Tiny, old: &str, new: &str) -> Tiny {
    tiny.with("book.yaml", &format!("unit_price: {old}"), &format!("unit_price: {new}"))
}

fn run(tiny: &Tiny) -> String {
    tiny.json_call().run().ok().json()["run_id"].as_str().unwrap().to_owned()
}

/// A run that dies at this point; its id, as `status` tells it.
fn died(tiny: &Tiny, point: &str) -> String {
    let ran = tiny.json_call().env("RATEMILL_FAILPOINT", point).run();
    assert!(ran.status.code().is_none(), "{ran}");
    let unfinished = status(tiny)["unfinished"].clone();
    assert_eq!(unfinished.as_array().unwrap().len(), 1, "{unfinished:#}");
    unfinished[0]["run_id"].as_str().unwrap().to_owned()
}

/// Everything below the output becomes so many days older.
fn age(out: &Path, days: u64) {
    for path in files(out).into_values() {
        let file = File::options().write(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - Duration::from_secs(days * 86_400)).unwrap();
    }
}

fn paths(swept: &Value) -> Vec<&str> {
    swept["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

fn of_run(out: &Path, run_id: &str) -> usize {
    files(out).keys().filter(|name| name.contains(&format!("run={run_id}/"))).count()
}

#[test]
fn a_run_tells_what_it_is_about_to_do_before_its_first_file() {
    let tiny = Tiny::new();
    let run_id = died(&tiny, "after_plan");
    let plan_path = tiny.path("out").join(format!("runs/period={PERIOD}/plans/{run_id}.json"));
    let plan = fs::read(&plan_path).unwrap();
    assert_eq!(files(&tiny.path("out")).len(), 1, "nothing but the plan");
    let says: Value = serde_json::from_slice(&plan).unwrap();
    assert_eq!((&says["run_id"], &says["supersedes"]), (&json!(run_id), &json!(null)));
    assert_eq!(says["inputs"][0]["name"], "calls.csv");
    assert!(committed::newest(&tiny.path("out"), PERIOD).is_none());

    // The same facts finish it, and say the same again.
    assert_eq!(run(&tiny), run_id);
    assert_eq!(fs::read(&plan_path).unwrap(), plan);
    let now = status(&tiny);
    assert_eq!((&now["unfinished"], &now["line_set"]["run_id"]), (&json!([]), &json!(run_id)));

    let tiny = at_price(tiny, "0.10", "0.20");
    let next = run(&tiny);
    let plan = fs::read(tiny.path("out").join(format!("runs/period={PERIOD}/plans/{next}.json"))).unwrap();
    let says: Value = serde_json::from_slice(&plan).unwrap();
    assert_eq!(says["supersedes"], json!({ "number": 1, "run_id": run_id }));
}

#[test]
fn status_tells_what_there_is_and_writes_nothing() {
    let tiny = Tiny::new();
    assert_eq!(told(&tiny, &["status"])["periods"], json!([]));
    let first = run(&tiny);
    let tiny = at_price(tiny, "0.10", "0.20");
    let second = run(&tiny);
    let tiny = at_price(tiny, "0.20", "0.30");
    let third = died(&tiny, "before_manifest");
    let before = digests(&tiny.path("out"));
    let now = status(&tiny);
    assert_eq!((&now["line_set"]["number"], &now["line_set"]["run_id"]), (&json!(2), &json!(second)));
    assert_eq!((&now["line_set"]["state"], &now["line_set"]["missing_files"]), (&json!("open"), &json!(0)));
    assert_eq!(now["line_set"]["records"]["rated"], 1);
    assert_eq!(now["line_set"]["totals"][0]["net"], "0.4");
    let old = &now["superseded"];
    assert_eq!((&old[0]["number"], &old[0]["run_id"], &old[0]["files"]), (&json!(1), &json!(first), &json!("kept")));
    assert_eq!((&now["unfinished"][0]["run_id"], &old[1]), (&json!(third), &json!(null)));
    // Three runs have written each table, whole.
    let parts = of_run(&tiny.path("out"), &first);
    assert_eq!((&now["stored"]["invoice_lines"]["files"], &now["unfinished"][0]["files"]), (&json!(3), &json!(parts)));
    let ran = about(&tiny, &["status"]).run().ok();
    shown("status", &tiny, &ran.stdout);
    assert_eq!(digests(&tiny.path("out")), before);
}

/// What a person reads, without what differs from machine to machine.
fn shown(name: &str, tiny: &Tiny, text: &str) {
    let text = text.replace(tiny.path("").display().to_string().trim_end_matches('/'), "HERE");
    let filters = [
        (r"[0-9a-f]{32}", "RUN"),
        (r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME"),
        (r" +[\d,]+ bytes", " N bytes"),
        (r" +[\d,]+  (\w+/)", "  N  $1"),
    ];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(name, text) });
}

#[test]
fn gc_deletes_what_is_superseded_long_enough_and_nothing_that_stands() {
    let tiny = Tiny::new();
    let out = tiny.path("out");
    let first = run(&tiny);
    let parts = of_run(&out, &first);
    let tiny = at_price(tiny, "0.10", "0.20");
    let second = run(&tiny);
    let tiny = at_price(tiny, "0.20", "0.30");
    let third = run(&tiny);
    assert_eq!(told(&tiny, &["gc"])["files"], json!([]), "it was superseded just now");
    age(&out, 30);
    let would = told(&tiny, &["gc", "--keep", "2", "--dry-run"]);
    assert_eq!(would["outcome"], "would_delete");
    assert_eq!(of_run(&out, &first), paths(&would).len());
    assert!(paths(&would).iter().all(|path| path.contains(&first)), "{would:#}");
    let ran = about(&tiny, &["gc", "--keep", "2", "--dry-run"]).run().ok();
    shown("gc_dry_run", &tiny, &ran.stdout);

    let swept = told(&tiny, &["gc", "--keep", "2"]);
    assert_eq!((paths(&swept), &swept["bytes"]), (paths(&would), &would["bytes"]));
    assert_eq!((of_run(&out, &first), of_run(&out, &second), of_run(&out, &third)), (0, parts, parts));
    assert!(!out.join(format!("invoices/period={PERIOD}/run={first}")).exists(), "no empty folders");
    told(&tiny, &["gc", "--grace", "31d"]);
    assert_eq!(of_run(&out, &second), parts, "31 days have not passed");
    told(&tiny, &["gc"]);
    assert_eq!((of_run(&out, &second), of_run(&out, &third)), (0, parts));
    // Manifests stay: what was committed is history.
    let old = status(&tiny)["superseded"].clone();
    assert_eq!((&old[0]["files"], &old[1]["files"]), (&json!("removed"), &json!("removed")));
    assert_eq!(committed::read(&out, PERIOD).run_id, third);

    // Facts that stand again bring their files back.
    let tiny = at_price(at_price(tiny, "0.30", "0.20"), "0.20", "0.10");
    assert_eq!(run(&tiny), first);
    age(&out, 30);
    told(&tiny, &["gc"]);
    assert_eq!(committed::read(&out, PERIOD).run_id, first, "read whole");
}

#[test]
fn gc_deletes_files_that_nothing_names_when_they_are_old() {
    let tiny = Tiny::new();
    let run_id = run(&tiny);
    let out = tiny.path("out");
    let folder = format!("invoice_lines/period={PERIOD}/run={run_id}");
    let orphans = ["invoices/period=2026-09/run=abc/part-000.parquet".to_owned(), format!("{folder}/part-777.parquet")];
    let staged = format!("{folder}/part-000.parquet#1");
    let of_others = ["invoices/notes.txt", "elsewhere/part-000.parquet", "invoices.parquet"];
    orphans.iter().chain([&staged]).for_each(|name| tiny.write(&format!("out/{name}"), "x"));
    of_others.iter().for_each(|name| tiny.write(&format!("out/{name}"), "x"));
    assert_eq!(paths(&told(&tiny, &["gc"])), [""; 0], "they may be of a run that has no plan yet");
    age(&out, 8);
    let before = digests(&out);
    let swept = told(&tiny, &["gc"]);
    let reasons: BTreeMap<&str, &str> = swept["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["reason"].as_str().unwrap()))
        .collect();
    let right =
        BTreeMap::from([(orphans[0].as_str(), "orphan"), (orphans[1].as_str(), "orphan"), (staged.as_str(), "staged")]);
    assert_eq!(reasons, right);
    let mut left = before;
    left.retain(|name, _| !reasons.contains_key(name.as_str()));
    same_bytes(&left, &digests(&out), "all else stays");
}

#[test]
fn gc_leaves_a_run_that_is_under_way_alone() {
    let tiny = Tiny::new();
    let first = run(&tiny);
    let out = tiny.path("out");
    let parts = of_run(&out, &first);
    age(&out, 400);
    let tiny = at_price(tiny, "0.10", "0.20");
    // Held with all its files written and none of them named.
    let go = tiny.path("go");
    let held =
        tiny.json_call().env("RATEMILL_FAILPOINT", "before_manifest").env("RATEMILL_FAILPOINT_UNTIL", &go).start();
    // A file that is still being written has another ending.
    let whole = |name: &&String| name.contains("run=") && name.ends_with(".parquet");
    while files(&out).keys().filter(whole).count() < 2 * parts {
        std::thread::sleep(Duration::from_millis(5));
    }
    // However old they look, and whatever the grace; what runs can share stays as long as one is under way.
    let shared = "suspense/shared.parquet";
    tiny.write(&format!("out/{shared}"), "x");
    age(&out, 400);
    let swept = told(&tiny, &["gc", "--grace", "0s"]);
    assert_eq!((paths(&swept), &swept["held"]), (vec![], &json!([shared])));
    fs::write(&go, "").unwrap();
    let second = held.wait().ok().json()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(committed::read(&out, PERIOD).run_id, second, "read whole");
    let swept = told(&tiny, &["gc", "--grace", "0s"]);
    assert_eq!(paths(&swept).len(), parts + 1);
    assert_eq!((of_run(&out, &first), of_run(&out, &second)), (0, parts));
}

#[test]
fn gc_leaves_a_superseded_run_that_is_begun_again_alone() {
    let tiny = Tiny::new();
    let first = run(&tiny);
    let tiny = at_price(tiny, "0.10", "0.20");
    run(&tiny);
    age(&tiny.path("out"), 400);
    let tiny = at_price(tiny, "0.20", "0.10");
    let ran = tiny.json_call().env("RATEMILL_FAILPOINT", "before_manifest").run();
    assert!(ran.status.code().is_none(), "{ran}");
    assert_eq!(paths(&told(&tiny, &["gc", "--grace", "0s"])), [""; 0]);
    assert_eq!(run(&tiny), first);
    assert_eq!(committed::read(&tiny.path("out"), PERIOD).run_id, first);
}

#[test]
fn gc_while_runs_go_on_harms_none_of_them() {
    let (mut tiny, mut price) = (Tiny::new(), 10);
    for _ in 0..6 {
        let running = tiny.json_call().start();
        for _ in 0..4 {
            told(&tiny, &["gc", "--grace", "0s"]);
        }
        let run_id = running.wait().ok().json()["run_id"].clone();
        assert_eq!(committed::read(&tiny.path("out"), PERIOD).run_id, run_id.as_str().unwrap(), "read whole");
        tiny = at_price(tiny, &format!("0.{price}"), &format!("0.{}", price + 1));
        price += 1;
    }
}

#[test]
fn a_plan_of_a_run_that_never_wrote_goes_after_a_while() {
    let tiny = Tiny::new();
    let run_id = died(&tiny, "after_plan");
    assert_eq!(paths(&told(&tiny, &["gc", "--grace", "0s"])), [""; 0], "it may be reading usage");
    age(&tiny.path("out"), 2);
    let swept = told(&tiny, &["gc", "--grace", "0s"]);
    assert_eq!(paths(&swept), [format!("runs/period={PERIOD}/plans/{run_id}.json")]);
}

#[test]
fn an_unfinished_run_can_be_given_up_and_a_committed_one_cannot() {
    let tiny = Tiny::new();
    let first = run(&tiny);
    let out = tiny.path("out");
    let (before, parts) = (digests(&out), of_run(&out, &first));
    let tiny = at_price(tiny, "0.10", "0.20");
    let second = died(&tiny, "before_manifest");
    tiny.write(&format!("out/invoices/period={PERIOD}/run={second}/part-000.parquet#1"), "x");
    let abandon =
        |run_id: &str| about(&tiny, &["abandon", run_id, "--period", PERIOD]).words(&["--format", "json"]).run();
    let code = |ran: Ran| ran.exits(2).json()["faults"][0]["code"].clone();
    assert_eq!(code(abandon(&first)), "O012");
    assert_eq!(code(abandon("xyz")), "O011");
    assert_eq!(of_run(&out, &second), parts + 1);
    let told = abandon(&second[..12]).ok().json();
    assert_eq!((&told["run_id"], told["files"].as_array().unwrap().len()), (&json!(second), parts + 2));
    same_bytes(&before, &digests(&out), "as if it had never been begun");
    assert_eq!(status(&tiny)["unfinished"], json!([]));
    assert_eq!(code(abandon(&second)), "O011");
    // Giving up is no ban.
    assert_eq!(run(&tiny), second);
}

#[test]
fn the_output_of_another_pipeline_is_not_cleared_up() {
    let tiny = Tiny::new();
    run(&tiny);
    let tiny = tiny.with("pipeline.yaml", "pipeline: tiny", "pipeline: other");
    for words in [&["gc"][..], &["abandon", "abc", "--period", PERIOD]] {
        about(&tiny, words).run().exits(2).says("O007");
    }
    assert_eq!(status(&tiny)["line_set"]["pipeline"], "tiny");
    about(&tiny, &["gc", "--grace", "soon"]).run().exits(2).says("12h or 30d");
    about(&tiny, &["gc", "--keep", "0"]).run().exits(2);
}

#[test]
fn a_manifest_or_plan_that_cannot_be_read_stops_whoever_deletes() {
    let tiny = Tiny::new();
    run(&tiny);
    for name in [format!("runs/period={PERIOD}/0002.json"), format!("runs/period={PERIOD}/plans/abc.json")] {
        tiny.write(&format!("out/{name}"), "{}");
        about(&tiny, &["gc"]).run().exits(3).says("O005").says(&name);
        fs::remove_file(tiny.path("out").join(name)).unwrap();
    }
}

#[test]
fn nights_go_on_after_gc_with_what_they_share() {
    let (all, cleared) = (Month::new(), Month::new());
    let nights = drops(7, 12);
    for (nth, night) in nights.iter().enumerate().take(6) {
        for month in [&all, &cleared] {
            month.arrives(night);
            month.call("run").run().ok();
        }
        age(&cleared.path("out"), 30);
        let swept = ratemill(&["gc", "pipeline.yaml", "--format", "json"]).cwd(&cleared.path("")).run().ok().json();
        // Of every night but the last all goes that no later one has kept: its own files, its notes, and days settled again.
        let gone = paths(&swept);
        assert_eq!(gone.is_empty(), nth == 0, "{gone:?}");
        assert_eq!(gone.iter().any(|path| path.starts_with("stamps/")), nth > 0, "{gone:?}");
    }
    same_bytes(&all.committed().1, &cleared.committed().1, "nights with and without gc");
    let left = files(&cleared.path("out"));
    let named = committed::read(&cleared.path("out"), PERIOD).all_files();
    let parts: Vec<&String> = left.keys().filter(|name| name.ends_with(".parquet")).collect();
    assert_eq!(parts.len(), named.iter().filter(|name| name.ends_with(".parquet")).count(), "nothing else is left");
    assert!(files(&all.path("out")).len() > 2 * left.len());
}
