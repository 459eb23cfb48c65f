//! The least and greatest net amount of each account: one line on its first active subscription.

use super::Job;
use super::made::{Made, Making, name, settled, too_much};
use super::rater::Rater;
use crate::bounds::{Moved, Span, moved};
use crate::fault::Outcome;
use crate::lines::{Band, Line, LineKind};
use crate::money::Decimal;

/// For each bound of accounts: the subscriptions for which its condition holds; `None` without one.
pub(crate) type Holds = Vec<Option<Vec<bool>>>;

/// Adds what is missing from the least amount of an account, or beyond its greatest.
///
/// # Errors
/// `G002`, `G003` for amounts that do not fit.
pub(super) fn accounts(rater: &Rater<'_>, lines: &mut Vec<Line>, all: &mut Vec<Made>) -> Outcome<()> {
    let job = rater.job;
    if job.book.account_bounds.is_empty() {
        return Ok(());
    }
    let mut sums = vec![(Decimal::ZERO, 0_u64); job.reference.accounts.len()];
    for line in lines.iter() {
        let sum = &mut sums[job.reference.subscriptions[line.subscription as usize].account as usize];
        let plus = sum.0.plus(line.net).ok_or_else(|| too_much("the net amounts of an account"))?;
        *sum = (plus, sum.1 + 1);
    }
    let mut making = Making::default();
    for (account, sum) in sums.iter_mut().enumerate() {
        let Some(first) = first_active(job, account) else { continue };
        for number in 0..job.book.account_bounds.len() {
            if !job.account_bounds[number].as_ref().is_none_or(|holds| holds[first as usize]) {
                continue;
            }
            let Some((line, made)) = bound(job, number, account, first, *sum)? else { continue };
            let plus = sum.0.plus(line.net).ok_or_else(|| too_much("the net amounts of an account"))?;
            *sum = (plus, sum.1 + 1);
            making.add(job, line, made);
        }
    }
    making.settle(rater, lines, all)
}

/// The first subscription of the account that is active in the period.
fn first_active(job: &Job<'_>, account: usize) -> Option<u32> {
    let (start, end) = (job.period.start(), job.period.end());
    let active = |number: &&u32| {
        let row = &job.reference.subscriptions[**number as usize];
        row.starts_at < end && start < row.ends_at
    };
    job.reference.subscriptions_of[account].iter().find(active).copied()
}

/// The line of bound `number` for an account whose lines come to `sum`, if there is one.
fn bound(
    job: &Job<'_>,
    number: usize,
    account: usize,
    subscription: u32,
    (sum, lines): (Decimal, u64),
) -> Outcome<Option<(Line, Made)>> {
    let own = &job.book.account_bounds[number];
    let digits = job.reference.accounts[account].minor_digits;
    let rounded = |bound: Option<Decimal>| match bound {
        Some(bound) => bound.rounded(digits, job.book.rounding.mode).map(Some),
        None => Some(None),
    };
    let (least, most) = rounded(own.minimum).zip(rounded(own.maximum)).ok_or_else(|| too_much("bounds of accounts"))?;
    let found = moved(sum, least, most).ok_or_else(|| too_much("the net amounts of an account"))?;
    let (kind, band, rated, bound) = match found {
        None => return Ok(None),
        Some(Moved::ToMinimum(amount)) => (LineKind::Commitment, Band::Minimum, amount, least),
        Some(Moved::ToMaximum(amount)) => (LineKind::Credit, Band::Maximum, amount, most),
    };
    let bound = bound.unwrap_or_default();
    let line = settled(Line {
        subscription,
        charge: u32::try_from(own.charge).unwrap_or(u32::MAX),
        price: job.catalog.account_bound_prices[number],
        kind,
        group: 0,
        band,
        stretch: 0,
        quantity: Decimal::ONE,
        unit_price: None,
        rated,
        list: Decimal::ZERO,
        discount: Decimal::ZERO,
        net: Decimal::ZERO,
        records: 0,
        service_start: job.period.start(),
        service_end: job.period.end(),
        exchange: 0,
    });
    let spans = vec![Span { amount: bound, days: 1 }];
    let made = Made { line: name(&line), spans, of: 1, bound, before: Decimal::ZERO, sum, lines, price: None };
    Ok(Some((line, made)))
}
