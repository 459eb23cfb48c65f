//! Usage sources: format, columns, mediation, dedup and suspend rules.

use super::columns::columns;
use super::keys::WINDOW;
use super::model::{Expected, Format, Source, SuspendRule};
use super::paths::{Environment, path, pattern};
use super::{SqlFiles, named};
use crate::fault::{Fault, Faults, Located, codes};
use crate::yaml::Node;

/// The source declared by an entry of `usage:`; `None` when a fault was reported.
pub(super) fn source(
    (name, node): &(Located, Node),
    environment: &Environment<'_>,
    sql: &SqlFiles,
    faults: &mut Faults,
) -> Option<Source> {
    named(name, "a source", faults);
    let format = node.get("format").and_then(|written| format(written, node, faults));
    let columns = node.get("schema").map(|schema| columns(schema, format, faults));
    let path = node.get("path").and_then(|node| pattern(node, environment, faults));
    let mediate = node.get("mediate").and_then(|node| mediate(node, environment, sql));
    let dedup = node.get("dedup");
    let suspend = node.get("suspend").map(Node::list).unwrap_or_default();
    let suspend: Vec<Option<SuspendRule>> = suspend.iter().map(|rule| suspend_rule(rule, faults)).collect();
    let window = dedup.map(|dedup| window(dedup.get("window"), faults));
    let dedup_key = dedup.and_then(|dedup| dedup.get("key"));
    if let Some(key) = dedup_key.filter(|key| key.texts().is_empty()) {
        let fault = Fault::new(&codes::P001, "the dedup key names no column").at(&key.place);
        faults.push(fault.hint("name mediated columns, such as [record_id]; without `dedup` every record counts"));
    }
    Some(Source {
        name: name.text.clone(),
        path: path?,
        format: format?,
        columns: columns?,
        mediate: mediate?,
        dedup_key: dedup_key.map(Node::texts).unwrap_or_default(),
        dedup_window_days: window.unwrap_or(Some(0))?,
        expect: node.get("expect").and_then(Node::text).map(expected),
        suspend: suspend.into_iter().collect::<Option<_>>()?,
        place: name.place.clone(),
    })
}

fn expected(word: &str) -> Expected {
    if word == "hour" { Expected::Hour } else { Expected::Day }
}

fn format(written: &Node, source: &Node, faults: &mut Faults) -> Option<Format> {
    let csv = source.get("csv");
    let delimiter = csv.and_then(|csv| csv.get("delimiter"));
    let header = csv.and_then(|csv| csv.get("header")).and_then(Node::text) != Some("false");
    let format = match written.text()? {
        "csv" => Format::Csv { delimiter: delimiter.map_or(Some(b','), |node| delimiter_byte(node, faults))?, header },
        "ndjson" => Format::Ndjson,
        "parquet" => Format::Parquet,
        _ => return None,
    };
    if let (Format::Ndjson | Format::Parquet, Some(csv)) = (format, csv) {
        let fault = Fault::new(&codes::Y004, "`csv` goes with `format: csv` only").at(&csv.place);
        faults.push(fault.hint("remove it"));
    }
    Some(format)
}

fn delimiter_byte(node: &Node, faults: &mut Faults) -> Option<u8> {
    let byte = match node.text()?.as_bytes() {
        b"tab" | b"\\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        _ => None,
    };
    if byte.is_none() {
        let fault = Fault::new(&codes::P004, "the delimiter is not one ASCII character").at(&node.place);
        faults.push(fault.hint("such as \",\", \";\", \"|\" or tab"));
    }
    byte
}

/// The place of an SQL file named by `mediate`, and its path.
pub(super) fn sql_file(node: &Node, environment: &Environment<'_>, faults: &mut Faults) -> Option<Located> {
    node.get("file").and_then(|file| path(file, environment, faults))
}

fn mediate(node: &Node, environment: &Environment<'_>, sql: &SqlFiles) -> Option<Located> {
    match node.get("file") {
        // A fault of the path was reported when the file was read.
        Some(_) => sql.get(&sql_file(node, environment, &mut Faults::default())?.text)?.clone(),
        None => node.located(),
    }
}

fn suspend_rule(node: &Node, faults: &mut Faults) -> Option<SuspendRule> {
    let code = node.get("code").and_then(Node::located)?;
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if code.text.is_empty() || !code.text.chars().all(plain) {
        let fault = Fault::new(&codes::P001, format!("`{}` cannot be a reason code", code.text)).at(&code.place);
        faults.push(fault.hint("use lower-case letters, digits and `_`"));
    }
    Some(SuspendRule { code: code.text, when: node.get("when").and_then(Node::located)? })
}

/// Days of a window such as `35 days`.
fn window(node: Option<&Node>, faults: &mut Faults) -> Option<u32> {
    match node {
        Some(node) => days(node, faults),
        None => whole_days(WINDOW),
    }
}

/// Days such as `35 days`.
pub(super) fn days(node: &Node, faults: &mut Faults) -> Option<u32> {
    let text = node.text()?;
    let days = whole_days(text);
    if days.is_none() {
        let fault = Fault::new(&codes::P001, format!("`{text}` is no number of days")).at(&node.place);
        faults.push(fault.hint("write it in days, such as `35 days`"));
    }
    days
}

fn whole_days(text: &str) -> Option<u32> {
    let days = text.trim().strip_suffix("days").or_else(|| text.trim().strip_suffix("day"))?;
    days.trim().parse::<u32>().ok().filter(|days| *days > 0)
}
