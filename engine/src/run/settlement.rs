//! Rated lines -> billed lines: everything between a charge model's unrounded amounts and the taxes, in the order of DESIGN
//! section 5. Each step takes all lines, in the order of the table, and hands all of them on.

use rayon::prelude::*;

use super::commitments::{CommitmentRows, commitments as held_against};
use super::conversion::exchange;
use super::made::Made;
use super::notices::{Notice, notices as reached};
use super::rater::Rater;
use super::unpriced::Unpriced;
use super::{Job, account_bounds, bounds};
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
    /// How the lines that are made of other lines came about, by what they are found by.
    pub(super) made: Vec<Made>,
    /// What commitments have come to.
    pub(super) commitments: CommitmentRows,
    /// Thresholds reached.
    pub(super) notices: Vec<Notice>,
}

/// Settles rated lines, which are in the order of the table.
///
/// # Errors
/// `R021` for exchange rates that are missing, `G003` for amounts that do not fit.
pub(super) fn settle(rater: &Rater<'_>, lines: Vec<Line>) -> Outcome<Settled> {
    let mut settled = Settled { lines, ..Settled::default() };
    let Settled { lines, made, commitments, notices } = &mut settled;
    exchange(rater.job, lines)?;
    bounds::charges(rater, lines, made, true)?;
    round(rater.job, lines)?;
    bounds::charges(rater, lines, made, false)?;
    *commitments = held_against(rater, lines, made)?;
    account_bounds::accounts(rater, lines, made)?;
    // When no stage adds a line any more.
    commitments.place(lines)?;
    *notices = reached(rater, lines)?;
    made.sort_unstable_by_key(|made| made.line);
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
