//! What is decided of records in suspense: listed, recycled, written off; and that none of them is ever lost or counted
//! twice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::adjustments::{billed, call, closed, read, run};
use crate::committed::{self, Committed, Row};
use crate::harness::{Call, Ran, digests, files, folder, ratemill, same_bytes};
use crate::month::{Month, drops, mixed};
use crate::nights::same;
use crate::s3::Remote;
use crate::tiny::{GOOD, HEADER, Tiny};

/// Two good records, two of a caller nobody knows, one that lasts too short, one that is no record, and a copy.
fn spoilt() -> Tiny {
    let tiny = Tiny::new();
    let second = GOOD.replace("c1", "c2");
    tiny.write(
        "usage/calls.csv",
        format!("{HEADER}{GOOD}{second}c3,+9,2026-10-01T10:00:00Z,60\nc4,+9,2026-10-02T10:00:00Z,60\n"),
    );
    tiny.write("usage/more.csv", format!("{HEADER}c5,+1,2026-10-03T10:00:00Z,-5\nc6,+1,soon,60\n{second}"));
    tiny
}

fn suspense(tiny: &Tiny, words: &[&str]) -> Call {
    let (name, rest) = words.split_first().unwrap();
    let folder = tiny.path("pipeline.yaml");
    ratemill(&["suspense", name, "pipeline.yaml"]).words(rest).cwd(folder.parent().unwrap())
}

fn decide(tiny: &Tiny, words: &[&str]) -> Ran {
    suspense(tiny, words).words(&["--period", "2026-10", "--format", "json"]).run()
}

/// The one period of the output.
fn listed(tiny: &Tiny, words: &[&str]) -> Value {
    let words: Vec<&str> = ["list", "--format", "json"].iter().chain(words).copied().collect();
    let told = suspense(tiny, &words).run().ok().json();
    assert_eq!(told["periods"].as_array().unwrap().len(), 1, "{told:#}");
    in_order(&told["periods"][0]);
    told["periods"][0].clone()
}

/// In = recycled + written off + open.
#[track_caller]
fn in_order(period: &Value) {
    let of = |name: &str| period[name].as_u64().unwrap();
    assert_eq!(of("came_in"), of("recycled") + of("written_off") + of("open"), "{period:#}");
}

fn totals(period: &Value) -> [u64; 4] {
    ["came_in", "recycled", "written_off", "open"].map(|name| period[name].as_u64().unwrap())
}

/// Ages by the clock as dots.
fn without_ages(text: &str) -> String {
    let is_age = |words: &[&str], at: usize| words.get(at + 1) == Some(&"d") && words[at].parse::<u32>().is_ok();
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let word = |at: usize| if is_age(&words, at) { ".".repeat(words[at].len()) } else { words[at].to_owned() };
        (0..words.len()).map(word).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn mend(tiny: &Tiny) {
    let known = std::fs::read_to_string(tiny.path("identifiers.csv")).unwrap();
    tiny.write("identifiers.csv", format!("{known}+9,S1,2026-01-01,\n"));
}

fn minutes(run: &Committed) -> &str {
    let [line] = run.table("invoice_lines") else { panic!("one line") };
    &line["quantity"]
}

#[test]
fn what_is_in_suspense_is_listed_by_reason_source_and_file_with_what_it_may_come_to() {
    let tiny = spoilt();
    suspense(&tiny, &["list"]).run().ok();
    assert_eq!(suspense(&tiny, &["list", "--period", "2026-10"]).run().exits(2).stdout, "");
    let (run, _) = tiny.run();
    let by_reason = listed(&tiny, &[]);
    assert_eq!(totals(&by_reason), [4, 0, 0, 4]);
    let groups = by_reason["groups"].as_array().unwrap();
    let of = |code: &str| groups.iter().find(|group| group["reason"] == code).unwrap();
    let unknown = of("unknown_identifier");
    assert_eq!((&unknown["open"], &unknown["estimated"]), (&json!(2), &json!(2)), "{unknown:#}");
    assert_eq!(unknown["oldest"], "2026-10-01T10:00:00+00:00");
    // The two records that are rated come to 0.20 USD each.
    assert_eq!(unknown["at_risk"], json!({ "USD": "0.4" }));
    // Nothing is known of a record that cannot be read.
    assert_eq!((&of("not_a_timestamp")["at_risk"], &of("not_a_timestamp")["oldest"]), (&json!({}), &Value::Null));
    let by_source = listed(&tiny, &["--by", "source"]);
    assert_eq!((&by_source["groups"][0]["source"], &by_source["groups"][0]["open"]), (&json!("calls"), &json!(4)));
    let by_file = listed(&tiny, &["--by", "file", "--file", "more.csv"]);
    assert_eq!(by_file["groups"].as_array().unwrap().len(), 1);
    assert_eq!((&by_file["groups"][0]["file"], &by_file["groups"][0]["open"]), (&json!("more.csv"), &json!(2)));
    decide(&tiny, &["write-off", "--code", "negative_duration", "--reason", "the clock of the bridge"]).ok();
    decide(&tiny, &["recycle", "--file", "calls.csv", "--row", "3"]).ok();
    let text = suspense(&tiny, &["list", "--period", "2026-10"]).run().ok().stdout;
    let text = text.replace(run["run_id"].as_str().unwrap(), "RUN");
    insta::assert_snapshot!("suspense_list", without_ages(&text));
}

#[test]
fn a_record_that_is_written_off_is_never_rated_and_stays_in_the_table_with_its_reason() {
    let tiny = spoilt();
    let (before, _) = tiny.run();
    let words =
        ["write-off", "--code", "unknown_identifier", "--row", "2", "--file", "calls.csv", "--reason", "a test"];
    let told = decide(&tiny, &words).ok().json();
    assert_eq!((&told["number"], &told["records"], &told["closed"]), (&json!(1), &json!(1), &json!(false)), "{told:#}");
    // It counts from now on, and in the tables from the next run on; until then the period cannot be closed.
    let close = ratemill(&["close", "pipeline.yaml", "--period", "2026-10"]).cwd(&tiny.path("")).run().exits(1);
    assert!(close.stdout.contains("decisions on suspense were taken since the newest run, 1 of them"), "{close}");
    assert_eq!(totals(&listed(&tiny, &[])), [4, 0, 1, 3]);
    let again = decide(&tiny, &words).ok().json();
    assert_eq!((&again["number"], &again["before"]), (&Value::Null, &json!(1)));
    mend(&tiny);
    let (after, run) = tiny.run();
    assert_ne!(before["run_id"], after["run_id"]);
    assert_eq!((&after["records"]["suspended"], &after["records"]["written_off"]), (&json!(3), &json!(1)));
    // The other record of the caller is rated now.
    assert_eq!(minutes(&run), "5");
    let words = ["explain", "pipeline.yaml", "--all", "--period", "2026-10", "--format", "json"];
    let explained = ratemill(&words).cwd(&tiny.path("")).run().ok();
    assert!(explained.stdout.contains("\"facts_unchanged\": true"), "{explained}");
    let rows: Vec<&Row> = run.table("suspense").iter().filter(|row| row["state"] == "written_off").collect();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (row["reason"].as_str(), row["written_off_for"].as_str(), row["record_id"].as_str()),
        ("unknown_identifier", "a test", "c3")
    );
    let total = |measure: &str| {
        let rows = run.table("control_totals").iter();
        let mut of_run = rows.filter(|row| row["scope"] == "run" && row["measure"] == measure);
        of_run.next().map(|row| row["value"].clone())
    };
    let ledger = ["suspense_in", "suspense_recycled", "suspense_written_off", "suspense_open"].map(total);
    assert_eq!(ledger.map(Option::unwrap), ["3", "0", "1", "2"]);
    assert_eq!(total("records_written_off").unwrap(), "1");
    assert_eq!(tiny.run().0["outcome"], "already_done");
    assert_eq!(totals(&listed(&tiny, &[])), [3, 0, 1, 2]);
    // A copy of it that sorts before it is written off as well.
    tiny.write("usage/a.csv", format!("{HEADER}c3,+9,2026-10-01T10:00:00Z,60\n"));
    let (_, run) = tiny.run();
    assert_eq!(minutes(&run), "5");
    assert_eq!(totals(&listed(&tiny, &[])), [3, 0, 1, 2]);
    let row = run.table("suspense").iter().find(|row| row["state"] == "written_off").unwrap();
    assert_eq!((row["file"].as_str(), row["written_off_for"].as_str()), ("a.csv", "a test"));
    // What was written off by mistake is recycled.
    let told = decide(&tiny, &["recycle", "--file", "a.csv", "--written-off"]).ok().json();
    assert_eq!((&told["number"], &told["records"]), (&json!(2), &json!(1)), "{told:#}");
    let (_, run) = tiny.run();
    assert_eq!(minutes(&run), "6");
    assert_eq!(totals(&listed(&tiny, &[])), [3, 1, 0, 2]);
}

#[test]
fn records_are_recycled_once_and_those_that_fail_again_are_open_again() {
    let tiny = spoilt();
    tiny.run();
    let told = decide(&tiny, &["recycle", "--all"]).ok().json();
    assert_eq!((&told["number"], &told["records"]), (&json!(1), &json!(4)), "{told:#}");
    let waiting = listed(&tiny, &[]);
    assert_eq!((totals(&waiting), &waiting["to_recycle"]), ([4, 0, 0, 4], &json!(4)));
    let again = decide(&tiny, &["recycle", "--all"]).ok().json();
    assert_eq!((&again["number"], &again["before"]), (&Value::Null, &json!(4)), "{again:#}");
    mend(&tiny);
    let (_, run) = tiny.run();
    assert_eq!(minutes(&run), "6");
    let done = listed(&tiny, &[]);
    assert_eq!((totals(&done), &done["to_recycle"]), ([4, 2, 0, 2], &json!(0)), "{done:#}");
    assert!(run.table("suspense").iter().all(|row| row["recycled"] == "1" && row["state"] == "open"));
    assert_eq!(tiny.run().0["outcome"], "already_done");
    // A further attempt is a further decision, and a run of its own.
    decide(&tiny, &["recycle", "--code", "negative_duration"]).ok();
    let (told, run) = tiny.run();
    assert_eq!(told["outcome"], "committed");
    let attempts: Vec<&str> = run.table("suspense").iter().map(|row| row["recycled"].as_str()).collect();
    assert_eq!(attempts, ["2", "1"]);
    assert_eq!(totals(&listed(&tiny, &[])), [4, 2, 0, 2]);
    let told = decide(&tiny, &["recycle", "--code", "no_such"]).exits(2).json();
    assert_eq!(told["faults"][0]["code"], "O018", "{told:#}");
    decide(&tiny, &["recycle"]).exits(2);
}

#[test]
fn a_decision_that_many_take_at_once_is_taken_once_and_one_that_differs_is_refused() {
    let tiny = spoilt();
    tiny.run();
    let go = tiny.path("go");
    let held = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--period", "2026-10", "--format", "json"]).collect();
        let call = suspense(&tiny, &words).env("RATEMILL_FAILPOINT", "before_decision");
        call.env("RATEMILL_FAILPOINT_UNTIL", &go).start()
    };
    let all = ["recycle", "--all"];
    let racing = [held(&all), held(&all), held(&all), held(&["write-off", "--all", "--reason", "enough"])];
    // All of them have looked before one decides.
    let here = || files(go.parent().unwrap()).keys().filter(|name| name.starts_with("go.")).count();
    while here() < racing.len() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::write(&go, "").unwrap();
    let rans: Vec<Ran> = racing.into_iter().map(crate::harness::Running::wait).collect();
    let decided = files(&tiny.path("out/runs/period=2026-10/decisions"));
    assert_eq!(decided.len(), 1, "{decided:?}");
    let decision: Value = serde_json::from_slice(&std::fs::read(decided.values().next().unwrap()).unwrap()).unwrap();
    let mut first = 0;
    for (at, ran) in rans.into_iter().enumerate() {
        let won = (decision["action"] == "write_off") == (at == 3);
        let told = ran.exits(if won { 0 } else { 4 }).json();
        match won {
            true => first += u32::from(told["already"] == false),
            false => assert_eq!(told["faults"][0]["code"], "O017", "{told:#}"),
        }
    }
    assert_eq!(first, 1);
}

#[test]
fn a_decision_that_is_killed_is_taken_whole_or_not_at_all() {
    let mut expected: Option<BTreeMap<String, String>> = None;
    for point in ["before_decision", "after_decision"] {
        let tiny = spoilt();
        tiny.run();
        let words = ["write-off", "--code", "unknown_identifier", "--reason", "gone", "--period", "2026-10"];
        let died = suspense(&tiny, &words).env("RATEMILL_FAILPOINT", point).run();
        assert!(died.status.code().is_none(), "{died}");
        let taken = point == "after_decision";
        assert_eq!(totals(&listed(&tiny, &[])), if taken { [4, 0, 2, 2] } else { [4, 0, 0, 4] }, "{point}");
        suspense(&tiny, &words).run().ok();
        tiny.run();
        let found = digests(&tiny.path("out"));
        same_bytes(expected.get_or_insert_with(|| found.clone()), &found, point);
    }
}

/// Nights with decisions between them.
fn decided_month(seed: u64) -> (Month, Vec<(String, String)>) {
    let (month, drops) = (Month::new(), drops(seed, 30));
    let mut last = [0; 4];
    for (night, together) in drops.chunks(8).enumerate() {
        together.iter().for_each(|drop| month.arrives(drop));
        month.call("run").run().ok();
        for nth in 0..3 {
            let roll = |salt: u64, below: u64| mixed(seed, format!("{night} {nth} {salt}")) % below;
            let codes = ["negative", "unknown_identifier", "conflicting_key", "no_price", "not_a_decimal", "no_meter"];
            let code = codes[usize::try_from(roll(0, 6)).unwrap()];
            let file = &together[usize::try_from(roll(1, together.len() as u64)).unwrap()].0;
            let which = if roll(2, 2) == 0 { ["--code", code] } else { ["--file", file] };
            let what: &[&str] = match roll(3, 3) {
                0 => &["recycle"],
                1 => &["recycle", "--written-off"],
                _ => &["write-off", "--reason", "so"],
            };
            let words: Vec<&str> = ["suspense"].iter().chain(&what[..1]).copied().collect();
            let call = ratemill(&words).words(&["pipeline.yaml", "--period", "2026-10"]).words(&what[1..]);
            let ran = call.words(&which).cwd(month.folder()).run();
            // A file may have nothing in suspense.
            assert!(matches!(ran.status.code(), Some(0 | 2)), "{ran}");
        }
        let told = ratemill(&["suspense", "list", "pipeline.yaml", "--format", "json"]).cwd(month.folder()).run();
        let told = told.ok().json();
        in_order(&told["periods"][0]);
        assert!(totals(&told["periods"][0])[0] >= last[0]);
        last = totals(&told["periods"][0]);
    }
    assert!(last[2] > 0 && last[3] > 0, "{last:?}");
    (month, drops)
}

#[test]
fn nights_with_decisions_between_them_are_one_run_with_all_decisions_to_the_byte() {
    for seed in [21, 22] {
        let (month, drops) = decided_month(seed);
        let all = Month::new();
        drops.iter().for_each(|drop| all.arrives(drop));
        for (name, path) in files(&month.path("out/runs/period=2026-10/decisions")) {
            let text = std::fs::read_to_string(path).unwrap();
            all.put(&format!("out/runs/period=2026-10/decisions/{name}"), &text);
        }
        [&month, &all].iter().for_each(|one| drop(one.call("run").run().ok()));
        same(&all.committed(), &month.committed(), "nights with decisions");
        // Who nobody was is known now: what is not written off is rated.
        let known = std::fs::read_to_string(month.path("identifiers.csv")).unwrap();
        for one in [&month, &all] {
            one.put("identifiers.csv", &format!("{known}{NOBODY}"));
            one.call("run").run().ok();
        }
        same(&all.committed(), &month.committed(), "nights with decisions, mended");
        let told = ratemill(&["suspense", "list", "pipeline.yaml", "--format", "json"]).cwd(month.folder()).run().ok();
        let told = told.json();
        in_order(&told["periods"][0]);
        let last = totals(&told["periods"][0]);
        assert!(last.iter().all(|count| *count > 0), "all that can become of a record: {last:?}");
        // Decisions are facts of an output: another one has none.
        let other = folder();
        let words = ["--output", other.path().to_str().unwrap()];
        let here = committed::read(&month.path("out"), "2026-10").run_id;
        assert_ne!(month.call("run").words(&words).run().ok().json()["run_id"], here);
    }
}

/// Who nobody was.
const NOBODY: &str = "nobody,S1,2026-01-01,\n";

fn of_month(month: &Month, words: &[&str]) -> Value {
    let (name, rest) = words.split_first().unwrap();
    let call = ratemill(&["suspense", name, "pipeline.yaml", "--format", "json"]).words(rest);
    call.cwd(month.folder()).run().ok().json()
}

#[test]
fn what_is_recycled_of_a_closed_period_is_billed_once_in_the_open_one() {
    let drops = drops(23, 30);
    let month = closed(&drops);
    let october = read(&month, "2026-10");
    let before = month.committed();
    let known = std::fs::read_to_string(month.path("identifiers.csv")).unwrap();
    month.put("identifiers.csv", &format!("{known}{NOBODY}"));
    let unknown = ["--period", "2026-10", "--code", "unknown_identifier"];
    let kept = of_month(&month, &[&["write-off", "--reason", "stolen", "--file", &drops[3].0], &unknown[..]].concat());
    let told = of_month(&month, &[&["recycle"], &unknown[..]].concat());
    assert_eq!((&told["closed"], &told["number"], &told["before"]), (&json!(true), &json!(2), &json!(0)), "{told:#}");
    assert_eq!(run(&month, "2026-11")["outcome"], "committed");
    assert_eq!(run(&month, "2026-11")["outcome"], "already_done");
    let november = read(&month, "2026-11");
    assert!(november.table("invoice_lines").iter().any(|line| line["line_kind"] == "adjustment"));
    // Both months come to what October would have come to with the decisions, and what November has of its own.
    let fresh = closed(&drops);
    std::fs::remove_dir_all(fresh.path("out")).unwrap();
    fresh.put("identifiers.csv", &format!("{known}{NOBODY}"));
    for (name, path) in files(&month.path("out/runs/period=2026-10/decisions")) {
        let text = std::fs::read_to_string(path).unwrap();
        fresh.put(&format!("out/runs/period=2026-10/decisions/{name}"), &text);
    }
    [run(&fresh, "2026-10"), run(&fresh, "2026-11")].iter().for_each(|told| assert_eq!(told["outcome"], "committed"));
    let expected = [&read(&fresh, "2026-10"), &read(&fresh, "2026-11")];
    assert_eq!(billed(&[&october, &november]), billed(&expected));
    let mut after = month.committed().1;
    after.retain(|path, _| before.1.contains_key(path));
    same_bytes(&before.1, &after, "a closed line set");
    let told = &of_month(&month, &["list", "--period", "2026-10"])["periods"][0];
    in_order(told);
    assert_eq!(told["written_off"], kept["records"]);
    assert_ne!(told["recycled"], 0);
    // Closed and rerated as well, November goes on billing what it has billed.
    call(&month, "close", "2026-11").ok();
    of_month(&month, &["write-off", "--reason", "late", "--period", "2026-11", "--all"]);
    run(&month, "2026-12");
    assert_eq!(billed(&[&october, &november, &read(&month, "2026-12")]), billed(&expected));
}

#[test]
fn late_usage_that_is_too_old_goes_to_suspense_until_somebody_recycles_it() {
    let drops = drops(24, 40);
    let month = closed(&drops[..24]);
    let pipeline = std::fs::read_to_string(month.path("pipeline.yaml")).unwrap();
    month.put("pipeline.yaml", &pipeline.replace("incremental: {}", "incremental: { suspend_late_after: 10 days }"));
    let october = read(&month, "2026-10");
    for together in drops[24..].chunks(3) {
        together.iter().for_each(|drop| month.arrives(drop));
        assert_eq!(run(&month, "2026-11")["outcome"], "committed");
        assert_eq!(run(&month, "2026-11")["outcome"], "already_done");
    }
    // As if what is older than ten days had never come.
    let young = |line: &&str| line.split(',').nth(3).is_none_or(|at| at == "at" || at >= "2026-10-22T06:00:00");
    let mut without = drops.clone();
    for (_, text) in &mut without[24..] {
        *text = text.lines().filter(young).map(|line| format!("{line}\n")).collect();
    }
    let of_all = |drops: &[(String, String)]| {
        let fresh = closed(drops);
        run(&fresh, "2026-11");
        billed(&[&read(&fresh, "2026-10"), &read(&fresh, "2026-11")])
    };
    assert_eq!(billed(&[&october, &read(&month, "2026-11")]), of_all(&without));
    let too_late = || of_month(&month, &["list", "--period", "2026-10", "--code", "too_late"])["periods"][0].clone();
    in_order(&too_late());
    let waiting = too_late()["groups"][0]["open"].clone();
    assert!(waiting.as_u64() > Some(5), "{:#}", too_late());
    // One with the key of a record that counts is in conflict with it: all are recycled, so that the first counts again.
    of_month(&month, &["recycle", "--period", "2026-10", "--all"]);
    run(&month, "2026-11");
    assert_eq!(too_late()["groups"], json!([]));
    in_order(&too_late());
    assert_eq!(billed(&[&october, &read(&month, "2026-11")]), of_all(&drops));
}

#[test]
fn of_a_closed_period_exactly_those_records_come_back_that_are_recycled() {
    let drops = drops(25, 30);
    let month = closed(&drops);
    let october = read(&month, "2026-10");
    let known = std::fs::read_to_string(month.path("identifiers.csv")).unwrap();
    month.put("identifiers.csv", &format!("{known}{NOBODY}"));
    // Whatever is known now: nobody has said that these records are to be billed.
    assert_eq!(call(&month, "rerate", "2026-10").ok().json()["adjustments"], 0);
    assert_eq!(call(&month, "rerate", "2026-10").ok().json()["already"], true);
    let unknown = ["--period", "2026-10", "--code", "unknown_identifier"];
    let some: Vec<&str> = drops[..9].iter().flat_map(|(name, _)| ["--file", name.as_str()]).collect();
    let told = of_month(&month, &[&["recycle"], &unknown[..], &some].concat());
    let before = of_month(&month, &["list", "--period", "2026-10"])["periods"][0].clone();
    assert_eq!(before["to_recycle"], told["records"]);
    run(&month, "2026-11");
    let after = of_month(&month, &["list", "--period", "2026-10"])["periods"][0].clone();
    in_order(&after);
    let of = |told: &Value, name: &str| told[name].as_u64().unwrap();
    // Not all of them are rated: some have another reason by now.
    assert_eq!(of(&before, "open") - of(&after, "open"), of(&after, "recycled"));
    assert!((1..=of(&told, "records")).contains(&of(&after, "recycled")), "{after:#}");
    assert_eq!(call(&month, "rerate", "2026-10").ok().json()["already"], true);
    // As if the others had been written off.
    let fresh = closed(&drops);
    let others: Vec<&str> = drops[9..].iter().flat_map(|(name, _)| ["--file", name.as_str()]).collect();
    of_month(&fresh, &[&["write-off", "--reason", "left"], &unknown[..], &others].concat());
    of_month(&fresh, &[&["recycle"], &unknown[..]].concat());
    fresh.put("identifiers.csv", &format!("{known}{NOBODY}"));
    run(&fresh, "2026-11");
    let expected = [&read(&fresh, "2026-10"), &read(&fresh, "2026-11")];
    assert_eq!(billed(&[&october, &read(&month, "2026-11")]), billed(&expected));
    // The others are not lost: they can be recycled later.
    of_month(&month, &[&["recycle"], &unknown[..]].concat());
    run(&month, "2026-11");
    let all = of_month(&month, &["list", "--period", "2026-10"])["periods"][0].clone();
    in_order(&all);
    assert!(of(&all, "recycled") > of(&after, "recycled"), "{all:#}");
}

#[test]
fn on_s3_a_decision_is_taken_once_as_well() {
    let remote = Remote::new("decisions");
    remote.call().run().ok();
    let words = ["suspense", "write-off", "--all", "--reason", "enough"];
    let racing: Vec<_> = (0..4).map(|_| remote.on(&words).start()).collect();
    let told: Vec<Value> = racing.into_iter().map(|one| one.wait().ok().json()).collect();
    let taken = |told: &&Value| told["number"] == 1 && told["already"] == false;
    assert_eq!(told.iter().filter(taken).count(), 1, "{told:#?}");
    let summary = remote.call().run().ok().json();
    assert_eq!(summary["records"]["written_off"], summary["records"]["suspended"]);
    assert_ne!(summary["records"]["written_off"], 0);
    let found = remote.digests();
    let decisions: Vec<&String> = found.keys().filter(|name| name.contains("/decisions/")).collect();
    assert_eq!(decisions, ["runs/period=2026-10/decisions/0001.json"]);
    in_order(&remote.on(&["suspense", "list"]).run().ok().json()["periods"][0]);
}
