//! The trees of a price book: where its prices stand, and what its meters say of usage columns.
//!
//! It reads the YAML and not the checked book, because what a test has touched is told by places in the user's files:
//! tiers, cells and patches as they are written, before they are laid over one another.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::MeterSql;
use crate::fault::{Located, Outcome, Place};
use crate::store::Location;
use crate::yaml::{self, Node, beside};

/// The trees of a book.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Its files, in order of their names.
    pub(super) roots: Vec<Node>,
    /// The price tables in CSV that it names: path to rows.
    pub(super) tables: BTreeMap<String, Vec<TableRow>>,
}

/// A row of a price table.
#[derive(Clone, Debug)]
pub(super) struct TableRow {
    /// Its line.
    pub(super) place: Place,
    /// Column and text.
    pub(super) cells: Vec<(String, String)>,
}

impl Survey {
    /// Reads the book at `path`, which is in order.
    ///
    /// # Errors
    /// Stores that do not answer.
    pub(super) async fn of(path: &str) -> Outcome<Self> {
        let location = Location::parse(path)?;
        let folder = path.trim_end_matches('/');
        let mut survey = Self::default();
        for found in location.list().await? {
            let single = found.location.display() == location.display();
            let yaml = found.name.ends_with(".yaml") || found.name.ends_with(".yml");
            let test = found.name.ends_with(".test.yaml") || found.name.ends_with(".test.yml");
            let hidden = found.name.split('/').any(|part| part.starts_with('.'));
            if !single && (!yaml || test || hidden) {
                continue;
            }
            let name = if single { path.to_owned() } else { format!("{folder}/{}", found.name) };
            let source = yaml::source(&name, &found.location.read().await?)?;
            survey.roots.extend(yaml::parse(&source).0);
        }
        let mut named = Vec::new();
        survey.roots.iter().for_each(|root| tables_below(root, &mut named));
        for path in named.into_iter().filter(|path| path.ends_with(".csv")) {
            if let Some(bytes) = Location::parse(&path)?.read_if_there().await? {
                survey.tables.insert(path.clone(), rows(&path, &bytes));
            }
        }
        Ok(survey)
    }

    /// The entries of all mappings under `section`.
    pub(super) fn entries(&self, section: &str) -> impl Iterator<Item = &(Located, Node)> {
        self.roots.iter().filter_map(move |root| root.get(section)).flat_map(Node::entries)
    }

    /// The entries of all lists under `section`.
    pub(super) fn listed(&self, section: &str) -> impl Iterator<Item = &Node> {
        self.roots.iter().filter_map(move |root| root.get(section)).flat_map(Node::list)
    }

    /// The currency of the book, unless it is that of each account.
    pub(super) fn currency(&self) -> Option<&str> {
        let currency = self.roots.iter().find_map(|root| root.get("currency")).and_then(Node::text);
        currency.filter(|currency| *currency != "account")
    }

    /// The accounts that overrides name, each once.
    pub(super) fn priced_accounts(&self) -> Vec<Located> {
        let mut accounts: Vec<Located> =
            self.listed("overrides").filter_map(|node| node.get("account")?.located()).collect();
        accounts.sort_by(|a, b| a.text.cmp(&b.text));
        accounts.dedup_by(|a, b| a.text == b.text);
        accounts
    }

    /// Columns of accounts, and of subscriptions, that prices and discounts go by.
    pub(super) fn custom_columns(&self) -> [BTreeSet<String>; 2] {
        let mut columns = [BTreeSet::new(), BTreeSet::new()];
        self.roots.iter().for_each(|root| custom_columns(root, &mut columns));
        columns
    }

    /// What the meters say of usage columns.
    pub(super) fn meter_sql(&self) -> MeterSql {
        let mut sql = MeterSql::default();
        for (_, meter) in self.entries("meters") {
            sql.quantities.extend(meter.get("quantity").and_then(Node::located));
            sql.values.extend(meter.get("of").and_then(Node::located));
            for key in ["dimensions", "attributes"] {
                sql.names.extend(meter.get(key).into_iter().flat_map(Node::texts).map(|name| name.text));
            }
        }
        sql
    }

    /// The rows of `{ table: FILE }`, when `node` is that.
    pub(super) fn table(&self, node: &Node) -> Option<&[TableRow]> {
        let table = node.get("table")?;
        let path = beside(&table.place.source.name, table.text()?);
        self.tables.get(&path).map(Vec::as_slice)
    }
}

fn tables_below(node: &Node, named: &mut Vec<String>) {
    if let Some(table) = node.get("table")
        && let Some(text) = table.text()
    {
        named.push(beside(&table.place.source.name, text));
    }
    node.entries().iter().for_each(|(_, node)| tables_below(node, named));
    node.list().iter().for_each(|node| tables_below(node, named));
}

/// Whatever stands as `account.COLUMN` or `subscription.COLUMN` in a text, and columns named as such.
fn custom_columns(node: &Node, columns: &mut [BTreeSet<String>; 2]) {
    for (key, value) in node.entries() {
        let Some(text) = value.text() else { continue };
        if key.text == "percent_column" {
            columns[0].insert(text.to_owned());
        }
        for (of, prefix) in columns.iter_mut().zip(["account.", "subscription."]) {
            let names = text.split(prefix).skip(1).map(|rest| {
                rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default()
            });
            of.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    node.entries().iter().for_each(|(_, node)| custom_columns(node, columns));
    node.list().iter().for_each(|node| custom_columns(node, columns));
}

fn rows(path: &str, bytes: &[u8]) -> Vec<TableRow> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header: Vec<String> = reader.headers().into_iter().flatten().map(|name| name.trim().to_owned()).collect();
    let row = |record: csv::StringRecord| {
        let line = record.position().and_then(|position| usize::try_from(position.line()).ok()).unwrap_or_default();
        let cells = header.iter().cloned().zip(record.iter().map(|cell| cell.trim().to_owned())).collect();
        TableRow { place: Place::row(path, line), cells }
    };
    reader.into_records().flatten().map(row).collect()
}
