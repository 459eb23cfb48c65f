//! A job of several nights that is killed at every fail point and at any moment, and run again each time: in the end it has
//! what a job has that was never killed, to the byte, and in between it never shows a part of a night.

use std::collections::BTreeMap;
use std::time::Instant;

use ratemill::lineset::failpoint::NAMES;

use crate::harness::{Ran, announce, asked};
use crate::month::mixed;
use crate::remote_month::{MONTH, NIGHTS};

fn killed(ran: &Ran) -> bool {
    ran.status.code().is_none()
}

#[test]
fn a_job_killed_at_every_fail_point_ends_with_the_bytes_of_one_that_was_not() {
    let since = Instant::now();
    let (output, mut kills) = ("fail-points", 0);
    for night in 1..=NIGHTS {
        // Every second night goes on from one that was killed and is left to itself.
        if night % 2 == 0 {
            MONTH.run(output, night).run().ok();
            continue;
        }
        for point in NAMES {
            kills += 1;
            let ran = MONTH.run(output, night).env("RATEMILL_FAILPOINT", point).run();
            assert!(killed(&ran), "{point} of night {night} should have killed it: {ran}");
            let shown = MONTH.shown(output).night;
            let right = if point == "after_manifest" { night } else { night - 1 };
            assert_eq!(shown, right, "what readers see after {point} of night {night}");
        }
        assert_eq!(MONTH.run(output, night).run().ok().json()["outcome"], "already_done");
    }
    MONTH.same(output, NIGHTS);
    announce(&format!("{kills} kills at {} fail points in {NIGHTS} nights: {:?}", NAMES.len(), since.elapsed()));
}

/// Kills at one night before it is left to itself.
const KILLS_OF_A_NIGHT: usize = 3;

/// Kills jobs so often, at moments drawn from the length of an undisturbed night.
fn killed_at_random(seed: u64, kills: usize) {
    let since = Instant::now();
    let mut rolls = (0_u64..).map(|roll| mixed(seed, roll) % 1000);
    let (mut done, mut nights, mut runs) = (0, 0, 0);
    let mut moments: BTreeMap<&str, usize> = BTreeMap::new();
    for job in 1.. {
        let output = format!("killed-{seed}-{job}");
        for night in 1..=NIGHTS {
            for _ in 0..KILLS_OF_A_NIGHT {
                if done == kills {
                    break;
                }
                let length = MONTH.night(night).length;
                let delay = length * u32::try_from(rolls.next().unwrap()).unwrap() / 1000;
                let running = MONTH.run(&output, night).start();
                std::thread::sleep(delay);
                let ran = running.kill();
                runs += 1;
                let shown = MONTH.shown(&output);
                assert!(shown.night == night || shown.night + 1 == night, "night {} is shown", shown.night);
                if !killed(&ran) {
                    ran.ok();
                    break;
                }
                done += 1;
                *moments.entry(moment(night, &shown)).or_default() += 1;
            }
            MONTH.run(&output, night).run().ok();
            (nights, runs) = (nights + 1, runs + 1);
            if done == kills {
                MONTH.same(&output, night);
                let took = since.elapsed();
                announce(&format!("{done} kills in {nights} nights of {job} jobs, {runs} runs: {took:?}; {moments:?}"));
                return;
            }
        }
        MONTH.same(&output, NIGHTS);
    }
}

/// How far the run has come, by what there is of it.
fn moment(night: usize, shown: &crate::remote_month::Shown) -> &'static str {
    let run_id = &MONTH.night(night).run_id;
    let of_it = |name: &&String| name.contains(run_id.as_str());
    match shown.objects.iter().filter(of_it).count() {
        _ if shown.night == night => "4 after the commit",
        0 => "1 before the plan",
        1 => "2 before the first file",
        _ => "3 among the files",
    }
}

#[test]
fn a_job_killed_at_any_moment_ends_with_the_bytes_of_one_that_was_not() {
    killed_at_random(1, 20);
}

/// `RATEMILL_KILLS` and `RATEMILL_SEED` say how often, and at which moments.
#[test]
#[ignore = "some minutes"]
fn a_job_killed_two_hundred_times() {
    killed_at_random(asked("RATEMILL_SEED", 2) as u64, asked("RATEMILL_KILLS", 200));
}
