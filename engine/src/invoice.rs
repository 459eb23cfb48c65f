//! Invoices: lines and their taxes rolled up to the bill-to account, one invoice for each bill-to account and currency.

use std::collections::BTreeMap;

use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Invoice, Line, TaxRow, is_payable};
use crate::money::Decimal;
use crate::reference::model::Reference;

/// Rolls up; sorted by bill-to account and currency.
///
/// # Errors
/// `G003` when a total has more than 14 digits before the point.
pub fn invoices(lines: &[Line], taxes: &[TaxRow], reference: &Reference) -> Outcome<Vec<Invoice>> {
    let mut headers: BTreeMap<(u32, &str), Invoice> = BTreeMap::new();
    for line in lines {
        let invoice = header(&mut headers, line, reference);
        invoice.lines += 1;
        invoice.list = sum(invoice.list, line.list, invoice, reference)?;
        invoice.discount = sum(invoice.discount, line.discount, invoice, reference)?;
        invoice.net = sum(invoice.net, line.net, invoice, reference)?;
    }
    for tax in taxes {
        let line = lines.get(tax.line as usize).ok_or_else(|| Fault::ours("a tax row without a line"))?;
        let invoice = header(&mut headers, line, reference);
        invoice.tax = sum(invoice.tax, tax.amount, invoice, reference)?;
        sum(invoice.net, invoice.tax, invoice, reference)?;
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

fn sum(a: Decimal, b: Decimal, of: &Invoice, reference: &Reference) -> Outcome<Decimal> {
    a.plus(b).filter(|sum| is_payable(*sum)).ok_or_else(|| {
        let account = &reference.accounts[of.bill_to as usize];
        let message = format!("the invoice of `{}` has a total of more than 14 digits before the point", account.id);
        Fault::new(&codes::G003, message).at(&account.place).hint("lower the prices, or bill its accounts apart").into()
    })
}
