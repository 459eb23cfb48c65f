//! Taxes from the reference tables: the rates of the period's last day, and who is exempt from them on that day.

use chrono::NaiveDate;
use hashbrown::HashMap;

use super::{TaxSource, Taxable, Taxation, Untaxed, invoice};
use crate::book::model::{LineRounding, TaxRules};
use crate::lines::{Levies, Levy, Relief, TaxRow};
use crate::money::Decimal;
use crate::money::split::split;
use crate::period::Period;
use crate::reference::model::{Exemptions, Reference, TaxRate};

/// The taxes valid at the end of a period, by jurisdiction and category, and the exemptions of accounts.
#[derive(Debug)]
pub struct TaxTable<'a> {
    reference: &'a Reference,
    rounding: LineRounding,
    rules: TaxRules,
    /// Indices of the rates of a jurisdiction valid on the period's last day.
    of_jurisdiction: HashMap<&'a str, Vec<usize>>,
    /// By account: indices of its own exemptions valid on that day. Empty when there are none at all.
    exemptions: Vec<Vec<usize>>,
}

/// The relief of the column `tax_exemptions` of accounts; those of the table follow it.
const OF_COLUMN: u32 = 0;

impl<'a> TaxTable<'a> {
    /// The rates and exemptions of `reference` valid on the last day of `period`.
    #[must_use]
    pub fn new(reference: &'a Reference, period: &Period, rounding: LineRounding, rules: TaxRules) -> Self {
        let last = period.end_day().pred_opt().unwrap_or(period.first_day);
        let holds = |from: Option<NaiveDate>, to: Option<NaiveDate>| {
            from.is_none_or(|from| from <= last) && to.is_none_or(|to| last < to)
        };
        let mut of_jurisdiction: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, rate) in reference.tax_rates.iter().enumerate() {
            if holds(rate.valid_from, rate.valid_to) {
                of_jurisdiction.entry(&rate.jurisdiction).or_default().push(index);
            }
        }
        let mut exemptions = Vec::new();
        for (index, exemption) in reference.tax_exemptions.iter().enumerate() {
            if holds(exemption.valid_from, exemption.valid_to) {
                exemptions.resize(reference.accounts.len(), Vec::new());
                exemptions[exemption.account as usize].push(index);
            }
        }
        Self { reference, rounding, rules, of_jurisdiction, exemptions }
    }

    /// The rates for lines of `category` in `jurisdiction`, whatever their amount, in the order in which they are taken:
    /// those that the price includes first, simple ones before compound ones, then by name; `None` when there are none.
    /// Where a tax has rates for the very category, those for every category do not count.
    #[must_use]
    pub fn applicable(&self, jurisdiction: &str, category: &str) -> Option<Vec<usize>> {
        let rates = &self.reference.tax_rates;
        let of_category = |index: &&usize| {
            let rate = &rates[**index];
            rate.tax_category.is_empty() || rate.tax_category == category
        };
        let all: Vec<usize> = self.of_jurisdiction.get(jurisdiction)?.iter().filter(of_category).copied().collect();
        let replaced = |index: &usize| {
            let rate = &rates[*index];
            let closer = |other: &usize| rates[*other].tax == rate.tax && !rates[*other].tax_category.is_empty();
            rate.tax_category.is_empty() && all.iter().any(closer)
        };
        let mut chosen: Vec<usize> = all.iter().filter(|index| !replaced(index)).copied().collect();
        chosen.sort_by_key(|index| rank(&rates[*index]));
        (!chosen.is_empty()).then_some(chosen)
    }

    pub(super) fn rate(&self, index: usize) -> &'a TaxRate {
        &self.reference.tax_rates[index]
    }

    pub(super) fn rounding(&self) -> LineRounding {
        self.rounding
    }

    /// Whether an account pays no taxes at all.
    fn pays_nothing(&self, account: u32) -> bool {
        let own = &self.reference.accounts[account as usize].exemptions;
        *own == Exemptions::All || self.listed(account, "").is_some()
    }

    /// Why an account does not pay a tax: by the nearest row of the exemptions for it or for all taxes, or by the column of
    /// the account itself.
    pub(super) fn relief(&self, account: u32, tax: &str) -> Option<u32> {
        let of_column = || match &self.reference.accounts[account as usize].exemptions {
            Exemptions::None => false,
            Exemptions::All => true,
            Exemptions::Taxes(taxes) => taxes.binary_search_by(|own| own.as_str().cmp(tax)).is_ok(),
        };
        self.listed(account, tax).or_else(|| of_column().then_some(OF_COLUMN))
    }

    /// The relief by the nearest row of the exemptions for this tax or, less near than that of the same account, for all.
    fn listed(&self, account: u32, tax: &str) -> Option<u32> {
        if self.exemptions.is_empty() {
            return None;
        }
        let mut next = Some(account);
        while let Some(at) = next {
            let own = &self.exemptions[at as usize];
            let of = |tax: &str| own.iter().find(|index| self.reference.tax_exemptions[**index].tax == tax);
            if let Some(found) = of(tax).or_else(|| of("")) {
                return u32::try_from(*found + 1).ok();
            }
            next = self.reference.accounts[at as usize].parent;
        }
        None
    }

    /// The tax rows of one line at these rates, each rounded by itself; `None` when an amount does not fit.
    #[must_use]
    pub fn rows(&self, line: &Taxable<'_>, rates: &[usize]) -> Option<Vec<TaxRow>> {
        let held: Vec<usize> =
            rates.iter().copied().filter(|index| holds_for(self.rate(*index), line.amount)).collect();
        let count = held.iter().take_while(|index| self.rate(**index).inclusive).count();
        let (included, on_top) = held.split_at(count);
        let mut rows = Vec::with_capacity(held.len());
        let (net, parts) = self.taken_out(line, included)?;
        let (mut earlier, mut paid) = (Decimal::ZERO, Decimal::ZERO);
        for (index, part) in included.iter().zip(parts) {
            let taxable = if self.rate(*index).compound { net.plus(earlier)? } else { net };
            let row = self.row(line, *index, taxable, part, part)?;
            (earlier, paid) = (earlier.plus(part)?, paid.plus(row.amount)?);
            rows.push(row);
        }
        for index in on_top {
            let rate = self.rate(*index);
            let taxable = if rate.compound { net.plus(paid)? } else { net };
            let full = full_tax(rate, taxable)?.rounded(line.digits, self.rounding.mode)?;
            let row = self.row(line, *index, taxable, full, Decimal::ZERO)?;
            paid = paid.plus(row.amount)?;
            rows.push(row);
        }
        Some(rows)
    }

    /// The net of a line, and the taxes that its amount includes: parts that add up to the amount.
    fn taken_out(&self, line: &Taxable<'_>, included: &[usize]) -> Option<(Decimal, Vec<Decimal>)> {
        if included.is_empty() {
            return Some((line.amount, Vec::new()));
        }
        let mut weights = vec![Decimal::ONE];
        weights.extend(shares(included.iter().map(|index| self.rate(*index)))?);
        let mut parts = split(line.amount, &weights, line.digits)?;
        let taxes = parts.split_off(1);
        Some((*parts.first()?, taxes))
    }

    /// A row; who is exempt pays nothing.
    pub(super) fn row(
        &self,
        line: &Taxable<'_>,
        index: usize,
        taxable: Decimal,
        full: Decimal,
        included: Decimal,
    ) -> Option<TaxRow> {
        let relief = self.relief(line.account, &self.rate(index).tax);
        let amount = if relief.is_some() { Decimal::ZERO } else { full };
        Some(TaxRow { line: line.line, rate: u32::try_from(index).ok()?, relief, taxable, amount, included })
    }
}

/// The order in which taxes are taken.
fn rank(rate: &TaxRate) -> (bool, bool, &str) {
    (!rate.inclusive, rate.compound, &rate.tax)
}

/// Whether a rate holds for lines of this amount; of a credit, the amount it takes back.
pub(super) fn holds_for(rate: &TaxRate, amount: Decimal) -> bool {
    let size = if amount.is_negative() { Decimal::ZERO.minus(amount).unwrap_or(amount) } else { amount };
    rate.threshold_from.is_none_or(|from| from <= size) && rate.threshold_to.is_none_or(|to| size < to)
}

/// The unrounded tax, at most its cap.
pub(super) fn full_tax(rate: &TaxRate, taxable: Decimal) -> Option<Decimal> {
    let tax = rate.rate.percent_of(taxable)?;
    let Some(cap) = rate.cap else { return Some(tax) };
    let least = Decimal::ZERO.minus(cap)?;
    Some(tax.min(cap).max(least))
}

/// What each tax that a price includes is for every 1 of the net; a compound one is on the net and those before it.
pub(super) fn shares<'r>(rates: impl Iterator<Item = &'r TaxRate>) -> Option<Vec<Decimal>> {
    let mut earlier = Decimal::ZERO;
    let share = |rate: &TaxRate| {
        let base = if rate.compound { Decimal::ONE.plus(earlier)? } else { Decimal::ONE };
        let share = rate.rate.percent_of(base)?;
        earlier = earlier.plus(share)?;
        Some(share)
    };
    rates.map(share).collect()
}

impl TaxSource for TaxTable<'_> {
    fn levies(&self) -> Levies {
        let levy = |rate: &TaxRate| {
            let usual = if rate.rate.is_zero() { "Z" } else { "S" };
            let code = Some(rate.category_code.as_str()).filter(|code| !code.is_empty()).unwrap_or(usual);
            Levy {
                tax: rate.tax.clone(),
                jurisdiction: rate.jurisdiction.clone(),
                percent: rate.rate,
                category_code: code.to_owned(),
                reason: rate.reason.clone(),
            }
        };
        let of_column = Relief { category_code: "E".to_owned(), reason: String::new() };
        let listed = self.reference.tax_exemptions.iter().map(|exemption| Relief {
            category_code: exemption.category_code.clone(),
            reason: exemption.certificate.clone(),
        });
        Levies {
            rates: self.reference.tax_rates.iter().map(levy).collect(),
            reliefs: std::iter::once(of_column).chain(listed).collect(),
        }
    }

    fn line_by_line(&self) -> bool {
        !self.rules.by_invoice
    }

    fn taxes(&self, lines: &[Taxable<'_>]) -> Taxation {
        let mut taxation = Taxation { rows: Vec::with_capacity(lines.len()), untaxed: Vec::new() };
        let mut known: HashMap<(&str, &str), usize> = HashMap::new();
        let mut lists: Vec<Option<Vec<usize>>> = Vec::new();
        let mut last = None;
        let mut together = invoice::Together::new(self);
        for line in lines {
            let key = (line.jurisdiction, line.category);
            // Most lines are taxed as the one before them.
            let at = last.filter(|(before, _)| *before == key).map(|(_, at)| at);
            let at = at.unwrap_or_else(|| {
                *known.entry(key).or_insert_with(|| {
                    lists.push(self.applicable(key.0, key.1));
                    lists.len() - 1
                })
            });
            last = Some((key, at));
            let Some(rates) = &lists[at] else {
                if !self.pays_nothing(line.account) {
                    taxation.untaxed.push((line.line, Untaxed::Missing));
                }
                continue;
            };
            if self.rules.by_invoice {
                together.add(line, rates);
                continue;
            }
            match self.rows(line, rates) {
                Some(rows) => taxation.rows.extend(rows),
                None => taxation.untaxed.push((line.line, Untaxed::TooLarge)),
            }
        }
        together.settle(&mut taxation);
        taxation
    }
}
