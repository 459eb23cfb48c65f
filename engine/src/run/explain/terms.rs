//! Prices in the words of the book, written into an explanation and read back: the numbers of one model, and of long price
//! lists the rows that were used.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use super::model::{Exact, PortionUse};
use super::schedule::ScheduleTerms;
use super::words::{
    Word, bounds_word, each_word, mode_word, read_each, read_mode, read_scope, read_span, scope_word, span_word,
    zero_word,
};
use crate::book::model::{
    Calendar, Convert, Destination, Model, Prefixes, Price, RecordTerms, RoundAmount, Tier, Window, ZeroUsage,
};
use crate::fault::Place;
use crate::money::Decimal;

/// A price with its numbers; only the keys its model has are written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// `list`, `plan:<id>`, …
    pub layer: String,
    /// File and line.
    pub place: String,
    /// Name of the model.
    pub model: String,
    /// Whose usage fills tiers together.
    pub scope: String,
    /// What the model is applied to.
    pub each: String,
    /// Whether single records are priced.
    pub by_record: bool,
    /// Whether rated records are published, so that a line of zero stays.
    #[serde(skip_serializing_if = "none")]
    pub itemise: Option<bool>,
    /// Whether tiers begin anew in each group of dimension values.
    pub restarts: bool,
    /// What is due without usage.
    pub zero_usage: String,
    /// Units that cost nothing, taken off first.
    #[serde(skip_serializing_if = "none")]
    pub free_units: Option<Exact>,
    /// Quantity divided by this before anything else.
    #[serde(skip_serializing_if = "none")]
    pub divide: Option<Exact>,
    /// The quotient is rounded to whole steps of this.
    #[serde(skip_serializing_if = "none")]
    pub divide_step: Option<Exact>,
    /// In this direction.
    #[serde(skip_serializing_if = "none")]
    pub divide_round: Option<String>,
    /// Digits to which the amount of each thing the model is applied to is rounded.
    #[serde(skip_serializing_if = "none")]
    pub round_amount_digits: Option<u32>,
    /// In this direction.
    #[serde(skip_serializing_if = "none")]
    pub round_amount_mode: Option<String>,
    /// Price of `per` units; of dynamic, the multiplier.
    #[serde(skip_serializing_if = "none")]
    pub unit_price: Option<Exact>,
    /// Units the price is for.
    #[serde(skip_serializing_if = "none")]
    pub per: Option<Exact>,
    /// Bands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierTerms>,
    /// Units in a block.
    #[serde(skip_serializing_if = "none")]
    pub size: Option<Exact>,
    /// Price of a block.
    #[serde(skip_serializing_if = "none")]
    pub price: Option<Exact>,
    /// Rounding of blocks; `exact` when parts of a block count.
    #[serde(skip_serializing_if = "none")]
    pub round: Option<String>,
    /// Percent.
    #[serde(skip_serializing_if = "none")]
    pub percent: Option<Exact>,
    /// Least amount of the charge in a period; of percentage, of a line.
    #[serde(skip_serializing_if = "none")]
    pub minimum: Option<Exact>,
    /// Greatest amount of the charge in a period; of percentage, of a line.
    #[serde(skip_serializing_if = "none")]
    pub maximum: Option<Exact>,
    /// `after_discounts` or `before_discounts`: what minimum and maximum of the charge hold for.
    #[serde(skip_serializing_if = "none")]
    pub bounds: Option<String>,
    /// Due for each record.
    #[serde(skip_serializing_if = "none")]
    pub record_fee: Option<Exact>,
    /// Records that are free.
    #[serde(skip_serializing_if = "none")]
    pub free_records: Option<u64>,
    /// Amount that is free.
    #[serde(skip_serializing_if = "none")]
    pub free_amount: Option<Exact>,
    /// Whether it goes on being used after the free records are.
    #[serde(skip_serializing_if = "none")]
    pub free_amount_outlasts: Option<bool>,
    /// Least amount of a record.
    #[serde(skip_serializing_if = "none")]
    pub record_minimum: Option<Exact>,
    /// Greatest amount of a record.
    #[serde(skip_serializing_if = "none")]
    pub record_maximum: Option<Exact>,
    /// Dimensions or the attribute that the price looks up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Cells that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellTerms>,
    /// Price of every other cell.
    #[serde(skip_serializing_if = "none")]
    pub default_unit_price: Option<Exact>,
    /// Due for each record of a quantity above zero.
    #[serde(skip_serializing_if = "none")]
    pub connect_fee: Option<Exact>,
    /// Zone of the clock.
    #[serde(skip_serializing_if = "none")]
    pub timezone: Option<String>,
    /// How long one unit lasts.
    #[serde(skip_serializing_if = "none")]
    pub spans: Option<String>,
    /// Windows of local time; the first that holds wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowTerms>,
    /// Public holidays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<String>,
    /// Whether rounding up a piece uses up time of the next one.
    #[serde(skip_serializing_if = "none")]
    pub increment_carries: Option<bool>,
    /// Prefixes that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<PrefixTerms>,
    /// The formula or SELECT.
    #[serde(skip_serializing_if = "none")]
    pub sql: Option<String>,
    /// Amount of an interval.
    #[serde(skip_serializing_if = "none")]
    pub amount: Option<Exact>,
    /// When it is due.
    #[serde(skip_serializing_if = "none")]
    pub schedule: Option<ScheduleTerms>,
}

/// A band.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TierTerms {
    /// Text of the `tier` column.
    pub tier: String,
    /// Upper bound; `None` for the open one.
    pub up_to: Option<Exact>,
    /// Whether the bound itself belongs to the next band.
    pub below: bool,
    /// Price of `per` units; of graduated_percentage, the percent.
    pub unit_price: Exact,
    /// Units the price is for.
    pub per: Exact,
    /// Due once the band is entered.
    pub flat_fee: Exact,
    /// The quantity in the band is rounded up to whole increments.
    pub increment: Option<Exact>,
}

/// A cell of a matrix.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellTerms {
    /// Values, in the order of `by`.
    pub values: Vec<String>,
    /// Price of a unit.
    pub unit_price: Exact,
}

/// A window of local time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WindowTerms {
    /// Its name on lines.
    pub name: String,
    /// Days of the week, Monday first.
    pub days: Option<[bool; 7]>,
    /// First time of day.
    pub from: Option<String>,
    /// First time of day after it.
    pub to: Option<String>,
    /// Only these dates.
    pub dates: Option<Vec<String>>,
    /// Only holidays, or only others.
    pub holidays: Option<bool>,
    /// Price of `per` units.
    pub unit_price: Exact,
    /// Units the price is for.
    pub per: Exact,
    /// A piece of a record is rounded up to whole increments.
    pub increment: Option<Exact>,
    /// Due for each record of a quantity above zero that starts in it.
    pub connect_fee: Exact,
}

/// A prefix.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrefixTerms {
    /// The prefix.
    pub prefix: String,
    /// Its name on lines.
    pub destination: String,
    /// First increment of a record, and all that follow.
    pub tiers: Vec<TierTerms>,
    /// Due for each record of a quantity above zero.
    pub connect_fee: Exact,
}

fn none<T>(value: &Option<T>) -> bool {
    value.is_none()
}

fn some(value: Decimal) -> Option<Exact> {
    Some(Exact(value))
}

fn tiers(tiers: &[Tier]) -> Vec<TierTerms> {
    let tier = |(at, tier): (usize, &Tier)| TierTerms {
        tier: if tier.beyond { "beyond".to_owned() } else { (at + 1).to_string() },
        up_to: tier.up_to.map(Exact),
        below: tier.exclusive,
        unit_price: Exact(tier.unit_price),
        per: Exact(tier.per),
        flat_fee: Exact(tier.flat_fee),
        increment: tier.increment.map(Exact),
    };
    tiers.iter().enumerate().map(tier).collect()
}

impl Terms {
    /// The terms of `price`, which stands at `place`, as far as `portions` have used them.
    pub(super) fn of(price: &Price, place: String, portions: &[PortionUse]) -> Self {
        let mut terms = Self {
            layer: price.layer.clone(),
            place,
            model: price.model.name().to_owned(),
            scope: scope_word(price.scope).to_owned(),
            each: each_word(price.each).to_owned(),
            by_record: price.by_record(),
            itemise: price.itemise.then_some(true),
            restarts: price.restarts,
            zero_usage: zero_word(price.zero_usage).to_owned(),
            free_units: Some(price.free_units).filter(|units| !units.is_zero()).map(Exact),
            divide: price.convert.map(|convert| Exact(convert.divide)),
            divide_step: price.convert.and_then(|convert| convert.round).map(|(step, _)| Exact(step)),
            divide_round: price.convert.and_then(|convert| convert.round).map(|(_, mode)| mode_word(mode).to_owned()),
            round_amount_digits: price.round_amount.map(|rounding| rounding.digits),
            round_amount_mode: price.round_amount.map(|rounding| mode_word(rounding.mode).to_owned()),
            minimum: price.bounds.minimum.map(Exact),
            maximum: price.bounds.maximum.map(Exact),
            bounds: price.bounds.any().then(|| bounds_word(price.bounds.before_discounts).to_owned()),
            ..Self::default()
        };
        terms.numbers(&price.model, portions);
        terms
    }

    /// The numbers of the model.
    fn numbers(&mut self, model: &Model, portions: &[PortionUse]) {
        match model {
            Model::PerUnit { unit_price, per } => (self.unit_price, self.per) = (some(*unit_price), some(*per)),
            Model::Dynamic { multiplier } => self.unit_price = some(*multiplier),
            Model::Graduated { tiers: own }
            | Model::Volume { tiers: own }
            | Model::Stairstep { tiers: own }
            | Model::GraduatedPercentage { tiers: own } => self.tiers = tiers(own),
            Model::Package { size, price, rounding } => {
                (self.size, self.price) = (some(*size), some(*price));
                self.round = Some(rounding.map_or("exact", mode_word).to_owned());
            }
            Model::Percentage { percent, minimum, maximum, records } => {
                (self.percent, self.minimum, self.maximum) = (some(*percent), minimum.map(Exact), maximum.map(Exact));
                self.record_terms(records);
            }
            Model::Matrix { by, cells, default } => {
                self.by.clone_from(by);
                self.default_unit_price = default.map(Exact);
                self.cells = used_cells(by, cells, portions);
            }
            Model::Increments { tiers: own, connect_fee } => {
                (self.tiers, self.connect_fee) = (tiers(own), some(*connect_fee));
            }
            Model::Calendar(calendar) => self.calendar(calendar),
            Model::Prefix { by, prefixes } => {
                self.by = vec![by.clone()];
                self.prefixes = used_prefixes(prefixes, portions);
            }
            Model::Formula { sql } | Model::Sql { sql } => self.sql = Some(sql.text.clone()),
            Model::Recurring { amount, schedule } => {
                (self.amount, self.schedule) = (some(*amount), Some(ScheduleTerms::of(schedule)));
            }
            Model::OneTime { amount } => self.amount = some(*amount),
            Model::Commitment | Model::AccountBound => {}
        }
    }

    fn record_terms(&mut self, records: &RecordTerms) {
        if !records.any() {
            return;
        }
        self.record_fee = some(records.fee);
        self.free_records = records.free_records;
        self.free_amount = records.free_amount.map(Exact);
        self.free_amount_outlasts = Some(records.free_amount_outlasts);
        (self.record_minimum, self.record_maximum) = (records.minimum.map(Exact), records.maximum.map(Exact));
    }

    fn calendar(&mut self, calendar: &Calendar) {
        self.timezone = calendar.timezone.map(|zone| zone.name().to_owned());
        self.spans = Some(span_word(calendar.spans).to_owned());
        self.holidays = calendar.holidays.iter().map(NaiveDate::to_string).collect();
        self.increment_carries = Some(calendar.increment_carries);
        let window = |window: &Window| WindowTerms {
            name: window.name.clone(),
            days: window.days,
            from: window.hours.map(|(from, _)| from.to_string()),
            to: window.hours.map(|(_, to)| to.to_string()),
            dates: window.dates.as_ref().map(|dates| dates.iter().map(NaiveDate::to_string).collect()),
            holidays: window.holidays,
            unit_price: Exact(window.unit_price),
            per: Exact(window.per),
            increment: window.increment.map(Exact),
            connect_fee: Exact(window.connect_fee),
        };
        self.windows = calendar.windows.iter().map(window).collect();
    }
}

/// The cells that portions fall into.
fn used_cells(by: &[String], cells: &[(Vec<String>, Decimal)], portions: &[PortionUse]) -> Vec<CellTerms> {
    let value = |portion: &PortionUse, name: &String| portion.dimensions.get(name).cloned().unwrap_or_default();
    let used: BTreeSet<Vec<String>> =
        portions.iter().map(|portion| by.iter().map(|name| value(portion, name)).collect()).collect();
    let used = cells.iter().filter(|(values, _)| used.contains(values));
    used.map(|(values, price)| CellTerms { values: values.clone(), unit_price: Exact(*price) }).collect()
}

/// The prefixes that records begin with.
fn used_prefixes(prefixes: &Prefixes, portions: &[PortionUse]) -> Vec<PrefixTerms> {
    let mut used: Vec<&Destination> =
        portions.iter().filter_map(|portion| prefixes.longest(portion.looked_up.as_deref()?)).collect();
    used.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    used.dedup_by(|a, b| a.prefix == b.prefix);
    let row = |row: &Destination| PrefixTerms {
        prefix: row.prefix.clone(),
        destination: usize::try_from(row.name).ok().and_then(|at| prefixes.names.get(at)).cloned().unwrap_or_default(),
        tiers: tiers(&row.tiers),
        connect_fee: Exact(row.connect_fee),
    };
    used.into_iter().map(row).collect()
}

impl TierTerms {
    fn read(&self) -> Tier {
        Tier {
            up_to: self.up_to.map(|bound| bound.0),
            exclusive: self.below,
            unit_price: self.unit_price.0,
            per: self.per.0,
            flat_fee: self.flat_fee.0,
            increment: self.increment.map(|increment| increment.0),
            beyond: self.tier == "beyond",
            unpriced: false,
        }
    }
}

impl Terms {
    /// The price that these terms say; `None` for SQL, and for terms that lack a number.
    pub(super) fn read(&self) -> Option<Price> {
        let convert = match self.divide {
            None => None,
            Some(divide) => {
                let round = match (self.divide_step, &self.divide_round) {
                    (Some(step), Some(mode)) => Some((step.0, read_mode(mode)?)),
                    _ => None,
                };
                Some(Convert { divide: divide.0, round })
            }
        };
        let round_amount = match (self.round_amount_digits, &self.round_amount_mode) {
            (Some(digits), Some(mode)) => Some(RoundAmount { digits, mode: read_mode(mode)? }),
            _ => None,
        };
        Some(Price {
            scope: read_scope(&self.scope)?,
            each: read_each(&self.each)?,
            restarts: self.restarts,
            zero_usage: [ZeroUsage::None, ZeroUsage::Fee, ZeroUsage::Line].read(zero_word, &self.zero_usage)?,
            convert,
            free_units: self.free_units.unwrap_or_default().0,
            round_amount,
            itemise: self.itemise == Some(true),
            ..Price::listed(self.read_model()?, Place::file(&self.place))
        })
    }

    fn read_model(&self) -> Option<Model> {
        let given = |value: Option<Exact>| value.map(|value| value.0);
        let tiers: Arc<[Tier]> = self.tiers.iter().map(TierTerms::read).collect();
        Some(match self.model.as_str() {
            "per_unit" => Model::PerUnit { unit_price: given(self.unit_price)?, per: given(self.per)? },
            "dynamic" => Model::Dynamic { multiplier: given(self.unit_price)? },
            "graduated" => Model::Graduated { tiers },
            "volume" => Model::Volume { tiers },
            "stairstep" => Model::Stairstep { tiers },
            "graduated_percentage" => Model::GraduatedPercentage { tiers },
            "package" => {
                let round = self.round.as_deref()?;
                let rounding = if round == "exact" { None } else { Some(read_mode(round)?) };
                Model::Package { size: given(self.size)?, price: given(self.price)?, rounding }
            }
            "percentage" => Model::Percentage {
                percent: given(self.percent)?,
                minimum: given(self.minimum),
                maximum: given(self.maximum),
                records: RecordTerms {
                    fee: given(self.record_fee).unwrap_or_default(),
                    free_records: self.free_records,
                    free_amount: given(self.free_amount),
                    free_amount_outlasts: self.free_amount_outlasts.unwrap_or_default(),
                    minimum: given(self.record_minimum),
                    maximum: given(self.record_maximum),
                },
            },
            "matrix" => {
                let cells = self.cells.iter().map(|cell| (cell.values.clone(), cell.unit_price.0)).collect();
                Model::Matrix { by: self.by.clone(), cells, default: given(self.default_unit_price) }
            }
            "increments" => Model::Increments { tiers, connect_fee: given(self.connect_fee)? },
            "calendar" => Model::Calendar(Arc::new(self.read_calendar()?)),
            "prefix" => {
                let row = |row: &PrefixTerms| {
                    let tiers = row.tiers.iter().map(TierTerms::read).collect();
                    let (prefix, connect_fee) = (row.prefix.clone(), row.connect_fee.0);
                    (Destination { prefix, name: 0, tiers, connect_fee }, row.destination.clone())
                };
                let prefixes = Arc::new(Prefixes::new(self.prefixes.iter().map(row).collect()));
                Model::Prefix { by: self.by.first()?.clone(), prefixes }
            }
            _ => return None,
        })
    }

    fn read_calendar(&self) -> Option<Calendar> {
        let windows: Option<Vec<Window>> = self.windows.iter().map(WindowTerms::read).collect();
        Some(Calendar {
            timezone: match &self.timezone {
                Some(zone) => Some(zone.parse().ok()?),
                None => None,
            },
            spans: read_span(self.spans.as_deref()?)?,
            windows: windows?,
            holidays: dates(&self.holidays)?,
            increment_carries: self.increment_carries?,
        })
    }
}

impl WindowTerms {
    fn read(&self) -> Option<Window> {
        let time = |text: &String| text.parse::<NaiveTime>().ok();
        Some(Window {
            name: self.name.clone(),
            days: self.days,
            hours: match (&self.from, &self.to) {
                (Some(from), Some(to)) => Some((time(from)?, time(to)?)),
                _ => None,
            },
            dates: match &self.dates {
                Some(own) => Some(dates(own)?),
                None => None,
            },
            holidays: self.holidays,
            unit_price: self.unit_price.0,
            per: self.per.0,
            increment: self.increment.map(|increment| increment.0),
            connect_fee: self.connect_fee.0,
        })
    }
}

fn dates(texts: &[String]) -> Option<Vec<NaiveDate>> {
    texts.iter().map(|text| text.parse().ok()).collect()
}
