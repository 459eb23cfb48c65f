//! percentage: a percentage of a quantity that is an amount of money itself, with a least and a greatest amount. Money
//! given back is no sale: its share is given back whole, without the two.
//!
//! With terms for single records the portions are records in order of time: the first of them may be free, by number or by
//! amount, and each owes a fee and has bounds of its own.

use std::collections::BTreeMap;

use super::Before;
use crate::book::model::RecordTerms;
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;

pub(super) fn rate(
    percent: Decimal,
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
    terms: &RecordTerms,
    portions: &[Portion],
    before: Before,
) -> Option<Vec<Part>> {
    let unit_price = percent.over(Decimal::whole(100))?;
    let mut parts = Vec::with_capacity(portions.len());
    let (mut records, mut total) = (before.records, before.filled);
    for (index, portion) in portions.iter().enumerate().filter(|(_, portion)| !portion.quantity.is_zero()) {
        if !terms.any() {
            let plain = percent.percent_of(portion.quantity)?;
            let amount = if portion.quantity.is_negative() { plain } else { bounded(plain, minimum, maximum) };
            parts.push(super::part(index, portion, Band::Whole, portion.quantity, unit_price, amount));
            continue;
        }
        let free = free(terms, records, total, portion.quantity)?;
        let fee = if free.whole { Decimal::ZERO } else { terms.fee };
        let plain = percent.percent_of(portion.quantity.minus(free.amount)?)?;
        let due = if free.whole || portion.quantity.is_negative() {
            plain
        } else {
            bounded(plain.plus(fee)?, terms.minimum, terms.maximum).minus(fee)?
        };
        parts.push(super::part(index, portion, Band::Whole, portion.quantity, unit_price, due));
        if !fee.is_zero() && !portion.quantity.is_negative() {
            parts.push(super::fee(index, fee));
        }
        records += 1;
        total = total.plus(portion.quantity)?;
    }
    if terms.any() && (minimum.is_some() || maximum.is_some()) {
        bound_lines(&mut parts, portions, minimum, maximum)?;
    }
    Some(parts)
}

/// What is free of a record.
struct Free {
    /// It owes no fee either.
    whole: bool,
    /// The free part of its amount.
    amount: Decimal,
}

/// What is free of a record of `quantity` that comes after `records` records of `total` together.
fn free(terms: &RecordTerms, records: u64, total: Decimal, quantity: Decimal) -> Option<Free> {
    let by_number = terms.free_records.is_none_or(|most| records < most);
    let by_amount = match terms.free_amount {
        // What is given back was not free altogether where it was paid in part.
        Some(most) => total.max(total.plus(quantity)?) <= most,
        None => true,
    };
    let any = terms.free_records.is_some() || terms.free_amount.is_some();
    if any && by_number && by_amount {
        return Some(Free { whole: true, amount: quantity });
    }
    let amount = match terms.free_amount {
        // What is given back was free where it lies within the free amount.
        Some(most) if by_number || terms.free_amount_outlasts => {
            total.plus(quantity)?.min(most).minus(total.min(most))?
        }
        _ => Decimal::ZERO,
    };
    Some(Free { whole: false, amount })
}

fn bounded(amount: Decimal, minimum: Option<Decimal>, maximum: Option<Decimal>) -> Decimal {
    let raised = minimum.map_or(amount, |least| amount.max(least));
    maximum.map_or(raised, |greatest| raised.min(greatest))
}

/// Brings what the records of each line come to, their fees included, within the bounds of a line; the last part carries
/// the difference. A line that altogether gives money back is no sale.
fn bound_lines(
    parts: &mut [Part],
    portions: &[Portion],
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
) -> Option<()> {
    let mut sums: BTreeMap<(u32, u32), (Decimal, Decimal, usize)> = BTreeMap::new();
    for (at, part) in parts.iter().enumerate() {
        let line = portions.get(part.portion).map(|of| (of.subscription, of.group))?;
        let (sum, sold, last) = sums.entry(line).or_insert((Decimal::ZERO, Decimal::ZERO, at));
        *sum = sum.plus(part.amount)?;
        if part.band != Band::Fee {
            *sold = sold.plus(part.quantity)?;
            *last = at;
        }
    }
    for (sum, _, last) in sums.into_values().filter(|(_, sold, _)| *sold > Decimal::ZERO) {
        let part = parts.get_mut(last)?;
        part.amount = part.amount.plus(bounded(sum, minimum, maximum).minus(sum)?)?;
    }
    Some(())
}
