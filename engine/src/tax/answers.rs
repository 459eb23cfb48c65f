//! Taxes that a tax service has worked out: what it answered for each line, as it stands.

use std::collections::BTreeMap;

use super::{TaxSource, Taxable, Taxation};
use crate::lines::{Levies, Levy, Relief, TaxRow};
use crate::money::Decimal;
use crate::reference::TaxAnswer;

/// The answers of a tax service.
#[derive(Debug, Default)]
pub struct Answers {
    levies: Levies,
    /// In the order of the lines.
    rows: Vec<TaxRow>,
}

impl Answers {
    /// The answers, which are in the order of the lines.
    #[must_use]
    pub fn new(answers: Vec<TaxAnswer>) -> Self {
        let (mut rates, mut reliefs) = (Numbered::default(), Numbered::default());
        let mut rows = Vec::with_capacity(answers.len());
        for answer in answers {
            let usual = match (answer.exempt, answer.percent.is_zero() && answer.amount.is_zero()) {
                (true, _) => "E",
                (false, true) => "Z",
                (false, false) => "S",
            };
            let code = if answer.category_code.is_empty() { usual.to_owned() } else { answer.category_code };
            let relief = Relief { category_code: code.clone(), reason: answer.reason.clone() };
            let relief = answer.exempt.then(|| reliefs.number(relief));
            let (category_code, reason) = if answer.exempt { Default::default() } else { (code, answer.reason) };
            let (tax, jurisdiction) = (answer.tax, answer.jurisdiction);
            let rate = rates.number(Levy { tax, jurisdiction, percent: answer.percent, category_code, reason });
            let (taxable, amount) = (answer.taxable, answer.amount);
            rows.push(TaxRow { line: answer.line, rate, relief, taxable, amount, included: Decimal::ZERO });
        }
        Self { levies: Levies { rates: rates.list, reliefs: reliefs.list }, rows }
    }
}

/// Values with a number each, in the order in which they first come.
#[derive(Debug)]
struct Numbered<T> {
    list: Vec<T>,
    known: BTreeMap<T, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { list: Vec::new(), known: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Numbered<T> {
    fn number(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let list = &mut self.list;
        *self.known.entry(value).or_insert_with_key(|value| {
            list.push(value.clone());
            next
        })
    }
}

impl TaxSource for Answers {
    fn levies(&self) -> Levies {
        self.levies.clone()
    }

    fn line_by_line(&self) -> bool {
        true
    }

    fn taxes(&self, lines: &[Taxable<'_>]) -> Taxation {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Taxation::default() };
        let start = self.rows.partition_point(|row| row.line < first.line);
        let end = self.rows.partition_point(|row| row.line <= last.line);
        // Every line was answered: one without rows bears no tax.
        Taxation { rows: self.rows[start..end].to_vec(), untaxed: Vec::new() }
    }
}
