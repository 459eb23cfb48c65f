//! Thresholds that were reached: usage and net amounts, added up by whoever shares the scope.

use std::collections::BTreeMap;

use super::Job;
use super::bounds::currencies;
use super::circles::Sharer;
use super::made::too_much;
use super::rater::Rater;
use crate::book::model::{Scope, Threshold, Watched};
use crate::fault::Outcome;
use crate::lines::Line;
use crate::money::Decimal;

/// A threshold that somebody has reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    /// Whose quantity or amount it is.
    pub(super) account: u32,
    /// Of a subscription by itself.
    pub(super) subscription: Option<u32>,
    /// Index of the threshold.
    pub(super) threshold: u32,
    pub(super) reached: Decimal,
}

/// Whoever shares a scope; of an amount, in the currency of this account.
type Who = (Sharer, u32);

/// The thresholds reached, by account, subscription and threshold.
///
/// # Errors
/// `G002` for sums that do not fit.
pub(super) fn notices(rater: &Rater<'_>, lines: &[Line]) -> Outcome<Vec<Notice>> {
    let job = rater.job;
    let currency = if job.book.thresholds.is_empty() { Vec::new() } else { currencies(job) };
    let mut notices = Vec::new();
    for (number, threshold) in (0_u32..).zip(&job.book.thresholds) {
        let mut sums: BTreeMap<Who, (u32, Decimal)> = BTreeMap::new();
        let mut add = |subscription: u32, value: Option<Decimal>| -> Outcome<()> {
            let account = job.reference.subscriptions[subscription as usize].account as usize;
            let of_amount = matches!(threshold.of, Watched::Charge(_));
            let who = (
                rater.circles.sharer(job, subscription, threshold.scope),
                if of_amount { currency[account] } else { 0 },
            );
            let (_, sum) = sums.entry(who).or_insert((subscription, Decimal::ZERO));
            let too_much = || too_much(&format!("what the threshold `{}` watches", threshold.id));
            *sum = value.and_then(|value| sum.plus(value)).ok_or_else(too_much)?;
            Ok(())
        };
        match threshold.of {
            Watched::Meter(meter) => {
                for subscription in (0_u32..).take(job.reference.subscriptions.len()) {
                    if rater.cube.is_used(subscription, meter) {
                        add(subscription, rater.cube.quantity(subscription, meter))?;
                    }
                }
            }
            Watched::Charge(charge) => {
                for line in lines.iter().filter(|line| line.charge as usize == charge) {
                    add(line.subscription, Some(line.net))?;
                }
            }
        }
        let reached = sums.into_values().filter(|(_, sum)| *sum >= threshold.at);
        notices.extend(reached.map(|(first, reached)| notice(job, number, threshold, first, reached)));
    }
    notices.sort_by_key(|notice| (notice.account, notice.subscription, notice.threshold));
    Ok(notices)
}

fn notice(job: &Job<'_>, number: u32, threshold: &Threshold, first: u32, reached: Decimal) -> Notice {
    let own = job.reference.subscriptions[first as usize].account;
    let parent = |at: &u32| job.reference.accounts[*at as usize].parent;
    let (account, subscription) = match threshold.scope {
        Scope::Subscription => (own, Some(first)),
        Scope::Package | Scope::Account => (own, None),
        Scope::Subtree => (std::iter::successors(Some(own), parent).last().unwrap_or(own), None),
        Scope::Invoice => (job.reference.accounts[own as usize].bill_to, None),
    };
    Notice { account, subscription, threshold: number, reached }
}

/// What a threshold's numbers are in: a unit, or the currency of `account`.
pub(super) fn unit<'j>(job: &'j Job<'_>, notice: &Notice) -> &'j str {
    match job.book.thresholds[notice.threshold as usize].of {
        Watched::Meter(meter) => &job.book.meters[meter].unit,
        Watched::Charge(_) => &job.reference.accounts[notice.account as usize].currency,
    }
}
