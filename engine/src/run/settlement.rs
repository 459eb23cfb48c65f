//! Rated lines -> billed lines: everything between a charge model's unrounded amounts and the taxes, in the order of DESIGN
//! section 5. Each step takes all lines, in the order of the table, and hands all of them on.

use rayon::prelude::*;

use super::discounts::Discounting;
use super::rater::Rater;
use super::unpriced::Unpriced;
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
    /// What discounts have taken off them.
    pub(super) discounting: Discounting,
}

/// Settles rated lines, which are in the order of the table.
///
/// # Errors
/// `E007` for conditions that cannot be computed, `G003` for amounts that do not fit.
pub(super) fn settle(rater: &Rater<'_>, lines: Vec<Line>) -> Outcome<Settled> {
    let mut settled = Settled { lines, ..Settled::default() };
    settled.discounting.off_lines(rater, &mut settled.lines)?;
    round(rater, &mut settled.lines)?;
    settled.discounting.off_accounts(rater, &mut settled.lines)?;
    settled.discounting.settle(&settled.lines)?;
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
