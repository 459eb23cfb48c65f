//! The table of the conformance cases by system, and the list of those left out with the reason, kept in their README.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use super::Outcome;
use super::casebook::{Case, home};

/// Where the README's written part ends.
const MARK: &str = "<!-- from here on written by the test: UPDATE_GOLDEN=1 -->\n";

/// One line per system: how many cases there are, and what came of them.
pub(super) fn table(outcomes: &[(Case, Outcome)]) -> String {
    let mut systems: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for (case, outcome) in outcomes {
        let column = match outcome {
            Outcome::Passed => 1,
            Outcome::Failed(_) => 2,
            Outcome::Waiting(_) => 3,
            Outcome::OutOfScope(_) => 4,
        };
        for system in [case.peer.as_str(), "~ all"] {
            let counts = systems.entry(system).or_default();
            counts[0] += 1;
            counts[column] += 1;
        }
    }
    let mut shown =
        "| system | cases | passed | failed | waiting | out of scope |\n|---|---|---|---|---|---|\n".to_owned();
    for (system, counts) in systems {
        let counts = counts.map(|count| count.to_string()).join(" | ");
        writeln!(shown, "| {} | {counts} |", system.trim_start_matches("~ ")).unwrap();
    }
    shown
}

/// Cases with the same words (reason or keys) of the same file in one line.
fn listed<'a>(outcomes: &'a [(Case, Outcome)], words: impl Fn(&'a Outcome) -> Option<String>) -> String {
    let mut lines: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for (case, outcome) in outcomes {
        if let Some(words) = words(outcome) {
            lines.entry((case.file.as_str(), words)).or_default().push(case.number.to_string());
        }
    }
    let mut shown = String::new();
    for ((file, words), numbers) in lines {
        writeln!(shown, "| {file} | {} | {words} |", numbers.join(", ")).unwrap();
    }
    shown
}

/// Compares the README with what came out, or writes it.
pub(super) fn keep(outcomes: &[(Case, Outcome)]) {
    let path = home().join("README.md");
    let found = fs::read_to_string(&path).unwrap();
    let (words, _) = found.split_once(MARK).unwrap();
    let mut right = format!("{words}{MARK}\n{}", table(outcomes));
    let out = listed(outcomes, |outcome| match outcome {
        Outcome::OutOfScope(reason) => Some(reason.clone()),
        _ => None,
    });
    write!(right, "\n## Out of scope\n\n| facts | cases | why |\n|---|---|---|\n{out}").unwrap();
    let waiting = listed(outcomes, |outcome| match outcome {
        Outcome::Waiting(keys) => Some(keys.join(", ")),
        _ => None,
    });
    if !waiting.is_empty() {
        write!(right, "\n## Waiting for keys\n\n| facts | cases | keys |\n|---|---|---|\n{waiting}").unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, right).unwrap();
    } else {
        assert_eq!(found, right, "the README is not current: UPDATE_GOLDEN=1 writes it");
    }
}
