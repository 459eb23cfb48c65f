//! Sub-totals of invoices: what every account on the way from a line up to the billed account comes to, by product.

use hashbrown::HashMap;

use super::sum;
use crate::fault::{Fault, Outcome};
use crate::lines::{Invoice, Line, Subtotal, TaxRow};
use crate::money::Decimal;
use crate::reference::model::Reference;

/// The sub-totals of `invoices`, sorted by account, product and invoice. `product_of` is by charge.
///
/// # Errors
/// `G003` when a sum has more than 14 digits before the point.
pub fn subtotals(
    lines: &[Line],
    taxes: &[TaxRow],
    product_of: &[u32],
    invoices: &[Invoice],
    reference: &Reference,
) -> Outcome<Vec<Subtotal>> {
    let own = own_sums(lines, taxes, product_of, invoices, reference)?;
    let mut all: Vec<Subtotal> = Vec::with_capacity(own.len());
    let mut known: HashMap<(u32, u32, u32), usize> = HashMap::with_capacity(own.len());
    for part in &own {
        let invoice = &invoices[part.invoice as usize];
        for account in upwards(reference, part.account, invoice.bill_to) {
            let at = *known.entry((account, part.product, part.invoice)).or_insert_with(|| {
                all.push(Subtotal { account, ..Subtotal::none(part.invoice, part.account, part.product) });
                all.len() - 1
            });
            let whole = &mut all[at];
            whole.net = sum(whole.net, part.net, invoice, reference)?;
            whole.tax = sum(whole.tax, part.tax, invoice, reference)?;
            if account == part.account {
                (whole.lines, whole.net_own, whole.tax_own) = (part.lines, part.net, part.tax);
            }
        }
    }
    all.sort_unstable_by_key(|one| (one.account, one.product, one.invoice));
    Ok(all)
}

/// The account and those above it, as far as the billed one; as far as the topmost where that is none of them.
fn upwards(reference: &Reference, account: u32, bill_to: u32) -> impl Iterator<Item = u32> {
    let above = move |at: &u32| {
        if *at == bill_to { None } else { reference.accounts[*at as usize].parent }
    };
    std::iter::successors(Some(account), above)
}

/// What the lines of each account and product come to by themselves.
fn own_sums(
    lines: &[Line],
    taxes: &[TaxRow],
    product_of: &[u32],
    invoices: &[Invoice],
    reference: &Reference,
) -> Outcome<Vec<Subtotal>> {
    let mut own: Vec<Subtotal> = Vec::new();
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    let mut of_line: Vec<u32> = Vec::with_capacity(lines.len());
    let mut last: Option<((u32, u32), u32)> = None;
    for line in lines {
        let account = reference.subscriptions[line.subscription as usize].account;
        let key = (account, product_of[line.charge as usize]);
        let at = match last.filter(|(known, _)| *known == key).map(|(_, at)| at).or_else(|| known.get(&key).copied()) {
            Some(at) => at,
            None => {
                let invoice = invoice_of(account, invoices, reference)?;
                own.push(Subtotal::none(invoice, account, key.1));
                let at = u32::try_from(own.len() - 1).map_err(|_| Fault::ours("more than 2^32 sub-totals"))?;
                known.insert(key, at);
                at
            }
        };
        last = Some((key, at));
        of_line.push(at);
        let part = &mut own[at as usize];
        part.lines += 1;
        part.net = sum(part.net, line.net, &invoices[part.invoice as usize], reference)?;
    }
    for tax in taxes {
        let at = of_line.get(tax.line as usize).ok_or_else(|| Fault::ours("a tax row without a line"))?;
        let part = &mut own[*at as usize];
        part.tax = sum(part.tax, tax.amount, &invoices[part.invoice as usize], reference)?;
    }
    Ok(own)
}

/// The position of the invoice that an account's lines are on.
fn invoice_of(account: u32, invoices: &[Invoice], reference: &Reference) -> Outcome<u32> {
    let account = &reference.accounts[account as usize];
    let key = (account.bill_to, account.currency.as_str());
    let found = invoices.binary_search_by(|invoice| (invoice.bill_to, invoice.currency.as_str()).cmp(&key));
    let at = found.ok().and_then(|at| u32::try_from(at).ok());
    Ok(at.ok_or_else(|| Fault::ours("a line without an invoice"))?)
}

impl Subtotal {
    fn none(invoice: u32, account: u32, product: u32) -> Self {
        let zero = Decimal::ZERO;
        Self { invoice, account, product, lines: 0, net_own: zero, tax_own: zero, net: zero, tax: zero }
    }
}
