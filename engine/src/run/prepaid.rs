//! Prepaid credits -> the published tables `credit_draws` and `credit_balances`. No amount is computed here.

use std::ops::Range;

use arrow::array::RecordBatch;
use chrono::{Datelike, NaiveDate};

use super::Job;
use super::batches::{EPOCH_DAYS, invoice_key, money};
use super::pools::Pools;
use super::rating::Billing;
use crate::fault::Outcome;
use crate::lines::{CreditDraw, Invoice};
use crate::reference::model::Credit;
use crate::tables::{Table, build};

/// A part of `credit_draws`.
pub(super) fn draws(job: &Job<'_>, pools: &Pools, billing: &Billing, range: Range<usize>) -> Outcome<RecordBatch> {
    let draws = &billing.credit_draws[range];
    let credit = |draw: &CreditDraw| &job.reference.credits[draw.credit as usize];
    let invoice = |draw: &CreditDraw| -> &Invoice { &billing.invoices[draw.invoice as usize] };
    let key = |draw: &CreditDraw| {
        let invoice = invoice(draw);
        invoice_key(job, &job.reference.accounts[invoice.bill_to as usize].id, &invoice.currency)
    };
    let ids: Vec<&str> = draws.iter().map(|draw| credit(draw).id.as_str()).collect();
    let invoices: Vec<u128> = draws.iter().map(key).collect();
    let currencies: Vec<&str> = draws.iter().map(|draw| credit(draw).currency.as_str()).collect();
    Table::CreditDraws.batch(vec![
        build::text(&ids),
        build::hex_ids(&invoices)?,
        build::constant(&pools.run_id, draws.len()),
        pools.account_ids.column(draws.iter().map(|draw| credit(draw).account))?,
        pools.account_ids.column(draws.iter().map(|draw| invoice(draw).bill_to))?,
        build::text(&currencies),
        money(draws.iter().map(|draw| draw.amount))?,
    ])
}

/// A part of `credit_balances`.
pub(super) fn balances(job: &Job<'_>, pools: &Pools, billing: &Billing, range: Range<usize>) -> Outcome<RecordBatch> {
    let (credits, balances) = (&job.reference.credits[range.clone()], &billing.credit_balances[range]);
    let texts = |of: fn(&Credit) -> &str| build::text(&credits.iter().map(of).collect::<Vec<_>>());
    let days = |of: fn(&Credit) -> Option<NaiveDate>| {
        build::days_or_null(credits.iter().map(|credit| of(credit).map(|day| day.num_days_from_ce() - EPOCH_DAYS)))
    };
    let products: Vec<String> = credits.iter().map(|credit| credit.products.join(";")).collect();
    Table::CreditBalances.batch(vec![
        texts(|credit| &credit.id),
        build::constant(&pools.run_id, credits.len()),
        pools.account_ids.column(credits.iter().map(|credit| credit.account))?,
        texts(|credit| &credit.currency),
        money(credits.iter().map(|credit| credit.granted))?,
        money(balances.iter().map(|balance| balance.opening))?,
        money(balances.iter().map(|balance| balance.drawn))?,
        money(balances.iter().map(|balance| balance.expired))?,
        money(balances.iter().map(|balance| balance.left))?,
        build::whole(credits.iter().map(|credit| credit.priority).collect()),
        days(|credit| credit.granted_on),
        days(|credit| credit.expires_on),
        build::text(&products),
    ])
}
