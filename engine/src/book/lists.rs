//! Price tables, and the long lists that prices are made of: each is read once, however many prices share it.
//!
//! A price list of 100,000 prefixes may lie under a thousand patches that do not touch it; they all hold the same list.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use super::model::{Prefixes, Tier};
use super::table::Rows;
use super::tiers::{Holding, Past};
use crate::money::Decimal;
use crate::yaml::{Node, beside};

/// Cells of a matrix: values and price.
pub(super) type Cells = Arc<[(Vec<String>, Decimal)]>;

/// The tables of a book and the lists read so far.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The tables by path; `None` where a fault has been reported.
    pub(super) tables: BTreeMap<String, Option<Rows>>,
    /// Tiers by what they hold and whether their end is open.
    pub(super) tiers: Known<(Holding, Past), Arc<[Tier]>>,
    /// Cells by their dimensions.
    pub(super) cells: Known<Vec<String>, Cells>,
    /// Prefixes.
    pub(super) prefixes: Known<(), Arc<Prefixes>>,
}

impl Lists {
    /// The rows of the table that `table` names; `None` when it could not be read.
    pub(super) fn rows(&self, table: &Node) -> Option<&Rows> {
        self.tables.get(&path(table)?)?.as_ref()
    }
}

/// The path of the table that `table` names.
fn path(table: &Node) -> Option<String> {
    Some(beside(&table.place.source.name, table.text()?))
}

/// Where a list stands, and as what it was read.
type Key<As> = (String, usize, As);

/// The lists of one kind that were read.
#[derive(Debug)]
pub(super) struct Known<As, List>(Mutex<HashMap<Key<As>, List>>);

impl<As, List> Default for Known<As, List> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<As: Eq + Hash, List: Clone> Known<As, List> {
    /// The list that `node` holds or names, `read` now unless it was before; one with faults is read again each time.
    pub(super) fn get(&self, node: &Node, kind: As, read: impl FnOnce() -> Option<List>) -> Option<List> {
        let key = match node.get("table").and_then(path) {
            Some(path) => (path, usize::MAX, kind),
            None => (node.place.source.name.clone(), node.place.offset, kind),
        };
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known().get(&key) {
            return Some(list.clone());
        }
        let list = read()?;
        known().insert(key, list.clone());
        Some(list)
    }
}
