//! The keys of a table: which exist, in which order, and which stand twice.
//!
//! Built before any row is checked, so that a broken row still counts as existing and does not make orphans of the rows
//! that point to it.

use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::model::Index;
use super::nearest::{nearest, same_letters};
use super::table::Table;

/// Above this many keys, only those that differ in case or punctuation are offered as "did you mean": numbered ids all
/// look alike.
const FEW: usize = 2_000;

/// The keys of one table.
pub(super) struct Ids<'t> {
    /// One row of each key, sorted by key.
    pub(super) rows: Vec<usize>,
    /// Rows whose key stands in an earlier row, with that row.
    pub(super) repeated: Vec<(usize, usize)>,
    names: Vec<&'t str>,
    positions: HashMap<&'t str, Index>,
    /// The position found last: tables are mostly in the order of the keys they point to.
    last: AtomicU32,
}

impl<'t> Ids<'t> {
    /// The keys in `column`; `None` when the table lacks it. Blank ones are left out.
    pub(super) fn of(table: &'t Table, column: &str) -> Option<Self> {
        let column = table.column(column)?;
        let mut keys: Vec<(&str, usize)> = (0..table.rows())
            .map(|row| (table.cell(row, Some(column)), row))
            .filter(|(id, _)| !id.trim().is_empty())
            .collect();
        keys.sort_unstable();
        let mut ids = Self {
            rows: Vec::new(),
            repeated: Vec::new(),
            names: Vec::new(),
            positions: HashMap::with_capacity(keys.len()),
            last: AtomicU32::new(0),
        };
        for (id, row) in keys {
            match ids.positions.entry(id) {
                Entry::Occupied(_) => ids.repeated.push((row, ids.rows.last().copied().unwrap_or(row))),
                Entry::Vacant(vacant) => {
                    vacant.insert(Index::try_from(ids.rows.len()).ok()?);
                    ids.names.push(id);
                    ids.rows.push(row);
                }
            }
        }
        Some(ids)
    }

    /// The position of `id` among the sorted keys.
    pub(super) fn find(&self, id: &str) -> Option<Index> {
        let last = self.last.load(Ordering::Relaxed);
        let near = [last, last.saturating_add(1)].into_iter().find(|at| self.names.get(*at as usize) == Some(&id));
        let found = near.or_else(|| self.positions.get(id).copied())?;
        self.last.store(found, Ordering::Relaxed);
        Some(found)
    }

    /// The key at `position`.
    pub(super) fn name(&self, position: Index) -> &'t str {
        self.names.get(position as usize).copied().unwrap_or("")
    }

    /// A key that `id` may have been meant to be.
    pub(super) fn nearest(&self, id: &str) -> Option<&'t str> {
        let alike = self.names.iter().copied().find(|name| same_letters(name, id));
        alike.or_else(|| if self.names.len() > FEW { None } else { nearest(id, self.names.iter().copied()) })
    }
}
