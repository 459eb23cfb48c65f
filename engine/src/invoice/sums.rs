//! What the lines of an account come to by product: what invoices and their sub-totals are made of.

use hashbrown::HashMap;
use rayon::prelude::*;

use super::sum;
use crate::fault::{Fault, Outcome};
use crate::lines::{Line, TaxRow};
use crate::money::Decimal;
use crate::reference::model::{Index, Reference};

/// Lines summed as one piece of parallel work.
const LINES: usize = 1 << 14;

/// What the lines of one account and product come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Account index.
    pub account: u32,
    /// Product index.
    pub product: u32,
    /// Number of lines.
    pub lines: u64,
    /// Sum of list amounts.
    pub list: Decimal,
    /// Sum of discounts.
    pub discount: Decimal,
    /// Sum of net amounts.
    pub net: Decimal,
    /// Sum of taxes.
    pub tax: Decimal,
}

/// The sums of `lines`, which are in order of their accounts, and of their taxes, in order of the lines; by account, its
/// products in the order of their first lines. `product_of` is by charge.
///
/// # Errors
/// `G003` when a sum has more than 14 digits before the point.
pub fn sums(lines: &[Line], taxes: &[TaxRow], product_of: &[u32], reference: &Reference) -> Outcome<Vec<Sums>> {
    let account = |line: &Line| reference.subscriptions[line.subscription as usize].account;
    let mut pieces: Vec<(usize, &[Line], &[TaxRow])> = Vec::with_capacity(lines.len() / LINES + 1);
    let (mut start, mut rest, mut owed) = (0, lines, taxes);
    while !rest.is_empty() {
        // All lines of an account are in one piece.
        let end = LINES.min(rest.len());
        let last = account(&rest[end - 1]);
        let end = end + rest[end..].iter().take_while(|line| account(line) == last).count();
        let (own, more) = rest.split_at(end);
        let (of_own, of_more) = owed.split_at(owed.partition_point(|tax| (tax.line as usize) < start + end));
        pieces.push((start, own, of_own));
        (start, rest, owed) = (start + end, more, of_more);
    }
    if !owed.is_empty() {
        return Err(Fault::ours("a tax row without a line").into());
    }
    let summed = pieces.into_par_iter().map(|piece| of_piece(piece, product_of, reference));
    let summed = summed.collect::<Outcome<Vec<Vec<Sums>>>>()?;
    Ok(summed.concat())
}

fn of_piece(
    (start, lines, taxes): (usize, &[Line], &[TaxRow]),
    product_of: &[u32],
    reference: &Reference,
) -> Outcome<Vec<Sums>> {
    let mut found: Vec<Sums> = Vec::new();
    // Of the account at hand.
    let mut known: HashMap<u32, usize> = HashMap::new();
    let mut of_line: Vec<usize> = Vec::with_capacity(lines.len());
    let mut at_hand: Option<Index> = None;
    for line in lines {
        let account = reference.subscriptions[line.subscription as usize].account;
        if at_hand.replace(account) != Some(account) {
            known.clear();
        }
        let product = product_of[line.charge as usize];
        let last = found.len().wrapping_sub(1);
        let same = found.last().is_some_and(|last| (last.account, last.product) == (account, product));
        let at = if same { last } else { *known.entry(product).or_insert(found.len()) };
        if at == found.len() {
            found.push(Sums { account, product, ..Sums::default() });
        }
        of_line.push(at);
        let whole = &mut found[at];
        let bill_to = reference.accounts[account as usize].bill_to;
        whole.lines += 1;
        whole.list = sum(whole.list, line.list, bill_to, reference)?;
        whole.discount = sum(whole.discount, line.discount, bill_to, reference)?;
        whole.net = sum(whole.net, line.net, bill_to, reference)?;
    }
    for tax in taxes {
        let whole = &mut found[of_line[tax.line as usize - start]];
        whole.tax = sum(whole.tax, tax.amount, reference.accounts[whole.account as usize].bill_to, reference)?;
    }
    Ok(found)
}
