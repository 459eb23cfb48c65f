//! Suspense: every reason is documented.

use crate::harness::workspace;

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
