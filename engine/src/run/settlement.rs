//! Rated lines -> billed lines: everything between a charge model's unrounded amounts and the taxes, in the order of DESIGN
//! section 5. Each step takes all lines, in the order of the table, and hands all of them on.

use rayon::prelude::*;

use super::Job;
use super::exchange::exchange;
use super::rater::Rater;
use super::unpriced::Unpriced;
use crate::discount::{Amounts, amounts};
use crate::fault::Outcome;
use crate::lines::{Line, is_payable};

/// Lines rounded as one piece of parallel work.
const LINES: usize = 1 << 14;

/// What rated lines have been settled to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// In the order of the table.
    pub(super) lines: Vec<Line>,
}

/// Settles rated lines, which are in the order of the table.
///
/// # Errors
/// `R020` for exchange rates that are missing, `G003` for amounts that do not fit.
pub(super) fn settle(rater: &Rater<'_>, lines: Vec<Line>) -> Outcome<Settled> {
    let mut settled = Settled { lines };
    exchange(rater.job, &mut settled.lines)?;
    round(rater.job, &mut settled.lines)?;
    Ok(settled)
}

/// Line discounts, and the one rounding of each line.
fn round(job: &Job<'_>, lines: &mut [Line]) -> Outcome<()> {
    let rounded = |lines: &mut [Line]| {
        let mut unpriced = Unpriced::default();
        for line in lines {
            match billed(job, line) {
                Some(Amounts { list, discount, net }) => (line.list, line.discount, line.net) = (list, discount, net),
                None => unpriced.amount(job, line.charge as usize, line.price, line.subscription, line.quantity),
            }
        }
        unpriced
    };
    let pieces: Vec<Unpriced> = lines.par_chunks_mut(LINES).map(rounded).collect();
    let mut unpriced = Unpriced::default();
    pieces.into_iter().for_each(|piece| unpriced.add(piece));
    unpriced.told()
}

/// The rounded amounts of a line; `None` when one has no place in the table.
fn billed(job: &Job<'_>, line: &Line) -> Option<Amounts> {
    let account = job.reference.subscriptions[line.subscription as usize].account;
    let digits = job.reference.accounts[account as usize].minor_digits;
    let percent = job.discounts.percent(line.charge as usize, account);
    let amounts = amounts(line.rated, percent, job.book.rounding, digits)?;
    [amounts.list, amounts.discount, amounts.net].into_iter().all(is_payable).then_some(amounts)
}
