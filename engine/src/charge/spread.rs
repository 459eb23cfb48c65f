//! Quantities that single records tell: percentiles, and windows of local time.

use hashbrown::HashMap;

use super::{Cube, Wanted};
use crate::book::model::{Each, Windowed, nearest_rank};
use crate::lines::Portion;
use crate::money::Decimal;

/// What the records of one window and group come to.
struct Filled {
    window: usize,
    group: u32,
    value: Option<Decimal>,
    records: u64,
}

impl Cube<'_> {
    /// One portion for each group, in order of the groups' values: the percentile of the quantities of its records.
    pub(super) fn percentiles(&self, subscription: u32, wanted: &Wanted, percent: Decimal) -> Option<Vec<Portion>> {
        let mut groups: Vec<(u32, Vec<i128>)> = Vec::new();
        let mut places: HashMap<u32, usize> = HashMap::new();
        for single in self.records(subscription, wanted) {
            let place = *places.entry(single.group).or_insert_with(|| {
                groups.push((single.group, Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(single.quantity.units());
        }
        groups.sort_by(|(a, _), (b, _)| self.groups.list[*a as usize].cmp(&self.groups.list[*b as usize]));
        let (stretch, time) = (wanted.stretch, self.midnight(wanted.days.start));
        let portion = |(group, mut values): (u32, Vec<i128>)| {
            let (quantity, records) = (nearest_rank(percent, &mut values), u64::try_from(values.len()).ok()?);
            Some(Portion { subscription, group, quantity, records, stretch, time, cell: 0, origin: None })
        };
        groups.into_iter().map(portion).collect()
    }

    /// One portion for each window and group, in order of time and of the groups' values; or, unless windows are wanted,
    /// one for each group: its windows together.
    pub(super) fn windows(&self, subscription: u32, wanted: &Wanted, windowed: Windowed) -> Option<Vec<Portion>> {
        let starts = &self.windows[wanted.meter];
        let mut filled: Vec<Filled> = Vec::new();
        let mut places: HashMap<(usize, u32), usize> = HashMap::new();
        for single in self.records(subscription, wanted) {
            let window = starts.partition_point(|start| *start <= single.time).max(1) - 1;
            let group = single.group;
            let place = *places.entry((window, group)).or_insert_with(|| {
                filled.push(Filled { window, group, value: None, records: 0 });
                filled.len() - 1
            });
            let one = &mut filled[place];
            one.value = Some(windowed.of.after(one.value, single.quantity)?);
            one.records += 1;
        }
        let values = |one: &Filled| &self.groups.list[one.group as usize];
        let (stretch, cell, origin) = (wanted.stretch, 0, None);
        let portion = |one: &Filled, time| {
            let (group, quantity, records) = (one.group, one.value.unwrap_or_default(), one.records);
            Portion { subscription, group, quantity, records, stretch, time, cell, origin }
        };
        if wanted.each == Each::Window {
            filled.sort_by(|a, b| a.window.cmp(&b.window).then_with(|| values(a).cmp(values(b))));
            return Some(filled.iter().map(|one| portion(one, starts[one.window])).collect());
        }
        filled.sort_by(|a, b| values(a).cmp(values(b)).then(a.window.cmp(&b.window)));
        let mut together: Vec<Portion> = Vec::new();
        for one in &filled {
            let next = portion(one, self.midnight(wanted.days.start));
            match together.last_mut() {
                Some(last) if last.group == next.group => {
                    last.quantity = windowed.then.together(last.quantity, next.quantity)?;
                    last.records += next.records;
                }
                _ => together.push(next),
            }
        }
        Some(together)
    }
}
