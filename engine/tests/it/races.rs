//! Two processes at one period, and processes that die in the middle: always one whole run, never a part of one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::committed;
use crate::harness::{Call, Ran, Running, announce, asked, digests, files, folder, same_bytes, write};
use crate::month::{self, Month, drops};
use crate::nights;
use crate::remote_month::{places, put_reference};
use crate::s3::Remote;
use crate::sample::{PERIOD, REFERENCE, sample};
use crate::weed;

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
    one_committed(racing.into_iter().map(Running::wait).collect());
    same_bytes(&REFERENCE.digests, &digests(out.path()), "a race on a folder");
}

#[test]
fn of_two_processes_racing_on_s3_one_commits() {
    let remote = Remote::new("race");
    let racing = [remote.call().start(), remote.call().start()];
    one_committed(racing.into_iter().map(Running::wait).collect());
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
    let since = Instant::now();
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

/// Processes at one period.
const CROWD: usize = 16;
/// Where they meet on S3.
const MEETING: &str = "crowd";

/// A job of several nights that many processes want to do at once, half of them by a book with other prices.
struct Crowd {
    plain: Month,
    dearer: Month,
    /// Usage and output; none when both are on S3.
    here: Option<TempDir>,
}

impl Crowd {
    fn new(on_s3: bool) -> Self {
        let (plain, dearer) = (Month::new(), Month::new());
        let book = std::fs::read_to_string(dearer.path("book.yaml")).unwrap();
        let other = book.replace("unit_price: 0.03", "unit_price: 0.04");
        assert_ne!(book, other);
        dearer.put("book.yaml", &other);
        if on_s3 {
            put_reference(&plain, MEETING);
        }
        Self { plain, dearer, here: (!on_s3).then(folder) }
    }

    fn arrives(&self, (name, text): &(String, String)) {
        match &self.here {
            Some(here) => write(&here.path().join("usage").join(name), text),
            None => weed::shared().put(&format!("{MEETING}/usage/{name}"), text.clone()),
        }
    }

    fn call(&self, month: &Month) -> Call {
        match &self.here {
            Some(here) => {
                let root = |name: &str| here.path().join(name);
                month.call("run").env("USAGE_ROOT", root("usage")).env("OUTPUT_ROOT", root("out"))
            }
            None => month.call("run").envs(&places(MEETING, "usage", "out")),
        }
    }

    fn manifests(&self) -> usize {
        let names: Vec<String> = match &self.here {
            Some(here) => files(&here.path().join("out/runs/period=2026-10")).into_keys().collect(),
            None => weed::shared().sizes(&format!("{MEETING}/out/runs/period=2026-10")).into_keys().collect(),
        };
        names.iter().filter(|name| !name.contains('/')).count()
    }

    /// All of them at once, by the same facts; says how many found it done.
    fn run_alike(&self) -> [usize; 3] {
        let racing: Vec<Running> = (0..CROWD).map(|_| self.call(&self.plain).start()).collect();
        came_to(racing.into_iter().map(Running::wait).collect())
    }

    /// All of them stand before the commit, half of them with other prices, and are let go at once.
    fn commit_at_once(&self) -> [usize; 3] {
        let door = folder();
        let go = door.path().join("go");
        let racing = (0..CROWD).map(|nth| {
            let call = self.call(if nth % 2 == 0 { &self.plain } else { &self.dearer });
            call.env("RATEMILL_FAILPOINT", "before_manifest").env("RATEMILL_FAILPOINT_UNTIL", &go).start()
        });
        let racing: Vec<Running> = racing.collect();
        let since = Instant::now();
        while files(door.path()).len() < CROWD {
            assert!(since.elapsed() < Duration::from_secs(300), "they do not come to the commit");
            std::thread::sleep(Duration::from_millis(5));
        }
        write(&go, "");
        came_to(racing.into_iter().map(Running::wait).collect())
    }
}

/// How many committed, found it done, lost; nothing else may happen.
fn came_to(rans: Vec<Ran>) -> [usize; 3] {
    let mut counts = [0; 3];
    for ran in rans {
        let at = match ran.status.code() {
            Some(0) if ran.json()["outcome"] == "committed" => 0,
            Some(0) if ran.json()["outcome"] == "already_done" => 1,
            Some(4) if ran.json()["faults"][0]["code"] == "O002" => 2,
            _ => panic!("{ran}"),
        };
        counts[at] += 1;
    }
    counts
}

fn rounds(crowd: &Crowd, rounds: usize) {
    let since = Instant::now();
    let drops = &drops(12, 30)[..rounds];
    let mut all = [0; 3];
    for (nth, drop) in drops.iter().enumerate() {
        crowd.arrives(drop);
        let alike = nth % 2 == 0;
        let came = if alike { crowd.run_alike() } else { crowd.commit_at_once() };
        let right = if alike { [1, CROWD - 1, 0] } else { [1, CROWD / 2 - 1, CROWD / 2] };
        assert_eq!(came, right, "round {nth}: committed, found it done, lost");
        assert_eq!(crowd.manifests(), nth + 1, "one manifest each round");
        all.iter_mut().zip(came).for_each(|(sum, count)| *sum += count);
    }
    let [committed, done, lost] = all;
    announce(&format!(
        "{rounds} rounds of {CROWD} processes: {committed} committed, {done} found it done, {lost} lost (O002): {:?}",
        since.elapsed()
    ));
    let downloaded = folder();
    let out = match &crowd.here {
        Some(here) => here.path().join("out"),
        None => {
            weed::shared().download(&format!("{MEETING}/out"), downloaded.path());
            downloaded.path().to_path_buf()
        }
    };
    nights::same(&nights::at_once(drops), &month::committed(&out), "after all rounds");
}

#[test]
fn of_sixteen_processes_on_a_folder_one_commits_each_of_25_rounds() {
    rounds(&Crowd::new(false), 25);
}

/// `RATEMILL_ROUNDS` says how many, an odd number.
#[test]
#[ignore = "some minutes"]
fn of_sixteen_processes_on_s3_one_commits_each_of_25_rounds() {
    rounds(&Crowd::new(true), asked("RATEMILL_ROUNDS", 25));
}
