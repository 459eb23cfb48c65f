//! One part recounted with Polars: only the columns a total needs are decoded, one group of them at a time.
//!
//! Sums are those of Polars' own 128-bit decimals; nothing here passes through a float.

use std::io::Cursor;

use bytes::Bytes;
use polars::prelude::{
    AnyValue, Column, DataFrame, IntoLazy, ParallelStrategy, ParquetReader, PolarsError, SerReader, col, len, lit,
};

use crate::control::measures::{Aggregate, RECOUNTS, Recount};
use crate::control::rows::{Named, Subject};
use crate::fault::{Fault, Outcome, codes};
use crate::money::Decimal;
use crate::tables::Table;

/// What was found in the parts read so far.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Recomputed totals.
    pub recounted: Named,
    /// Totals as the `control_totals` table says them.
    pub published: Named,
    /// Parts that are not what was written.
    pub faults: Vec<Fault>,
}

impl Found {
    /// Both together.
    ///
    /// # Errors
    /// `G001` when a sum is out of range.
    pub fn merge(mut self, other: Self) -> Outcome<Self> {
        for (key, value) in other.recounted {
            let sum = self.recounted.entry(key).or_default();
            *sum = sum.plus(value).ok_or_else(|| Fault::new(&codes::G001, "a sum is out of range when read back"))?;
        }
        self.published.extend(other.published);
        self.faults.extend(other.faults);
        Ok(self)
    }
}

/// Recounts one part of `table`.
///
/// # Errors
/// `G001` when Polars cannot read it or its rows are not as many as were written.
pub fn part(table: Table, path: &str, rows: u64, bytes: Bytes) -> Outcome<Found> {
    let broken = |cause: String| Fault::new(&codes::G001, format!("`{path}` read back: {cause}"));
    let mut found = Found::default();
    let held = ParquetReader::new(Cursor::new(bytes.clone())).num_rows().map_err(|cause| broken(cause.to_string()))?;
    if u64::try_from(held) != Ok(rows) {
        return Err(broken(format!("{held} rows instead of {rows}")).into());
    }
    for recount in RECOUNTS.iter().filter(|recount| recount.table == table) {
        let groups = grouped(recount, bytes.clone()).map_err(|cause| broken(cause.to_string()))?;
        gather(recount, &groups, &mut found.recounted).ok_or_else(|| broken("a group cannot be named".to_owned()))?;
    }
    if table == Table::ControlTotals {
        let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(|cause| broken(cause.to_string()))?;
        found.published = published(&frame).ok_or_else(|| broken("a row cannot be named".to_owned()))?;
    }
    Ok(found)
}

/// The groups of one recount: its subject columns, then its measures in order.
fn grouped(recount: &Recount, bytes: Bytes) -> Result<DataFrame, PolarsError> {
    let mut columns: Vec<String> = recount.by.iter().map(|by| (*by).to_owned()).collect();
    columns.extend(recount.only.iter().map(|(column, _)| (*column).to_owned()));
    columns.extend(recount.measures.iter().filter_map(|(_, aggregate)| match aggregate {
        Aggregate::Rows => None,
        Aggregate::Sum(column) => Some((*column).to_owned()),
    }));
    // Parts are read in parallel already.
    let reader = ParquetReader::new(Cursor::new(bytes)).with_columns(Some(columns));
    let mut frame = reader.read_parallel(ParallelStrategy::None).set_low_memory(true).finish()?.lazy();
    if let Some((column, texts)) = recount.only {
        let any = texts.iter().map(|text| col(column).eq(lit(*text))).reduce(|left, right| left.or(right));
        frame = frame.filter(any.unwrap_or_else(|| lit(false)));
    }
    let measures = recount.measures.iter().map(|(name, aggregate)| match aggregate {
        Aggregate::Rows => len().alias(*name),
        Aggregate::Sum(column) => col(*column).sum().alias(*name),
    });
    let by: Vec<_> = recount.by.iter().map(|by| col(*by)).collect();
    frame.group_by(by).agg(measures.collect::<Vec<_>>()).collect()
}

/// Adds the groups to what was found.
fn gather(recount: &Recount, groups: &DataFrame, found: &mut Named) -> Option<()> {
    let column = |name: &str| groups.column(name).ok();
    for row in 0..groups.height() {
        let group: Option<Vec<String>> = recount.by.iter().map(|by| text(column(by)?, row)).collect();
        let subject = recount.subject(&group?)?;
        for (measure, _) in recount.measures {
            recount.add(found, &subject, measure, number(column(measure)?, row)?)?;
        }
    }
    Some(())
}

/// The rows of the `control_totals` table.
fn published(frame: &DataFrame) -> Option<Named> {
    let mut found = Named::new();
    for row in 0..frame.height() {
        let of = |name: &str| text(frame.column(name).ok()?, row);
        let subject = Subject::read(&of("scope")?, of)?;
        let value = number(frame.column("value").ok()?, row)?;
        if found.insert((subject, of("measure")?), value).is_some() {
            return None;
        }
    }
    Some(found)
}

fn text(column: &Column, row: usize) -> Option<String> {
    column.get(row).ok()?.get_str().map(str::to_owned)
}

/// A count or sum, exactly.
fn number(column: &Column, row: usize) -> Option<Decimal> {
    match column.get(row).ok()? {
        AnyValue::Decimal(unscaled, _, scale) => Decimal::rescaled(unscaled, u32::try_from(scale).ok()?),
        value => value.extract::<i64>().map(Decimal::whole),
    }
}
