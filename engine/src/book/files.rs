//! Reads the files of a book: its YAML, and the tables of prices the YAML names.
//!
//! Nothing here knows what a price is; it hands on trees, rows and the digest of every byte read.

use std::collections::{BTreeMap, btree_map};

use bytes::Bytes;
use futures::{StreamExt, stream};

use super::table::{self, Rows};
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};
use crate::store::{Found, Location};
use crate::yaml::{self, Node, SIZE_MAX, beside};

/// How many files are fetched at a time; it hides the delay of a remote store.
const FETCHES: usize = 16;

/// A book as read.
pub(super) struct Files {
    /// The trees of its files, in order of their names.
    pub documents: Vec<Document>,
    /// The tables, by path; `None` where a fault has been reported.
    pub tables: BTreeMap<String, Option<Rows>>,
    /// Digest of all of it, independent of where it lies.
    pub digest: String,
    /// Whether every file could be read to its end; otherwise references cannot be judged.
    pub whole: bool,
}

/// One YAML file.
pub(super) struct Document {
    /// The whole file, as the user would write its name.
    pub place: Place,
    /// Its name below the book's folder.
    pub name: String,
    /// Its tree.
    pub root: Node,
}

/// A `{ table: FILE }` found in a file.
struct TableUse {
    /// As the user would write it, from where Ratemill was started.
    path: String,
    /// Relative to the book's folder.
    name: String,
    /// Where it is named.
    place: Place,
}

/// Reads everything below `path`, a folder or a file.
pub(super) async fn read(path: &Located, faults: &mut Faults) -> Option<Files> {
    let found = faults.keep(find(path).await.map_err(|cause| cause.placed(&path.place)))?;
    let mut files = Files { documents: Vec::new(), tables: BTreeMap::new(), digest: String::new(), whole: true };
    let mut digest = Digest(blake3::Hasher::new());
    let mut fetched = stream::iter(found.into_iter().map(|(shown, found)| fetch(shown, found))).buffered(FETCHES);
    while let Some((shown, name, bytes)) = fetched.next().await {
        let bytes = bytes.map_err(|cause| cause.placed(&Place::file(&shown)));
        let source = faults.keep(bytes.and_then(|bytes| {
            digest.add(&name, &bytes);
            yaml::source(&shown, &bytes)
        }));
        let root = source.and_then(|source| {
            let (root, wrong) = yaml::parse(&source);
            faults.0.extend(wrong.0);
            Some((Place { line: 0, ..Place::at(&source, 0, 0) }, root?))
        });
        match root {
            Some((place, root)) => files.documents.push(Document { place, name, root }),
            None => files.whole = false,
        }
    }
    for table in table_uses(&files.documents) {
        if let btree_map::Entry::Vacant(entry) = files.tables.entry(table.path.clone()) {
            entry.insert(faults.keep(read_table(&table, &mut digest).await));
        }
    }
    files.digest = digest.0.finalize().to_hex().to_string();
    Some(files)
}

/// The YAML files that `path` means, each with its name as the user would write it.
async fn find(path: &Located) -> Outcome<Vec<(String, Found)>> {
    let location = Location::parse(&path.text)?;
    let found = location.list().await?;
    let folder = path.text.trim_end_matches('/');
    let single = found.len() == 1 && found.iter().all(|found| found.location.display() == location.display());
    if single {
        return Ok(found.into_iter().map(|found| (path.text.clone(), found)).collect());
    }
    // Names with a dot in front are the litter of editors and version control.
    let shown = found.into_iter().filter(|found| !found.name.split('/').any(|part| part.starts_with('.')));
    let yaml = shown.filter(|found| found.name.ends_with(".yaml") || found.name.ends_with(".yml"));
    // Tests of the book's rules may lie beside its files.
    let yaml = yaml.filter(|found| !found.name.ends_with(".test.yaml") && !found.name.ends_with(".test.yml"));
    let named: Vec<(String, Found)> = yaml.map(|found| (format!("{folder}/{}", found.name), found)).collect();
    if named.is_empty() {
        let fault = Fault::new(&codes::Y007, format!("there is no price book at `{}`", path.text));
        return Err(fault.hint("it is a folder with .yaml files below it, or one .yaml file").into());
    }
    Ok(named)
}

async fn fetch(shown: String, found: Found) -> (String, String, Outcome<Bytes>) {
    let bytes = if found.size > SIZE_MAX as u64 {
        Err(Fault::new(&codes::Y001, "the file is larger than 64 MiB").into())
    } else {
        found.location.read().await
    };
    (shown, found.name, bytes)
}

fn table_uses(documents: &[Document]) -> Vec<TableUse> {
    let mut uses = Vec::new();
    for document in documents {
        collect_tables(&document.root, document, &mut uses);
    }
    uses
}

fn collect_tables(node: &Node, document: &Document, uses: &mut Vec<TableUse>) {
    for (key, value) in node.entries() {
        let table = if matches!(key.text.as_str(), "cells" | "tiers" | "prefixes" | "holidays") {
            value.get("table")
        } else {
            None
        };
        match table.and_then(Node::text) {
            Some(text) => uses.push(TableUse {
                path: beside(&document.place.source.name, text),
                name: beside(&document.name, text),
                place: table.map_or_else(|| value.place.clone(), |table| table.place.clone()),
            }),
            None => collect_tables(value, document, uses),
        }
    }
    node.list().iter().for_each(|node| collect_tables(node, document, uses));
}

async fn read_table(table: &TableUse, digest: &mut Digest) -> Outcome<Rows> {
    let location = Location::parse(&table.path).map_err(|cause| cause.placed(&table.place))?;
    let bytes = location.read_if_there().await.map_err(|cause| cause.placed(&table.place))?;
    let missing = || Fault::new(&codes::B006, format!("the price table `{}` does not exist", table.path));
    let bytes =
        bytes.ok_or_else(|| missing().at(&table.place).hint("its path is relative to the file that names it"))?;
    digest.add(&table.name, &bytes);
    table::read(&table.path, &bytes).map_err(|cause| cause.placed(&table.place))
}

/// Hash of named byte strings; lengths keep one from running into the next.
struct Digest(blake3::Hasher);

impl Digest {
    fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }
}
