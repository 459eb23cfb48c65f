//! Taxes rounded once for each invoice: of a tax at one rate the unrounded taxes of the lines are added up, the sum is
//! rounded, and the lines share it by the largest remainder.
//!
//! A compound tax is taken of net and earlier taxes as they stand on the lines, so taxes are settled one after the other.

use std::collections::BTreeMap;

use super::table::{TaxTable, full_tax, holds_for, shares};
use super::{Taxable, Taxation, Untaxed};
use crate::lines::TaxRow;
use crate::money::Decimal;
use crate::money::split::round_together;

/// What is rounded together, in the order of settling: included before others, simple before compound, name, jurisdiction,
/// percent, whether it is not paid, and the invoice.
type Key<'t> = ((bool, bool, &'t str), &'t str, Decimal, bool, (u32, &'t str));

/// The lines of all invoices.
pub(super) struct Together<'t> {
    table: &'t TaxTable<'t>,
    lines: Vec<Line<'t>>,
    /// Of each key the lines, with the position of the tax among the line's.
    groups: BTreeMap<Key<'t>, Vec<(usize, usize)>>,
}

struct Line<'t> {
    line: Taxable<'t>,
    rates: Vec<usize>,
    /// What each of the taxes is for every 1 of the net, as long as it is included; and 1 and those together.
    shares: Vec<Decimal>,
    whole: Decimal,
    net: Decimal,
    earlier: Decimal,
    rows: Vec<TaxRow>,
}

impl<'t> Together<'t> {
    pub(super) fn new(table: &'t TaxTable<'t>) -> Self {
        Self { table, lines: Vec::new(), groups: BTreeMap::new() }
    }

    /// Adds a line with the rates for its jurisdiction and category.
    pub(super) fn add(&mut self, line: &Taxable<'t>, rates: &[usize]) {
        let table = self.table;
        let rates: Vec<usize> = rates.iter().copied().filter(|at| holds_for(table.rate(*at), line.amount)).collect();
        for (nth, index) in rates.iter().enumerate() {
            let rate = table.rate(*index);
            let relieved = table.relief(line.account, &rate.tax).is_some();
            let rank = (!rate.inclusive, rate.compound, rate.tax.as_str());
            let key = (rank, rate.jurisdiction.as_str(), rate.rate, relieved, line.invoice);
            self.groups.entry(key).or_default().push((self.lines.len(), nth));
        }
        self.lines.push(Line {
            line: *line,
            rates,
            shares: Vec::new(),
            whole: Decimal::ONE,
            net: line.amount,
            earlier: Decimal::ZERO,
            rows: Vec::new(),
        });
    }

    /// Settles all taxes of all lines; lines with an amount that does not fit have no rows.
    pub(super) fn settle(mut self, taxation: &mut Taxation) {
        let mut broken: Vec<bool> = self.lines.iter_mut().map(|line| line.share(self.table).is_none()).collect();
        for (_, group) in std::mem::take(&mut self.groups) {
            if self.settle_group(&group).is_none() {
                group.iter().for_each(|(at, _)| broken[*at] = true);
            }
        }
        for (line, broken) in self.lines.into_iter().zip(broken) {
            let number = line.line.line;
            match line.finished(self.table).filter(|_| !broken) {
                Some(rows) => taxation.rows.extend(rows),
                None => taxation.untaxed.push((number, Untaxed::TooLarge)),
            }
        }
    }

    fn settle_group(&mut self, group: &[(usize, usize)]) -> Option<()> {
        let table = self.table;
        let full: Option<Vec<Decimal>> = group.iter().map(|(at, nth)| self.lines[*at].unrounded(table, *nth)).collect();
        let (first, _) = group.first()?;
        let digits = self.lines[*first].line.digits;
        let rounded = round_together(&full?, digits, table.rounding().mode)?;
        for ((at, nth), tax) in group.iter().zip(rounded) {
            self.lines[*at].take(table, *nth, tax)?;
        }
        Some(())
    }
}

impl Line<'_> {
    /// What the included taxes are for every 1 of the net.
    fn share(&mut self, table: &TaxTable<'_>) -> Option<()> {
        let included = self.rates.iter().map(|index| table.rate(*index)).take_while(|rate| rate.inclusive);
        self.shares = shares(included)?;
        self.whole = self.shares.iter().try_fold(Decimal::ONE, |sum, share| sum.plus(*share))?;
        Some(())
    }

    fn taxable(&self, compound: bool) -> Option<Decimal> {
        if compound { self.net.plus(self.earlier) } else { Some(self.net) }
    }

    fn unrounded(&self, table: &TaxTable<'_>, nth: usize) -> Option<Decimal> {
        let rate = table.rate(*self.rates.get(nth)?);
        match self.shares.get(nth) {
            Some(share) => self.line.amount.ratio(*share, self.whole),
            None => full_tax(rate, self.taxable(rate.compound)?),
        }
    }

    /// Puts the rounded tax on the line; what is included comes off its net.
    fn take(&mut self, table: &TaxTable<'_>, nth: usize, tax: Decimal) -> Option<()> {
        let index = *self.rates.get(nth)?;
        let is_included = nth < self.shares.len();
        let taxable = self.taxable(table.rate(index).compound)?;
        let row = table.row(&self.line, index, taxable, tax, if is_included { tax } else { Decimal::ZERO })?;
        if is_included {
            self.net = self.net.minus(tax)?;
        }
        self.earlier = self.earlier.plus(row.amount)?;
        self.rows.push(row);
        Some(())
    }

    /// The rows; what an included tax is taken of is known when all of them have been taken out.
    fn finished(mut self, table: &TaxTable<'_>) -> Option<Vec<TaxRow>> {
        let mut earlier = Decimal::ZERO;
        let included = self.shares.len();
        for (row, index) in self.rows.iter_mut().zip(&self.rates).take(included) {
            row.taxable = if table.rate(*index).compound { self.net.plus(earlier)? } else { self.net };
            earlier = earlier.plus(row.included)?;
        }
        Some(self.rows)
    }
}
