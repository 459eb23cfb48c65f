//! Invoices: lines and their taxes rolled up to the bill-to account, one invoice for each bill-to account and currency.

use std::collections::BTreeMap;

use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Invoice, is_payable};
use crate::money::Decimal;
use crate::reference::model::{Index, Reference};

mod subtotals;
mod sums;

pub use subtotals::subtotals;
pub use sums::{Sums, sums};

/// Rolls up what the lines of accounts come to; sorted by bill-to account and currency.
///
/// # Errors
/// `G003` when a total has more than 14 digits before the point.
pub fn invoices(sums: &[Sums], reference: &Reference) -> Outcome<Vec<Invoice>> {
    let mut known: BTreeMap<(Index, &str), Invoice> = BTreeMap::new();
    for own in sums.chunk_by(|one, next| one.account == next.account) {
        let Some(account) = own.first().map(|first| &reference.accounts[first.account as usize]) else { continue };
        let (bill_to, currency) = (account.bill_to, account.currency.as_str());
        let invoice = known.entry((bill_to, currency)).or_insert_with(|| {
            let zero = Decimal::ZERO;
            let (list, discount, net, tax, credit) = (zero, zero, zero, zero, zero);
            Invoice { bill_to, currency: currency.to_owned(), lines: 0, list, discount, net, tax, credit }
        });
        for one in own {
            invoice.lines += one.lines;
            invoice.list = sum(invoice.list, one.list, bill_to, reference)?;
            invoice.discount = sum(invoice.discount, one.discount, bill_to, reference)?;
            invoice.net = sum(invoice.net, one.net, bill_to, reference)?;
            invoice.tax = sum(invoice.tax, one.tax, bill_to, reference)?;
        }
        sum(invoice.net, invoice.tax, bill_to, reference)?;
    }
    Ok(known.into_values().collect())
}

fn sum(a: Decimal, b: Decimal, bill_to: Index, reference: &Reference) -> Outcome<Decimal> {
    a.plus(b).filter(|sum| is_payable(*sum)).ok_or_else(|| {
        let account = &reference.accounts[bill_to as usize];
        let message = format!("the invoice of `{}` has a total of more than 14 digits before the point", account.id);
        Fault::new(&codes::G003, message).at(&account.place).hint("lower the prices, or bill its accounts apart").into()
    })
}
