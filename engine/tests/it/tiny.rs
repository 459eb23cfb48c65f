//! The smallest job that has everything a run needs, in a folder of its own, to be broken in one place.
//!
//! Apart from the cases because those are right and worked out, and this is there to go wrong.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::committed::{self, Committed};
use crate::harness::{self, Call, Ran, folder, ratemill};

const PIPELINE: &str = r#"pipeline: tiny
timezone: UTC
period: month
book: book.yaml
usage:
  calls:
    path: usage/*
    format: csv
    schema: { id: string, caller: string, started: timestamp, seconds: "decimal(38,18)" }
    mediate: |
      SELECT id AS record_id, 'call' AS record_type, caller AS identifier, started AS record_time, seconds FROM input
    dedup: { key: [record_id], window: 35 days }
    suspend: [ { code: negative_duration, when: "seconds < 0" } ]
reference:
  accounts: accounts.csv
  subscriptions: subscriptions.csv
  identifiers: identifiers.csv
limits: { suspense_records: 1 }
output: out
"#;

const BOOK: &str = r"book: tiny
currency: account
meters:
  minutes: { record_type: call, quantity: seconds / 60, aggregate: sum, unit: minute }
products:
  voice:
    name: Voice
    charges:
      minutes: { meter: minutes, model: per_unit, unit_price: 0.10 }
";

/// The header of the usage file.
pub(crate) const HEADER: &str = "id,caller,started,seconds\n";
/// One good row of it: 2 minutes, 0.20 USD.
pub(crate) const GOOD: &str = "c1,+1,2026-10-05T10:00:00Z,120\n";

/// The job.
pub(crate) struct Tiny {
    here: TempDir,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let tiny = Self { here: folder() };
        tiny.write("pipeline.yaml", PIPELINE);
        tiny.write("book.yaml", BOOK);
        tiny.write(
            "accounts.csv",
            "account_id,parent_id,level,name,currency\nA1,,customer,Ann,USD\nA2,A1,site,Annex,USD\n",
        );
        tiny.write("subscriptions.csv", "subscription_id,account_id,product,start,end\nS1,A1,voice,2026-01-01,\n");
        tiny.write("identifiers.csv", "identifier,subscription_id,valid_from,valid_to\n+1,S1,2026-01-01,\n");
        tiny.write("usage/calls.csv", format!("{HEADER}{GOOD}"));
        tiny
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        harness::write(&self.path(name), bytes);
    }

    /// The job with this text in place of that, in one of its files.
    #[track_caller]
    pub(crate) fn with(self, name: &str, old: &str, new: &str) -> Self {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{name} has no {old:?}");
        self.write(name, text.replacen(old, new, 1));
        self
    }

    /// The job with this usage file and no other.
    pub(crate) fn usage(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::remove_dir_all(self.path("usage")).unwrap();
        self.write(&format!("usage/{name}"), bytes);
        self
    }

    /// The job with the same schema for files of another format.
    #[track_caller]
    pub(crate) fn format(self, format: &str) -> Self {
        self.with("pipeline.yaml", "format: csv", &format!("format: {format}"))
    }

    /// A run that talks to people: faults are drawn on stderr.
    pub(crate) fn call(&self) -> Call {
        ratemill(&["run", "pipeline.yaml", "--period", "2026-10"]).cwd(self.here.path())
    }

    /// A run that talks to programs: summary or faults are one JSON object on stdout.
    pub(crate) fn json_call(&self) -> Call {
        self.call().words(&["--format", "json"])
    }

    pub(crate) fn validate(&self) -> Ran {
        ratemill(&["validate", "pipeline.yaml", "--period", "2026-10"]).cwd(self.here.path()).run()
    }

    /// Runs it well; its summary and what it has committed.
    #[track_caller]
    pub(crate) fn run(&self) -> (Value, Committed) {
        let ran = self.json_call().run().ok();
        (ran.json(), committed::read(&self.path("out"), "2026-10"))
    }

    /// Runs it badly: this fault, this exit code, and nothing written.
    #[track_caller]
    pub(crate) fn refused(&self, code: &str, exit: i32) -> Ran {
        let ran = self.call().run().exits(exit).says(code);
        assert!(committed::newest(&self.path("out"), "2026-10").is_none(), "it committed: {ran}");
        ran
    }
}
