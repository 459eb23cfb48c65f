//! "Did you mean": the known name most like one that is not known.

/// The candidate most like `word`, if one is like it at all; the first of several.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    let limit = (wanted.len() / 3).max(1);
    let near = candidates.into_iter().filter_map(|candidate| {
        let plain = plain(candidate);
        if plain.len().abs_diff(wanted.len()) > limit {
            return None;
        }
        Some((distance(&wanted, &plain), candidate))
    });
    near.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Whether the two differ only in case, spaces and punctuation.
pub(super) fn same_letters(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

fn letters(word: &str) -> impl Iterator<Item = char> {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase)
}

fn plain(word: &str) -> Vec<char> {
    letters(word).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && one[i - 1] == *b && other[j - 1] == *a {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}
