//! Rates a line again from its explanation alone: no book, no reference table, no usage. Whoever holds the JSON can.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value;

use super::super::batches::band_text;
use super::discounts;
use super::made;
use super::model::{
    AllowanceUse, AmountUse, Exact, Explanation, FixedAmount, PartUse, PortionUse, Rating, RoundingSteps, Row,
};
use super::words::read_mode;
use crate::allowance::Pools;
use crate::allowance::money::Purse;
use crate::book::model::{Model, Price};
use crate::catalog::{Payer, Source};
use crate::lines::{Part, Portion};
use crate::money::Decimal;
use crate::rate::{Facts, rate};

/// What a line comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// Quantity.
    pub quantity: Decimal,
    /// Unrounded amount.
    pub rated: Decimal,
    /// Amount before discount.
    pub list: Decimal,
    /// Discount.
    pub discount: Decimal,
    /// Net.
    pub net: Decimal,
    /// Records behind it.
    pub records: u64,
}

/// Rates the line again. `None` for what the explanation does not have: the SQL of formulas and queries is told, but what
/// it asks of other accounts is not.
#[must_use]
pub fn rerate(explanation: &Explanation) -> Option<Again> {
    let steps = explanation.rounding.as_ref()?;
    if let Some(made) = &explanation.made_of {
        let (quantity, rated) = made::again(made, steps.digits, read_mode(&steps.mode)?)?;
        return settled(explanation, steps, (quantity, rated, 0));
    }
    let (quantity, rated, records) = match (&explanation.fixed, &explanation.allowances, &explanation.rating) {
        _ if let Some(using) = &explanation.amounts => (Decimal::ZERO, covered_amount(using)?, using.records),
        (Some(fixed), ..) => (fixed.quantity.0, fixed_amount(fixed)?, 0),
        (None, Some(AllowanceUse { own: Some((draw, part)), .. }), _) => {
            let again = draws(explanation.allowances.as_ref()?)?;
            let part = again.get(*draw)?.get(*part)?;
            (part.quantity.0, part.amount.0, part.records)
        }
        (None, _, Some(rating)) => {
            let zone = explanation.run.timezone.parse().ok()?;
            let again = parts(rating, zone)?;
            let part = again.get(rating.own)?;
            (part.quantity.0, part.amount.0, part.records)
        }
        _ => return None,
    };
    let rate = explanation.exchange.as_ref().map(|exchange| exchange.rate.0);
    let rated = rate.map_or(Some(rated), |rate| rated.times(rate))?;
    settled(explanation, steps, (quantity, rated, records))
}

/// The billed amounts of a quantity, rated amount and number of records.
fn settled(
    explanation: &Explanation,
    steps: &RoundingSteps,
    (quantity, rated, records): (Decimal, Decimal, u64),
) -> Option<Again> {
    let number = |text: &str| Decimal::parse(text).ok();
    let price = explanation.line.get("unit_price").and_then(Value::as_str).and_then(number);
    // What discounts take of units is in the currency of the account.
    let unit_price = match (&explanation.exchange, price) {
        (Some(exchange), Some(price)) => Some(price.times(exchange.rate.0)?),
        _ => price,
    };
    let (list, discount, net) = discounts::again(&explanation.discounts, steps, (rated, quantity, unit_price))?;
    let net = net.minus(included(explanation)?)?;
    Some(Again { quantity, rated, list, discount, net, records })
}

/// Whether the taxes of the line follow from their rates, where each is rounded on its line: nothing of who is exempt, else
/// the rate of the taxable amount, or less where the tax has a cap. What a price includes is held by the net.
#[must_use]
pub fn taxes_follow(explanation: &Explanation) -> bool {
    let Some(steps) = explanation.rounding.as_ref().filter(|steps| steps.tax == "line") else { return true };
    explanation.taxes.iter().all(|tax| follows(tax, steps) == Some(true))
}

fn follows(tax: &Row, steps: &RoundingSteps) -> Option<bool> {
    let number = |column: &str| Decimal::parse(tax.get(column)?.as_str()?).ok();
    let (percent, taxable, amount) = (number("rate_percent")?, number("taxable_amount")?, number("amount")?);
    if tax.get("exempt")?.as_bool()? {
        return Some(amount.is_zero());
    }
    let full = percent.percent_of(taxable)?.rounded(steps.digits, read_mode(&steps.mode)?)?;
    let same_side = amount.is_zero() || amount.is_negative() == full.is_negative();
    let capped = same_side && amount.units().abs() < full.units().abs();
    Some(!number("amount_included")?.is_zero() || amount == full || capped)
}

/// The taxes that the price includes, by the rows of the line.
fn included(explanation: &Explanation) -> Option<Decimal> {
    let part = |tax: &Row| Decimal::parse(tax.get("amount_included")?.as_str()?).ok();
    explanation.taxes.iter().try_fold(Decimal::ZERO, |sum, tax| sum.plus(part(tax)?))
}

/// A recurring or one-time amount, in the currency of its price.
pub(super) fn fixed_amount(fixed: &FixedAmount) -> Option<Decimal> {
    let amount = fixed.amount.0.times(fixed.quantity.0)?.ratio(Decimal::whole(fixed.part), Decimal::whole(fixed.of))?;
    if fixed.credit { Decimal::ZERO.minus(amount) } else { Some(amount) }
}

/// Portions as the rater takes them, and what prices ask about them.
struct Usage<'e> {
    zone: Tz,
    portions: Vec<Portion>,
    groups: Vec<Vec<(Arc<str>, Arc<str>)>>,
    /// By cell: what is looked up.
    texts: Vec<Option<&'e str>>,
}

impl<'e> Usage<'e> {
    fn of(portions: &'e [PortionUse], zone: Tz) -> Option<Self> {
        let mut usage = Self { zone, portions: Vec::new(), groups: Vec::new(), texts: Vec::new() };
        let mut subscriptions: BTreeMap<&str, u32> = BTreeMap::new();
        let mut known: BTreeMap<&BTreeMap<String, String>, u32> = BTreeMap::new();
        for (at, portion) in portions.iter().enumerate() {
            let next = u32::try_from(subscriptions.len()).ok()?;
            let subscription = *subscriptions.entry(&portion.subscription).or_insert(next);
            let next = u32::try_from(known.len()).ok()?;
            let group = *known.entry(&portion.dimensions).or_insert_with(|| {
                let values = portion.dimensions.iter();
                usage.groups.push(values.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect());
                next
            });
            usage.texts.push(portion.looked_up.as_deref());
            usage.portions.push(Portion {
                subscription,
                group,
                quantity: portion.quantity.0,
                records: portion.records,
                stretch: portion.stretch,
                time: portion.time_micros,
                cell: u32::try_from(at).ok()?,
                origin: None,
            });
        }
        Some(usage)
    }
}

impl Facts for Usage<'_> {
    fn values(&self, group: u32) -> &[(Arc<str>, Arc<str>)] {
        self.groups.get(group as usize).map_or(&[], Vec::as_slice)
    }

    fn text(&self, cell: u32, _: &str) -> Option<&str> {
        self.texts.get(cell as usize).copied().flatten()
    }

    fn timezone(&self) -> Tz {
        self.zone
    }
}

/// The parts that the terms make of the portions.
fn parts(rating: &Rating, zone: Tz) -> Option<Vec<PartUse>> {
    let prices: Option<Vec<Price>> = rating.stretches.iter().map(|stretch| stretch.terms.read()).collect();
    let prices = prices?;
    let usage = Usage::of(&rating.portions, zone)?;
    let parts = rate(&prices.iter().collect::<Vec<_>>(), &usage.portions, &usage).ok()?;
    let part = |part: &Part| {
        let stretch = usage.portions.get(part.portion)?.stretch;
        Some(told(part, &prices.get(usize::from(stretch))?.model))
    };
    parts.iter().map(part).collect()
}

/// What allowances cover, draw by draw.
fn draws(using: &AllowanceUse) -> Option<Vec<Vec<PartUse>>> {
    let source = |at: &usize| {
        let granted = using.allowances.get(*at)?.quantity.0;
        Some(Source { grant: u32::try_from(*at).ok()?, granted })
    };
    let all: Vec<PortionUse> = using.draws.iter().flat_map(|draw| draw.portions.clone()).collect();
    let usage = Usage::of(&all, Tz::UTC)?;
    let (mut pools, mut start, mut covered) = (Pools::default(), 0, Vec::new());
    for draw in &using.draws {
        let end = start + draw.portions.len();
        let mut portions = usage.portions.get(start..end)?.to_vec();
        let sources: Option<Vec<Source>> = draw.from.iter().map(source).collect();
        let payer = Payer::Pool(u32::try_from(draw.pays_with).ok()?);
        let parts = pools.draw(&sources?, payer, &mut portions).ok()?.parts;
        let none = Model::Dynamic { multiplier: Decimal::ZERO };
        covered.push(parts.iter().map(|part| told(part, &none)).collect());
        start = end;
    }
    Some(covered)
}

/// What included amounts take off the line they cover.
fn covered_amount(using: &AmountUse) -> Option<Decimal> {
    let sources: Vec<Source> = (0..).zip(&using.left).map(|(grant, left)| Source { grant, granted: left.0 }).collect();
    let amounts: Vec<Decimal> = using.amounts.iter().map(|amount| amount.0).collect();
    let covers = Purse::default().cover(&sources, &amounts)?;
    let own = covers.iter().filter(|cover| cover.at == using.own).map(|cover| cover.amount);
    own.into_iter().try_fold(Decimal::ZERO, |sum, amount| sum.minus(amount))
}

/// A part in the words of the explanation.
pub(super) fn told(part: &Part, model: &Model) -> PartUse {
    PartUse {
        portion: part.portion,
        tier: band_text(part.band, model),
        quantity: Exact(part.quantity),
        unit_price: part.unit_price.map(Exact),
        amount: Exact(part.amount),
        records: part.records,
    }
}
