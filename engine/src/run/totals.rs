//! The control totals of a run, as the stages counted them.

use std::collections::BTreeMap;

use super::Job;
use super::balances;
use super::decided;
use super::line_discounts::add_discounts;
use super::rating::Billing;
use super::settle::Usage;
use hashbrown::HashMap;

use crate::control::{ControlTotals, CurrencyTotals, FileTotals, MeterTotals};
use crate::fault::{Fault, Outcome, codes};
use crate::lines::Line;
use crate::money::Decimal;
use crate::reference::model::Index;

/// The control totals of a run, as the stages counted them.
pub(super) fn totals(job: &Job<'_>, usage: &Usage, billing: &Billing) -> Outcome<ControlTotals> {
    let mut written_off: HashMap<u32, u64> = HashMap::new();
    for row in usage.suspended.iter().filter(|row| row.mark.written_off.is_some()) {
        *written_off.entry(job.files[row.origin.file()].index).or_default() += 1;
    }
    let files = job.files.iter().zip(&usage.tallies).map(|(file, tally)| FileTotals {
        source: job.pipeline.sources[file.source].name.clone(),
        file: file.name.clone(),
        read: tally.read,
        rated: tally.rated,
        suspended: tally.suspended,
        written_off: written_off.get(&file.index).copied().unwrap_or_default(),
        duplicate: tally.duplicate,
        out_of_window: tally.out_of_window,
        filtered: tally.filtered,
    });
    let (meters, (allowances, currencies)) = rayon::join(
        || meters(job, usage),
        || rayon::join(|| balances::totals(job, billing), || currencies(job, billing)),
    );
    Ok(ControlTotals {
        files: files.collect(),
        meters: meters?,
        charges: billing.charges.clone(),
        allowances: allowances?,
        currencies: currencies?,
        notices: billing.notices.len() as u64,
        suspense: decided::totals(job, &usage.suspended, &usage.represented),
    })
}

fn meters(job: &Job<'_>, usage: &Usage) -> Outcome<Vec<MeterTotals>> {
    let mut totals: Vec<MeterTotals> = Vec::new();
    for (meter, (records, quantity)) in job.book.meters.iter().zip(&usage.metered) {
        let (meter, quantity_metered) = (meter.id.clone(), meter.aggregate.adds_up().then_some(*quantity));
        totals.push(MeterTotals { meter, records: *records, quantity_metered, ..MeterTotals::default() });
    }
    let buckets = &usage.buckets;
    for ((cell, quantity), records) in buckets.cell.iter().zip(&buckets.quantity).zip(&buckets.records) {
        let total = &mut totals[buckets.cells[*cell as usize].meter as usize];
        total.bucket_records += u64::from(*records);
        total.quantity_in_buckets = sum(total.quantity_in_buckets, Decimal::from_units(*quantity))?;
    }
    Ok(totals)
}

/// The totals by currency while rows are added.
pub(super) struct Totals<'t> {
    job: &'t Job<'t>,
    numbers: BTreeMap<&'t str, usize>,
    totals: Vec<CurrencyTotals>,
    /// The account before and the number of its currency: rows of one account follow each other.
    last: Option<(Index, usize)>,
}

impl<'t> Totals<'t> {
    fn new(job: &'t Job<'t>) -> Self {
        Self { job, numbers: BTreeMap::new(), totals: Vec::new(), last: None }
    }

    fn number(&mut self, currency: &'t str) -> usize {
        *self.numbers.entry(currency).or_insert_with(|| {
            self.totals.push(CurrencyTotals::default());
            self.totals.len() - 1
        })
    }

    fn of(&mut self, currency: &'t str) -> &mut CurrencyTotals {
        let number = self.number(currency);
        &mut self.totals[number]
    }

    fn of_subscription(&mut self, subscription: Index) -> &mut CurrencyTotals {
        let account = self.job.reference.subscriptions[subscription as usize].account;
        let number = match self.last.filter(|(before, _)| *before == account) {
            Some((_, number)) => number,
            None => self.number(&self.job.reference.accounts[account as usize].currency),
        };
        self.last = Some((account, number));
        &mut self.totals[number]
    }

    /// The totals of the currency of a line.
    pub(super) fn of_line(&mut self, line: &Line) -> &mut CurrencyTotals {
        self.of_subscription(line.subscription)
    }

    /// By currency.
    fn named(mut self) -> Vec<CurrencyTotals> {
        let named = |(currency, number): (&str, usize)| {
            let total = std::mem::take(&mut self.totals[number]);
            CurrencyTotals { currency: currency.to_owned(), ..total }
        };
        self.numbers.into_iter().map(named).collect()
    }
}

fn currencies(job: &Job<'_>, billing: &Billing) -> Outcome<Vec<CurrencyTotals>> {
    let mut totals = Totals::new(job);
    for line in &billing.lines {
        let total = totals.of_line(line);
        total.lines += 1;
        total.amount_list = sum(total.amount_list, line.list)?;
        total.amount_discount = sum(total.amount_discount, line.discount)?;
        total.amount_net = sum(total.amount_net, line.net)?;
        let included = line.list.minus(line.discount).and_then(|less| less.minus(line.net)).unwrap_or_default();
        total.amount_tax_included = sum(total.amount_tax_included, included)?;
    }
    add_discounts(billing, &mut totals)?;
    for tax in &billing.taxes {
        let total = totals.of_line(&billing.lines[tax.line as usize]);
        total.amount_tax = sum(total.amount_tax, tax.amount)?;
        total.tax_included = sum(total.tax_included, tax.included)?;
    }
    for share in &billing.commitments.shares {
        let total = totals.of_line(&billing.lines[share.line as usize]);
        total.shares = (total.shares.0 + 1, sum(total.shares.1, share.covered)?);
    }
    for row in &billing.commitments.balances {
        let total = totals.of_subscription(row.subscription);
        total.balances = (total.balances.0 + 1, sum(total.balances.1, row.billed)?);
    }
    for invoice in &billing.invoices {
        let total = totals.of(&invoice.currency);
        total.invoices += 1;
        total.invoice_lines += invoice.lines;
        total.invoice_net = sum(total.invoice_net, invoice.net)?;
        total.invoice_tax = sum(total.invoice_tax, invoice.tax)?;
        let gross = sum(invoice.net, invoice.tax)?;
        total.invoice_gross = sum(total.invoice_gross, gross)?;
        total.invoice_credit = sum(total.invoice_credit, invoice.credit)?;
        total.invoice_payable = sum(total.invoice_payable, sum(gross, -invoice.credit)?)?;
    }
    for draw in &billing.credit_draws {
        let total = totals.of(&job.reference.credits[draw.credit as usize].currency);
        total.credits_paid = sum(total.credits_paid, draw.amount)?;
    }
    for (credit, balance) in job.reference.credits.iter().zip(&billing.credit_balances) {
        let total = totals.of(&credit.currency);
        total.credits_opening = sum(total.credits_opening, balance.opening)?;
        total.credits_drawn = sum(total.credits_drawn, balance.drawn)?;
        total.credits_expired = sum(total.credits_expired, balance.expired)?;
        total.credits_left = sum(total.credits_left, balance.left)?;
    }
    for subtotal in &billing.subtotals {
        let total = totals.of(&billing.invoices[subtotal.invoice as usize].currency);
        total.subtotal_net = sum(total.subtotal_net, subtotal.net_own)?;
        total.subtotal_tax = sum(total.subtotal_tax, subtotal.tax_own)?;
    }
    Ok(totals.named())
}

fn sum(a: Decimal, b: Decimal) -> Outcome<Decimal> {
    a.plus(b).ok_or_else(|| Fault::new(&codes::G002, "a total of the run has more than 20 digits").into())
}
