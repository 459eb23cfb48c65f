//! Sub-totals of invoices: what every account on the way from a line up to the billed account comes to, by product.

use rayon::prelude::*;

use super::{Sums, sum};
use crate::fault::{Fault, Outcome};
use crate::lines::{Invoice, Subtotal};
use crate::reference::model::Reference;

/// The sub-totals of `invoices` and of what the lines of accounts come to; sorted by account, product and invoice.
///
/// # Errors
/// `G003` when a sum has more than 14 digits before the point.
pub fn subtotals(sums: &[Sums], invoices: &[Invoice], reference: &Reference) -> Outcome<Vec<Subtotal>> {
    // Own sums, and beside them what each passes on to every account above it.
    let mut parts: Vec<Subtotal> = Vec::with_capacity(sums.len());
    for own in sums.chunk_by(|one, next| one.account == next.account) {
        let Some(account) = own.first().map(|first| first.account) else { continue };
        let invoice = invoice_of(account, invoices, reference)?;
        for above in upwards(reference, account, invoices[invoice as usize].bill_to) {
            parts.extend(own.iter().map(|one| part(one, invoice, above)));
        }
    }
    parts.par_sort_by_key(place);
    let mut all: Vec<Subtotal> = Vec::with_capacity(parts.len());
    for part in parts {
        match all.last_mut().filter(|last| place(last) == place(&part)) {
            Some(whole) => add(whole, &part, invoices[part.invoice as usize].bill_to, reference)?,
            None => all.push(part),
        }
    }
    Ok(all)
}

/// What one of an account's sums is to an account at or above it.
fn part(one: &Sums, invoice: u32, account: u32) -> Subtotal {
    let is_own = one.account == account;
    let (lines, net_own, tax_own) = if is_own { (one.lines, one.net, one.tax) } else { Default::default() };
    Subtotal { invoice, account, product: one.product, lines, net_own, tax_own, net: one.net, tax: one.tax }
}

fn place(one: &Subtotal) -> (u32, u32, u32) {
    (one.account, one.product, one.invoice)
}

fn add(whole: &mut Subtotal, part: &Subtotal, bill_to: u32, reference: &Reference) -> Outcome<()> {
    whole.lines += part.lines;
    for (sum_of, more) in [
        (&mut whole.net_own, part.net_own),
        (&mut whole.tax_own, part.tax_own),
        (&mut whole.net, part.net),
        (&mut whole.tax, part.tax),
    ] {
        *sum_of = sum(*sum_of, more, bill_to, reference)?;
    }
    Ok(())
}

/// The account and those above it, as far as the billed one; as far as the topmost where that is none of them.
fn upwards(reference: &Reference, account: u32, bill_to: u32) -> impl Iterator<Item = u32> {
    let above = move |at: &u32| {
        if *at == bill_to { None } else { reference.accounts[*at as usize].parent }
    };
    std::iter::successors(Some(account), above)
}

/// The position of the invoice that an account's lines are on.
fn invoice_of(account: u32, invoices: &[Invoice], reference: &Reference) -> Outcome<u32> {
    let account = &reference.accounts[account as usize];
    let key = (account.bill_to, account.currency.as_str());
    let found = invoices.binary_search_by(|invoice| (invoice.bill_to, invoice.currency.as_str()).cmp(&key));
    let at = found.ok().and_then(|at| u32::try_from(at).ok());
    Ok(at.ok_or_else(|| Fault::ours("a line without an invoice"))?)
}
