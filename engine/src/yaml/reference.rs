//! The reference page of a key table, in Markdown: a section per kind of mapping, with a row per key.
//!
//! It stands beside the JSON Schema, because both say no more and no less than the table the files are checked with.
//! What a table cannot say by itself is shown by examples: texts of YAML that are held against the same table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::keys::{Choice, Key, Kind, Record, Variant};
use super::{Node, Value, parse, source};
use crate::fault::{Outcome, SourceText};

/// Longest value shown in a row of a table; longer ones stand in the example below it.
const SHOWN: usize = 72;

/// An example of a kind of mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The title of its [`Record`].
    pub of: &'static str,
    /// The value of the deciding key it is an example of.
    pub value: Option<&'static str>,
    /// What is to be said about it.
    pub note: &'static str,
    /// The mapping itself.
    pub yaml: &'static str,
}

/// The examples of a Markdown text: under a heading `## TITLE` or `## TITLE: VALUE`, a note and a block of YAML.
#[must_use]
pub fn examples(text: &'static str) -> Vec<Example> {
    text.split("\n## ").skip(1).filter_map(example).collect()
}

fn example(section: &'static str) -> Option<Example> {
    let (heading, rest) = section.split_once('\n')?;
    let (note, yaml) = rest.split_once("```yaml\n")?;
    let (of, value) = heading.split_once(": ").map_or((heading, None), |(of, value)| (of, Some(value)));
    Some(Example { of, value, note: note.trim(), yaml: yaml.split("```").next()? })
}

/// `root` and every kind of mapping below it, each once, where the order of the keys first leads to it.
#[must_use]
pub fn records(root: &'static Record) -> Vec<&'static Record> {
    let mut found = Vec::new();
    collect(root, &mut found);
    found
}

fn collect(record: &'static Record, found: &mut Vec<&'static Record>) {
    if found.iter().any(|known| known.title == record.title) {
        return;
    }
    found.push(record);
    record.all().flat_map(|key| named(&key.kind)).for_each(|below| collect(below, found));
}

/// The kinds of mapping a value may be or hold.
fn named(kind: &'static Kind) -> Vec<&'static Record> {
    match kind {
        Kind::Record(record) => vec![record],
        Kind::List(of) | Kind::Map(of) => named(of),
        Kind::Either(one, other) => [named(one), named(other)].concat(),
        _ => Vec::new(),
    }
}

/// The sections of `root` and all below it, with headings of the third level.
///
/// # Errors
/// The faults of an example that is not YAML.
pub fn markdown(root: &'static Record, examples: &[Example]) -> Outcome<String> {
    let records = records(root);
    let page = Page { seen: seen(&records, examples)?, records, examples };
    let mut text = String::new();
    for nth in 0..page.records.len() {
        page.record(nth, &mut text);
    }
    Ok(text)
}

/// The keys of the tables below `root` that no example shows, each as `title: key`.
///
/// # Errors
/// The faults of an example that is not YAML.
pub fn unshown(root: &'static Record, examples: &[Example]) -> Outcome<Vec<String>> {
    let records = records(root);
    let page = Page { seen: seen(&records, examples)?, records, examples };
    let keys = page.records.iter().flat_map(|record| record.all().map(|key| (*record, key)));
    let unshown = keys.filter(|(record, key)| page.value(record, key).is_none());
    Ok(unshown.map(|(record, key)| format!("{}: {}", record.title, key.name)).collect())
}

/// The first value that the examples give to a key, by title of the mapping and name of the key.
type Seen = BTreeMap<(&'static str, &'static str), String>;

fn seen(records: &[&'static Record], examples: &[Example]) -> Outcome<Seen> {
    let mut seen = Seen::new();
    for example in examples {
        let Some(record) = records.iter().find(|record| record.title == example.of) else { continue };
        let source: std::sync::Arc<SourceText> = source(example.of, example.yaml.as_bytes())?;
        let (root, faults) = parse(&source);
        let root = faults.or(root)?;
        if let Some(root) = root {
            walk_record(&root, record, &mut seen);
        }
    }
    Ok(seen)
}

fn walk(node: &Node, kind: &Kind, seen: &mut Seen) {
    match (kind, &node.value) {
        (Kind::Record(record), Value::Map(_)) => walk_record(node, record, seen),
        (Kind::List(of), Value::List(list)) => list.iter().for_each(|node| walk(node, of, seen)),
        (Kind::Map(of), Value::Map(entries)) => entries.iter().for_each(|(_, node)| walk(node, of, seen)),
        (Kind::Either(one, other), _) => [one, other].iter().for_each(|kind| walk(node, kind, seen)),
        _ => {}
    }
}

fn walk_record(node: &Node, record: &Record, seen: &mut Seen) {
    for (name, value) in node.entries() {
        if let Some(key) = record.all().find(|key| key.name == name.text) {
            seen.entry((record.title, key.name)).or_insert_with(|| flow(value));
            walk(value, &key.kind, seen);
        }
    }
}

/// A value on one line.
fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null | Value::Refused => String::new(),
        Value::Scalar { text, quoted } if *quoted && !text.contains('\n') => format!("\"{text}\""),
        Value::Scalar { text, .. } => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::List(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(name, value)| format!("{}: {}", name.text, flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// What the sections are written from.
struct Page<'a> {
    records: Vec<&'static Record>,
    examples: &'a [Example],
    seen: Seen,
}

impl Page<'_> {
    fn record(&self, nth: usize, text: &mut String) {
        let Some(record) = self.records.get(nth) else { return };
        line(text, format_args!("### {}\n", record.title));
        let (borrowed, own): (Vec<&'static Key>, Vec<&'static Key>) =
            record.all().partition(|key| self.lender(nth, key).is_some());
        let borrowed = if borrowed.len() > 5 { borrowed } else { Vec::new() };
        let own: Vec<&'static Key> = if borrowed.is_empty() { record.all().collect() } else { own };
        let variants = record.choice.map_or(&[][..], |choice| choice.variants);
        let goes_with = |key: &Key| -> Vec<&str> {
            let takes =
                |variant: &&Variant| variant.required.contains(&key.name) || variant.optional.contains(&key.name);
            variants.iter().filter(takes).map(|variant| variant.name).collect()
        };
        let (always, sometimes): (Vec<_>, Vec<_>) = own.into_iter().partition(|key| goes_with(key).is_empty());
        self.table(record, &always, |_| String::new(), text);
        if let Some(choice) = record.choice {
            line(text, format_args!("The keys that go with some values of `{}` only:\n", choice.key));
            self.table(record, &sometimes, |key| format!(" *({})*", goes_with(key).join(", ")), text);
        }
        for lender in self.records.iter().take(nth) {
            let from: Vec<String> = borrowed
                .iter()
                .filter(|key| self.lender(nth, key).is_some_and(|found| found.title == lender.title))
                .map(|key| format!("`{}`", key.name))
                .collect();
            if !from.is_empty() {
                line(text, format_args!("Keys as in {}: {}.\n", link(lender), from.join(", ")));
            }
        }
        self.shown(record, None, text);
        if let Some(choice) = record.choice {
            choice.variants.iter().for_each(|variant| self.variant(record, choice, variant, text));
        }
    }

    /// The mapping before the one of that number that has the same key.
    fn lender(&self, nth: usize, key: &Key) -> Option<&'static Record> {
        let same = |other: &Key| (other.name, other.about) == (key.name, key.about);
        self.records.iter().take(nth).find(|record| record.all().any(same)).copied()
    }

    fn table(&self, record: &Record, keys: &[&'static Key], ending: impl Fn(&Key) -> String, text: &mut String) {
        if keys.is_empty() {
            return;
        }
        text.push_str("| key | value | left out | meaning | example |\n|---|---|---|---|---|\n");
        for key in keys {
            let left_out = match (key.required, key.default) {
                (true, _) => "**needed**".to_owned(),
                (false, Some(default)) => format!("`{default}`"),
                (false, None) => "–".to_owned(),
            };
            let example = match self.value(record, key) {
                Some(value) if value.is_empty() => String::new(),
                Some(value) if value.chars().count() <= SHOWN => format!("`{value}`"),
                Some(_) => "below".to_owned(),
                None => String::new(),
            };
            let about = format!("{}{}", key.about, ending(key));
            let cells = [format!("`{}`", key.name), kind(&key.kind), left_out, about, example].map(|text| cell(&text));
            line(text, format_args!("| {} |", cells.join(" | ")));
        }
        text.push('\n');
    }

    /// What an example gives to the key, or to the same key elsewhere.
    fn value(&self, record: &Record, key: &Key) -> Option<&String> {
        let elsewhere = || {
            let same = |other: &Key| (other.name, other.about) == (key.name, key.about);
            let mut lenders = self.records.iter().filter(|record| record.all().any(same));
            lenders.find_map(|lender| self.seen.get(&(lender.title, key.name)))
        };
        self.seen.get(&(record.title, key.name)).or_else(elsewhere)
    }

    fn variant(&self, record: &Record, choice: &Choice, variant: &Variant, text: &mut String) {
        line(text, format_args!("#### {} ({})\n", variant.name, choice.key));
        let keys = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut about = sentence(variant.about);
        if !variant.required.is_empty() {
            let _ = write!(about, " Needs {}.", keys(variant.required));
        }
        if !variant.optional.is_empty() {
            let _ = write!(about, " Takes {}.", keys(variant.optional));
        }
        line(text, format_args!("{about}\n"));
        self.shown(record, Some(variant.name), text);
    }

    /// The examples of a mapping, or of one value of its deciding key.
    fn shown(&self, record: &Record, value: Option<&str>, text: &mut String) {
        for example in self.examples.iter().filter(|example| (example.of, example.value) == (record.title, value)) {
            if !example.note.is_empty() {
                line(text, format_args!("{}\n", example.note));
            }
            line(text, format_args!("```yaml\n{}```\n", example.yaml));
        }
    }
}

fn line(text: &mut String, written: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{written}");
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// What a value must be, for readers, with links to the mappings.
fn kind(kind: &'static Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Sql => "SQL".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Whole => "whole number".to_owned(),
        Kind::Truth => "`true` or `false`".to_owned(),
        Kind::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Texts => "text, or list of texts".to_owned(),
        Kind::List(of) => format!("list: {}", self::kind(of)),
        Kind::Map(of) => format!("by name: {}", self::kind(of)),
        Kind::Record(record) => link(record),
        Kind::Either(one, other) => format!("{}; or {}", self::kind(one), self::kind(other)),
    }
}

fn link(record: &Record) -> String {
    format!("[{}](#{})", record.title, anchor(record.title))
}

/// The name that a heading can be linked by.
#[must_use]
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { "-".to_owned() } else { letter.to_lowercase().to_string() }).collect()
}

/// A text that breaks neither the table nor the page it stands in.
#[must_use]
pub fn cell(text: &str) -> String {
    let mut quoted = false;
    let mut written = String::new();
    for letter in text.chars() {
        quoted ^= letter == '`';
        match letter {
            '|' => written.push_str("\\|"),
            '<' if !quoted => written.push_str("&lt;"),
            '\n' => written.push(' '),
            letter => written.push(letter),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    static LEAF: Record =
        Record { title: "a leaf", choice: None, keys: &[&[Key::required("colour", Kind::Text, "green | red")]] };
    static TREE: Record = Record {
        title: "a tree",
        choice: None,
        keys: &[&[
            Key::defaulted("height", Kind::Number, "1", "in metres"),
            Key::optional("leaves", Kind::List(&Kind::Record(&LEAF)), "what hangs on it"),
        ]],
    };
    const EXAMPLES: &str =
        "Words.\n\n## a tree\n\nA note.\n\n```yaml\nheight: 2.50\nleaves: [ { colour: green } ]\n```\n";

    #[test]
    fn a_page_has_a_row_for_every_key_with_a_value_from_the_examples() {
        let page = markdown(&TREE, &examples(EXAMPLES)).unwrap();
        assert!(
            page.contains("### a tree\n\n| key |") && page.contains("A note.\n\n```yaml\nheight: 2.50\n"),
            "{page}"
        );
        assert!(page.contains("| `height` | number | `1` | in metres | `2.50` |"), "{page}");
        assert!(page.contains("| `leaves` | list: [a leaf](#a-leaf) | – |"), "{page}");
        assert!(page.contains("| `colour` | text | **needed** | green \\| red | `green` |"), "{page}");
    }

    #[test]
    fn a_key_that_no_example_shows_is_told() {
        let examples = examples("\n## a tree\n```yaml\nheight: 2\n```\n");
        assert_eq!(unshown(&TREE, &examples).unwrap(), ["a tree: leaves", "a leaf: colour"]);
        assert!(unshown(&TREE, &super::examples(EXAMPLES)).unwrap().is_empty());
    }

    #[test]
    fn no_text_breaks_the_table_or_the_page() {
        assert_eq!(cell("a | b\n`<c>` <d>"), "a \\| b `<c>` &lt;d>");
        assert_eq!(anchor("a plan's price"), "a-plans-price");
        assert_eq!(anchor("per_unit (model)"), "per_unit-model");
    }
}
