//! Nights on an S3 server of which every tenth request goes wrong: each of them ends with the bytes of an undisturbed one or
//! says that it should be tried again, and then trying again is enough.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::harness::{announce, asked};
use crate::proxy::{Met, Proxy};
use crate::remote_month::{MONTH, NIGHTS};
use crate::weed;

/// Jobs at a time: most of the time they wait.
const AT_ONCE: usize = 5;
const PERCENT: u64 = 10;
/// How long a request may take: short, so that silence does not make the tests long.
const PATIENCE: &str = "1s";

#[derive(Default)]
struct Figures {
    runs: usize,
    committed: usize,
    found_done: usize,
    gave_up: usize,
    given_up_and_committed: usize,
    met: Met,
}

impl Figures {
    fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.committed += other.committed;
        self.found_done += other.found_done;
        self.gave_up += other.gave_up;
        self.given_up_and_committed += other.given_up_and_committed;
        other.met.into_iter().for_each(|(met, count)| *self.met.entry(met).or_default() += count);
    }
}

/// A job of so many nights, of which every one meets the faults of a seed of its own.
fn job(seed: u64, nights: usize) -> Figures {
    let output = format!("faults-{seed}");
    let mut figures = Figures::default();
    for night in 1..=nights {
        let seed = seed * 1000 + night as u64;
        let proxy = Proxy::before(weed::shared().endpoint(), seed, PERCENT);
        let call = MONTH.run(&output, night).env("AWS_ENDPOINT", proxy.endpoint()).env("AWS_TIMEOUT", PATIENCE);
        let ran = call.run();
        figures.runs += 1;
        if ran.status.code() == Some(75) {
            figures.gave_up += 1;
            let shown = MONTH.shown(&output).night;
            assert!(shown == night || shown + 1 == night, "seed {seed}: night {shown} is shown after {ran}");
            figures.given_up_and_committed += usize::from(shown == night);
            let again = MONTH.run(&output, night).run().ok().json();
            let right = if shown == night { "already_done" } else { "committed" };
            assert_eq!(again["outcome"], right, "seed {seed}");
        } else {
            match ran.ok().json()["outcome"].as_str() {
                Some("committed") => figures.committed += 1,
                // The reply to its own commit was lost.
                Some("already_done") => figures.found_done += 1,
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        MONTH.same(&output, night);
        proxy.met().into_iter().for_each(|(met, count)| *figures.met.entry(met).or_default() += count);
    }
    figures
}

fn jobs(first: u64, count: usize, nights: usize) {
    let since = Instant::now();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Figures::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= count {
                        return;
                    }
                    let figures = job(first + nth as u64, nights);
                    all.lock().unwrap().add(figures);
                }
            });
        }
    });
    let Figures { runs, committed, found_done, gave_up, given_up_and_committed, met } = all.into_inner().unwrap();
    let requests: u64 = met.values().sum();
    let wrong = requests - met.get(&None).copied().unwrap_or_default();
    announce(&format!(
        "{runs} nights, {requests} requests, {wrong} of them went wrong: {committed} committed, {found_done} found their own \
         commit done, {gave_up} said try again ({given_up_and_committed} of them committed); {met:?}; {:?}",
        since.elapsed()
    ));
    assert!(wrong * 100 > requests * PERCENT / 2, "too few faults to show anything");
}

#[test]
fn nights_with_every_tenth_request_gone_wrong_end_with_the_same_bytes_or_can_be_tried_again() {
    jobs(1, 5, 4);
}

/// `RATEMILL_JOBS` says how many jobs, `RATEMILL_SEED` the first seed.
#[test]
#[ignore = "some minutes"]
fn two_hundred_nights_with_every_tenth_request_gone_wrong() {
    let count = asked("RATEMILL_JOBS", 200_usize.div_ceil(NIGHTS));
    jobs(asked("RATEMILL_SEED", 100) as u64, count, NIGHTS);
}
