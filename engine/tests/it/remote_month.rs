//! The month on the S3 server: usage, reference tables and output, for jobs of several nights in which something goes wrong,
//! and what such a job comes to when nothing does.
//!
//! Every night has its usage below a prefix of its own, so that jobs at different nights can share one server.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Call, same_bytes};
use crate::month::{Month, drops};
use crate::weed::{self, Weed};

/// Nights of a job.
pub(crate) const NIGHTS: usize = 6;
const PREFIX: &str = "month";

/// A job that nothing has disturbed, for all tests to compare with.
pub(crate) static MONTH: LazyLock<RemoteMonth> = LazyLock::new(RemoteMonth::new);

/// A night that nothing has disturbed.
pub(crate) struct Night {
    pub(crate) run_id: String,
    /// Its manifest's bytes.
    manifest: Vec<u8>,
    /// Everything in the output after it, with the digests.
    output: BTreeMap<String, String>,
    /// How long it took.
    pub(crate) length: Duration,
}

/// The month on the server.
pub(crate) struct RemoteMonth {
    weed: &'static Weed,
    here: Month,
    undisturbed: Vec<Night>,
}

/// What a job's output shows.
pub(crate) struct Shown {
    /// The last night that is committed; 0 when there is none.
    pub(crate) night: usize,
    /// Every object there is.
    pub(crate) objects: Vec<String>,
}

impl RemoteMonth {
    fn new() -> Self {
        let (weed, here) = (weed::shared(), Month::new());
        put_reference(&here, PREFIX);
        let drops = drops(11, 60);
        for night in 1..=NIGHTS {
            for (name, text) in &drops[..drops.len() * night / NIGHTS] {
                weed.put(&format!("{PREFIX}/usage-{night}/{name}"), text.clone());
            }
        }
        let mut month = Self { weed, here, undisturbed: Vec::new() };
        for night in 1..=NIGHTS {
            let since = Instant::now();
            let told = month.run("undisturbed", night).run().ok().json();
            let length = since.elapsed();
            let run_id = told["run_id"].as_str().unwrap().to_owned();
            let manifest = weed.get(&month.key("undisturbed", &manifest_path(night)));
            let output = month.digests("undisturbed");
            month.undisturbed.push(Night { run_id, manifest, output, length });
        }
        month
    }

    fn key(&self, output: &str, path: &str) -> String {
        format!("{}/{path}", self.prefix(output))
    }

    /// Where the job that is called `output` writes, in the bucket.
    pub(crate) fn prefix(&self, output: &str) -> String {
        format!("{PREFIX}/{output}")
    }

    /// The run of a night of the job that is called `output`.
    pub(crate) fn run(&self, output: &str, night: usize) -> Call {
        self.here.call("run").envs(&places(PREFIX, &format!("usage-{night}"), output))
    }

    pub(crate) fn night(&self, night: usize) -> &Night {
        &self.undisturbed[night - 1]
    }

    fn digests(&self, output: &str) -> BTreeMap<String, String> {
        self.weed.digests(&self.prefix(output))
    }

    /// What is to be seen: the manifest is that of a night to the byte, and all that it names is there in its full size.
    #[track_caller]
    pub(crate) fn shown(&self, output: &str) -> Shown {
        let sizes = self.weed.sizes(&self.prefix(output));
        let committed = |night: &usize| sizes.contains_key(&manifest_path(*night));
        let night = (1..=NIGHTS).rfind(committed).unwrap_or(0);
        if night > 0 {
            let manifest = self.weed.get(&self.key(output, &manifest_path(night)));
            assert!(manifest == self.night(night).manifest, "{output}, night {night}: another manifest");
            for (path, bytes) in named(&manifest) {
                assert_eq!(sizes.get(&path), Some(&bytes), "{output}, night {night}: {path}");
            }
        }
        Shown { night, objects: sizes.into_keys().collect() }
    }

    /// The output after this night is that of a job that nothing has disturbed: manifests, all tables of all nights, plans
    /// and notes; nothing is missing, nothing is there twice, nothing is left over.
    #[track_caller]
    pub(crate) fn same(&self, output: &str, night: usize) {
        assert_eq!(self.shown(output).night, night, "{output}");
        same_bytes(&self.night(night).output, &self.digests(output), output);
        assert_eq!(self.weed.open_uploads(&self.prefix(output)), 0, "{output}: uploads that nobody has finished");
    }
}

/// Puts the reference tables of the job where [`places`] says.
pub(crate) fn put_reference(month: &Month, prefix: &str) {
    for name in ["accounts.csv", "subscriptions.csv", "identifiers.csv"] {
        weed::shared().put(&format!("{prefix}/reference/{name}"), std::fs::read(month.path(name)).unwrap());
    }
}

/// Where a job has all that is not its rules: on the server, below `prefix`.
pub(crate) fn places(prefix: &str, usage: &str, output: &str) -> Vec<(String, String)> {
    let roots = [("USAGE_ROOT", usage), ("REFERENCE_ROOT", "reference"), ("OUTPUT_ROOT", output)];
    let roots = roots.map(|(name, below)| (name.to_owned(), weed::url(&format!("{prefix}/{below}"))));
    weed::shared().env().into_iter().chain(roots).collect()
}

fn manifest_path(night: usize) -> String {
    format!("runs/period=2026-10/{night:04}.json")
}

/// The files that a manifest names, with their sizes.
fn named(manifest: &[u8]) -> Vec<(String, u64)> {
    let manifest: Value = serde_json::from_slice(manifest).unwrap();
    let parts = manifest["tables"].as_object().unwrap().values().flat_map(|parts| parts.as_array().unwrap().clone());
    parts.map(|part| (part["path"].as_str().unwrap().to_owned(), part["bytes"].as_u64().unwrap())).collect()
}
