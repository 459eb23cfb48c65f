//! The tables about commitments and thresholds, column by column and part by part. No amount is computed here.

use std::ops::Range;

use arrow::array::RecordBatch;

use super::Job;
use super::batches::money;
use super::notices::unit;
use super::pools::{Pool, Pools};
use super::rating::Billing;
use crate::book::model::Commitment;
use crate::fault::Outcome;
use crate::tables::{Table, build};

/// The names of the commitments of a job, and of their contracts.
fn names(job: &Job<'_>) -> [Pool; 2] {
    let contract = |one: &Commitment| job.book.contracts[one.contract].id.clone();
    [Pool::of(job.book.commitments.iter().map(contract)), Pool::of(job.book.commitments.iter().map(|one| &one.id))]
}

/// A part of `commitment_shares`.
pub(super) fn commitment_shares(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let shares = &billing.commitments.shares[range];
    let subscription = |at: u32| billing.lines[at as usize].subscription;
    let account = |at: u32| job.reference.subscriptions[subscription(at) as usize].account;
    let accounts = || shares.iter().map(|share| account(share.line));
    let ids: Vec<u128> = shares.iter().map(|share| pools.line_ids[share.line as usize]).collect();
    let [contracts, commitments] = names(job);
    Table::CommitmentShares.batch(vec![
        build::hex_ids(&ids)?,
        pools.invoice_ids.column(accounts())?,
        build::constant(&pools.run_id, shares.len()),
        pools.account_ids.column(accounts())?,
        pools.subscription_ids.column(shares.iter().map(|share| subscription(share.line)))?,
        contracts.column(shares.iter().map(|share| share.commitment))?,
        commitments.column(shares.iter().map(|share| share.commitment))?,
        money(shares.iter().map(|share| share.covered))?,
        pools.account_currencies.column(accounts())?,
    ])
}

/// A part of `commitment_balances`.
pub(super) fn commitment_balances(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let balances = &billing.commitments.balances[range];
    let accounts = || balances.iter().map(|row| job.reference.subscriptions[row.subscription as usize].account);
    let periods: Vec<String> = balances.iter().map(|row| row.period.format("%Y-%m").to_string()).collect();
    let [contracts, commitments] = names(job);
    Table::CommitmentBalances.batch(vec![
        build::constant(&pools.run_id, balances.len()),
        pools.account_ids.column(accounts())?,
        pools.subscription_ids.column(balances.iter().map(|row| row.subscription))?,
        contracts.column(balances.iter().map(|row| row.commitment))?,
        commitments.column(balances.iter().map(|row| row.commitment))?,
        build::text(&periods),
        build::decimal38(balances.iter().map(|row| row.billed.units()).collect()),
        pools.account_currencies.column(accounts())?,
    ])
}

/// A part of `notices`.
pub(super) fn notices(job: &Job<'_>, pools: &Pools, billing: &Billing, range: Range<usize>) -> Outcome<RecordBatch> {
    let notices = &billing.notices[range];
    let of = |threshold: u32| &job.book.thresholds[threshold as usize];
    let subscription =
        |number: Option<u32>| number.map_or("", |number| job.reference.subscriptions[number as usize].id.as_str());
    let subscriptions: Vec<&str> = notices.iter().map(|notice| subscription(notice.subscription)).collect();
    let units: Vec<&str> = notices.iter().map(|notice| unit(job, notice)).collect();
    let numbers = || notices.iter().map(|notice| notice.threshold);
    Table::Notices.batch(vec![
        build::constant(&pools.run_id, notices.len()),
        pools.account_ids.column(notices.iter().map(|notice| notice.account))?,
        build::text(&subscriptions),
        Pool::of(job.book.thresholds.iter().map(|one| &one.id)).column(numbers())?,
        build::decimal38(notices.iter().map(|notice| notice.reached.units()).collect()),
        build::decimal38(numbers().map(|number| of(number).at.units()).collect()),
        build::text(&units),
        Pool::of(job.book.thresholds.iter().map(|one| &one.notice)).column(numbers())?,
    ])
}
