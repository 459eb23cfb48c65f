//! Invoices: lines and their taxes rolled up to the bill-to account, one invoice for each bill-to account and currency.

use std::collections::BTreeMap;

use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Invoice, Line, TaxRow};
use crate::money::Decimal;
use crate::reference::model::Reference;

/// Rolls up; sorted by bill-to account and currency.
///
/// # Errors
/// `G002` when a total has more than 20 digits before the point.
pub fn invoices(lines: &[Line], taxes: &[TaxRow], reference: &Reference) -> Outcome<Vec<Invoice>> {
    let mut headers: BTreeMap<(u32, &str), Invoice> = BTreeMap::new();
    for line in lines {
        let invoice = header(&mut headers, line, reference);
        invoice.lines += 1;
        invoice.list = sum(invoice.list, line.list)?;
        invoice.discount = sum(invoice.discount, line.discount)?;
        invoice.net = sum(invoice.net, line.net)?;
    }
    for tax in taxes {
        let line = lines.get(tax.line as usize).ok_or_else(|| Fault::ours("a tax row without a line"))?;
        let invoice = header(&mut headers, line, reference);
        invoice.tax = sum(invoice.tax, tax.amount)?;
    }
    Ok(headers.into_values().collect())
}

fn header<'a, 'r>(
    headers: &'a mut BTreeMap<(u32, &'r str), Invoice>,
    line: &Line,
    reference: &'r Reference,
) -> &'a mut Invoice {
    let account = &reference.accounts[reference.subscriptions[line.subscription as usize].account as usize];
    let (bill_to, currency) = (account.bill_to, account.currency.as_str());
    headers.entry((bill_to, currency)).or_insert_with(|| {
        let zero = Decimal::ZERO;
        Invoice { bill_to, currency: currency.to_owned(), lines: 0, list: zero, discount: zero, net: zero, tax: zero }
    })
}

fn sum(a: Decimal, b: Decimal) -> Outcome<Decimal> {
    a.plus(b).ok_or_else(|| Fault::new(&codes::G002, "an invoice total has more than 20 digits").into())
}
