//! Duplicates: the same record twice counts once; the same key with other content goes to suspense.
//!
//! A key is compared by a 128-bit hash and the whole record by a further 64-bit hash that covers the key as well, so two
//! different keys that happened to share the 128 bits would show up as a conflict in suspense, never as a lost record.
//! Of the records of one key the first by path and row wins: that does not depend on the order in which files are read.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::columns::{Texts, to_text};
use crate::fault::{Fault, Outcome};
use crate::usage::{Metered, Origin};

/// The key and content hash of every row.
#[derive(Debug)]
pub struct Fingerprints {
    /// 128-bit hash of the key columns.
    pub keys: Vec<u128>,
    /// 64-bit hash of all columns.
    pub contents: Vec<u64>,
}

/// Hashes the rows of a mediated batch; with no key columns, where a record stands is its key (`place` is a hash of its
/// file's name, `number` its number there): every record counts.
///
/// # Errors
/// Our bug when a key column is missing.
pub fn fingerprints(
    records: &RecordBatch,
    key: &[String],
    source: u64,
    place: u64,
    number: impl Fn(usize) -> u32,
) -> Outcome<Fingerprints> {
    let rows = records.num_rows();
    let mut contents = vec![0_u64; rows];
    for column in records.columns() {
        mix_column(&mut contents, column)?;
    }
    let keys = if key.is_empty() {
        let hash = |row| xxhash_rust::xxh3::xxh3_128_with_seed(&u32::to_le_bytes(row), source ^ place);
        (0..rows).map(|row| hash(number(row))).collect()
    } else {
        let columns: Vec<ArrayRef> = key
            .iter()
            .map(|name| {
                records.column_by_name(name).ok_or_else(|| Fault::ours(format!("no key column `{name}`")).into())
            })
            .map(|column: Outcome<&ArrayRef>| to_text(column?))
            .collect::<Outcome<_>>()?;
        let texts: Vec<Texts<'_>> = columns.iter().filter_map(Texts::of).collect();
        key_hashes(source, &texts, rows)
    };
    Ok(Fingerprints { keys, contents })
}

fn key_hashes(source: u64, texts: &[Texts<'_>], rows: usize) -> Vec<u128> {
    if let [column] = texts {
        // One key column, the usual case: no part lengths needed.
        let hash = |text: &str| xxhash_rust::xxh3::xxh3_128_with_seed(text.as_bytes(), source);
        return (0..rows).map(|row| column.get(row).map_or(0, hash)).collect();
    }
    (0..rows).map(|row| hash_parts(source, texts.iter().map(|column| column.get(row).unwrap_or("\0")))).collect()
}

fn hash_parts<'t>(source: u64, parts: impl Iterator<Item = &'t str>) -> u128 {
    let mut hash = Xxh3::with_seed(source);
    for part in parts {
        hash.update(&part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest128()
}

const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
const NULL: u64 = 0x5851_F42D_4C95_7F2D;

/// Mixes `value` into a row's running hash; the order of columns matters.
fn mix(hash: u64, value: u64) -> u64 {
    let mixed = (hash.rotate_left(23) ^ value).wrapping_mul(MIX);
    mixed ^ (mixed >> 29)
}

fn mix_column(contents: &mut [u64], column: &ArrayRef) -> Outcome<()> {
    if let Some(texts) = Texts::of(column) {
        let hashes = texts.map(NULL, |text| xxh3_64(text.as_bytes()));
        contents.iter_mut().zip(hashes).for_each(|(content, hash)| *content = mix(*content, hash));
        return Ok(());
    }
    if matches!(column.data_type(), DataType::Decimal128(..)) {
        let decimals = column.as_primitive::<Decimal128Type>();
        for (row, content) in contents.iter_mut().enumerate() {
            *content = mix(*content, if decimals.is_null(row) { NULL } else { fold(decimals.value(row)) });
        }
        return Ok(());
    }
    if let Ok(numbers) = arrow::compute::cast(column, &DataType::Int64) {
        let numbers = numbers.as_primitive::<arrow::datatypes::Int64Type>();
        for (row, content) in contents.iter_mut().enumerate() {
            *content = mix(*content, if numbers.is_null(row) { NULL } else { numbers.value(row).cast_unsigned() });
        }
        return Ok(());
    }
    mix_column(contents, &to_text(column)?)
}

fn fold(units: i128) -> u64 {
    xxh3_64(&units.to_le_bytes())
}

/// What became of the records of one shard of keys.
#[derive(Debug, Default)]
pub struct Settlement {
    /// Records that count (or fail) once, each with the range of its measures in the sorted shard.
    pub kept: Vec<std::ops::Range<usize>>,
    /// Further copies of a kept record.
    pub duplicates: Vec<Origin>,
    /// Records with the key of a kept record and other content, each with the range of its measures.
    pub conflicts: Vec<std::ops::Range<usize>>,
}

/// The measures of one shard in order; kept from shard to shard, because fresh memory costs more than sorting.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Sorted by key, origin and slot; what came too late behind all others of its key.
    pub measures: Vec<Metered>,
    /// High bits of each key and where the measure lies: a quarter of the bytes to be moved.
    order: Vec<(u64, u32, u32)>,
}

impl Sorted {
    /// Sorts the measures in `chunks`.
    fn fill(&mut self, chunks: &[Vec<Metered>], too_late: impl Fn(&Metered) -> bool) {
        self.order.clear();
        for (number, chunk) in (0_u32..).zip(chunks) {
            self.order.extend((0_u32..).zip(chunk).map(|(at, metered)| (high(metered.key), number, at)));
        }
        self.order.sort_unstable();
        self.measures.clear();
        let lying = |(_, number, at): &(u64, u32, u32)| chunks[*number as usize][*at as usize];
        self.measures.extend(self.order.iter().map(lying));
        let mut rest = self.measures.as_mut_slice();
        while let Some(first) = rest.first() {
            let length = rest.iter().take_while(|next| high(next.key) == high(first.key)).count();
            let (same, after) = rest.split_at_mut(length);
            if length > 1 {
                same.sort_unstable_by_key(|metered| (metered.key, too_late(metered), metered.origin, metered.slot));
            }
            rest = after;
        }
    }
}

fn high(key: u128) -> u64 {
    let [high @ .., _, _, _, _, _, _, _, _] = key.to_be_bytes();
    u64::from_be_bytes(high)
}

/// Sorts a shard that holds *all* measures of its keys, and tells first copies, duplicates and conflicts apart. What came
/// `too_late` is never the first while there is another copy.
pub fn settle(chunks: &[Vec<Metered>], sorted: &mut Sorted, too_late: impl Fn(&Metered) -> bool) -> Settlement {
    sorted.fill(chunks, too_late);
    let shard = sorted.measures.as_slice();
    let mut settlement = Settlement::default();
    let mut at = 0;
    while at < shard.len() {
        let (winner, start) = (shard[at], at);
        at += shard[at..]
            .iter()
            .take_while(|metered| metered.key == winner.key && metered.origin == winner.origin)
            .count();
        settlement.kept.push(start..at);
        while at < shard.len() && shard[at].key == winner.key {
            let (copy, start) = (shard[at], at);
            at += shard[at..]
                .iter()
                .take_while(|metered| metered.key == winner.key && metered.origin == copy.origin)
                .count();
            if copy.content == winner.content {
                settlement.duplicates.push(copy.origin);
            } else {
                settlement.conflicts.push(start..at);
            }
        }
    }
    settlement
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;
    use crate::usage::Slot;

    #[test]
    fn copies_are_told_apart_wherever_they_lie() {
        let metered = |key: u128, content, row| Metered {
            key,
            quantity: 0,
            content,
            origin: Origin::new(0, row),
            slot: Slot::new(0, 0),
            time: 0,
        };
        // The second and third key differ in their low bits only.
        let (a, b, c) = (9_u128 << 64, 5 << 64, (5 << 64) | 1);
        let chunks = [
            vec![metered(a, 1, 7), metered(c, 3, 2), metered(b, 2, 6)],
            vec![],
            vec![metered(b, 2, 1), metered(a, 1, 3), metered(c, 4, 5)],
        ];
        let mut sorted = Sorted::default();
        for _ in 0..2 {
            let settlement = settle(&chunks, &mut sorted, |_| false);
            let kept: Vec<u32> = settlement.kept.iter().map(|one| sorted.measures[one.start].origin.row()).collect();
            assert_eq!(kept, [1, 2, 3]);
            assert_eq!(settlement.duplicates, [6, 7].map(|row| Origin::new(0, row)));
            let conflicts: Vec<u32> =
                settlement.conflicts.iter().map(|one| sorted.measures[one.start].origin.row()).collect();
            assert_eq!(conflicts, [5]);
        }
    }

    #[test]
    fn without_a_key_every_record_has_a_key_of_its_own() {
        let same: ArrayRef = Arc::new(StringArray::from(vec!["a"; 3]));
        let records = RecordBatch::try_from_iter([("record_id", same)]).unwrap();
        let keys = |source, file: u64| {
            let place = xxh3_64(&file.to_le_bytes());
            fingerprints(&records, &[], source, place, |row| u32::try_from(row).unwrap()).unwrap().keys
        };
        let mut all = [keys(0, 0), keys(0, 1), keys(1, 0)].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 9);
        assert_eq!(keys(0, 1), keys(0, 1));
    }
}
