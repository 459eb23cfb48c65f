//! The tables a run publishes: their names, their Arrow schemas, the meaning of every column, and the order of their rows.
//!
//! One place for all of it, so that what the rating code builds, the writer checks and a reader is told are one truth.
//! [`build`] makes the columns. Nothing here reads or writes a file, and nothing here computes an amount.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::fault::{Fault, Outcome};

pub mod build;
pub mod columns;

use columns::{Column, Kind};

/// A published table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row per priced line of an invoice.
    InvoiceLines,
    /// One row per invoice line and tax.
    InvoiceTaxes,
    /// One row per invoice line and discount.
    LineDiscounts,
    /// One row per bill-to account and currency.
    Invoices,
    /// One row per invoice, account on the way to the billed one, and product.
    InvoiceSubtotals,
    /// What a prepaid credit pays of an invoice.
    CreditDraws,
    /// What became of a prepaid credit.
    CreditBalances,
    /// Usage of one subscription, meter, dimension set and day.
    UsageBuckets,
    /// A rated record of a charge that publishes them.
    RatedUsage,
    /// What a line has drawn on an allowance.
    AllowanceDraws,
    /// What has become of what allowances grant.
    AllowanceBalances,
    /// Levels at the end of the period, of meters that carry them.
    Levels,
    /// Records set aside.
    Suspense,
    /// What of a line counts towards a commitment.
    CommitmentShares,
    /// What commitments of a term have counted so far.
    CommitmentBalances,
    /// Thresholds that were reached.
    Notices,
    /// Counts and sums that must agree between the rooms.
    ControlTotals,
    /// What a line of the closed period comes to more or less by what has become known since.
    Adjustments,
    /// A tax of such a difference.
    AdjustmentTaxes,
    /// Kept for the next night: where the records of every file and day went.
    UsageFiles,
    /// Kept for the next night: every record that takes part in telling duplicates, by day.
    UsageRecords,
}

impl Table {
    /// Tables that only incremental pipelines have: what one night keeps for the next.
    pub const KEPT: [Self; 2] = [Self::UsageFiles, Self::UsageRecords];
    /// Tables that only closed periods have which were rerated.
    pub const RERATED: [Self; 2] = [Self::Adjustments, Self::AdjustmentTaxes];

    /// All tables, in the order they are written.
    pub const ALL: [Self; 21] = [
        Self::InvoiceLines,
        Self::InvoiceTaxes,
        Self::LineDiscounts,
        Self::Invoices,
        Self::InvoiceSubtotals,
        Self::CreditDraws,
        Self::CreditBalances,
        Self::UsageBuckets,
        Self::RatedUsage,
        Self::AllowanceDraws,
        Self::AllowanceBalances,
        Self::Levels,
        Self::Suspense,
        Self::CommitmentShares,
        Self::CommitmentBalances,
        Self::Notices,
        Self::ControlTotals,
        Self::Adjustments,
        Self::AdjustmentTaxes,
        Self::UsageFiles,
        Self::UsageRecords,
    ];

    /// Its name, also of its folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvoiceLines => "invoice_lines",
            Self::InvoiceTaxes => "invoice_taxes",
            Self::LineDiscounts => "line_discounts",
            Self::Invoices => "invoices",
            Self::InvoiceSubtotals => "invoice_subtotals",
            Self::CreditDraws => "credit_draws",
            Self::CreditBalances => "credit_balances",
            Self::UsageBuckets => "usage_buckets",
            Self::RatedUsage => "rated_usage",
            Self::AllowanceDraws => "allowance_draws",
            Self::AllowanceBalances => "allowance_balances",
            Self::Levels => "levels",
            Self::Suspense => "suspense",
            Self::CommitmentShares => "commitment_shares",
            Self::CommitmentBalances => "commitment_balances",
            Self::Notices => "notices",
            Self::ControlTotals => "control_totals",
            Self::Adjustments => "adjustments",
            Self::AdjustmentTaxes => "adjustment_taxes",
            Self::UsageFiles => "usage_files",
            Self::UsageRecords => "usage_records",
        }
    }

    /// Its columns in order, with their meanings.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::InvoiceLines => columns::INVOICE_LINES,
            Self::InvoiceTaxes => columns::INVOICE_TAXES,
            Self::LineDiscounts => columns::LINE_DISCOUNTS,
            Self::Invoices => columns::INVOICES,
            Self::InvoiceSubtotals => columns::INVOICE_SUBTOTALS,
            Self::CreditDraws => columns::CREDIT_DRAWS,
            Self::CreditBalances => columns::CREDIT_BALANCES,
            Self::UsageBuckets => columns::USAGE_BUCKETS,
            Self::RatedUsage => columns::RATED_USAGE,
            Self::AllowanceDraws => columns::ALLOWANCE_DRAWS,
            Self::AllowanceBalances => columns::ALLOWANCE_BALANCES,
            Self::Levels => columns::LEVELS,
            Self::Suspense => columns::SUSPENSE,
            Self::CommitmentShares => columns::COMMITMENT_SHARES,
            Self::CommitmentBalances => columns::COMMITMENT_BALANCES,
            Self::Notices => columns::NOTICES,
            Self::ControlTotals => columns::CONTROL_TOTALS,
            Self::Adjustments => columns::ADJUSTMENTS,
            Self::AdjustmentTaxes => columns::ADJUSTMENT_TAXES,
            Self::UsageFiles => columns::USAGE_FILES,
            Self::UsageRecords => columns::USAGE_RECORDS,
        }
    }

    /// The columns its rows are sorted by (bytes ascending, null first). The file says so to its readers, so it must be
    /// true; rows equal in all of them keep the order they were made in.
    #[must_use]
    pub const fn sort_columns(self) -> &'static [&'static str] {
        match self {
            Self::InvoiceLines => &["account_id", "subscription_id", "product", "charge"],
            Self::InvoiceTaxes | Self::LineDiscounts => &["account_id"],
            Self::Invoices => &["bill_to_account_id", "currency"],
            Self::InvoiceSubtotals => &["account_id", "product"],
            Self::CreditDraws | Self::CreditBalances => &["credit_id"],
            Self::UsageBuckets => &["account_id", "subscription_id", "meter"],
            Self::RatedUsage | Self::AllowanceDraws => &["account_id", "subscription_id"],
            Self::AllowanceBalances => &["account_id", "subscription_id", "allowance"],
            Self::Levels => &["account_id", "subscription_id", "meter"],
            Self::Suspense => &["source", "file", "row"],
            Self::CommitmentShares => &["account_id", "subscription_id"],
            Self::CommitmentBalances => &["account_id", "subscription_id", "commitment", "period"],
            Self::Notices => &["account_id", "subscription_id", "threshold"],
            Self::ControlTotals => &["scope", "source", "file", "meter", "charge", "allowance", "currency", "measure"],
            Self::Adjustments => &["account_id", "subscription_id", "charge"],
            Self::AdjustmentTaxes => &["account_id"],
            Self::UsageFiles => &["source", "file", "day"],
            Self::UsageRecords => &["source", "file", "row"],
        }
    }

    /// The schema as published: plain types, no dictionaries.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; Table::ALL.len()]> = LazyLock::new(|| {
            Table::ALL.map(|table| {
                let fields = table
                    .columns()
                    .iter()
                    .map(|column| Field::new(column.name, data_type(column.kind), column.nullable));
                Arc::new(Schema::new(fields.collect::<Fields>()))
            })
        });
        Arc::clone(&SCHEMAS[self as usize])
    }

    /// A batch of this table from its columns in order; a text column may be a dictionary (or large) in memory.
    ///
    /// # Errors
    /// `X001` when a column is missing, of another type, of another length, or has nulls where none may be.
    pub fn batch(self, columns: Vec<ArrayRef>) -> Outcome<RecordBatch> {
        let broken = |cause: String| Fault::ours(format!("table {}: {cause}", self.name()));
        let schema = self.schema();
        if schema.fields().len() != columns.len() {
            return Err(broken(format!("{} columns instead of {}", columns.len(), schema.fields().len())).into());
        }
        let mut fields = Vec::with_capacity(columns.len());
        for (field, column) in schema.fields().iter().zip(&columns) {
            if plain(column.data_type()) != *field.data_type() {
                let cause = format!("`{}` is {} instead of {}", field.name(), column.data_type(), field.data_type());
                return Err(broken(cause).into());
            }
            fields.push(Field::new(field.name(), column.data_type().clone(), field.is_nullable()));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|cause| broken(cause.to_string()).into())
    }

    /// The table without rows.
    #[must_use]
    pub fn empty(self) -> RecordBatch {
        RecordBatch::new_empty(self.schema())
    }
}

/// The type a column has in memory and in the file.
fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Whole => DataType::Int64,
        Kind::Exact => DataType::Decimal128(38, 18),
        Kind::Money => DataType::Decimal128(18, 4),
        Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Day => DataType::Date32,
        Kind::Flag => DataType::Boolean,
        Kind::Texts => DataType::List(Arc::new(Field::new("element", DataType::Utf8, false))),
        Kind::TextMap => DataType::Map(Arc::new(build::map_entries(DataType::Utf8)), false),
    }
}

/// The type with its dictionaries unpacked and its texts plain: what it will be in the file.
fn plain(held: &DataType) -> DataType {
    let unpacked = |field: &Field| Field::new(field.name(), plain(field.data_type()), field.is_nullable());
    match held {
        DataType::Dictionary(_, value) => plain(value),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::List(element) => DataType::List(Arc::new(unpacked(element))),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(unpacked(entries)), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| unpacked(field)).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_column_is_a_column_and_every_column_has_a_meaning() {
        for table in Table::ALL {
            let schema = table.schema();
            assert_eq!(schema.fields().len(), table.columns().len());
            for name in table.sort_columns() {
                assert!(schema.index_of(name).is_ok(), "{} {name}", table.name());
            }
            assert!(table.columns().iter().all(|column| !column.meaning.is_empty()));
        }
    }

    #[test]
    fn a_batch_of_another_shape_is_refused() {
        let columns = vec![build::constant("x", 2); 3];
        assert!(Table::Invoices.batch(columns).is_err());
        let mut columns: Vec<ArrayRef> = Table::ControlTotals.empty().columns().to_vec();
        columns[0] = build::whole(vec![]);
        let fault = Table::ControlTotals.batch(columns).unwrap_err();
        assert!(fault.to_string().contains("`run_id` is Int64 instead of Utf8"), "{fault}");
    }
}
