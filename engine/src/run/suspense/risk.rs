//! What records in suspense may come to: what the rated records of their type have come to on average, in the same line
//! set. An estimate for people who decide what to look at first; nothing is billed by it.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::{Decimal128Type, Int64Type};

use crate::book::model::PriceBook;
use crate::columns::{named as column, texts_named as texts};
use crate::fault::Outcome;
use crate::lineset::Manifest;
use crate::lineset::parts::{of_all, read_columns};
use crate::money::currency::minor_digits;
use crate::money::{Decimal, Rounding, plain_digits};
use crate::store::Location;
use crate::tables::Table;

/// By record type: what one record comes to on average, by currency.
#[derive(Debug, Default)]
pub(super) struct Averages {
    by_type: BTreeMap<String, BTreeMap<String, Decimal>>,
}

/// Digits after the point of amounts in tables.
const SCALE: u32 = 4;

impl Averages {
    /// By the usage lines and buckets of a line set: net amounts over records, added up over the meters of a type.
    pub(super) async fn of(book: &PriceBook, output: &Location, manifest: &Manifest) -> Outcome<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let parts = |table: Table| manifest.tables.get(table.name()).into_iter().flatten();
        let mut net: BTreeMap<(String, String), i128> = BTreeMap::new();
        let read = |part| read_columns(output, part, &["line_kind", "meter", "amount_net", "currency"]);
        for batch in of_all(parts(Table::InvoiceLines), threads, read).await?.iter().flatten() {
            let (kinds, meters, currencies) =
                (texts(batch, "line_kind")?, texts(batch, "meter")?, texts(batch, "currency")?);
            let amounts = column(batch, "amount_net")?.as_primitive::<Decimal128Type>();
            for row in (0..batch.num_rows()).filter(|row| kinds.get(*row) == Some("usage")) {
                let text = |texts: crate::columns::Texts<'_>| texts.get(row).unwrap_or_default().to_owned();
                *net.entry((text(meters), text(currencies))).or_default() += amounts.value(row);
            }
        }
        let mut counted: BTreeMap<String, i64> = BTreeMap::new();
        let read = |part| read_columns(output, part, &["meter", "record_count"]);
        for batch in of_all(parts(Table::UsageBuckets), threads, read).await?.iter().flatten() {
            let meters = texts(batch, "meter")?;
            let records = column(batch, "record_count")?.as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                *counted.entry(meters.get(row).unwrap_or_default().to_owned()).or_default() += records.value(row);
            }
        }
        let mut by_type: BTreeMap<String, BTreeMap<String, Decimal>> = BTreeMap::new();
        for ((meter, currency), net) in net {
            let records = counted.get(&meter).copied().filter(|records| *records > 0).map(Decimal::whole);
            let average = Decimal::rescaled(net, SCALE).zip(records).and_then(|(net, records)| net.over(records));
            let of = book.meters.iter().filter(|declared| declared.id == meter);
            for record_type in of.flat_map(|meter| &meter.record_types) {
                let sum = by_type.entry(record_type.clone()).or_default().entry(currency.clone()).or_default();
                *sum = average.and_then(|average| sum.plus(average)).unwrap_or(*sum);
            }
        }
        Ok(Self { by_type })
    }

    /// What so many records of each type may come to, by currency, and how many of them that is said of.
    pub(super) fn of_records(&self, types: &BTreeMap<&str, i64>) -> (BTreeMap<String, String>, u64) {
        let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
        let mut estimated = 0;
        for (record_type, records) in types {
            let Some(averages) = self.by_type.get(*record_type) else { continue };
            estimated += records.unsigned_abs();
            for (currency, average) in averages {
                let amount = average.times(Decimal::whole(*records)).unwrap_or_default();
                let sum = sums.entry(currency.as_str()).or_default();
                *sum = sum.plus(amount).unwrap_or(*sum);
            }
        }
        let text = |(currency, sum): (&str, Decimal)| {
            let rounded = sum.rounded(minor_digits(currency).unwrap_or(2), Rounding::HalfUp).unwrap_or(sum);
            (currency.to_owned(), plain_digits(rounded.units(), 18))
        };
        (sums.into_iter().map(text).collect(), estimated)
    }
}
