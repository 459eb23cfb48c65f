//! Suspense: every reason is documented, and what is set aside does not depend on what stands beside it.

use std::path::Path;

use crate::harness::{digests, folder, ratemill, same_bytes, workspace};

/// The README's table of reasons, as it follows from the code.
#[test]
fn the_readme_lists_every_reason_the_engine_gives() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let section = readme.split("\n## Suspense reasons\n").nth(1).expect("the README has a section on suspense reasons");
    let section = section.split("\n## ").next().unwrap();
    let listed: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let reasons = ratemill::read::reasons::ALL.iter().chain(ratemill::usage::reasons::ALL);
    let expected: Vec<String> = reasons.map(|(code, meaning)| format!("| `{code}` | {meaning} |")).collect();
    assert_eq!(listed, expected, "the table should be\n{}", expected.join("\n"));
}

#[test]
fn a_record_that_cannot_be_computed_is_set_aside_alone_whatever_the_batch() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/uncomputable_rules");
    let run = |batch_rows: &str| {
        let out = folder();
        let words = ["run", "pipeline.yaml", "--period", "2026-10", "--batch-rows", batch_rows, "--output"];
        ratemill(&words).words(&[out.path().to_str().unwrap()]).cwd(&case).run().ok();
        digests(out.path())
    };
    let alone = run("1");
    for batch_rows in ["2", "3", "5", "8192"] {
        same_bytes(&alone, &run(batch_rows), batch_rows);
    }
}
