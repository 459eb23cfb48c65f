//! Folders of every name, and places nothing can be written to: what is a name is never taken for a pattern.

use std::path::Path;

use crate::committed;
use crate::harness::{Call, copy, folder, ratemill};
use crate::tiny::Tiny;

fn call(at: &Path, pipeline: &str, words: &[&str]) -> Call {
    ratemill(&["run", pipeline, "--period", "2026-10", "--format", "json"]).words(words).cwd(at)
}

/// Runs it twice; the second time it is found done.
#[track_caller]
fn done_twice(call: &dyn Fn() -> Call, output: &Path) {
    let first = call().run().ok().json();
    assert_eq!(
        (first["outcome"].as_str(), first["records"]["rated"].as_u64()),
        (Some("committed"), Some(1)),
        "{first:#}"
    );
    assert_eq!(call().run().ok().json()["outcome"], "already_done", "{}", output.display());
    assert_eq!(committed::read(output, "2026-10").run_id, first["run_id"].as_str().unwrap());
}

#[test]
fn a_folder_called_like_a_pattern_is_a_folder() {
    for odd in ["g*", "a [1]", "out[prod]", "{x,y}", "q?", "[*]"] {
        let (tiny, here) = (Tiny::new(), folder());
        let job = here.path().join(odd);
        copy(&tiny.path(""), &job);
        // A book that is a folder, below a folder that could be a pattern.
        std::fs::create_dir(job.join("b[o]ok")).unwrap();
        std::fs::rename(job.join("book.yaml"), job.join("b[o]ok/book.yaml")).unwrap();
        let pipeline = std::fs::read_to_string(job.join("pipeline.yaml")).unwrap();
        let pipeline = pipeline.replace("book: book.yaml", "book: b[o]ok").replace("usage/*", "${USAGE:-usage}/*.csv");
        std::fs::write(job.join("pipeline.yaml"), pipeline).unwrap();

        let named = format!("{odd}/pipeline.yaml");
        done_twice(&|| call(here.path(), &named, &[]), &job.join("out"));
        done_twice(&|| call(&job, "pipeline.yaml", &["--output", "out[prod]"]), &job.join("out[prod]"));
        done_twice(&|| call(&job, "pipeline.yaml", &["--output", "x"]).env("USAGE", job.join("usage")), &job.join("x"));
    }
}

#[test]
fn the_tables_of_a_folder_called_like_a_pattern_are_named_so_that_readers_find_them() {
    let tiny = Tiny::new();
    let summary = call(&tiny.path(""), "pipeline.yaml", &["--output", "out[prod]"]).run().ok().json();
    let tables = summary["tables"].as_object().unwrap();
    assert!(tables.values().all(|glob| glob.as_str().unwrap().contains("/out[[]prod]/")), "{tables:#?}");
}

#[test]
fn an_output_that_is_a_file_must_be_changed() {
    for output in ["usage/calls.csv", "usage/calls.csv/deeper"] {
        let ran = call(&Tiny::new().path(""), "pipeline.yaml", &["--output", output]).run().exits(2).json();
        let fault = &ran["faults"][0];
        assert_eq!(fault["code"], "O003", "{ran:#}");
        assert!(fault["hint"].as_str().unwrap().contains("name another folder"), "{ran:#}");
    }
}

#[test]
fn an_address_without_a_bucket_is_refused_before_any_server_is_asked() {
    for address in ["s3://", "s3:///lines", "gs://", "az:///lines", "s3://two words/lines"] {
        let ran = call(&Tiny::new().path(""), "pipeline.yaml", &["--output", address]).run().exits(2).json();
        let fault = &ran["faults"][0];
        assert_eq!(fault["code"], "O003", "{ran:#}");
        assert!(fault["message"].as_str().unwrap().contains("no bucket"), "{ran:#}");
    }
}

#[test]
fn an_environment_that_names_no_server_must_be_changed() {
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name.to_owned(), "key".to_owned()));
    let here = Tiny::new();
    let on_s3 = || call(&here.path(""), "pipeline.yaml", &["--output", "s3://bucket/lines"]).envs(&keys);
    for (name, value) in
        [("AWS_ENDPOINT", "localhost:8333"), ("AWS_ENDPOINT", "http://"), ("AWS_ACCESS_KEY_ID", "secret-word\n")]
    {
        let ran = on_s3().env(name, value).run().exits(2);
        let faults = ran.json();
        assert_eq!(faults["faults"][0]["code"], "O003", "{ran}");
        assert!(ran.stdout.contains(name) && !ran.stdout.contains("secret-word"), "{ran}");
    }
}

#[test]
fn a_folder_in_place_of_a_pipeline_is_said_to_be_one() {
    let tiny = Tiny::new();
    let ran = ratemill(&["run", "usage", "--period", "2026-10"]).cwd(&tiny.path("")).run().exits(2);
    ran.says("Y007").says("`usage` is a folder");
    let ran = ratemill(&["run", "nothing.yaml", "--period", "2026-10"]).cwd(&tiny.path("")).run().exits(2);
    ran.says("Y007").says("`nothing.yaml` does not exist");
}
