//! Who shares the least and greatest amount of a charge, and of an account: their lines, and the one that is added.

use chrono::NaiveDate;
use hashbrown::HashMap;

use super::Job;
use super::circles::Sharer;
use super::made::{Made, Making, name, settled, too_much};
use super::rater::Rater;
use crate::bounds::{Moved, Span, by_days, moved};
use crate::catalog::Stretch;
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind};
use crate::money::{Decimal, Rounding};
use crate::period::days_together;

/// Whoever shares the bounds of a charge on the same terms, in one currency.
struct Bounded {
    charge: usize,
    terms: u32,
    /// Subscriptions that are active in the period, ascending.
    subscriptions: Vec<u32>,
    /// What their lines come to.
    sum: Decimal,
    lines: u64,
}

/// Charge, terms, sharer, and the first account of the currency.
type Key = (usize, u32, Sharer, u32);

/// The sharers of all charges with bounds.
struct Sharers<'r> {
    rater: &'r Rater<'r>,
    /// By account: the first account of its currency.
    currency: Vec<u32>,
    /// By terms: whether some price has a bound.
    bounded: Vec<bool>,
    all: Vec<Bounded>,
    place: HashMap<Key, usize>,
}

impl<'r> Sharers<'r> {
    fn new(rater: &'r Rater<'r>) -> Self {
        let job = rater.job;
        let has_bounds = |stretch: &Stretch| job.catalog.prices[stretch.price as usize].bounds.any();
        let bounded = job.catalog.terms.iter().map(|stretches| stretches.iter().any(has_bounds)).collect();
        let mut sharers = Self { rater, currency: currencies(job), bounded, all: Vec::new(), place: HashMap::new() };
        let (start, end) = (job.period.start(), job.period.end());
        for (number, row) in (0_u32..).zip(&job.reference.subscriptions) {
            if row.starts_at >= end || row.ends_at <= start {
                continue;
            }
            for (nth, charge) in job.catalog.offer(number).charges.iter().enumerate() {
                if job.catalog.bounded[*charge]
                    && let Some(at) = sharers.of(number, *charge, nth)
                {
                    sharers.all[at].subscriptions.push(number);
                }
            }
        }
        sharers
    }

    /// Position of the sharers of position `nth` of the subscription's offer.
    fn of(&mut self, subscription: u32, charge: usize, nth: usize) -> Option<usize> {
        let job = self.rater.job;
        let terms = job.catalog.terms_of(subscription, nth);
        if !self.bounded[terms as usize] {
            return None;
        }
        let scope = job.catalog.prices[job.catalog.terms[terms as usize].first()?.price as usize].scope;
        let account = job.reference.subscriptions[subscription as usize].account;
        let sharer = self.rater.circles.sharer(job, subscription, scope);
        let key = (charge, terms, sharer, self.currency[account as usize]);
        let next = self.all.len();
        let at = *self.place.entry(key).or_insert(next);
        if at == next {
            let (subscriptions, sum) = (Vec::new(), Decimal::ZERO);
            self.all.push(Bounded { charge, terms, subscriptions, sum, lines: 0 });
        }
        Some(at)
    }

    /// Adds up the amounts of the lines.
    fn add(&mut self, lines: &[Line], amount: impl Fn(&Line) -> Option<Decimal>) -> Outcome<()> {
        let job = self.rater.job;
        for line in lines.iter().filter(|line| matches!(line.kind, LineKind::Usage | LineKind::Allowance)) {
            let charge = line.charge as usize;
            if !job.catalog.bounded[charge] {
                continue;
            }
            let nth = job.catalog.offer(line.subscription).charges.binary_search(&charge);
            let Some(at) = nth.ok().and_then(|nth| self.of(line.subscription, charge, nth)) else { continue };
            let sharers = &mut self.all[at];
            let sum = amount(line).and_then(|amount| sharers.sum.plus(amount));
            sharers.sum = sum.ok_or_else(|| too_much("the amounts of a charge"))?;
            sharers.lines += 1;
        }
        Ok(())
    }
}

/// By account: the first account of the same currency, which stands for it.
pub(super) fn currencies(job: &Job<'_>) -> Vec<u32> {
    let mut first: HashMap<&str, u32> = HashMap::new();
    let all = (0..).zip(&job.reference.accounts);
    all.map(|(at, account)| *first.entry(account.currency.as_str()).or_insert(at)).collect()
}

/// Adds what is missing from the least amount of a charge, or beyond its greatest: of prices that bound what discounts are
/// taken of, or else of those that bound what they leave.
///
/// # Errors
/// `G002`, `G003` for amounts that do not fit.
pub(super) fn charges(
    rater: &Rater<'_>,
    lines: &mut Vec<Line>,
    all: &mut Vec<Made>,
    before_discounts: bool,
) -> Outcome<()> {
    let asks =
        |price: &crate::book::model::Price| price.bounds.any() && price.bounds.before_discounts == before_discounts;
    if !rater.job.catalog.prices.iter().any(asks) {
        return Ok(());
    }
    let mut sharers = Sharers::new(rater);
    sharers.add(lines, |line| if before_discounts { rater.discounted_of(line) } else { Some(line.net) })?;
    let mut making = Making::default();
    for one in &sharers.all {
        bound(rater, one, before_discounts, &mut making)?;
    }
    making.settle(rater, lines, all)
}

/// The bounds of a period by the days of its stretches.
struct Terms<'r> {
    /// The last stretch that is subscribed to: its price says how bounds are meant, and has the line.
    last: usize,
    stretches: &'r [Stretch],
    /// Days of the period.
    of: i64,
    minimum: Vec<Span>,
    /// `None` where there is no end to it.
    maximum: Option<Vec<Span>>,
}

impl<'r> Terms<'r> {
    /// The terms of those who share them; `None` when nobody is subscribed on any day.
    fn new(job: &'r Job<'r>, one: &Bounded) -> Option<Self> {
        let stretches = job.catalog.terms[one.terms as usize].as_slice();
        let runs = one.subscriptions.iter().map(|number| {
            let row = &job.reference.subscriptions[*number as usize];
            (row.start, row.end)
        });
        let runs: Vec<(NaiveDate, Option<NaiveDate>)> = runs.collect();
        let dates = |stretch: &Stretch| (job.period.date(stretch.days.start), job.period.date(stretch.days.end));
        let held: Vec<i64> = stretches.iter().map(dates).map(|(from, to)| days_together(&runs, from, to)).collect();
        let last = held.iter().rposition(|days| *days > 0)?;
        let bounds = |stretch: &Stretch| job.catalog.prices[stretch.price as usize].bounds;
        let of = i64::try_from(job.period.days()).ok()?;
        let own = bounds(stretches.get(last)?);
        let minimum = if own.in_full {
            own.minimum.map(|amount| Span { amount, days: of }).into_iter().collect()
        } else {
            let spans = stretches.iter().zip(&held);
            spans.filter_map(|(one, days)| Some(Span { amount: bounds(one).minimum?, days: *days })).collect()
        };
        // A stretch without a greatest amount has no end to it.
        let most = |stretch: &Stretch| {
            let days = i64::from(stretch.days.end) - i64::from(stretch.days.start);
            Some(Span { amount: bounds(stretch).maximum?, days })
        };
        Some(Self { last, stretches, of, minimum, maximum: stretches.iter().map(most).collect() })
    }

    fn stretch(&self) -> &'r Stretch {
        &self.stretches[self.last]
    }

    /// The amount of a bound: what holds for what discounts leave is kept to the minor unit, so that the lines add up to it.
    fn amount(&self, spans: &[Span], rounded: Option<(u32, Rounding)>) -> Outcome<Decimal> {
        let bound = by_days(spans, self.of).and_then(|bound| match rounded {
            Some((digits, mode)) => bound.rounded(digits, mode),
            None => Some(bound),
        });
        Ok(bound.ok_or_else(|| too_much("the bounds of a charge"))?)
    }
}

/// Adds the line of those who share a bound, if there is one to add.
fn bound(rater: &Rater<'_>, one: &Bounded, before_discounts: bool, making: &mut Making) -> Outcome<()> {
    let job = rater.job;
    let Some(mut terms) = Terms::new(job, one) else { return Ok(()) };
    if job.catalog.prices[terms.stretch().price as usize].bounds.before_discounts != before_discounts {
        return Ok(());
    }
    let (from, to) = rater.bounds(terms.stretch());
    let active = |number: &&u32| {
        let row = &job.reference.subscriptions[**number as usize];
        row.starts_at < to && from < row.ends_at
    };
    let Some(subscription) = one.subscriptions.iter().find(active).copied() else { return Ok(()) };
    let end = terms.stretch().days.end;
    terms.minimum = exchanged(job, subscription, end, terms.minimum)?;
    terms.maximum = terms.maximum.map(|spans| exchanged(job, subscription, end, spans)).transpose()?;
    let account = &job.reference.accounts[job.reference.subscriptions[subscription as usize].account as usize];
    let rounded = (!before_discounts).then_some((account.minor_digits, job.book.rounding.mode));
    let amount = |spans: &[Span]| terms.amount(spans, rounded);
    let least = if terms.minimum.is_empty() { None } else { Some(amount(&terms.minimum)?) };
    let most = terms.maximum.as_deref().map(amount).transpose()?;
    let found = moved(one.sum, least, most).ok_or_else(|| too_much("the amounts of a charge"))?;
    let (band, rated, bound) = match found {
        None => return Ok(()),
        Some(Moved::ToMinimum(amount)) => (Band::Minimum, amount, least),
        Some(Moved::ToMaximum(amount)) => (Band::Maximum, amount, most),
    };
    let line = line(&terms, (subscription, one.charge), (band, rated), (from, to));
    let line = if before_discounts { line } else { settled(line) };
    let of = terms.of;
    let spans = if band == Band::Minimum { terms.minimum } else { terms.maximum.unwrap_or_default() };
    let (bound, before, sum, lines) = (bound.unwrap_or_default(), Decimal::ZERO, one.sum, one.lines);
    making.add(job, line, Made { line: name(&line), spans, of, bound, before, sum, lines, price: None });
    Ok(())
}

/// A line of a bound, before discounts and rounding.
fn line(
    terms: &Terms<'_>,
    (subscription, charge): (u32, usize),
    (band, rated): (Band, Decimal),
    (service_start, service_end): (i64, i64),
) -> Line {
    Line {
        subscription,
        charge: u32::try_from(charge).unwrap_or(u32::MAX),
        price: terms.stretch().price,
        kind: LineKind::Usage,
        group: 0,
        band,
        stretch: if terms.stretches.len() > 1 { u16::try_from(terms.last + 1).unwrap_or(u16::MAX) } else { 0 },
        quantity: Decimal::ZERO,
        unit_price: None,
        rated,
        list: Decimal::ZERO,
        discount: Decimal::ZERO,
        net: Decimal::ZERO,
        records: 0,
        service_start,
        service_end,
        exchange: 0,
    }
}

/// The same amounts in the currency of the account, when the price is in another: at the rate of the day before `end`.
fn exchanged(job: &Job<'_>, subscription: u32, end: u16, spans: Vec<Span>) -> Outcome<Vec<Span>> {
    let number = job.fx.number(subscription, end.saturating_sub(1));
    if number == 0 || spans.is_empty() {
        return Ok(spans);
    }
    let missing = || job.fx.missing(number, job.book, job.reference, job.period);
    let Some(rate) = job.fx.rate(number) else {
        return Err(missing().unwrap_or_else(|| Fault::ours("a bound has no exchange rate")).into());
    };
    let other = |span: Span| span.amount.times(rate).map(|amount| Span { amount, ..span });
    let all: Option<Vec<Span>> = spans.into_iter().map(other).collect();
    Ok(all.ok_or_else(|| too_much("the bounds of a charge"))?)
}
