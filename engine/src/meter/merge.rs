//! Buckets that stand from an earlier night between those of this one.

use crate::fault::{Fault, Outcome};
use crate::usage::{Bucket, Buckets, Slot};

/// Both together, sorted by slot and day; no bucket is in both.
///
/// # Errors
/// Our bug when there are more than 2^32.
pub(super) fn merged(new: Buckets, mut standing: Vec<Bucket>) -> Outcome<Buckets> {
    standing.sort_unstable_by_key(|bucket| (bucket.slot, bucket.day));
    let Buckets { subscription, cell, day, quantity, records, first, last, values, singles, cells } = new;
    let mut values = values.into_iter().peekable();
    let mut all = Buckets { singles, cells, ..Buckets::default() };
    let mut waiting = standing.into_iter().peekable();
    for row in 0..subscription.len() {
        let (slot, day) = (Slot::new(subscription[row], cell[row]), day[row]);
        while let Some(bucket) = waiting.next_if(|bucket| (bucket.slot, bucket.day) < (slot, day)) {
            all.add(bucket)?;
        }
        let own = values.next_if(|(at, _)| *at as usize == row).map(|(_, values)| values);
        let (quantity, records, first, last) = (quantity[row], records[row], first[row], last[row]);
        all.add(Bucket { slot, day, quantity, records, first, last, values: own })?;
    }
    waiting.try_for_each(|bucket| all.add(bucket))?;
    Ok(all)
}

impl Buckets {
    fn add(&mut self, bucket: Bucket) -> Outcome<()> {
        let row = u32::try_from(self.len()).map_err(|_| Fault::ours("more than 2^32 usage buckets"))?;
        self.subscription.push(bucket.slot.subscription());
        self.cell.push(bucket.slot.cell());
        self.day.push(bucket.day);
        self.quantity.push(bucket.quantity);
        self.records.push(bucket.records);
        self.first.push(bucket.first);
        self.last.push(bucket.last);
        self.values.extend(bucket.values.map(|values| (row, values)));
        Ok(())
    }
}
