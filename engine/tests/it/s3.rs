//! The sample job with its usage, its reference tables and its output on an S3 server: the same bytes as on a folder.

use std::fs;

use crate::committed;
use crate::harness::{Call, copy, digests, folder, ratemill, same_bytes, workspace};
use crate::sample::{PERIOD, PIPELINE, REFERENCE};
use crate::weed::{self, Weed};

use tempfile::TempDir;

/// The sample on the server below `prefix`, and a pipeline that reads it there.
pub(crate) struct Remote {
    weed: &'static Weed,
    here: TempDir,
    prefix: &'static str,
}

impl Remote {
    pub(crate) fn new(prefix: &'static str) -> Self {
        let weed = weed::shared();
        let here = folder();
        for part in ["pipelines", "rules"] {
            copy(&workspace().join(part), &here.path().join(part));
        }
        weed.upload(&workspace().join("sample-data"), &format!("{prefix}/sample-data"));
        let path = here.path().join(PIPELINE);
        let pipeline = fs::read_to_string(&path).unwrap();
        let there = weed::url(&format!("{prefix}/sample-data"));
        let moved = pipeline.replace("../sample-data", &there);
        assert_ne!(pipeline, moved, "the sample pipeline reads ../sample-data");
        fs::write(&path, moved).unwrap();
        Self { weed, here, prefix }
    }

    pub(crate) fn call(&self) -> Call {
        self.on(&["run"])
    }

    /// These words on the period.
    pub(crate) fn on(&self, words: &[&str]) -> Call {
        let output = weed::url(&format!("{}/out", self.prefix));
        ratemill(words)
            .words(&[PIPELINE, "--period", PERIOD, "--output", &output, "--format", "json"])
            .cwd(self.here.path())
            .envs(&self.weed.env())
    }

    pub(crate) fn digests(&self) -> std::collections::BTreeMap<String, String> {
        self.weed.digests(&format!("{}/out", self.prefix))
    }

    pub(crate) fn download(&self) -> TempDir {
        let out = folder();
        self.weed.download(&format!("{}/out", self.prefix), out.path());
        out
    }
}

#[test]
fn the_sample_on_s3_gives_the_bytes_of_a_folder_and_is_done_once() {
    let remote = Remote::new("same-bytes");
    let summary = remote.call().run().ok().json();
    assert_eq!(summary["records"], REFERENCE.summary["records"]);
    assert_eq!(summary["totals"], REFERENCE.summary["totals"]);
    same_bytes(&REFERENCE.digests, &remote.digests(), "S3");

    let again = remote.call().run().ok().says("already done");
    assert_eq!(again.json()["outcome"], "already_done");
    same_bytes(&REFERENCE.digests, &remote.digests(), "S3, a second run");

    let out = remote.download();
    same_bytes(&REFERENCE.digests, &digests(out.path()), "S3, downloaded");
    assert_eq!(committed::read(out.path(), PERIOD).run_id, REFERENCE.summary["run_id"].as_str().unwrap());
}

#[test]
fn wrong_keys_are_a_fault_of_the_store_and_not_of_the_rules() {
    let remote = Remote::new("wrong-keys");
    let ran = remote.call().env("AWS_SECRET_ACCESS_KEY", "not-the-key").run();
    let faults = ran.exits(75).json();
    assert_eq!(faults["faults"][0]["code"], "O001");
}
