//! Tax: by jurisdiction code and product tax category, from the reference table; one row per line and tax, rounded per
//! line (DESIGN section 5).

use hashbrown::HashMap;

use crate::book::model::LineRounding;
use crate::lines::TaxRow;
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::{Exemptions, Reference, TaxRate};

/// The taxes valid at the end of a period, by jurisdiction and category.
#[derive(Debug)]
pub struct TaxTable<'a> {
    rates: &'a [TaxRate],
    /// Indices of the rates of a jurisdiction valid on the period's last day.
    of_jurisdiction: HashMap<&'a str, Vec<usize>>,
}

impl<'a> TaxTable<'a> {
    /// The rates of `reference` valid on the last day of `period`.
    #[must_use]
    pub fn new(reference: &'a Reference, period: &Period) -> Self {
        let last = period.end_day().pred_opt().unwrap_or(period.first_day);
        let mut of_jurisdiction: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, rate) in reference.tax_rates.iter().enumerate() {
            let begun = rate.valid_from.is_none_or(|from| from <= last);
            if begun && rate.valid_to.is_none_or(|to| last < to) {
                of_jurisdiction.entry(&rate.jurisdiction).or_default().push(index);
            }
        }
        Self { rates: &reference.tax_rates, of_jurisdiction }
    }

    /// The rates for lines of `category` in `jurisdiction`, in the order in which they are taken: for each tax the
    /// exact category before the general one; simple taxes before compound ones, then by name.
    #[must_use]
    pub fn applicable(&self, jurisdiction: &str, category: &str) -> Vec<usize> {
        let all = self.of_jurisdiction.get(jurisdiction).map_or(&[][..], Vec::as_slice);
        let mut chosen: Vec<usize> = Vec::new();
        for index in all {
            let rate = &self.rates[*index];
            if rate.tax_category != category && !rate.tax_category.is_empty() {
                continue;
            }
            match chosen.iter_mut().find(|other| self.rates[**other].tax == rate.tax) {
                Some(other) if self.rates[*other].tax_category.is_empty() => *other = *index,
                Some(_) => {}
                None => chosen.push(*index),
            }
        }
        chosen.sort_by_key(|index| (self.rates[*index].compound, &self.rates[*index].tax));
        chosen
    }

    /// The tax rows of one line; `None` when an amount does not fit.
    #[must_use]
    pub fn rows(
        &self,
        line: u32,
        net: Decimal,
        rates: &[usize],
        exemptions: &Exemptions,
        rounding: LineRounding,
        digits: u32,
    ) -> Option<Vec<TaxRow>> {
        let mut rows = Vec::with_capacity(rates.len());
        let mut earlier = Decimal::ZERO;
        for index in rates {
            let rate = &self.rates[*index];
            let exempt = match exemptions {
                Exemptions::None => false,
                Exemptions::All => true,
                Exemptions::Taxes(taxes) => taxes.binary_search(&rate.tax).is_ok(),
            };
            let taxable = if rate.compound { net.plus(earlier)? } else { net };
            let full = rate.rate.percent_of(taxable)?.rounded(digits, rounding.mode)?;
            let amount = if exempt { Decimal::ZERO } else { full };
            earlier = earlier.plus(amount)?;
            rows.push(TaxRow { line, rate: u32::try_from(*index).ok()?, taxable, amount, exempt });
        }
        Some(rows)
    }
}
