//! Two processes at one period, and processes that die in the middle: always one whole run, never a part of one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::committed;
use crate::harness::{Ran, digests, folder, same_bytes};
use crate::s3::Remote;
use crate::sample::{PERIOD, REFERENCE, sample};

/// Places in the writing of a run at which the engine can be told to die.
const FAIL_POINTS: [&str; 5] = ["after_plan", "after_first_part", "before_verify", "before_manifest", "after_manifest"];

/// One committed; the other found it done or lost the race.
fn one_committed(rans: Vec<Ran>) {
    let outcome = |ran: &Ran| match ran.status.code() {
        Some(0) => ran.json()["outcome"].as_str().unwrap().to_owned(),
        Some(4) => "lost".to_owned(),
        _ => panic!("{ran}"),
    };
    let outcomes: Vec<String> = rans.iter().map(outcome).collect();
    let commits = outcomes.iter().filter(|outcome| *outcome == "committed").count();
    assert_eq!(commits, 1, "{outcomes:?}");
}

#[test]
fn of_two_processes_racing_on_a_folder_one_commits() {
    let out = folder();
    let racing = [sample(out.path()).start(), sample(out.path()).start()];
    one_committed(racing.into_iter().map(crate::harness::Running::wait).collect());
    same_bytes(&REFERENCE.digests, &digests(out.path()), "a race on a folder");
}

#[test]
fn of_two_processes_racing_on_s3_one_commits() {
    let remote = Remote::new("race");
    let racing = [remote.call().start(), remote.call().start()];
    one_committed(racing.into_iter().map(crate::harness::Running::wait).collect());
    same_bytes(&REFERENCE.digests, &remote.digests(), "a race on S3");
}

#[test]
fn a_run_that_dies_at_any_fail_point_shows_nothing_or_all_and_is_finished_by_the_next() {
    for point in FAIL_POINTS {
        let out = folder();
        let died = sample(out.path()).env("RATEMILL_FAILPOINT", point).run();
        assert!(died.status.code().is_none(), "{point} should have killed it: {died}");
        let visible = committed::newest(out.path(), PERIOD).is_some();
        assert_eq!(visible, point == "after_manifest", "{point}: what readers see after it");

        let next = sample(out.path()).run().ok();
        let right = if visible { "already_done" } else { "committed" };
        assert_eq!(next.json()["outcome"], right, "{point}: {next}");
        // The names of a run's files come from its facts, so what the dead run left is overwritten, not added to.
        same_bytes(&REFERENCE.digests, &digests(out.path()), point);
        let run = committed::read(out.path(), PERIOD);
        let written: Vec<String> = digests(out.path()).into_keys().collect();
        let named = run.all_files();
        let parts = |names: &[String]| names.iter().filter(|name| name.ends_with(".parquet")).count();
        assert_eq!(parts(&written), parts(&named), "{point}: files that the manifest does not name");
    }
}

#[test]
fn a_run_that_dies_on_s3_is_finished_by_the_next() {
    let remote = Remote::new("fail-point");
    let died = remote.call().env("RATEMILL_FAILPOINT", "before_manifest").run();
    assert!(died.status.code().is_none(), "{died}");
    assert!(committed::newest(remote.download().path(), PERIOD).is_none());
    remote.call().run().ok();
    same_bytes(&REFERENCE.digests, &remote.digests(), "S3 after a dead run");
}

#[test]
fn kill_9_at_any_moment_loses_nothing_and_doubles_nothing() {
    // How long a run takes differs by machine, so the moments are parts of a run measured here.
    let measured = folder();
    let since = std::time::Instant::now();
    sample(measured.path()).run().ok();
    let whole = since.elapsed();
    for percent in [30, 70, 85, 92, 97] {
        let out = folder();
        let running = sample(out.path()).start();
        std::thread::sleep(whole * percent / 100);
        running.kill();
        if let Some(run) = committed::newest(out.path(), PERIOD) {
            // Reading it has checked that every file it names is there, whole.
            assert_eq!(run.run_id, REFERENCE.summary["run_id"].as_str().unwrap());
        }
        sample(out.path()).run().ok();
        let mut found = digests(out.path());
        found.retain(|name, _| !unfinished(name));
        same_bytes(&REFERENCE.digests, &found, &format!("killed at {percent} % of {whole:?}"));
    }
    assert!(whole > Duration::ZERO);
}

/// A local store writes `name#1` and renames it; a process that is killed in between leaves it, and no reader sees it.
fn unfinished(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn leftovers_of_the_local_store_are_told_from_parts() {
    let names = BTreeMap::from([("a/part-000.parquet", false), ("a/part-000.parquet#1", true)]);
    for (name, left) in names {
        assert_eq!(unfinished(name), left);
    }
}
