//! A file of rule tests: YAML -> checked tests, all faults of the file at once, each with its place.

use std::sync::Arc;

use chrono_tz::Tz;

use super::cells::expected;
use super::keys::{SECTIONS, TABLES, TEST_FILE};
use crate::fault::{Fault, Faults, Located, Outcome, Place, SourceText, codes};
use crate::period::Period;
use crate::tables::Table;
use crate::tables::columns::{Column, Kind};
use crate::yaml::keys::Kind as Shape;
use crate::yaml::{self, Node, Value, beside, did_you_mean};

/// A file of rule tests, checked.
#[derive(Clone, Debug)]
pub(super) struct TestFile {
    /// As the user would write it.
    pub(super) name: String,
    /// The book under test.
    pub(super) book: Located,
    /// Zone of periods, days and local times.
    pub(super) timezone: Tz,
    /// Usage columns whose type is declared.
    pub(super) columns: Vec<(Located, Located)>,
    /// The tests, as written.
    pub(super) cases: Vec<Case>,
}

/// One test.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// What must be true.
    pub(super) name: Located,
    /// The month billed.
    pub(super) period: String,
    /// Rows of the reference tables, in the order of [`TABLES`]; `None` where none are given.
    pub(super) tables: [Option<Vec<GivenRow>>; TABLES.len()],
    /// Mediated records.
    pub(super) usage: Vec<GivenRow>,
    /// What must come of it.
    pub(super) sections: Vec<Section>,
}

/// A row that is given.
#[derive(Clone, Debug)]
pub(super) struct GivenRow {
    /// Where it stands.
    pub(super) place: Place,
    /// Its columns.
    pub(super) cells: Vec<(Located, Cell)>,
}

/// A value that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its text; `None` for nothing.
    pub(super) text: Option<String>,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
}

/// What is expected of one table.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Its key, such as `lines_include`.
    pub(super) key: &'static str,
    /// The table.
    pub(super) table: Table,
    /// Whether every row of the table must be named.
    pub(super) whole: bool,
    /// The rows.
    pub(super) rows: Vec<ExpectedRow>,
}

/// A row that is expected.
#[derive(Clone, Debug)]
pub(super) struct ExpectedRow {
    /// Where it stands.
    pub(super) place: Place,
    /// Column (or `column.key`) and its comparable text, as written.
    pub(super) cells: Vec<(String, String)>,
}

impl GivenRow {
    /// The text of a column, unless there is none.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        let cell = self.cells.iter().find(|(name, _)| name.text == column).map(|(_, cell)| cell);
        cell.and_then(|cell| cell.text.as_deref()).filter(|text| !text.is_empty())
    }
}

/// Reads the text of a test file; `book` is tested in place of the one it names.
///
/// # Errors
/// All its faults.
pub(super) fn parse(source: &Arc<SourceText>, book: Option<&str>) -> Outcome<TestFile> {
    let (root, mut faults) = yaml::parse(source);
    let Some(root) = root else { return Err(faults) };
    let whole = Place { line: 0, column: 0, ..Place::at(source, 0, 0) };
    yaml::check(&root, &Shape::Record(&TEST_FILE), &whole, &mut faults);
    let timezone = root.get("timezone").map_or(Some(Tz::UTC), |node| zone(node, &mut faults)).unwrap_or(Tz::UTC);
    let named = root.get("book").and_then(Node::located);
    let named = named.map(|named| Located { text: beside(&source.name, &named.text), ..named });
    let asked = book.map(|book| Located { text: book.to_owned(), place: Place::file(book) });
    let book = asked.or(named);
    if book.is_none() {
        let fault = Fault::new(&codes::Y005, "the file does not say which price book it tests").at(&whole);
        faults.push(fault.hint("write `book: FOLDER`, relative to this file, or name one with --book"));
    }
    let columns = root.get("columns").map(Node::entries).unwrap_or_default();
    let columns = columns.iter().filter_map(|(name, kind)| Some((name.clone(), kind.located()?))).collect();
    let tests = root.get("tests").map(Node::list).unwrap_or_default();
    let defaults = root.get("usage_defaults").map(|node| given_row(node, &mut faults)).unwrap_or_default();
    let shared = Shared { period: root.get("period"), given: root.get("given"), defaults, timezone };
    let cases: Vec<Option<Case>> = tests.iter().map(|test| case(test, &shared, &mut faults)).collect();
    twins(cases.iter().flatten(), &mut faults);
    faults.sort();
    let file = book.zip(cases.into_iter().collect::<Option<Vec<_>>>());
    let Some((book, cases)) = file.filter(|_| faults.0.is_empty()) else { return Err(faults) };
    Ok(TestFile { name: source.name.clone(), book, timezone, columns, cases })
}

/// What the tests of a file have in common.
struct Shared<'a> {
    period: Option<&'a Node>,
    given: Option<&'a Node>,
    defaults: Vec<(Located, Cell)>,
    timezone: Tz,
}

fn zone(node: &Node, faults: &mut Faults) -> Option<Tz> {
    let zone = node.text()?.parse().ok();
    if zone.is_none() {
        let fault = Fault::new(&codes::P002, format!("there is no time zone `{}`", node.text()?)).at(&node.place);
        faults.push(fault.hint("use an IANA name such as Europe/Berlin"));
    }
    zone
}

fn twins<'c>(cases: impl Iterator<Item = &'c Case>, faults: &mut Faults) {
    let mut seen: Vec<&Located> = Vec::new();
    for Case { name, .. } in cases {
        if let Some(first) = seen.iter().find(|first| first.text == name.text) {
            let message = format!("the test `{}` is declared twice", name.text);
            let fault = Fault::new(&codes::B002, message).at(&name.place);
            faults.push(fault.hint(format!("the first one stands at {}", first.place)));
        }
        seen.push(name);
    }
}

fn case(node: &Node, shared: &Shared<'_>, faults: &mut Faults) -> Option<Case> {
    let name = node.get("name").and_then(Node::located);
    let period = node.get("period").or(shared.period);
    if period.is_none() && name.is_some() {
        let fault = Fault::new(&codes::Y005, "the test does not say which period is billed").at(&node.place);
        faults.push(fault.hint("write `period: 2026-10`, here or for the whole file"));
    }
    if let Some((written, text)) = period.and_then(|node| Some((node, node.text()?))) {
        faults.keep(Period::month(text, shared.timezone).map_err(|cause| cause.placed(&written.place)));
    }
    let given = |table: &str| {
        let own = node.get("given").and_then(|given| given.get(table));
        own.or_else(|| shared.given.and_then(|given| given.get(table)))
    };
    let tables = TABLES.map(|table| given(table).map(|node| given_rows(node, faults)));
    let mut usage = given("usage").map(|node| given_rows(node, faults)).unwrap_or_default();
    for row in &mut usage {
        let lacking =
            shared.defaults.iter().filter(|(name, _)| !row.cells.iter().any(|(own, _)| own.text == name.text));
        let lacking: Vec<_> = lacking.cloned().collect();
        row.cells.extend(lacking);
    }
    let expect = node.get("expect");
    let sections = SECTIONS.iter().filter_map(|(key, table, whole)| {
        let rows = expect?.get(key)?.list();
        let rows = rows.iter().map(|row| expected_row(row, *table, shared.timezone, faults)).collect();
        Some(Section { key, table: *table, whole: *whole, rows })
    });
    let mut sections: Vec<Section> = sections.collect();
    if !sections.iter().any(|section| section.table == Table::Suspense) {
        // A test with a slip in an identifier must not pass because nothing was rated.
        sections.push(Section { key: "suspense", table: Table::Suspense, whole: true, rows: Vec::new() });
    }
    Some(Case { name: name?, period: period?.text()?.to_owned(), tables, usage, sections })
}

fn given_rows(node: &Node, faults: &mut Faults) -> Vec<GivenRow> {
    let row = |row: &Node| GivenRow { place: row.place.clone(), cells: given_row(row, faults) };
    node.list().iter().map(row).collect()
}

fn given_row(row: &Node, faults: &mut Faults) -> Vec<(Located, Cell)> {
    let cell = |(name, node): &(Located, Node)| match &node.value {
        Value::Scalar { text, quoted } => Some((name.clone(), Cell { text: Some(text.clone()), quoted: *quoted })),
        Value::Null => Some((name.clone(), Cell { text: None, quoted: false })),
        Value::Map(_) => {
            faults.push(Fault::new(&codes::Y006, "a single value is needed here, not a mapping").at(&name.place));
            None
        }
        _ => None,
    };
    row.entries().iter().filter_map(cell).collect()
}

/// The columns a row of `table` may name: its own, and of a tax those of its line.
pub(super) fn nameable(table: Table) -> impl Iterator<Item = &'static Column> + Clone {
    let of_lines = matches!(table, Table::InvoiceTaxes | Table::LineDiscounts);
    let line: &[Column] = if of_lines { Table::InvoiceLines.columns() } else { &[] };
    table.columns().iter().chain(line)
}

fn expected_row(node: &Node, table: Table, timezone: Tz, faults: &mut Faults) -> ExpectedRow {
    let mut cells = Vec::new();
    for (name, value) in node.entries() {
        let (column, key) = name.text.split_once('.').map_or((name.text.as_str(), None), |(c, k)| (c, Some(k)));
        let known = nameable(table).find(|known| known.name == column);
        let known = known.filter(|known| key.is_none() || known.kind == Kind::TextMap);
        let Some(known) = known else {
            let fault = Fault::new(&codes::Y004, format!("{} has no column `{}`", table.name(), name.text));
            let names = nameable(table).map(|known| known.name);
            let all = || format!("its columns are {}", names.clone().collect::<Vec<_>>().join(", "));
            let hint = did_you_mean(&name.text, names.clone()).or_else(|| Some(all()));
            faults.push(Fault { hint, ..fault.at(&name.place) });
            continue;
        };
        match &value.value {
            Value::Null => cells.push((name.text.clone(), String::new())),
            Value::Map(_) if known.kind != Kind::TextMap || key.is_some() => {
                faults.push(Fault::new(&codes::Y006, "a single value is needed here, not a mapping").at(&name.place));
            }
            Value::Map(entries) if entries.is_empty() => cells.push((name.text.clone(), String::new())),
            Value::Map(entries) => cells.extend(entries.iter().map(|(key, value)| {
                (format!("{}.{}", name.text, key.text), value.text().unwrap_or_default().to_owned())
            })),
            Value::Scalar { text, .. } => match expected(known.kind, text, timezone) {
                Ok(text) => cells.push((name.text.clone(), text)),
                Err(needed) => {
                    let message = format!("`{text}` cannot be in the column `{column}`: {needed} is needed");
                    faults.push(Fault::new(&codes::Y006, message).at(&value.place));
                }
            },
            Value::List(_) | Value::Refused => {}
        }
    }
    ExpectedRow { place: node.place.clone(), cells }
}
