//! Reads the conformance cases: the facts of another system, and the words in which Ratemill is asked for the same.
//!
//! It decides nothing: `conformance.rs` runs and compares. The README of `engine/tests/conformance` says the keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ratemill::yaml::{self, Node};
use serde_json::{Map, Value};

use crate::harness::text;

/// What may stand in a file of cases; all but the last two in a case of its own, too.
const KEYS: [&str; 20] = [
    "out_of_scope",
    "needs",
    "product",
    "plan",
    "contract",
    "period",
    "currency",
    "tax_jurisdiction",
    "tax_exemptions",
    "bill_cycle_day",
    "subscriptions",
    "amendments",
    "usage",
    "levels",
    "credits",
    "balances",
    "check",
    "lines",
    "about",
    "cases",
];

/// One case of another system.
pub(crate) struct Case {
    /// `file.number`; the account of the case, and the beginning of its other ids.
    pub(crate) id: String,
    /// Name of the file of facts, which is also that of its book and its cases.
    pub(crate) file: String,
    pub(crate) number: usize,
    /// The other system.
    pub(crate) peer: String,
    /// What the other system asserts.
    pub(crate) fact: Value,
    /// How Ratemill is asked for it.
    words: Map<String, Value>,
}

/// A usage record of a case.
pub(crate) struct Use {
    pub(crate) kind: String,
    pub(crate) by: String,
    pub(crate) at: String,
    pub(crate) amount: String,
    pub(crate) label: String,
}

pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// All cases, in order of file and number.
pub(crate) fn cases() -> Vec<Case> {
    names("facts", "json").iter().flat_map(|file| of_file(file)).collect()
}

/// The files of a folder of the suite, without their ending.
pub(crate) fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(home().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.filter(|path| path.extension().is_some_and(|found| found == ending));
    named.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn of_file(file: &str) -> Vec<Case> {
    let facts = fs::read(home().join(format!("facts/{file}.json"))).unwrap();
    let facts: Value = serde_json::from_slice(&facts).unwrap();
    let mut shared = words(file);
    let mut own = match shared.remove("cases") {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    let cases = facts["cases"].as_array().unwrap().iter().enumerate().map(|(number, fact)| {
        let mut words = shared.clone();
        if let Some(Value::Object(more)) = own.remove(&number.to_string()) {
            check_keys(file, &more, &KEYS[..KEYS.len() - 2]);
            // A case that is asked for is in scope, whatever the others are.
            if !more.contains_key("out_of_scope") {
                words.remove("out_of_scope");
            }
            words.extend(more);
        }
        let peer = text(&facts["peer"]);
        Case { id: format!("{file}.{number}"), file: file.to_owned(), number, peer, fact: fact.clone(), words }
    });
    let cases = cases.collect();
    assert!(own.is_empty(), "cases/{file}.yaml has cases that the facts lack: {:?}", own.keys());
    cases
}

fn words(file: &str) -> Map<String, Value> {
    let path = home().join(format!("cases/{file}.yaml"));
    let bytes = fs::read(&path).unwrap_or_else(|cause| panic!("cases/{file}.yaml: {cause}"));
    let source = yaml::source(&format!("cases/{file}.yaml"), &bytes).unwrap();
    let (node, faults) = yaml::parse(&source);
    assert!(faults.0.is_empty(), "{faults:?}");
    let Some(Value::Object(words)) = node.as_ref().map(value) else { panic!("cases/{file}.yaml is no mapping") };
    check_keys(file, &words, &KEYS);
    words
}

fn check_keys(file: &str, words: &Map<String, Value>, known: &[&str]) {
    let unknown: Vec<&String> = words.keys().filter(|key| !known.contains(&key.as_str())).collect();
    assert!(unknown.is_empty(), "cases/{file}.yaml has unknown keys {unknown:?}");
}

/// A YAML tree with every scalar as the text it was written in.
fn value(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Map(entries) => {
            Value::Object(entries.iter().map(|(key, node)| (key.text.clone(), value(node))).collect())
        }
        yaml::Value::List(list) => Value::Array(list.iter().map(value).collect()),
        yaml::Value::Scalar { text, .. } => Value::String(text.clone()),
        yaml::Value::Null | yaml::Value::Refused => Value::Null,
    }
}

impl Case {
    /// Why the case is not one for a batch rating engine, or not yet.
    pub(crate) fn out_of_scope(&self) -> Option<&str> {
        self.words.get("out_of_scope").map(|reason| reason.as_str().unwrap_or_default())
    }

    /// Keys of the price language that the engine does not have yet.
    pub(crate) fn needs(&self) -> Vec<String> {
        self.list("needs").iter().map(text).collect()
    }

    /// The text of a key, or blank.
    pub(crate) fn word(&self, key: &str) -> String {
        self.words.get(key).map(text).unwrap_or_default()
    }

    pub(crate) fn list(&self, key: &str) -> Vec<Value> {
        self.words.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// The entries of a mapping; one without a name when the key is left out.
    pub(crate) fn entries(&self, key: &str) -> Vec<(String, Value)> {
        match self.words.get(key) {
            Some(Value::Object(entries)) => entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            _ => Vec::new(),
        }
    }

    /// The prepaid credits at the path of the fact that the case names: one amount, or a list of them.
    pub(crate) fn credits(&self) -> Vec<String> {
        match self.words.get("credits").and_then(Value::as_str).map(|path| self.fact(path)) {
            Some(Value::Array(amounts)) => amounts.iter().map(text).collect(),
            Some(amount) => vec![text(amount)],
            None => Vec::new(),
        }
    }

    pub(crate) fn period(&self) -> String {
        let period = self.word("period");
        if period.is_empty() { "2026-10".to_owned() } else { period }
    }

    /// The part of the fact at a dotted path, such as `lines.0.amount`.
    pub(crate) fn fact(&self, path: &str) -> &Value {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.fact.pointer(&pointer).unwrap_or_else(|| panic!("{}: the fact has no {path}", self.id))
    }

    /// Its usage records: as the case says, at a path of the fact, or the list of quantities the fact has for usage.
    pub(crate) fn usage(&self) -> Vec<Use> {
        let records = match self.words.get("usage") {
            Some(Value::String(path)) => self.fact(path),
            Some(records) => records,
            None => self.fact("usage"),
        };
        let records = records.as_array().unwrap_or_else(|| panic!("{}: `usage` is no list", self.id));
        records.iter().enumerate().map(|(number, record)| self.record(number, record)).collect()
    }

    fn record(&self, number: usize, record: &Value) -> Use {
        let field = |key: &str, default: String| record.get(key).map_or(default, text);
        let amount = if record.is_object() { text(&record["amount"]) } else { text(record) };
        let at = format!("{}-05T10:{:02}:{:02}Z", self.period(), number / 60, number % 60);
        let by = record.get("by").map_or_else(|| self.id.clone(), |by| format!("{}.{}", self.id, text(by)));
        Use {
            kind: field("kind", self.file.clone()),
            by,
            at: field("at", at),
            amount,
            label: field("label", String::new()),
        }
    }
}
