//! Levels held over time: the quantity of a meter whose records change a level that stands until the next one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use super::{Cube, Wanted};
use crate::book::model::{Aggregate, Each, Level};
use crate::lines::Portion;
use crate::money::{Decimal, Weighted};

/// The level of one set of dimension values.
struct Held {
    group: u32,
    level: Decimal,
    /// Where it has been counted to.
    since: i64,
    /// Levels times how long each was held inside the stretch.
    sum: Weighted,
    /// Records inside the stretch.
    records: u64,
}

/// How time is counted: in microseconds, or in whole local days.
struct Ruler<'r> {
    midnights: &'r [i64],
    by_day: bool,
}

impl Ruler<'_> {
    /// An instant; a day counts from its start.
    fn at(&self, instant: i64) -> i64 {
        if !self.by_day {
            return instant;
        }
        let begun = self.midnights.partition_point(|midnight| *midnight <= instant);
        i64::try_from(begun).unwrap_or(i64::MAX) - 1
    }

    fn days(&self, days: &Range<u16>) -> Range<i64> {
        let bound = |day: u16| {
            let midnight = || self.midnights.get(usize::from(day)).or(self.midnights.last());
            if self.by_day { i64::from(day) } else { midnight().copied().unwrap_or_default() }
        };
        bound(days.start)..bound(days.end)
    }
}

impl Held {
    /// Counts the level up to `until`, as far as that lies `within` the stretch.
    fn hold(&mut self, until: i64, within: &Range<i64>) -> Option<()> {
        let (from, to) = (self.since.max(within.start), until.min(within.end));
        self.since = until;
        if from < to && !self.level.is_zero() {
            self.sum = self.sum.plus(self.level, to - from)?;
        }
        Some(())
    }
}

impl Cube<'_> {
    /// One portion for each group, in order of the groups' values: the level's mean over the period, as far as it was held
    /// in the days wanted; for `each: day`, over the day.
    pub(super) fn levels(&self, subscription: u32, wanted: &Wanted) -> Option<Vec<Portion>> {
        let meter = &self.meters[wanted.meter];
        let level = meter.aggregate.level()?;
        let by_day = matches!(meter.aggregate, Aggregate::ProratedSum(_));
        let ruler = Ruler { midnights: &self.period.midnights, by_day };
        let days = ruler.days(&wanted.days);
        let whole = if wanted.each == Each::Day { days.clone() } else { ruler.days(&(0..self.last_day())) };
        let mut sums: Vec<(u32, Weighted, u64)> = Vec::new();
        let mut held = self.held(subscription, wanted, level, &ruler)?;
        held.sort_by(|a, b| self.groups.list[a.group as usize].cmp(&self.groups.list[b.group as usize]));
        for held in held {
            match sums.last_mut() {
                Some((group, sum, records)) if *group == held.group => {
                    (*sum, *records) = (sum.and(held.sum)?, *records + held.records);
                }
                _ => sums.push((held.group, held.sum, held.records)),
            }
        }
        let time = self.midnight(wanted.days.start);
        let portion = |(group, sum, records): (u32, Weighted, u64)| {
            let quantity = sum.over(whole.end - whole.start)?;
            Some(Portion {
                subscription,
                group,
                quantity,
                records,
                stretch: wanted.stretch,
                time,
                cell: 0,
                origin: None,
            })
        };
        sums.into_iter().map(portion).collect()
    }

    /// The levels of `subscription` at the end of the period, by dimension values in order; those of zero are left out. `None`
    /// when one does not fit.
    #[must_use]
    pub fn closing(&self, subscription: u32, meter: usize) -> Option<Vec<(Vec<Arc<str>>, Decimal)>> {
        let level = self.meters[meter].aggregate.level()?;
        let dimensions = self.meters[meter].dimensions.len();
        let opening = |row: usize| (self.openings[row].values.clone(), self.openings[row].level);
        let mut levels: BTreeMap<Vec<Arc<str>>, Decimal> =
            self.opening_rows(subscription, meter).map(opening).collect();
        let records = &self.buckets.singles;
        for row in self.record_rows(subscription, meter) {
            let values = &records.cells[records.cell[row] as usize].values;
            let one = levels.entry(values[..dimensions.min(values.len())].to_vec()).or_default();
            *one = level.after(*one, Decimal::from_units(records.quantity[row]))?;
        }
        Some(levels.into_iter().filter(|(_, level)| !level.is_zero()).collect())
    }

    /// How long each level was held. It ends with the period or the subscription.
    fn held(&self, subscription: u32, wanted: &Wanted, level: Level, ruler: &Ruler<'_>) -> Option<Vec<Held>> {
        let active = &self.subscriptions[subscription as usize];
        let days = ruler.days(&wanted.days);
        let (first, last) = (self.period.start().max(active.starts_at), self.period.end().min(active.ends_at));
        let within = days.start.max(ruler.at(first))..days.end.min(ruler.at(last));
        let (midnight, end) = (self.midnight(wanted.days.start), self.midnight(wanted.days.end));
        let grouping = self.grouping_for(wanted);
        let dimensions = self.meters[wanted.meter].dimensions.len();
        let mut held: Vec<Held> = Vec::new();
        let mut places: HashMap<&[Arc<str>], usize> = HashMap::new();
        let fresh = |group, level| Held { group, level, since: i64::MIN, sum: Weighted::default(), records: 0 };
        // A level goes on from one version of a subscription to the next.
        for row in (active.first..=subscription).flat_map(|version| self.opening_rows(version, wanted.meter)) {
            places.insert(&self.openings[row].values, held.len());
            held.push(fresh(grouping.openings[row], self.openings[row].level));
        }
        let records = &self.buckets.singles;
        let own = self.record_rows(subscription, wanted.meter);
        let earlier = (active.first..subscription).flat_map(|version| self.record_rows(version, wanted.meter));
        for row in earlier.chain(own.clone()) {
            let (cell, time) = (records.cell[row] as usize, records.time[row]);
            // The values of attributes stand behind: they keep no levels apart.
            let values = &records.cells[cell].values;
            let place = *places.entry(&values[..dimensions.min(values.len())]).or_insert_with(|| {
                held.push(fresh(grouping.singles[cell], Decimal::ZERO));
                held.len() - 1
            });
            let one = &mut held[place];
            one.hold(ruler.at(time), &within)?;
            one.level = level.after(one.level, Decimal::from_units(records.quantity[row]))?;
            one.records += u64::from(own.contains(&row) && (midnight..end).contains(&time));
        }
        held.iter_mut().try_for_each(|one| one.hold(i64::MAX, &within))?;
        Some(held)
    }
}
