//! What belongs to whole invoices: their numbers, and their sub-totals by account and product.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};

use super::Job;
use super::batches::{invoice_key, money};
use super::pools::Pools;
use super::rating::Billing;
use crate::fault::Outcome;
use crate::lines::Subtotal;
use crate::tables::{Table, build};

/// The numbers of a part of the invoices, the first of which has number `first`; blank without one.
pub(super) fn numbers(job: &Job<'_>, first: Option<u64>, range: Range<usize>) -> ArrayRef {
    let number = |at: usize| match (&job.pipeline.numbering, first) {
        (Some(numbering), Some(first)) => {
            numbering.number(job.period.first_day, first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)))
        }
        _ => String::new(),
    };
    Arc::new(StringArray::from_iter_values(range.map(number)))
}

/// A part of `invoice_subtotals`.
pub(super) fn invoice_subtotals(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let rows = &billing.subtotals[range];
    let invoice = |row: &Subtotal| &billing.invoices[row.invoice as usize];
    let account = |index: u32| &job.reference.accounts[index as usize];
    let ids = rows.iter().map(|row| {
        let invoice = invoice(row);
        invoice_key(job, &account(invoice.bill_to).id, &invoice.currency)
    });
    let levels: Vec<&str> = rows.iter().map(|row| account(row.account).level.as_str()).collect();
    let products: Vec<&str> = rows.iter().map(|row| job.book.products[row.product as usize].id.as_str()).collect();
    let currencies: Vec<&str> = rows.iter().map(|row| invoice(row).currency.as_str()).collect();
    Table::InvoiceSubtotals.batch(vec![
        build::hex_ids(&ids.collect::<Vec<_>>())?,
        build::constant(&pools.run_id, rows.len()),
        pools.account_ids.column(rows.iter().map(|row| row.account))?,
        build::text(&levels),
        build::text(&products),
        build::text(&currencies),
        build::whole(rows.iter().map(|row| i64::try_from(row.lines).unwrap_or(i64::MAX)).collect()),
        money(rows.iter().map(|row| row.net_own))?,
        money(rows.iter().map(|row| row.tax_own))?,
        money(rows.iter().map(|row| row.net))?,
        money(rows.iter().map(|row| row.tax))?,
    ])
}
