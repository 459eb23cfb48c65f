//! Invoices: lines and their taxes rolled up to the bill-to account, one invoice for each bill-to account and currency.

use std::collections::BTreeMap;

use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Invoice, Line, TaxRow, is_payable};
use crate::money::Decimal;
use crate::reference::model::Reference;

mod subtotals;

pub use subtotals::subtotals;

/// Rolls up; sorted by bill-to account and currency.
///
/// # Errors
/// `G003` when a total has more than 14 digits before the point.
pub fn invoices(lines: &[Line], taxes: &[TaxRow], reference: &Reference) -> Outcome<Vec<Invoice>> {
    let mut roll = Roll { reference, invoices: Vec::new(), of_account: vec![None; reference.accounts.len()] };
    let mut known: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    for line in lines {
        let invoice = roll.invoice(line, &mut known);
        invoice.lines += 1;
        invoice.list = sum(invoice.list, line.list, invoice, reference)?;
        invoice.discount = sum(invoice.discount, line.discount, invoice, reference)?;
        invoice.net = sum(invoice.net, line.net, invoice, reference)?;
    }
    for tax in taxes {
        let line = lines.get(tax.line as usize).ok_or_else(|| Fault::ours("a tax row without a line"))?;
        let invoice = roll.invoice(line, &mut known);
        invoice.tax = sum(invoice.tax, tax.amount, invoice, reference)?;
        sum(invoice.net, invoice.tax, invoice, reference)?;
    }
    let mut invoices = roll.invoices;
    invoices.sort_by(|a, b| (a.bill_to, &a.currency).cmp(&(b.bill_to, &b.currency)));
    Ok(invoices)
}

/// The invoices so far, and which one each account's lines go to.
struct Roll<'r> {
    reference: &'r Reference,
    invoices: Vec<Invoice>,
    of_account: Vec<Option<usize>>,
}

impl<'r> Roll<'r> {
    fn invoice(&mut self, line: &Line, known: &mut BTreeMap<(u32, &'r str), usize>) -> &mut Invoice {
        let index = self.reference.subscriptions[line.subscription as usize].account as usize;
        let number = match self.of_account[index] {
            Some(number) => number,
            None => {
                let account = &self.reference.accounts[index];
                let (bill_to, currency) = (account.bill_to, account.currency.as_str());
                let number = *known.entry((bill_to, currency)).or_insert(self.invoices.len());
                if number == self.invoices.len() {
                    let (currency, zero) = (currency.to_owned(), Decimal::ZERO);
                    let (list, discount, net, tax, credit) = (zero, zero, zero, zero, zero);
                    self.invoices.push(Invoice { bill_to, currency, lines: 0, list, discount, net, tax, credit });
                }
                self.of_account[index] = Some(number);
                number
            }
        };
        &mut self.invoices[number]
    }
}

fn sum(a: Decimal, b: Decimal, of: &Invoice, reference: &Reference) -> Outcome<Decimal> {
    a.plus(b).filter(|sum| is_payable(*sum)).ok_or_else(|| {
        let account = &reference.accounts[of.bill_to as usize];
        let message = format!("the invoice of `{}` has a total of more than 14 digits before the point", account.id);
        Fault::new(&codes::G003, message).at(&account.place).hint("lower the prices, or bill its accounts apart").into()
    })
}
