//! What is told of a run while it goes on and when it has ended, whatever its end: events for programs that follow it, and
//! metrics for those that watch over many. Neither ever makes a run fail.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::report::rows;
use super::stored::{instant, now};
use super::talk;
use crate::fault::Faults;
use crate::run::watch::{Moment, Stage};
use crate::run::{RunReport, RunState};

mod metrics;

/// The file that is stdout.
pub(super) const STDOUT: &str = "-";

/// Who watches a run.
pub(super) struct Observer {
    /// Where metrics go.
    metrics: Option<String>,
    printed: bool,
    events: Mutex<Option<Box<dyn Write + Send>>>,
    seen: Mutex<Seen>,
}

/// What has been seen of the run so far.
struct Seen {
    pipeline: String,
    period: String,
    run_id: Option<String>,
    begun: Instant,
    stage: Option<(Stage, Instant)>,
    took: Vec<(Stage, Duration)>,
    report: Option<RunReport>,
}

impl Observer {
    /// Begins to watch. `events` is a file, or `-` for stdout.
    pub(super) fn new(pipeline: &str, period: &str, metrics: Option<&str>, events: Option<&str>) -> Self {
        // Until the file is read, a pipeline is called as its file is.
        let name = pipeline.rsplit('/').next().unwrap_or(pipeline);
        let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let seen = Seen {
            pipeline: name.to_owned(),
            period: period.to_owned(),
            run_id: None,
            begun: Instant::now(),
            stage: None,
            took: Vec::new(),
            report: None,
        };
        let observer = Self {
            metrics: metrics.map(ToOwned::to_owned),
            printed: events == Some(STDOUT),
            events: Mutex::new(events.and_then(opened)),
            seen: Mutex::new(seen),
        };
        observer.tell("run_started", json!({}));
        observer
    }

    /// Whether events are what is printed.
    pub(super) fn takes_stdout(&self) -> bool {
        self.printed
    }

    /// The pipeline is called so.
    pub(super) fn pipeline(&self, name: &str) {
        name.clone_into(&mut self.seen().pipeline);
    }

    /// Takes note of a moment of the run.
    pub(super) fn note(&self, moment: Moment<'_>) {
        match moment {
            Moment::Named(run_id) => self.seen().run_id = Some(run_id.to_owned()),
            Moment::Begins(stage) => {
                self.stage_ends();
                self.seen().stage = Some((stage, Instant::now()));
                self.tell("stage_started", json!({ "stage": stage.label() }));
            }
        }
    }

    fn stage_ends(&self) {
        let Some((stage, since)) = self.seen().stage.take() else { return };
        let took = since.elapsed();
        self.seen().took.push((stage, took));
        self.tell("stage_finished", json!({ "stage": stage.label(), "seconds": seconds(took) }));
    }

    /// Takes note of what the run has to say.
    pub(super) fn reported(&self, report: &RunReport) {
        self.stage_ends();
        let event = match report.outcome {
            RunState::Committed => "committed",
            RunState::AlreadyDone => "already_done",
        };
        self.tell(event, json!({ "report": report }));
        self.seen().report = Some(report.clone());
    }

    /// Tells how the run ended; without faults when it ended well, or broke off by a fault of Ratemill.
    pub(super) fn ended(&self, faults: Option<&Faults>, exit_code: u8) {
        self.stage_ends();
        for fault in faults.map(rows).iter().filter_map(Value::as_array).flatten() {
            self.tell("fault", json!({ "fault": fault }));
        }
        let took = self.seen().begun.elapsed();
        self.tell("run_finished", json!({ "exit_code": exit_code, "seconds": seconds(took) }));
        if let Some(path) = &self.metrics
            && let Err(cause) = metrics::write(path, &self.seen(), faults, exit_code)
        {
            talk::say(&format!("the metrics could not be written to `{path}`: {cause}"));
        }
    }

    /// Writes one event: a JSON object on a line.
    fn tell(&self, event: &str, more: Value) {
        let mut out = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = out.as_mut() else { return };
        let seen = self.seen();
        let mut told = json!({
            "event": event, "at": instant(now()), "pipeline": seen.pipeline, "period": seen.period, "run_id": seen.run_id,
        });
        drop(seen);
        if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
            told.extend(more);
        }
        if let Err(cause) = writeln!(writer, "{told}").and_then(|()| writer.flush()) {
            talk::say(&format!("no more events, they cannot be written: {cause}"));
            *out = None;
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where events go; nowhere when it cannot be opened, and that is said.
fn opened(path: &str) -> Option<Box<dyn Write + Send>> {
    if path == STDOUT {
        return Some(Box::new(std::io::stdout()));
    }
    match File::create(path) {
        Ok(file) => Some(Box::new(file)),
        Err(cause) => {
            talk::say(&format!("the events cannot be written to `{path}`: {cause}"));
            None
        }
    }
}

/// Seconds as a decimal text.
fn seconds(took: Duration) -> String {
    format!("{}.{:06}", took.as_secs(), took.subsec_micros())
}
