//! Rates a line again from its explanation alone: no book, no reference table, no usage. Whoever holds the JSON can.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;

use super::super::batches::band_text;
use super::model::{AllowanceUse, Exact, Explanation, FixedAmount, PartUse, PortionUse, Rating, RoundingSteps};
use super::words::{read_base, read_mode, read_scope};
use crate::allowance::Pools;
use crate::book::model::{Allowance, LineRounding, Model, Price};
use crate::discount::amounts;
use crate::fault::Place;
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
    let (quantity, rated, records) = match (&explanation.fixed, &explanation.allowances, &explanation.rating) {
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
    let percent = explanation.discount.as_ref().map(|discount| discount.percent.0);
    let amounts = amounts(rated, percent, rounding(steps)?, steps.digits)?;
    let (list, discount, net) = (amounts.list, amounts.discount, amounts.net);
    Some(Again { quantity, rated, list, discount, net, records })
}

fn rounding(steps: &RoundingSteps) -> Option<LineRounding> {
    Some(LineRounding { mode: read_mode(&steps.mode)?, discount_base: read_base(&steps.discount_base)? })
}

/// A recurring or one-time amount, in the currency of its price.
pub(super) fn fixed_amount(fixed: &FixedAmount) -> Option<Decimal> {
    fixed.amount.0.times(fixed.quantity.0)?.ratio(Decimal::whole(fixed.days), Decimal::whole(fixed.of))
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
    let place = Place::file("");
    let allowance = |terms: &super::model::AllowanceTerms| {
        let (quantity, shared_over) = (terms.quantity.0, read_scope(&terms.shared_over)?);
        Some(Allowance { meter: 0, quantity, shared_over, place: place.clone() })
    };
    let allowances: Option<Vec<Allowance>> = using.allowances.iter().map(allowance).collect();
    let allowances = allowances?;
    let all: Vec<PortionUse> = using.draws.iter().flat_map(|draw| draw.portions.clone()).collect();
    let usage = Usage::of(&all, Tz::UTC)?;
    let (mut pools, mut start, mut covered) = (Pools::default(), 0, Vec::new());
    for draw in &using.draws {
        let end = start + draw.portions.len();
        let mut portions = usage.portions.get(start..end)?.to_vec();
        let parts = pools.draw((0, 0, 0), &allowances, 0, &mut portions).ok()?;
        let none = Model::Dynamic { multiplier: Decimal::ZERO };
        covered.push(parts.iter().map(|part| told(part, &none)).collect());
        start = end;
    }
    Some(covered)
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
