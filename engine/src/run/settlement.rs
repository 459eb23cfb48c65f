//! Rated lines -> billed lines: everything between a charge model's unrounded amounts and the taxes, in the order of DESIGN
//! section 5. Each step takes all lines, in the order of the table, and hands all of them on.

use rayon::prelude::*;

use super::commitments::{CommitmentRows, commitments as held_against};
use super::covers::{Covers, cover};
use super::currencies::exchange;
use super::discounts::Discounting;
use super::made::Made;
use super::notices::{Notice, notices as reached};
use super::rater::Rater;
use super::unpriced::Unpriced;
use super::{account_bounds, adjustments, bounds};
use crate::book::model::DiscountBase;
use crate::fault::Outcome;
use crate::lines::{Line, is_payable};
use crate::money::Decimal;

/// Lines rounded as one piece of parallel work.
const LINES: usize = 1 << 14;

/// What rated lines have been settled to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// In the order of the table.
    pub(super) lines: Vec<Line>,
    /// What included amounts have covered.
    pub(super) covers: Covers,
    /// What discounts have taken off them.
    pub(super) discounting: Discounting,
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
/// `E007` for conditions that cannot be computed, `R021` for exchange rates that are missing, `G003` for amounts that do not
/// fit.
pub(super) fn settle(rater: &Rater<'_>, lines: Vec<Line>) -> Outcome<Settled> {
    let mut settled = Settled { lines, ..Settled::default() };
    let Settled { lines, covers, discounting, made, commitments, notices } = &mut settled;
    *covers = cover(rater, lines)?;
    exchange(rater.job, lines)?;
    bounds::charges(rater, lines, made, true)?;
    discounting.off_lines(rater, lines)?;
    round(rater, lines)?;
    bounds::charges(rater, lines, made, false)?;
    *commitments = held_against(rater, lines, made)?;
    account_bounds::accounts(rater, lines, made)?;
    discounting.off_accounts(rater, lines)?;
    *notices = reached(rater, lines)?;
    lines.extend(adjustments::lines(rater.job));
    if !rater.job.adjustments.rows.is_empty() {
        rater.sort(lines, true);
    }
    // When no stage adds a line any more.
    discounting.settle(lines)?;
    commitments.place(lines)?;
    made.sort_unstable_by_key(|made| made.line);
    Ok(settled)
}

/// The one rounding of each line: of what it comes to, and of what discounts have left.
fn round(rater: &Rater<'_>, lines: &mut [Line]) -> Outcome<()> {
    let rounded = |lines: &mut [Line]| {
        let mut unpriced = Unpriced::default();
        for line in lines {
            match billed(rater, line) {
                Some((list, discount, net)) => (line.list, line.discount, line.net) = (list, discount, net),
                None => unpriced.amount(rater.job, line.charge as usize, line.price, line.subscription, line.quantity),
            }
        }
        unpriced
    };
    let pieces: Vec<Unpriced> = lines.par_chunks_mut(LINES).map(rounded).collect();
    let mut unpriced = Unpriced::default();
    pieces.into_iter().for_each(|piece| unpriced.add(piece));
    unpriced.told()
}

/// List, discount and net of a line; `None` when one has no place in the table.
fn billed(rater: &Rater<'_>, line: &Line) -> Option<(Decimal, Decimal, Decimal)> {
    let (rounding, digits) = (rater.job.book.rounding, rater.digits_of(line));
    let list = line.rated.rounded(digits, rounding.mode)?;
    let net = match rounding.discount_base {
        DiscountBase::Unrounded => line.rated.minus(line.discount)?.rounded(digits, rounding.mode)?,
        DiscountBase::Rounded => list.minus(line.discount)?,
    };
    let discount = list.minus(net)?;
    [list, discount, net].into_iter().all(is_payable).then_some((list, discount, net))
}
