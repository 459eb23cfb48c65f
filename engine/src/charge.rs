//! Charges: which usage each charge prices. Buckets of days become portions of the period, one for each subscription and
//! group of dimension values.
//!
//! It knows neither amounts nor allowances; the order of the portions is the order in which shared tiers fill.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::book::model::{Aggregate, Each, Meter, Model, Price, PriceBook};
use crate::catalog::Catalog;
use crate::fault::{Fault, Outcome};
use crate::lines::{Groups, Portion};
use crate::money::Decimal;
use crate::period::Period;
use crate::usage::{Buckets, Cell};

/// The usage cube prepared for pricing: where each subscription's buckets and records stand, and the group of each cell for
/// each way a price keeps dimensions apart.
#[derive(Debug)]
pub struct Cube<'a> {
    buckets: &'a Buckets,
    meters: &'a [Meter],
    period: &'a Period,
    /// First bucket of each subscription, and the end: `subscriptions + 1` values.
    starts: Vec<usize>,
    /// The same of the single records.
    record_starts: Vec<usize>,
    /// By grouping: the group of each cell of the buckets, and of the single records.
    groupings: Vec<(Vec<u32>, Vec<u32>)>,
    /// By price number: its grouping.
    grouping_of: Vec<usize>,
    /// All groups.
    pub groups: Groups,
}

/// Which usage of a subscription is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Meter index.
    pub meter: usize,
    /// Price number, which decides the groups.
    pub price: u32,
    /// What makes a portion.
    pub each: Each,
    /// Local days of the stretch.
    pub days: Range<u16>,
    /// Its position.
    pub stretch: u16,
}

/// The number of each group by its names and values.
type Numbers = HashMap<Vec<(Arc<str>, Arc<str>)>, u32>;

impl<'a> Cube<'a> {
    /// Prepares `buckets` for the prices of `catalog`.
    ///
    /// # Errors
    /// Our bug when there are more than 2^32 groups.
    pub fn new(
        buckets: &'a Buckets,
        book: &'a PriceBook,
        catalog: &Catalog,
        period: &'a Period,
        subscriptions: usize,
    ) -> Outcome<Self> {
        let starts = starts(&buckets.subscription, subscriptions);
        let record_starts = starts_or_none(&buckets.singles.subscription, subscriptions);
        let groups = Groups { list: vec![Vec::new()] };
        let blank = (vec![0; buckets.cells.len()], vec![0; buckets.singles.cells.len()]);
        let (groupings, grouping_of) = (vec![blank], Vec::new());
        let meters = &book.meters;
        let mut cube = Self { buckets, meters, period, starts, record_starts, groupings, grouping_of, groups };
        let mut numbers: Numbers = HashMap::from([(Vec::new(), 0)]);
        let mut known: HashMap<Vec<String>, usize> = HashMap::from([(Vec::new(), 0)]);
        for price in &catalog.prices {
            let kept = kept_apart(price);
            let number = match known.get(&kept) {
                Some(number) => *number,
                None => {
                    let mut grouping = |cells: &[Cell]| -> Outcome<Vec<u32>> {
                        cells.iter().map(|cell| cube.group_of(cell, &kept, &mut numbers)).collect()
                    };
                    let grouping = (grouping(&buckets.cells)?, grouping(&buckets.singles.cells)?);
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

    /// The portions of `subscription` that are wanted, in the order in which they fill tiers: by group values, or by time
    /// for portions of less than the period. Those of zero quantity are left out ("zero usage: no line"). `None` when a
    /// sum has more than 20 digits before the point.
    #[must_use]
    pub fn portions(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        let mut portions = match wanted.each {
            Each::Period => self.whole(subscription, wanted)?,
            Each::Day | Each::Window => self.days(subscription, wanted)?,
            Each::Record => self.records(subscription, wanted),
        };
        portions.retain(|portion| !portion.quantity.is_zero());
        Some(portions)
    }

    /// One portion for each group, in order of the groups' values.
    fn whole(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        let (grouping, _) = &self.groupings[self.grouping_of[wanted.price as usize]];
        let aggregate = self.meters[wanted.meter].aggregate;
        let all = wanted.days.start == 0 && usize::from(wanted.days.end) >= self.period.days();
        let mut folds: Vec<(u32, Fold)> = Vec::new();
        let mut positions: HashMap<u32, usize> = HashMap::new();
        for row in self.rows(subscription, wanted.meter) {
            if !all && !wanted.days.contains(&self.buckets.day[row]) {
                continue;
            }
            let group = grouping[self.buckets.cell[row] as usize];
            // Cells are sorted, so a group is mostly the last one met.
            let at = match folds.last() {
                Some((last, _)) if *last == group => folds.len() - 1,
                _ => *positions.entry(group).or_insert_with(|| {
                    folds.push((group, Fold::default()));
                    folds.len() - 1
                }),
            };
            folds[at].1.add(self.buckets, row, aggregate);
        }
        folds.sort_by(|(a, _), (b, _)| self.groups.list[*a as usize].cmp(&self.groups.list[*b as usize]));
        let time = self.period.midnights.get(usize::from(wanted.days.start)).copied().unwrap_or_default();
        let portion = |(group, fold): (u32, Fold)| fold.portion(subscription, group, time, wanted.stretch, aggregate);
        folds.into_iter().map(portion).collect()
    }

    /// One portion for each day and group.
    fn days(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        let mut days: Vec<u16> = self.rows(subscription, wanted.meter).map(|row| self.buckets.day[row]).collect();
        days.sort_unstable();
        days.dedup();
        let mut portions = Vec::new();
        for day in days.into_iter().filter(|day| wanted.days.contains(day)) {
            portions.extend(self.whole(subscription, &Wanted { days: day..day + 1, ..wanted.clone() })?);
        }
        Some(portions)
    }

    /// One portion for each record, in order of time.
    fn records(&self, subscription: u32, wanted: &Wanted) -> Vec<Portion> {
        let records = &self.buckets.singles;
        let (_, grouping) = &self.groupings[self.grouping_of[wanted.price as usize]];
        let midnight = |day: u16| self.period.midnights.get(usize::from(day)).copied();
        let (from, to) = (midnight(wanted.days.start), midnight(wanted.days.end));
        let (from, to) = (from.unwrap_or(i64::MAX), to.unwrap_or_else(|| self.period.end()));
        let portion = |row: usize| {
            let cell = records.cell[row];
            Portion {
                subscription,
                group: grouping[cell as usize],
                quantity: Decimal::from_units(records.quantity[row]),
                records: 1,
                stretch: wanted.stretch,
                time: records.time[row],
                cell,
                origin: Some(records.origin[row]),
            }
        };
        let rows = self.record_rows(subscription, wanted.meter);
        rows.filter(|row| (from..to).contains(&records.time[*row])).map(portion).collect()
    }

    /// The text of a dimension or attribute of a single record.
    #[must_use]
    pub fn text(&self, cell: u32, name: &str) -> Option<&str> {
        let cell = self.buckets.singles.cells.get(cell as usize)?;
        let meter = self.meters.get(cell.meter as usize)?;
        let at = meter.dimensions.iter().chain(&meter.attributes).position(|known| known == name)?;
        cell.values.get(at).map(AsRef::as_ref)
    }

    /// The usage of `subscription` in the whole period, whatever the dimensions; `None` when it does not fit.
    #[must_use]
    pub fn quantity(&self, subscription: u32, meter: usize) -> Option<Decimal> {
        let aggregate = self.meters[meter].aggregate;
        let mut fold = Fold::default();
        self.rows(subscription, meter).for_each(|row| fold.add(self.buckets, row, aggregate));
        if fold.records == 0 { Some(Decimal::ZERO) } else { fold.quantity(aggregate) }
    }

    /// The positions of the buckets of one subscription and meter on these days.
    pub fn buckets_of(&self, subscription: u32, meter: usize, days: &Range<u16>) -> impl Iterator<Item = usize> {
        self.rows(subscription, meter).filter(|row| days.contains(&self.buckets.day[*row]))
    }

    /// All buckets.
    #[must_use]
    pub fn all_buckets(&self) -> &'a Buckets {
        self.buckets
    }

    /// Whether `subscription` has usage of `meter`.
    #[must_use]
    pub fn is_used(&self, subscription: u32, meter: usize) -> bool {
        !self.rows(subscription, meter).is_empty()
    }

    /// The buckets of one subscription and meter.
    fn rows(&self, subscription: u32, meter: usize) -> Range<usize> {
        rows_of(&self.starts, &self.buckets.cells, &self.buckets.cell, subscription, meter)
    }

    /// The single records of one subscription and meter.
    fn record_rows(&self, subscription: u32, meter: usize) -> Range<usize> {
        let records = &self.buckets.singles;
        if self.record_starts.is_empty() {
            return 0..0;
        }
        rows_of(&self.record_starts, &records.cells, &records.cell, subscription, meter)
    }
}

/// Where the rows of each subscription begin in a sorted column, and the end.
fn starts(column: &[u32], subscriptions: usize) -> Vec<usize> {
    let mut starts = vec![0_usize; subscriptions + 1];
    for subscription in column {
        starts[*subscription as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    starts
}

/// The same, or nothing for an empty column: most runs keep no single records.
fn starts_or_none(column: &[u32], subscriptions: usize) -> Vec<usize> {
    if column.is_empty() { Vec::new() } else { starts(column, subscriptions) }
}

/// The rows of `subscription` whose cell is of `meter`; rows of a subscription are sorted by meter.
fn rows_of(starts: &[usize], cells: &[Cell], column: &[u32], subscription: u32, meter: usize) -> Range<usize> {
    let own = starts[subscription as usize]..starts[subscription as usize + 1];
    let meter_of = |cell: &u32| cells[*cell as usize].meter as usize;
    let column = &column[own.clone()];
    let from = column.partition_point(|cell| meter_of(cell) < meter);
    let to = column.partition_point(|cell| meter_of(cell) <= meter);
    own.start + from..own.start + to
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
    fn add(&mut self, buckets: &Buckets, row: usize, aggregate: Aggregate) {
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

    fn portion(self, subscription: u32, group: u32, time: i64, stretch: u16, aggregate: Aggregate) -> Option<Portion> {
        let records = self.records;
        let quantity = self.quantity(aggregate)?;
        Some(Portion { subscription, group, quantity, records, stretch, time, cell: 0, origin: None })
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
    use crate::fault::Place;

    #[test]
    fn groups_are_the_same_however_a_price_lists_its_dimensions() {
        let price = |lines_by: &[&str], by: &[&str]| {
            let by = by.iter().map(ToString::to_string).collect();
            let model = Model::Matrix { by, cells: [].into(), default: Some(Decimal::ONE) };
            let lines_by = lines_by.iter().map(ToString::to_string).collect();
            Price { lines_by, ..Price::listed(model, Place::file("book.yaml")) }
        };
        let names = ["device", "region", "site"];
        assert_eq!(kept_apart(&price(&["site", "region", "device"], &["region", "device"])), names);
        assert_eq!(kept_apart(&price(&["device", "site", "region"], &["device", "region"])), names);
    }
}
