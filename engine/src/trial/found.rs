//! Reads the tables of a committed line set back, from the files its manifest names.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::cells::{self, Row};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::{Manifest, current};
use crate::store::Location;
use crate::tables::Table;
use crate::tables::columns::Column;

/// Rows read at a time.
const BATCH: usize = 8192;

/// A committed line set.
#[derive(Debug)]
pub(super) struct LineSet {
    output: Location,
    manifest: Manifest,
}

impl LineSet {
    /// The newest line set of `period` in `output`.
    ///
    /// # Errors
    /// `T002` when none is committed.
    pub(super) async fn newest(output: &str, period: &str) -> Outcome<Self> {
        let output = Location::parse(output)?;
        let Some((_, manifest)) = current(&output, period).await? else {
            let message = format!("no line set of {period} is committed in `{}`", output.display());
            return Err(Fault::new(&codes::T002, message)
                .hint("name the output of a run and a period it has rated")
                .into());
        };
        Ok(Self { output, manifest })
    }

    /// Gives `each` all rows of `table`, with these columns only.
    ///
    /// # Errors
    /// Parts that cannot be read.
    pub(super) async fn scan(
        &self,
        table: Table,
        columns: &[Column],
        timezone: Tz,
        mut each: impl FnMut(Row) + Send,
    ) -> Outcome<()> {
        for part in self.manifest.tables.get(table.name()).into_iter().flatten() {
            let bytes = self.output.join(&part.path)?.read().await?;
            let broken = |cause: String| {
                Fault::new(&codes::O006, format!("`{}` cannot be read: {cause}", part.path))
                    .hint("a file of the line set is damaged; rating the period again writes it anew")
            };
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|cause| broken(cause.to_string()))?;
            let names = columns.iter().map(|column| column.name);
            let mask = ProjectionMask::columns(builder.parquet_schema(), names);
            let reader = builder.with_projection(mask).with_batch_size(BATCH).build();
            for batch in reader.map_err(|cause| broken(cause.to_string()))? {
                let batch = batch.map_err(|cause| broken(cause.to_string()))?;
                cells::rows(&batch, columns, timezone)?.into_iter().for_each(&mut each);
            }
        }
        Ok(())
    }

    /// All rows of `table`; those of taxes and discounts with the columns of their lines.
    ///
    /// # Errors
    /// Parts that cannot be read.
    pub(super) async fn rows(&self, table: Table, timezone: Tz) -> Outcome<Vec<Row>> {
        let mut rows = Vec::new();
        self.scan(table, table.columns(), timezone, |row| rows.push(row)).await?;
        if matches!(table, Table::InvoiceTaxes | Table::LineDiscounts) {
            let mut lines: BTreeMap<String, Row> = BTreeMap::new();
            let all = Table::InvoiceLines.columns();
            self.scan(Table::InvoiceLines, all, timezone, |line| drop(lines.insert(id(&line), line))).await?;
            for tax in &mut rows {
                for (column, text) in lines.get(&id(tax)).into_iter().flatten() {
                    tax.entry(column.clone()).or_insert_with(|| text.clone());
                }
            }
        }
        Ok(rows)
    }
}

fn id(row: &Row) -> String {
    row.get("line_id").cloned().unwrap_or_default()
}
