//! Exchange: which subscriptions have prices in another currency than their account is billed in, and the rate of each
//! day of the period for it (`fx:` of the book).
//!
//! A rate is that of the day itself, else the newest that is not too old. All rates a run may need are looked up before
//! usage is read; nothing here touches a line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use crate::book::model::{Exchange, ExchangeDay, PriceBook};
use crate::catalog::Catalog;
use crate::fault::{Fault, Faults, Outcome, Place, codes};
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::{FxRate, Index, Reference};

/// A rate that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units of the account's currency for one of the price's.
    pub rate: Decimal,
    /// The day of the table it is of.
    pub date: NaiveDate,
    /// Whether it is one over the rate of the opposite direction, rounded half up to 18 digits.
    pub inverse: bool,
}

/// Two currencies: of prices, and of the accounts they are billed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Currency of the price.
    pub from: String,
    /// Currency of the account.
    pub to: String,
    /// By day of the period: the rate, where there is one.
    rates: Vec<Option<Rate>>,
}

/// Stands for a subscription whose prices are in the currency of its account.
const SAME: u32 = u32::MAX;

/// The exchange of a run.
#[derive(Debug, Default)]
pub struct Fx {
    pairs: Vec<Pair>,
    /// By subscription: its pair; empty when nobody has one.
    pair_of: Vec<u32>,
    /// Which day of a line decides; `None` for one that is the same for all lines: that day.
    day: Option<u16>,
    days: u16,
}

impl Fx {
    /// Looks up the rates of all pairs.
    ///
    /// # Errors
    /// `R021` for each pair without a rate of the day that is the same for all lines; with `on: service_end`, of which
    /// lines there are shows later.
    pub fn new(book: &PriceBook, reference: &Reference, catalog: &Catalog, period: &Period) -> Outcome<Self> {
        let Some(exchange) = &book.fx else { return Ok(Self::default()) };
        let days = u16::try_from(period.days()).unwrap_or(u16::MAX);
        let mut fx = Self { days, ..Self::default() };
        fx.day = match exchange.on {
            ExchangeDay::PeriodStart => Some(0),
            ExchangeDay::PeriodEnd => Some(days.saturating_sub(1)),
            ExchangeDay::ServiceEnd => None,
        };
        let mut known: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut needed: BTreeSet<u32> = BTreeSet::new();
        let mut pair_of = vec![SAME; reference.subscriptions.len()];
        for (at, (row, pair)) in (0..).zip(reference.subscriptions.iter().zip(&mut pair_of)) {
            let to = reference.accounts[row.account as usize].currency.as_str();
            let Some(from) = price_currency(book, catalog, at).filter(|from| *from != to) else { continue };
            let next = u32::try_from(known.len()).unwrap_or(SAME);
            *pair = *known.entry((from, to)).or_insert(next);
            // A rate that nobody's lines can need is not missed.
            if row.starts_at < period.end() && period.start() < row.ends_at {
                needed.insert(*pair);
            }
        }
        let mut pairs: Vec<((&str, &str), u32)> = known.into_iter().collect();
        pairs.sort_by_key(|(_, number)| *number);
        let table = RateTable { rates: &reference.fx_rates, exchange };
        fx.pairs = pairs.into_iter().map(|((from, to), _)| table.pair(from, to, period)).collect();
        fx.pair_of = if fx.pairs.is_empty() { Vec::new() } else { pair_of };
        let mut faults = Faults::default();
        if let Some(day) = fx.day {
            let needed = (0_u32..).zip(&fx.pairs).filter(|(number, _)| needed.contains(number));
            for (_, pair) in needed.filter(|(_, pair)| pair.rates[usize::from(day)].is_none()) {
                faults.push(table.missing(pair, period.date(day)));
            }
        }
        faults.or(fx)
    }

    /// Whether nothing is to be exchanged.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The number of the exchange of a line of `subscription` whose service ends with the local day `last` of the period;
    /// 0 when its price is in the currency of the account.
    #[must_use]
    pub fn number(&self, subscription: Index, last: u16) -> u32 {
        let pair = self.pair_of.get(subscription as usize).copied().unwrap_or(SAME);
        let day = self.day.unwrap_or(last).min(self.days.saturating_sub(1));
        if pair == SAME { 0 } else { pair * u32::from(self.days) + u32::from(day) + 1 }
    }

    /// The exchange of this number: the pair and, when there is one, the rate.
    #[must_use]
    pub fn exchange(&self, number: u32) -> Option<(&Pair, Option<Rate>)> {
        let (pair, day) = self.place(number)?;
        Some((pair, pair.rates.get(day).copied().flatten()))
    }

    /// The rate of this number, for the lines that have one.
    #[must_use]
    pub fn rate(&self, number: u32) -> Option<Decimal> {
        self.exchange(number)?.1.map(|found| found.rate)
    }

    /// The currency of the prices of a subscription, where it is not that of its account.
    #[must_use]
    pub fn price_currency(&self, subscription: Index) -> Option<&str> {
        let pair = self.pair_of.get(subscription as usize)?;
        self.pairs.get(*pair as usize).map(|pair| pair.from.as_str())
    }

    /// What is missing for the exchange of this number.
    #[must_use]
    pub fn missing(&self, number: u32, book: &PriceBook, reference: &Reference, period: &Period) -> Option<Fault> {
        let (pair, day) = self.place(number)?;
        let table = RateTable { rates: &reference.fx_rates, exchange: book.fx.as_ref()? };
        Some(table.missing(pair, period.date(u16::try_from(day).ok()?)))
    }

    fn place(&self, number: u32) -> Option<(&Pair, usize)> {
        let at = number.checked_sub(1)?;
        let days = u32::from(self.days.max(1));
        Some((self.pairs.get((at / days) as usize)?, (at % days) as usize))
    }
}

/// The currency the prices of a subscription are written in: of its plan, else of the book; `None` for plain numbers in
/// the currency of whoever is billed.
fn price_currency<'b>(book: &'b PriceBook, catalog: &Catalog, subscription: Index) -> Option<&'b str> {
    let of_plan = catalog.offer(subscription).plan.and_then(|plan| book.plans[plan].currency.as_deref());
    of_plan.or(book.currency.as_deref())
}

/// The table of rates, and how the book looks at it.
struct RateTable<'r> {
    /// Sorted by currencies, type and date.
    rates: &'r [FxRate],
    exchange: &'r Exchange,
}

impl<'r> RateTable<'r> {
    fn pair(&self, from: &str, to: &str, period: &Period) -> Pair {
        let days =
            (0..u16::try_from(period.days()).unwrap_or(u16::MAX)).map(|day| self.rate(from, to, period.date(day)));
        Pair { from: from.to_owned(), to: to.to_owned(), rates: days.collect() }
    }

    /// The rate of a day: of the pair itself before that of the opposite direction.
    fn rate(&self, from: &str, to: &str, day: NaiveDate) -> Option<Rate> {
        let found = |from, to| self.newest(from, to, day).filter(|found| self.is_fresh(found.date, day));
        if let Some(found) = found(from, to) {
            return Some(Rate { rate: found.rate, date: found.date, inverse: false });
        }
        let opposite = found(to, from).filter(|_| self.exchange.inverse)?;
        Some(Rate { rate: Decimal::ONE.over(opposite.rate)?, date: opposite.date, inverse: true })
    }

    fn is_fresh(&self, date: NaiveDate, day: NaiveDate) -> bool {
        date.checked_add_days(Days::new(self.exchange.max_age_days)).is_none_or(|last| day <= last)
    }

    /// The newest rate of a pair that is not of a later day.
    fn newest(&self, from: &str, to: &str, day: NaiveDate) -> Option<&'r FxRate> {
        let key = (from, to, self.exchange.rate_type.as_str());
        let end = self.rates.partition_point(|rate| (rate.key(), rate.date) <= (key, day));
        self.rates.get(end.checked_sub(1)?).filter(|rate| rate.key() == key)
    }

    fn missing(&self, pair: &Pair, day: NaiveDate) -> Fault {
        let Pair { from, to, .. } = pair;
        let kind = match self.exchange.rate_type.as_str() {
            "" => String::new(),
            kind => format!(" of the type `{kind}`"),
        };
        let message = format!("there is no rate{kind} from {from} to {to} for {day}");
        let newest =
            self.newest(from, to, day).or_else(|| self.newest(to, from, day).filter(|_| self.exchange.inverse));
        let (place, hint): (&Place, String) = match newest {
            Some(old) => {
                let age = self.exchange.max_age_days;
                (
                    &old.place,
                    format!(
                        "the newest is of {}, older than `max_age_days: {age}` allows: deliver a newer one",
                        old.date
                    ),
                )
            }
            None => (
                &self.exchange.place,
                format!("add a row from {from} to {to} to the table `fx_rates`{}", self.others(pair)),
            ),
        };
        Fault::new(&codes::R021, message).at(place).hint(hint)
    }

    /// What the table has of the pair under other types or the other way round.
    fn others(&self, pair: &Pair) -> String {
        let types = self.rates.iter().filter(|rate| (&rate.from, &rate.to) == (&pair.from, &pair.to));
        let types: BTreeSet<String> = types.map(|rate| format!("`{}`", rate.rate_type)).collect();
        let turned = self.rates.iter().any(|rate| (&rate.from, &rate.to) == (&pair.to, &pair.from));
        match (types.is_empty(), turned && !self.exchange.inverse) {
            (false, _) => format!("; it has it with `rate_type` {}", types.into_iter().collect::<Vec<_>>().join(", ")),
            (true, true) => "; it has the opposite direction, which `inverse: true` takes".to_owned(),
            (true, false) => String::new(),
        }
    }
}
