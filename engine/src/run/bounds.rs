//! Who shares the least and greatest amount of a charge, and of an account: their lines, and the one that is added.

use chrono::NaiveDate;
use hashbrown::HashMap;

use super::Job;
use super::circles::Sharer;
use super::made::{Made, Making, settled, too_much};
use super::rater::Rater;
use crate::bounds::{Moved, Span, by_days, moved};
use crate::catalog::Stretch;
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind};
use crate::money::Decimal;
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
    fn add(&mut self, lines: &[Line], amount: impl Fn(&Line) -> Decimal) -> Outcome<()> {
        let job = self.rater.job;
        for line in lines.iter().filter(|line| matches!(line.kind, LineKind::Usage | LineKind::Allowance)) {
            let charge = line.charge as usize;
            if !job.catalog.bounded[charge] {
                continue;
            }
            let nth = job.catalog.offer(line.subscription).charges.binary_search(&charge);
            let Some(at) = nth.ok().and_then(|nth| self.of(line.subscription, charge, nth)) else { continue };
            let sharers = &mut self.all[at];
            sharers.sum = sharers.sum.plus(amount(line)).ok_or_else(|| too_much("the amounts of a charge"))?;
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
    sharers.add(lines, |line| if before_discounts { line.rated } else { line.net })?;
    let mut making = Making::default();
    for one in &sharers.all {
        bound(rater, one, before_discounts, &mut making)?;
    }
    making.settle(rater, lines, all)
}

/// Adds the line of those who share a bound, if there is one to add.
fn bound(rater: &Rater<'_>, one: &Bounded, before_discounts: bool, making: &mut Making) -> Outcome<()> {
    let job = rater.job;
    let stretches = job.catalog.terms[one.terms as usize].as_slice();
    let runs = |number: &u32| {
        let row = &job.reference.subscriptions[*number as usize];
        (row.start, row.end)
    };
    let runs: Vec<(NaiveDate, Option<NaiveDate>)> = one.subscriptions.iter().map(runs).collect();
    let dates = |stretch: &Stretch| (job.period.date(stretch.days.start), job.period.date(stretch.days.end));
    let held: Vec<i64> = stretches.iter().map(dates).map(|(from, to)| days_together(&runs, from, to)).collect();
    // The price at the end says how its bounds are meant, and has the line.
    let Some(last) = held.iter().rposition(|days| *days > 0) else { return Ok(()) };
    let price = |stretch: &Stretch| &job.catalog.prices[stretch.price as usize];
    let own = price(&stretches[last]).bounds;
    if own.before_discounts != before_discounts {
        return Ok(());
    }
    let active = |number: &&u32| {
        let (start, end) = runs_of(job, **number);
        let (from, to) = rater.bounds(&stretches[last]);
        start < to && from < end
    };
    let Some(subscription) = one.subscriptions.iter().find(active).copied() else { return Ok(()) };
    let of = i64::try_from(job.period.days()).unwrap_or(i64::MAX);
    let minimum: Vec<Span> = match own.in_full {
        true => own.minimum.map(|amount| Span { amount, days: of }).into_iter().collect(),
        false => stretches
            .iter()
            .zip(&held)
            .filter_map(|(stretch, days)| Some(Span { amount: price(stretch).bounds.minimum?, days: *days }))
            .collect(),
    };
    let most = |stretch: &Stretch| {
        let days = i64::from(stretch.days.end) - i64::from(stretch.days.start);
        Some(Span { amount: price(stretch).bounds.maximum?, days })
    };
    // A stretch without a greatest amount has no end to it.
    let maximum: Option<Vec<Span>> = stretches.iter().map(most).collect();
    let minimum = exchanged(job, subscription, stretches[last].days.end, minimum)?;
    let maximum = match maximum {
        Some(spans) => Some(exchanged(job, subscription, stretches[last].days.end, spans)?),
        None => None,
    };
    let account = &job.reference.accounts[job.reference.subscriptions[subscription as usize].account as usize];
    let sum_of = |spans: &[Span]| -> Outcome<Decimal> {
        let bound = by_days(spans, of).and_then(|bound| match before_discounts {
            true => Some(bound),
            // To the minor unit, so that the lines add up to it.
            false => bound.rounded(account.minor_digits, job.book.rounding.mode),
        });
        Ok(bound.ok_or_else(|| too_much("the bounds of a charge"))?)
    };
    let least = if minimum.is_empty() { None } else { Some(sum_of(&minimum)?) };
    let greatest = match &maximum {
        Some(spans) => Some(sum_of(spans)?),
        None => None,
    };
    let found = moved(one.sum, least, greatest).ok_or_else(|| too_much("the amounts of a charge"))?;
    let (band, amount, spans, bound) = match found {
        None => return Ok(()),
        Some(Moved::ToMinimum(amount)) => (Band::Minimum, amount, minimum, least),
        Some(Moved::ToMaximum(amount)) => (Band::Maximum, amount, maximum.unwrap_or_default(), greatest),
    };
    let (service_start, service_end) = rater.bounds(&stretches[last]);
    let line = Line {
        subscription,
        charge: u32::try_from(one.charge).unwrap_or(u32::MAX),
        price: stretches[last].price,
        kind: LineKind::Usage,
        group: 0,
        band,
        stretch: if stretches.len() > 1 { u16::try_from(last + 1).unwrap_or(u16::MAX) } else { 0 },
        quantity: Decimal::ZERO,
        unit_price: None,
        rated: amount,
        list: Decimal::ZERO,
        discount: Decimal::ZERO,
        net: Decimal::ZERO,
        records: 0,
        service_start,
        service_end,
        exchange: 0,
    };
    let line = if before_discounts { line } else { settled(line) };
    let made = Made {
        line: super::made::name(&line),
        spans,
        of,
        bound: bound.unwrap_or_default(),
        before: Decimal::ZERO,
        sum: one.sum,
        lines: one.lines,
        price: None,
    };
    making.add(job, line, made);
    Ok(())
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

fn runs_of(job: &Job<'_>, subscription: u32) -> (i64, i64) {
    let row = &job.reference.subscriptions[subscription as usize];
    (row.starts_at, row.ends_at)
}
