//! Rating: quantity and price give an unrounded amount. One file per charge model.
//!
//! Every model takes the portions that share its tiers, in the order in which they fill them, and returns parts; it
//! knows no account, currency or line rounding. `None` means that an amount does not fit 20 digits before the point. What
//! was rated before the portions at hand, at another price, comes as [`Before`]: tiers go on accumulating.

mod calendar;
mod fold;
mod graduated;
mod increments;
mod matrix;
mod package;
mod per_unit;
mod percentage;
mod prefix;
mod quantities;
mod stairstep;
mod volume;

pub mod fixed;
pub mod intervals;

use std::sync::Arc;

use chrono_tz::Tz;

use crate::book::model::{Each, Model, Price, Scope, ZeroUsage};
use crate::lines::{Band, Part, Portion};
use crate::money::Decimal;
use crate::usage::Cell;

/// Why portions could not be rated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrated {
    /// The amount is out of range.
    OutOfRange,
    /// There is no price for these portions, which should have been set aside.
    NoPrice(Vec<usize>),
    /// The model does not price portions.
    NotUsage,
}

/// What models ask about portions.
pub trait Facts {
    /// The dimension values of a group, in order of their names.
    fn values(&self, group: u32) -> &[(Arc<str>, Arc<str>)];
    /// The text of a dimension or attribute of a single record.
    fn text(&self, cell: u32, name: &str) -> Option<&str>;
    /// The zone of clocks that say no other.
    fn timezone(&self) -> Tz;
}

/// What was rated before, at other prices, of the usage that fills the same tiers; and what it comes to in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Quantity.
    filled: Decimal,
    /// Records.
    records: u64,
    /// Quantity before, at hand and after.
    total: Decimal,
    /// The highest total that prices with tiers have seen: the fees up to there are paid.
    reached: Decimal,
    /// Whether a price with one tier for all of it has seen usage: the fee of that tier is paid.
    settled: bool,
}

impl Before {
    /// With the portions of `price` rated too.
    fn and(self, price: &Price, portions: &[Portion]) -> Option<Self> {
        let mut next = self;
        let graduated = matches!(price.model, Model::Graduated { .. } | Model::GraduatedPercentage { .. });
        let one_tier = matches!(price.model, Model::Volume { .. } | Model::Stairstep { .. });
        for portion in portions {
            next.filled = next.filled.plus(portion.quantity)?;
            // A record of nothing, also one that is free or converted to nothing, uses up no free record.
            next.records += if portion.quantity.is_zero() { 0 } else { portion.records };
            if price.each == Each::Period && (graduated || one_tier) {
                next.reached = next.reached.max(next.filled);
                next.settled |= if graduated { next.filled > Decimal::ZERO } else { !portion.quantity.is_zero() };
            }
        }
        Some(next)
    }
}

/// Rates `portions` that share their tiers; `prices` holds the price of each stretch.
///
/// # Errors
/// See [`Unrated`].
pub fn rate(prices: &[&Price], portions: &[Portion], facts: &dyn Facts) -> Result<Vec<Part>, Unrated> {
    fold::folded(prices, portions, single(prices, portions, facts)?).ok_or(Unrated::OutOfRange)
}

/// The same, and the parts of single records, days and windows that became one.
///
/// # Errors
/// See [`Unrated`].
pub fn rate_with_singles(
    prices: &[&Price],
    portions: &[Portion],
    facts: &dyn Facts,
) -> Result<(Vec<Part>, Vec<Part>), Unrated> {
    let singles = fold::of_records(single(prices, portions, facts)?).ok_or(Unrated::OutOfRange)?;
    let folded = fold::folded(prices, portions, singles.clone()).ok_or(Unrated::OutOfRange)?;
    Ok((folded, singles))
}

/// The parts before those of the same line become one.
fn single(prices: &[&Price], portions: &[Portion], facts: &dyn Facts) -> Result<Vec<Part>, Unrated> {
    if prices.first().is_some_and(|price| price.restarts) {
        by_group(prices, portions, facts)
    } else {
        together(prices, portions, facts)
    }
}

/// Rates each group of dimension values by itself.
fn by_group(prices: &[&Price], portions: &[Portion], facts: &dyn Facts) -> Result<Vec<Part>, Unrated> {
    let mut groups: Vec<u32> = portions.iter().map(|portion| portion.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut parts = Vec::new();
    for group in groups {
        let own: Vec<usize> = (0..portions.len()).filter(|at| portions[*at].group == group).collect();
        let chosen: Vec<Portion> = own.iter().map(|at| portions[*at]).collect();
        let rated = together(prices, &chosen, facts).map_err(|unrated| match unrated {
            Unrated::NoPrice(missing) => Unrated::NoPrice(missing.iter().map(|at| own[*at]).collect()),
            other => other,
        })?;
        parts.extend(rated.into_iter().map(|part| Part { portion: own[part.portion], ..part }));
    }
    Ok(parts)
}

/// Rates portions whose tiers go on accumulating from one stretch to the next.
fn together(prices: &[&Price], portions: &[Portion], facts: &dyn Facts) -> Result<Vec<Part>, Unrated> {
    let mut parts = Vec::new();
    let quantities = quantities::priced(prices, portions).ok_or(Unrated::OutOfRange)?;
    parts.extend(quantities.free);
    let priced = quantities.priced;
    if portions.last().is_some_and(|portion| portion.quantity.is_zero()) {
        parts.extend(unused(prices, &priced));
    }
    let mut before = Before { total: total(&priced).ok_or(Unrated::OutOfRange)?, ..Before::default() };
    let mut start = 0;
    for run in priced.chunk_by(|a, b| a.stretch == b.stretch) {
        let price = run.first().and_then(|portion| prices.get(usize::from(portion.stretch)));
        let price = price.ok_or(Unrated::NotUsage)?;
        let rated = stretch(price, run, before, facts).map_err(|unrated| match unrated {
            Unrated::NoPrice(missing) => Unrated::NoPrice(missing.iter().map(|at| at + start).collect()),
            other => other,
        })?;
        parts.extend(rated.into_iter().map(|part| Part { portion: part.portion + start, ..part }));
        before = before.and(price, run).ok_or(Unrated::OutOfRange)?;
        start += run.len();
    }
    Ok(parts)
}

/// Whether a price asks for a line without usage, and that is what `portions` come to: nothing that is priced or free.
#[must_use]
pub fn is_nothing(prices: &[&Price], portions: &[Portion]) -> bool {
    prices.iter().any(|price| price.zero_usage != ZeroUsage::None)
        && quantities::priced(prices, portions)
            .is_some_and(|left| left.free.is_empty() && left.priced.iter().all(|portion| portion.quantity.is_zero()))
}

/// What is due when nothing was used: on the last portion, which stands for it.
fn unused(prices: &[&Price], portions: &[Portion]) -> Option<Part> {
    let portion = portions.len().checked_sub(1)?;
    let price = prices.get(usize::from(portions.get(portion)?.stretch))?;
    let part = |band, amount| Part { portion, band, quantity: Decimal::ZERO, unit_price: None, amount, records: 0 };
    match (price.zero_usage, &price.model) {
        (ZeroUsage::None, _) => None,
        (
            ZeroUsage::Fee,
            Model::Graduated { tiers }
            | Model::Volume { tiers }
            | Model::Stairstep { tiers }
            | Model::GraduatedPercentage { tiers },
        ) => tiers.first().map(|tier| part(Band::Tier(1), tier.flat_fee)).filter(|part| !part.amount.is_zero()),
        (
            ZeroUsage::Line,
            Model::Graduated { .. }
            | Model::Volume { .. }
            | Model::Stairstep { .. }
            | Model::GraduatedPercentage { .. },
        ) => Some(part(Band::Tier(1), Decimal::ZERO)),
        (ZeroUsage::Line, _) => Some(part(Band::Whole, Decimal::ZERO)),
        (ZeroUsage::Fee, _) => None,
    }
}

/// Rates portions of one price.
fn stretch(price: &Price, portions: &[Portion], before: Before, facts: &dyn Facts) -> Result<Vec<Part>, Unrated> {
    if price.each == Each::Period {
        let parts = model(&price.model, portions, before, facts)?;
        // Models on single records apply to each of them alone.
        return rounded(price, parts, price.by_record()).ok_or(Unrated::OutOfRange);
    }
    let mut parts = Vec::new();
    for (at, portion) in portions.iter().enumerate() {
        let alone = Before { total: portion.quantity, ..Before::default() };
        let moved = |part: Part| Part { portion: at, ..part };
        let own =
            model(&price.model, std::slice::from_ref(portion), alone, facts).map_err(|unrated| match unrated {
                Unrated::NoPrice(_) => Unrated::NoPrice(vec![at]),
                other => other,
            })?;
        let own = rounded(price, own, false).ok_or(Unrated::OutOfRange)?;
        parts.extend(own.into_iter().map(moved));
    }
    Ok(parts)
}

/// The amounts after `round_amount`: of all parts together, so that they add up, or of each portion's.
fn rounded(price: &Price, mut parts: Vec<Part>, each: bool) -> Option<Vec<Part>> {
    let Some(rounding) = price.round_amount else { return Some(parts) };
    let (mut exact, mut given, mut portion) = (Decimal::ZERO, Decimal::ZERO, 0);
    for part in &mut parts {
        if each && part.portion != portion {
            (exact, given, portion) = (Decimal::ZERO, Decimal::ZERO, part.portion);
        }
        exact = exact.plus(part.amount)?;
        let due = exact.rounded(rounding.digits, rounding.mode)?;
        part.amount = due.minus(given)?;
        given = due;
    }
    // A fee that is rounded to nothing leaves no line.
    parts.retain(|part| !part.quantity.is_zero() || !part.amount.is_zero());
    Some(parts)
}

fn model(model: &Model, portions: &[Portion], before: Before, facts: &dyn Facts) -> Result<Vec<Part>, Unrated> {
    let parts = match model {
        Model::PerUnit { unit_price, per } => per_unit::rate(*unit_price, *per, portions),
        Model::Dynamic { multiplier } => per_unit::rate(*multiplier, Decimal::ONE, portions),
        Model::Graduated { tiers } | Model::GraduatedPercentage { tiers } => graduated::rate(tiers, portions, before),
        Model::Volume { tiers } => volume::rate(tiers, portions, before),
        Model::Stairstep { tiers } => stairstep::rate(tiers, portions, before),
        Model::Package { size, price, rounding } => package::rate(*size, *price, *rounding, portions, before),
        Model::Percentage { percent, minimum, maximum, records } => {
            percentage::rate(*percent, *minimum, *maximum, records, portions, before)
        }
        Model::Increments { tiers, connect_fee } => increments::rate(tiers, *connect_fee, portions),
        Model::Calendar(calendar) => calendar::rate(calendar, portions, facts),
        Model::Matrix { by, cells, default } => return matrix::rate(by, cells, *default, portions, facts),
        Model::Prefix { by, prefixes } => return prefix::rate(by, prefixes, portions, facts),
        // A formula gives the amount later; a query has no part in usage that there is not.
        Model::Formula { .. } => per_unit::rate(Decimal::ZERO, Decimal::ONE, portions),
        Model::Sql { .. } if portions.iter().all(|portion| portion.quantity.is_zero()) => Some(Vec::new()),
        Model::Recurring { .. }
        | Model::OneTime { .. }
        | Model::Sql { .. }
        | Model::Commitment
        | Model::AccountBound => return Err(Unrated::NotUsage),
    };
    parts.ok_or(Unrated::OutOfRange)
}

/// Whether `price` has a price for a record of this cell of a meter with these dimensions and attributes.
#[must_use]
pub fn has_price<'n>(price: &Price, cell: &Cell, names: impl Iterator<Item = &'n String> + Clone) -> bool {
    let value = |name: &str| {
        let at = names.clone().position(|known| known == name);
        at.and_then(|at| cell.values.get(at)).map_or("", |value| &**value)
    };
    match &price.model {
        Model::Matrix { by, cells, default: None } => matrix::find(cells, by.iter().map(|name| value(name))).is_some(),
        Model::Prefix { by, prefixes } => prefixes.longest(value(by)).is_some(),
        _ => true,
    }
}

/// Whether the usage of several subscriptions fills the tiers of `price` together.
#[must_use]
pub fn is_shared(price: &Price) -> bool {
    price.scope != Scope::Subscription && price.each == Each::Period
}

/// Takes the `covered` part, which comes first, out of a portion; `None` when it does not fit.
#[must_use]
pub fn without(price: &Price, portion: &Portion, covered: Decimal) -> Option<Portion> {
    let mut rest = Portion { quantity: portion.quantity.minus(covered)?, ..*portion };
    quantities::begin_later(price, &mut rest, covered)?;
    Some(rest)
}

/// The sum of the quantities.
fn total(portions: &[Portion]) -> Option<Decimal> {
    portions.iter().try_fold(Decimal::ZERO, |sum, portion| sum.plus(portion.quantity))
}

/// The part that prices `quantity` of the portion at `portion`.
fn part(portion: usize, of: &Portion, band: Band, quantity: Decimal, unit_price: Decimal, amount: Decimal) -> Part {
    Part { portion, band, quantity, unit_price: Some(unit_price), amount, records: of.records }
}

/// The fee that the record at `portion` owes.
fn fee(portion: usize, fee: Decimal) -> Part {
    Part { portion, band: Band::Fee, quantity: Decimal::ZERO, unit_price: Some(fee), amount: fee, records: 1 }
}

#[cfg(test)]
mod tests;
