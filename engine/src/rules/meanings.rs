//! What each function of rule SQL is for, in one line, for whoever writes rules.
//!
//! Apart from the vocabulary, which says what may be called: this only tells of it. A test holds the two together.

/// Every function by the name rules call it by, with a call and its meaning; other names of the same function follow.
pub const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("abs", "abs(number)", "the number without its sign"),
    ("btrim", "btrim(text)", "the text without blanks at its ends; also `trim`"),
    ("ceil", "ceil(number)", "the next whole number upwards"),
    ("character_length", "character_length(text)", "how many characters it has; also `char_length`, `length`"),
    ("coalesce", "coalesce(a, b, …)", "the first that is not null"),
    ("concat", "concat(a, b, …)", "the texts joined; null counts as nothing"),
    ("concat_ws", "concat_ws('-', a, b, …)", "the texts joined with the first between them"),
    ("contains", "contains(text, part)", "whether the part stands in the text"),
    ("date_part", "date_part('hour', time)", "a part of a time, as a number; also `datepart`"),
    ("date_trunc", "date_trunc('day', time)", "the time cut down to that unit; also `datetrunc`"),
    ("ends_with", "ends_with(text, end)", "whether the text ends so"),
    ("floor", "floor(number)", "the next whole number downwards"),
    ("greatest", "greatest(a, b, …)", "the greatest of them"),
    ("least", "least(a, b, …)", "the least of them"),
    ("left", "left(text, 3)", "its first characters"),
    ("lower", "lower(text)", "in small letters"),
    ("ltrim", "ltrim(text)", "without blanks at its start"),
    ("mod", "mod(a, b)", "what is left of a after division by b, as `a % b`"),
    ("nullif", "nullif(a, b)", "null where both are equal, else a"),
    ("regexp_like", "regexp_like(text, '^x[0-9]+$')", "whether the text fits the pattern"),
    ("regexp_replace", "regexp_replace(text, '[0-9]', '_')", "the text with what fits the pattern replaced"),
    ("replace", "replace(text, 'a', 'b')", "the text with every a replaced"),
    ("reverse", "reverse(text)", "its characters from the last to the first"),
    ("right", "right(text, 3)", "its last characters"),
    ("round", "round(number, 2)", "rounded half up to that many digits, from 0 to 18; without digits to whole numbers"),
    ("rtrim", "rtrim(text)", "without blanks at its end"),
    ("seconds_between", "seconds_between(from, to)", "exact seconds from one time to another"),
    ("split_part", "split_part(text, '/', 2)", "the part of that number, from 1"),
    ("starts_with", "starts_with(text, start)", "whether the text begins so"),
    (
        "strpos",
        "strpos(text, part)",
        "at which character the part begins, from 1; 0 if nowhere; also `instr`, `position`",
    ),
    ("substr", "substr(text, 2, 3)", "that many characters from that one on; also `substring`"),
    ("to_timestamp_micros", "to_timestamp_micros(number)", "the time so many microseconds after 1970 began in UTC"),
    ("to_timestamp_millis", "to_timestamp_millis(number)", "the time so many milliseconds after 1970 began in UTC"),
    ("to_timestamp_seconds", "to_timestamp_seconds(number)", "the time so many seconds after 1970 began in UTC"),
    ("trunc", "trunc(number, 2)", "cut off after that many digits, from 0 to 18"),
    ("upper", "upper(text)", "in capital letters"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FUNCTIONS;
    use crate::rules::vocabulary::Vocabulary;

    #[test]
    fn every_function_has_a_meaning_and_nothing_else_has() {
        let told: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(told, Vocabulary::new().names());
        assert!(told.is_sorted());
        assert!(FUNCTIONS.iter().all(|(name, call, _)| call.starts_with(name)));
    }

    #[test]
    fn other_names_of_a_function_are_told_with_it() {
        let vocabulary = Vocabulary::new();
        let told: BTreeSet<&str> = FUNCTIONS.iter().flat_map(|(.., meaning)| meaning.split('`')).collect();
        let untold: Vec<&str> = vocabulary.aliases().into_iter().filter(|alias| !told.contains(alias)).collect();
        assert!(untold.is_empty(), "{untold:?}");
    }
}
