//! Charges: which usage each charge prices. Buckets of days become portions of the period, one for each subscription and
//! group of dimension values.
//!
//! It knows neither amounts nor allowances; the order of the portions is the order in which shared tiers fill.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::book::model::{Aggregate, Each, Meter, Model, Price, PriceBook};
use crate::catalog::{Catalog, Opening};
use crate::fault::{Fault, Outcome};
use crate::lines::{Groups, Portion};
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::{Reference, Subscription};
use crate::usage::{Buckets, Cell};

mod levels;
mod spread;

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
    subscriptions: &'a [Subscription],
    /// Levels at the start of the period, sorted by subscription and meter.
    openings: &'a [Opening],
    /// By meter: where its windows start; empty when it has none.
    windows: Vec<Vec<i64>>,
    /// The ways in which prices keep dimensions apart.
    groupings: Vec<Grouping>,
    /// By price number: its grouping.
    grouping_of: Vec<usize>,
    /// All groups.
    pub groups: Groups,
    /// By group: its place in the order of the groups' values.
    places: Vec<u32>,
}

/// The group of everything that has dimension values, for one way of keeping them apart.
#[derive(Debug)]
struct Grouping {
    /// By cell of the buckets.
    buckets: Vec<u32>,
    /// By cell of the single records.
    singles: Vec<u32>,
    /// By opening level.
    openings: Vec<u32>,
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

/// Stands for no price: everything is one group.
const NO_PRICE: u32 = u32::MAX;

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
        catalog: &'a Catalog,
        period: &'a Period,
        reference: &'a Reference,
    ) -> Outcome<Self> {
        let (subscriptions, openings) = (&reference.subscriptions, &catalog.openings);
        let blank = Grouping {
            buckets: vec![0; buckets.cells.len()],
            singles: vec![0; buckets.singles.cells.len()],
            openings: vec![0; openings.len()],
        };
        let windows = |meter: &Meter| match meter.aggregate {
            Aggregate::Windowed(windowed) => period.windows(windowed.minutes),
            _ => Vec::new(),
        };
        let mut cube = Self {
            buckets,
            meters: &book.meters,
            period,
            starts: starts(&buckets.subscription, subscriptions.len()),
            record_starts: starts_or_none(&buckets.singles.subscription, subscriptions.len()),
            subscriptions,
            openings,
            windows: book.meters.iter().map(windows).collect(),
            groupings: vec![blank],
            grouping_of: Vec::new(),
            groups: Groups { list: vec![Vec::new()] },
            places: Vec::new(),
        };
        let mut numbers: Numbers = HashMap::from([(Vec::new(), 0)]);
        let mut known: HashMap<Vec<String>, usize> = HashMap::from([(Vec::new(), 0)]);
        for price in &catalog.prices {
            let kept = kept_apart(price);
            let number = match known.get(&kept) {
                Some(number) => *number,
                None => {
                    let grouping = cube.grouping(&kept, &mut numbers)?;
                    cube.groupings.push(grouping);
                    known.insert(kept, cube.groupings.len() - 1);
                    cube.groupings.len() - 1
                }
            };
            cube.grouping_of.push(number);
        }
        cube.places = places(&cube.groups);
        Ok(cube)
    }

    /// The place of `group` in the order of the groups' values.
    #[must_use]
    pub fn place(&self, group: u32) -> u32 {
        self.places.get(group as usize).copied().unwrap_or(u32::MAX)
    }

    fn grouping(&mut self, kept: &[String], numbers: &mut Numbers) -> Outcome<Grouping> {
        let (buckets, openings) = (self.buckets, self.openings);
        let mut of_cells = |cells: &[Cell]| -> Outcome<Vec<u32>> {
            cells.iter().map(|cell| self.group_of(cell.meter as usize, &cell.values, kept, numbers)).collect()
        };
        let (of_buckets, singles) = (of_cells(&buckets.cells)?, of_cells(&buckets.singles.cells)?);
        let opening = |opening: &Opening| self.group_of(opening.meter, &opening.values, kept, numbers);
        let openings = openings.iter().map(opening).collect::<Outcome<_>>()?;
        Ok(Grouping { buckets: of_buckets, singles, openings })
    }

    fn group_of(&mut self, meter: usize, values: &[Arc<str>], kept: &[String], numbers: &mut Numbers) -> Outcome<u32> {
        let names = &self.meters[meter].dimensions;
        let mut group = Vec::new();
        for name in kept {
            if let Some(at) = names.iter().position(|known| known == name) {
                group.push((Arc::from(name.as_str()), Arc::clone(&values[at])));
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
        let mut portions = self.all_portions(subscription, wanted)?;
        portions.retain(|portion| !portion.quantity.is_zero());
        Some(portions)
    }

    /// The same with those of zero quantity, such as usage that was taken back again.
    #[must_use]
    pub fn all_portions(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        match (wanted.each, self.meters[wanted.meter].aggregate) {
            (Each::Record, _) => Some(self.records(subscription, wanted).collect()),
            (Each::Window, Aggregate::Windowed(windowed)) => self.windows(subscription, wanted, windowed),
            (Each::Period, _) => self.together(subscription, wanted),
            (Each::Day | Each::Window, _) => self.days(subscription, wanted),
        }
    }

    /// One portion for each group, in order of the groups' values: what the meter makes of the days wanted.
    fn together(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        match self.meters[wanted.meter].aggregate {
            Aggregate::WeightedSum(_) | Aggregate::ProratedSum(_) => self.levels(subscription, wanted),
            Aggregate::Percentile(percent) => self.percentiles(subscription, wanted, percent),
            Aggregate::Windowed(windowed) => self.windows(subscription, wanted, windowed),
            _ => self.merged(subscription, wanted),
        }
    }

    /// The same for aggregates whose days come together exactly.
    fn merged(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        let grouping = &self.grouping_for(wanted).buckets;
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
        folds.sort_by_key(|(group, _)| self.place(*group));
        let time = self.midnight(wanted.days.start);
        let portion = |(group, fold): (u32, Fold)| fold.portion(subscription, group, time, wanted.stretch, aggregate);
        folds.into_iter().map(portion).collect()
    }

    /// One portion for each day and group.
    fn days(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        let mut days: Vec<u16> = match self.meters[wanted.meter].aggregate.level() {
            // A level stands on days without records too.
            Some(_) => wanted.days.clone().collect(),
            None => self.rows(subscription, wanted.meter).map(|row| self.buckets.day[row]).collect(),
        };
        days.sort_unstable();
        days.dedup();
        let mut portions = Vec::new();
        for day in days.into_iter().filter(|day| wanted.days.contains(day)) {
            portions.extend(self.together(subscription, &Wanted { days: day..day + 1, ..wanted.clone() })?);
        }
        Some(portions)
    }

    /// One portion for each record, in order of time.
    fn records(&self, subscription: u32, wanted: &Wanted) -> impl Iterator<Item = Portion> {
        let records = &self.buckets.singles;
        let grouping = &self.grouping_for(wanted).singles;
        let (from, to, stretch) = (self.midnight(wanted.days.start), self.midnight(wanted.days.end), wanted.stretch);
        let portion = move |row: usize| {
            let cell = records.cell[row];
            Portion {
                subscription,
                group: grouping[cell as usize],
                quantity: Decimal::from_units(records.quantity[row]),
                records: 1,
                stretch,
                time: records.time[row],
                cell,
                origin: Some(records.origin[row]),
            }
        };
        let rows = self.record_rows(subscription, wanted.meter);
        rows.filter(move |row| (from..to).contains(&records.time[*row])).map(portion)
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
        if !self.is_used(subscription, meter) {
            return Some(Decimal::ZERO);
        }
        let wanted = Wanted { meter, price: NO_PRICE, each: Each::Period, days: 0..self.last_day(), stretch: 0 };
        let portions = self.together(subscription, &wanted)?;
        portions.iter().try_fold(Decimal::ZERO, |sum, portion| sum.plus(portion.quantity))
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

    /// Whether `subscription` has usage of `meter`: records, or a level that still stands.
    #[must_use]
    pub fn is_used(&self, subscription: u32, meter: usize) -> bool {
        let first = self.subscriptions[subscription as usize].first;
        // A level stands on in the versions that follow.
        let from = if self.meters[meter].aggregate.level().is_some() { first } else { subscription };
        let used = |version| !self.rows(version, meter).is_empty() || !self.opening_rows(version, meter).is_empty();
        (from..=subscription).any(used)
    }

    /// How the price wanted keeps dimensions apart.
    fn grouping_for(&self, wanted: &Wanted) -> &Grouping {
        &self.groupings[self.grouping_of.get(wanted.price as usize).copied().unwrap_or(0)]
    }

    /// First instant of a day of the period, or its end.
    fn midnight(&self, day: u16) -> i64 {
        self.period.midnights.get(usize::from(day)).copied().unwrap_or_else(|| self.period.end())
    }

    fn last_day(&self) -> u16 {
        u16::try_from(self.period.days()).unwrap_or(u16::MAX)
    }

    /// The opening levels of one subscription and meter.
    fn opening_rows(&self, subscription: u32, meter: usize) -> Range<usize> {
        let key = |opening: &Opening| (opening.subscription, opening.meter);
        let from = self.openings.partition_point(|opening| key(opening) < (subscription, meter));
        let to = self.openings.partition_point(|opening| key(opening) <= (subscription, meter));
        from..to
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

/// By group: its place when all are sorted by their values; no two have the same.
fn places(groups: &Groups) -> Vec<u32> {
    let mut order: Vec<usize> = (0..groups.list.len()).collect();
    order.sort_unstable_by(|a, b| groups.list[*a].cmp(&groups.list[*b]));
    let mut places = vec![0; order.len()];
    for (place, group) in (0_u32..).zip(order) {
        places[group] = place;
    }
    places
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
            // Those of single records are never told from buckets.
            _ => Some(quantity),
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
mod tests;
