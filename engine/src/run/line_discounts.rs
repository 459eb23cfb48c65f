//! What discounts have taken off lines -> the table `line_discounts`.

use std::ops::Range;

use arrow::array::RecordBatch;

use super::Job;
use super::discounts::Taken;
use super::pools::{Pool, Pools};
use super::rating::Billing;
use super::totals::Totals;
use crate::fault::{Fault, Outcome, codes};
use crate::lines::Line;
use crate::money::Decimal;
use crate::tables::{Table, build};

/// The rows: discounts that make a difference in the minor unit, by line and in the order in which they came off.
pub(super) fn rows_of(billing: &Billing) -> Vec<&Taken> {
    billing.discounting.taken.iter().filter(|taken| !taken.amount.is_zero()).collect()
}

/// Adds the rows to the totals of their currencies.
pub(super) fn add_discounts(billing: &Billing, totals: &mut Totals<'_>) -> Outcome<()> {
    let too_much = || Fault::new(&codes::G002, "a total of the run has more than 20 digits");
    for taken in rows_of(billing) {
        let total = totals.of_line(&billing.lines[taken.line as usize]);
        total.line_discounts += 1;
        total.amount_line_discounts = total.amount_line_discounts.plus(taken.amount).ok_or_else(too_much)?;
    }
    Ok(())
}

/// A part of `line_discounts`.
pub(super) fn line_discounts(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    taken: &[&Taken],
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let taken = &taken[range];
    let line = |taken: &&Taken| -> &Line { &billing.lines[taken.line as usize] };
    let of_account = |pool: &Pool| {
        pool.column(taken.iter().map(|one| job.reference.subscriptions[line(one).subscription as usize].account))
    };
    let bill_to = |one: &&Taken| {
        let account = job.reference.subscriptions[line(one).subscription as usize].account;
        job.reference.accounts[account as usize].bill_to
    };
    let ids: Vec<u128> = taken.iter().map(|one| pools.line_ids[one.line as usize]).collect();
    let discounts = Pool::of(job.book.discounts.iter().map(|discount| &discount.id));
    let coupons = Pool::of([""].into_iter().chain(job.reference.coupons.iter().map(|coupon| coupon.id.as_str())));
    let amounts: Vec<Decimal> = taken.iter().map(|one| one.amount).collect();
    let too_big = || Fault::new(&codes::G003, "an amount on a line has more than 14 digits before the point");
    Table::LineDiscounts.batch(vec![
        build::hex_ids(&ids)?,
        of_account(&pools.invoice_ids)?,
        build::constant(&pools.run_id, taken.len()),
        of_account(&pools.account_ids)?,
        pools.account_ids.column(taken.iter().map(bill_to))?,
        discounts.column(taken.iter().map(|one| one.discount))?,
        coupons.column(taken.iter().map(|one| one.coupon.map_or(0, |coupon| coupon + 1)))?,
        build::decimal18_4(amounts).ok_or_else(too_big)?,
        of_account(&pools.account_currencies)?,
    ])
}
