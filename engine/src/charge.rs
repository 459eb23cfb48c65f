//! Charges: which usage each charge prices. Buckets of days become portions of the period, one for each subscription and
//! group of dimension values.
//!
//! It knows neither amounts nor allowances; the order of the portions is the order in which shared tiers fill.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::book::model::{Aggregate, Meter, Model, Price, PriceBook};
use crate::catalog::Catalog;
use crate::fault::{Fault, Outcome};
use crate::lines::{Groups, Portion};
use crate::money::Decimal;
use crate::usage::{Buckets, Cell};

/// The usage cube prepared for pricing: where each subscription's buckets stand, and the group of each cell for each
/// way a price keeps dimensions apart.
#[derive(Debug)]
pub struct Cube<'a> {
    buckets: &'a Buckets,
    meters: &'a [Meter],
    /// First bucket of each subscription, and the end: `subscriptions + 1` values.
    starts: Vec<usize>,
    /// By grouping: the group of each cell.
    groupings: Vec<Vec<u32>>,
    /// By price number: its grouping.
    grouping_of: Vec<usize>,
    /// All groups.
    pub groups: Groups,
}

/// The number of each group by its names and values.
type Numbers = HashMap<Vec<(Arc<str>, Arc<str>)>, u32>;

impl<'a> Cube<'a> {
    /// Prepares `buckets` for the prices of `catalog`.
    ///
    /// # Errors
    /// Our bug when there are more than 2^32 groups.
    pub fn new(buckets: &'a Buckets, book: &'a PriceBook, catalog: &Catalog, subscriptions: usize) -> Outcome<Self> {
        let mut starts = vec![0_usize; subscriptions + 1];
        for subscription in &buckets.subscription {
            starts[*subscription as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let groups = Groups { list: vec![Vec::new()] };
        let (groupings, grouping_of) = (vec![vec![0; buckets.cells.len()]], Vec::new());
        let mut cube = Self { buckets, meters: &book.meters, starts, groupings, grouping_of, groups };
        let mut numbers: Numbers = HashMap::from([(Vec::new(), 0)]);
        let mut known: HashMap<Vec<String>, usize> = HashMap::from([(Vec::new(), 0)]);
        for price in &catalog.prices {
            let kept = kept_apart(price);
            let number = match known.get(&kept) {
                Some(number) => *number,
                None => {
                    let grouping = buckets
                        .cells
                        .iter()
                        .map(|cell| cube.group_of(cell, &kept, &mut numbers))
                        .collect::<Outcome<_>>()?;
                    cube.groupings.push(grouping);
                    known.insert(kept, cube.groupings.len() - 1);
                    cube.groupings.len() - 1
                }
            };
            cube.grouping_of.push(number);
        }
        Ok(cube)
    }

    fn group_of(&mut self, cell: &Cell, kept: &[String], numbers: &mut Numbers) -> Outcome<u32> {
        let names = &self.meters[cell.meter as usize].dimensions;
        let mut group = Vec::new();
        for name in kept {
            if let Some(at) = names.iter().position(|known| known == name) {
                group.push((Arc::from(name.as_str()), Arc::clone(&cell.values[at])));
            }
        }
        if let Some(number) = numbers.get(&group) {
            return Ok(*number);
        }
        let number = u32::try_from(self.groups.list.len()).map_err(|_| Fault::ours("more than 2^32 groups"))?;
        self.groups.list.push(group.clone());
        numbers.insert(group, number);
        Ok(number)
    }

    /// The portions of `subscription` that `price` of a charge on `meter` prices, sorted by group values; those of zero
    /// quantity are left out ("zero usage: no line"). `None` when a sum has more than 20 digits before the point.
    #[must_use]
    pub fn portions(&self, subscription: u32, meter: usize, price: u32) -> Option<Vec<Portion>> {
        let grouping = &self.groupings[self.grouping_of[price as usize]];
        let rows = self.rows(subscription, meter);
        let mut folds: Vec<(u32, Fold)> = Vec::new();
        let mut positions: HashMap<u32, usize> = HashMap::new();
        for row in rows {
            let group = grouping[self.buckets.cell[row] as usize];
            // Cells are sorted, so a group is mostly the last one met.
            let at = match folds.last() {
                Some((last, _)) if *last == group => folds.len() - 1,
                _ => *positions.entry(group).or_insert_with(|| {
                    folds.push((group, Fold::default()));
                    folds.len() - 1
                }),
            };
            folds[at].1.add(self, row, self.meters[meter].aggregate);
        }
        folds.sort_by(|(a, _), (b, _)| self.groups.list[*a as usize].cmp(&self.groups.list[*b as usize]));
        let mut portions = Vec::with_capacity(folds.len());
        for (group, fold) in folds {
            let records = fold.records;
            let quantity = fold.quantity(self.meters[meter].aggregate)?;
            if !quantity.is_zero() {
                portions.push(Portion { subscription, group, quantity, records });
            }
        }
        Some(portions)
    }

    /// Whether `subscription` has usage of `meter`.
    #[must_use]
    pub fn is_used(&self, subscription: u32, meter: usize) -> bool {
        !self.rows(subscription, meter).is_empty()
    }

    /// The buckets of one subscription and meter.
    fn rows(&self, subscription: u32, meter: usize) -> Range<usize> {
        let own = self.starts[subscription as usize]..self.starts[subscription as usize + 1];
        let meter_of = |cell: &u32| self.buckets.cells[*cell as usize].meter as usize;
        let cells = &self.buckets.cell[own.clone()];
        let from = cells.partition_point(|cell| meter_of(cell) < meter);
        let to = cells.partition_point(|cell| meter_of(cell) <= meter);
        own.start + from..own.start + to
    }
}

/// Names of the dimensions a price keeps apart: those it gives lines to, and those a matrix looks up. In order of their
/// names, so that the same groups are the same lines however the price lists its dimensions.
fn kept_apart(price: &Price) -> Vec<String> {
    let mut kept = price.lines_by.clone();
    if let Model::Matrix { by, .. } = &price.model {
        kept.extend(by.iter().cloned());
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Partial aggregates of days and cells, merged exactly.
#[derive(Debug, Default)]
struct Fold {
    /// Sum, greatest, smallest or latest so far.
    value: Option<Decimal>,
    /// A sum that did not fit.
    overflow: bool,
    last: i64,
    records: u64,
    values: Vec<Arc<str>>,
}

impl Fold {
    fn add(&mut self, cube: &Cube<'_>, row: usize, aggregate: Aggregate) {
        let buckets = cube.buckets;
        let quantity = Decimal::from_units(buckets.quantity[row]);
        self.records += u64::from(buckets.records[row]);
        let Some(value) = self.value else {
            (self.value, self.last) = (Some(quantity), buckets.last[row]);
            self.add_values(buckets, row, aggregate);
            return;
        };
        let merged = match aggregate {
            Aggregate::Sum | Aggregate::Count => value.plus(quantity),
            Aggregate::Max => Some(value.max(quantity)),
            Aggregate::Min => Some(value.min(quantity)),
            Aggregate::Latest if buckets.last[row] < self.last => Some(value),
            Aggregate::Latest | Aggregate::Unique => Some(quantity),
        };
        self.overflow |= merged.is_none();
        self.value = merged.or(self.value);
        self.last = self.last.max(buckets.last[row]);
        self.add_values(buckets, row, aggregate);
    }

    fn add_values(&mut self, buckets: &Buckets, row: usize, aggregate: Aggregate) {
        if aggregate != Aggregate::Unique {
            return;
        }
        let Ok(row) = u32::try_from(row) else { return };
        if let Ok(at) = buckets.values.binary_search_by_key(&row, |(row, _)| *row) {
            self.values.extend(buckets.values[at].1.iter().cloned());
        }
    }

    fn quantity(mut self, aggregate: Aggregate) -> Option<Decimal> {
        if aggregate == Aggregate::Unique {
            self.values.sort_unstable();
            self.values.dedup();
            return i64::try_from(self.values.len()).ok().map(Decimal::whole);
        }
        if self.overflow { None } else { self.value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::model::Scope;
    use crate::fault::Place;

    #[test]
    fn groups_are_the_same_however_a_price_lists_its_dimensions() {
        let price = |lines_by: &[&str], by: &[&str]| Price {
            model: Model::Matrix {
                by: by.iter().map(ToString::to_string).collect(),
                cells: [].into(),
                default: Some(Decimal::ONE),
            },
            scope: Scope::Subscription,
            lines_by: lines_by.iter().map(ToString::to_string).collect(),
            layer: "list".to_owned(),
            place: Place::file("book.yaml"),
        };
        let names = ["device", "region", "site"];
        assert_eq!(kept_apart(&price(&["site", "region", "device"], &["region", "device"])), names);
        assert_eq!(kept_apart(&price(&["device", "site", "region"], &["device", "region"])), names);
    }
}
