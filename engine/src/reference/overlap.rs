//! Validities of one key that overlap.

use std::fmt::Debug;

use super::check::Checker;
use crate::fault::codes;

/// A row with its key and its validity `[from, to)`.
#[derive(Debug)]
pub(super) struct Span<K, T> {
    /// What may be valid only once at a time.
    pub(super) key: K,
    /// From, inclusive.
    pub(super) from: T,
    /// To, exclusive.
    pub(super) to: T,
    /// Its row.
    pub(super) row: usize,
}

/// Sorts `spans` by key, start and row and reports every one that starts before an earlier one of its key has ended.
pub(super) fn sort_apart<K: Ord, T: Ord + Copy>(
    checker: &mut Checker<'_>,
    spans: &mut [Span<K, T>],
    name: impl Fn(&K) -> String,
) {
    spans.sort_by(|a, b| (&a.key, a.from, a.row).cmp(&(&b.key, b.from, b.row)));
    let mut longest: Option<&Span<K, T>> = None;
    for span in spans.iter() {
        let Some(earlier) = longest.filter(|earlier| earlier.key == span.key) else {
            longest = Some(span);
            continue;
        };
        if span.from < earlier.to {
            let line = checker.table.line(earlier.row.min(span.row));
            checker.fault(earlier.row.max(span.row), &codes::R007, || {
                let message = format!("the validity of {} overlaps that of line {line}", name(&span.key));
                (message, "let one end on the day the next starts".to_owned())
            });
        }
        if span.to > earlier.to {
            longest = Some(span);
        }
    }
}
