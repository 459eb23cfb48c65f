//! Prices: the charge models with their numbers, and what they are applied to.

use std::sync::Arc;

use super::around::Bounds;
use super::calendar::Calendar;
use super::prefix::Prefixes;
use super::recurring::Schedule;
use crate::fault::{Located, Place};
use crate::money::{Decimal, Rounding};

/// How one charge is priced for somebody, and where that stands.
#[derive(Clone, Debug)]
pub struct Price {
    /// The model with its numbers.
    pub model: Model,
    /// Whose usage fills tiers and allowances together.
    pub scope: Scope,
    /// What the model is applied to.
    pub each: Each,
    /// Dimensions that get a line each; empty: one line.
    pub lines_by: Vec<String>,
    /// Whether tiers begin anew in each group of dimension values.
    pub restarts: bool,
    /// What is due without usage.
    pub zero_usage: ZeroUsage,
    /// How the quantity of the meter becomes the quantity that is priced.
    pub convert: Option<Convert>,
    /// Units that cost nothing, taken off first.
    pub free_units: Decimal,
    /// Rounding of the amount of each thing the model is applied to.
    pub round_amount: Option<RoundAmount>,
    /// Whether every rated record is published.
    pub itemise: bool,
    /// Of a recurring or one-time amount: where it is due; `None`: everywhere.
    pub when: Option<Located>,
    /// Least and greatest amount of a period.
    pub bounds: Bounds,
    /// The layer it comes from: `list`, `layer:<id>`, `contract:<id>`, `plan:<id>` or `override:<account>`.
    pub layer: String,
    /// The rule's file and line.
    pub place: Place,
}

/// Whose usage fills tiers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Each subscription by itself.
    #[default]
    Subscription,
    /// The subscriptions of an account to the same plan (or product).
    Package,
    /// All subscriptions of an account, in order of subscription id.
    Account,
    /// All subscriptions of all accounts below the same topmost account.
    Subtree,
    /// All subscriptions that are billed to the same account in the same currency.
    Invoice,
}

/// What a model is applied to; the amounts are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Each {
    /// The usage of the period.
    #[default]
    Period,
    /// The usage of each window of a windowed meter.
    Window,
    /// The usage of each local day.
    Day,
    /// Each record.
    Record,
}

/// What is due when there was no usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ZeroUsage {
    /// No line.
    #[default]
    None,
    /// The flat fee of the first tier.
    Fee,
    /// A line of quantity and amount zero.
    Line,
}

/// `convert:` of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convert {
    /// Units of the meter in one unit that is priced; above zero.
    pub divide: Decimal,
    /// The rounding to whole steps, if any; the step is above zero.
    pub round: Option<(Decimal, Rounding)>,
}

impl Convert {
    /// The converted quantity, rounded half up to 18 digits where the division does not end; `None` when it does not fit.
    #[must_use]
    pub fn apply(&self, quantity: Decimal) -> Option<Decimal> {
        match self.round {
            // Both divisions at once, so that nothing is rounded before the steps are counted.
            Some((step, mode)) => quantity.steps(self.divide.times(step)?, mode)?.times(step),
            None => quantity.over(self.divide),
        }
    }
}

/// `round_amount:` of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundAmount {
    /// Digits after the point.
    pub digits: u32,
    /// The direction.
    pub mode: Rounding,
}

/// A charge model with its prices (DESIGN section 5, "Charge models"). Long lists of prices are shared, never copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Every unit at one price.
    PerUnit {
        /// Price of `per` units.
        unit_price: Decimal,
        /// Units the price is for; above zero.
        per: Decimal,
    },
    /// Each band at its own price.
    Graduated {
        /// Bands, ascending; only the last is open.
        tiers: Arc<[Tier]>,
    },
    /// All units at the price of the band the total reaches.
    Volume {
        /// Bands, ascending; only the last is open.
        tiers: Arc<[Tier]>,
    },
    /// The flat fee of the band the total reaches.
    Stairstep {
        /// Bands, ascending; only the last is open.
        tiers: Arc<[Tier]>,
    },
    /// Each band at its own percentage of the quantity, which is an amount of money itself; `per` of the bands is 100.
    GraduatedPercentage {
        /// Bands, ascending; only the last is open.
        tiers: Arc<[Tier]>,
    },
    /// Blocks of `size` units.
    Package {
        /// Units in a block; above zero.
        size: Decimal,
        /// Price of a block.
        price: Decimal,
        /// Whether started blocks count (`up`), only full ones (`down`), or parts (`None`, exact).
        rounding: Option<Rounding>,
    },
    /// A percentage of the quantity, which is an amount of money itself.
    Percentage {
        /// 6.5 means 6.5 %.
        percent: Decimal,
        /// Least amount of a line.
        minimum: Option<Decimal>,
        /// Greatest amount of a line.
        maximum: Option<Decimal>,
        /// Terms that need the single records.
        records: RecordTerms,
    },
    /// A price per cell of dimension values.
    Matrix {
        /// The dimensions that make a cell, as declared.
        by: Vec<String>,
        /// Values (in the order of `by`) and price; sorted by values, unique.
        cells: Arc<[(Vec<String>, Decimal)]>,
        /// Price where no cell fits; without it such usage is set aside.
        default: Option<Decimal>,
    },
    /// The quantity is an amount carried on the record.
    Dynamic {
        /// What it is multiplied by.
        multiplier: Decimal,
    },
    /// Each record alone, in increments.
    Increments {
        /// Two bands: the first increment of a record, and all that follow.
        tiers: Arc<[Tier]>,
        /// Due for each record of a quantity above zero.
        connect_fee: Decimal,
    },
    /// Each record alone, at the prices of the windows of time it lies in.
    Calendar(Arc<Calendar>),
    /// Each record alone, at the price of the longest prefix that fits.
    Prefix {
        /// The dimension or attribute that prefixes are of.
        by: String,
        /// The prefixes.
        prefixes: Arc<Prefixes>,
    },
    /// An SQL expression gives the amount.
    Formula {
        /// The expression.
        sql: Located,
    },
    /// A SELECT over the charge's buckets gives quantities and amounts.
    Sql {
        /// The SELECT.
        sql: Located,
    },
    /// An amount each interval.
    Recurring {
        /// Amount of a whole interval and quantity 1.
        amount: Decimal,
        /// When it is due, and for what part.
        schedule: Schedule,
    },
    /// An amount once, in the period that holds the start.
    OneTime {
        /// Amount for quantity 1.
        amount: Decimal,
    },
    /// A commitment of a contract: its lines are made of other lines.
    Commitment,
    /// Bounds of an account: their lines are made of other lines.
    AccountBound,
}

/// Terms of a percentage that look at single records, in order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordTerms {
    /// Due for each record that is not free.
    pub fee: Decimal,
    /// Records that are free.
    pub free_records: Option<u64>,
    /// Amount that is free.
    pub free_amount: Option<Decimal>,
    /// Whether the free amount goes on being used after the free records are.
    pub free_amount_outlasts: bool,
    /// Least amount of a record, its fee included.
    pub minimum: Option<Decimal>,
    /// Greatest amount of a record, its fee included.
    pub maximum: Option<Decimal>,
}

impl RecordTerms {
    /// Whether there is any.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl Model {
    /// The model's name in the book and on lines.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PerUnit { .. } => "per_unit",
            Self::Graduated { .. } => "graduated",
            Self::Volume { .. } => "volume",
            Self::Stairstep { .. } => "stairstep",
            Self::GraduatedPercentage { .. } => "graduated_percentage",
            Self::Package { .. } => "package",
            Self::Percentage { .. } => "percentage",
            Self::Matrix { .. } => "matrix",
            Self::Dynamic { .. } => "dynamic",
            Self::Increments { .. } => "increments",
            Self::Calendar(_) => "calendar",
            Self::Prefix { .. } => "prefix",
            Self::Formula { .. } => "formula",
            Self::Sql { .. } => "sql",
            Self::Recurring { .. } => "recurring",
            Self::OneTime { .. } => "one_time",
            Self::Commitment => "commitment",
            Self::AccountBound => "account_bound",
        }
    }

    /// Whether lines of it are made of other lines, so that nobody subscribes to it.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        matches!(self, Self::Commitment | Self::AccountBound)
    }

    /// The name of band number `named`, of models whose bands have names: windows and destinations.
    #[must_use]
    pub fn band_name(&self, named: u32) -> Option<&str> {
        let at = usize::try_from(named).ok()?;
        match self {
            Self::Calendar(calendar) => calendar.windows.get(at).map(|window| window.name.as_str()),
            Self::Prefix { prefixes, .. } => prefixes.names.get(at).map(String::as_str),
            _ => None,
        }
    }
}

impl Price {
    /// The list price of `model` that stands at `place`, with every default.
    #[must_use]
    pub fn listed(model: Model, place: Place) -> Self {
        Self {
            model,
            scope: Scope::default(),
            each: Each::default(),
            lines_by: Vec::new(),
            restarts: false,
            zero_usage: ZeroUsage::default(),
            convert: None,
            free_units: Decimal::ZERO,
            round_amount: None,
            itemise: false,
            when: None,
            bounds: Bounds::default(),
            layer: "list".to_owned(),
            place,
        }
    }

    /// Whether both price alike, wherever they stand.
    #[must_use]
    pub fn same_terms(&self, other: &Self) -> bool {
        let alike =
            |price: &Self| (price.scope, price.each, price.restarts, price.zero_usage, price.convert, price.bounds);
        alike(self) == alike(other)
            && (self.free_units, self.round_amount, self.itemise)
                == (other.free_units, other.round_amount, other.itemise)
            && self.lines_by == other.lines_by
            && self.when.as_ref().map(|when| &when.text) == other.when.as_ref().map(|when| &when.text)
            && self.model == other.model
    }

    /// Whether it must see the single records.
    #[must_use]
    pub fn by_record(&self) -> bool {
        let by_model = match &self.model {
            Model::Increments { .. } | Model::Calendar(_) | Model::Prefix { .. } => true,
            Model::Percentage { records, .. } => records.any(),
            _ => false,
        };
        by_model || self.each == Each::Record
    }

    /// The last tier, where usage past it is set aside.
    #[must_use]
    pub fn end(&self) -> Option<&Tier> {
        let (Model::Graduated { tiers }
        | Model::Volume { tiers }
        | Model::Stairstep { tiers }
        | Model::GraduatedPercentage { tiers }) = &self.model
        else {
            return None;
        };
        let (past, tiers) = tiers.split_last()?;
        tiers.last().filter(|_| past.unpriced)
    }

    /// Whether there may be usage that it has no price for.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        matches!(&self.model, Model::Matrix { default: None, .. } | Model::Prefix { .. })
    }
}

/// One band of a tiered price: (previous bound, `up_to`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Upper bound; `None` for the last, open band.
    pub up_to: Option<Decimal>,
    /// Whether the bound itself belongs to the next band (`below:`).
    pub exclusive: bool,
    /// Price of `per` units in the band.
    pub unit_price: Decimal,
    /// Units the price is for; above zero.
    pub per: Decimal,
    /// Due once the band is entered; zero when not given.
    pub flat_fee: Decimal,
    /// The quantity in the band is rounded up to whole increments before it is priced.
    pub increment: Option<Decimal>,
    /// It stands for everything past the last tier, which is free (`beyond: free`).
    pub beyond: bool,
    /// The same where usage past the last tier is set aside (`beyond: unpriced`), so that none is left for it.
    pub unpriced: bool,
}

impl Tier {
    /// A band at `unit_price` up to (and with) `up_to`.
    #[must_use]
    pub fn new(up_to: Option<Decimal>, unit_price: Decimal) -> Self {
        let (per, flat_fee, increment) = (Decimal::ONE, Decimal::ZERO, None);
        Self { up_to, exclusive: false, unit_price, per, flat_fee, increment, beyond: false, unpriced: false }
    }

    /// Whether a total lies in this band or one before it.
    #[must_use]
    pub fn holds(&self, total: Decimal) -> bool {
        self.up_to.is_none_or(|bound| if self.exclusive { total < bound } else { total <= bound })
    }

    /// Whether a total is past where the next band begins, so that the next one is entered.
    #[must_use]
    pub fn is_passed(&self, total: Decimal) -> bool {
        !self.holds(total)
    }

    /// Price of a single unit, rounded half up where the division does not end.
    #[must_use]
    pub fn price_of_one(&self) -> Option<Decimal> {
        self.unit_price.over(self.per)
    }

    /// The amount of `quantity` in this band, without its flat fee; `None` when it does not fit.
    #[must_use]
    pub fn amount(&self, quantity: Decimal) -> Option<Decimal> {
        self.cost(self.billed(quantity)?)
    }

    /// The units billed for `quantity` in this band: whole increments of it.
    #[must_use]
    pub fn billed(&self, quantity: Decimal) -> Option<Decimal> {
        match self.increment {
            Some(increment) => quantity.steps(increment, Rounding::Up)?.times(increment),
            None => Some(quantity),
        }
    }

    /// The amount of `billed` units, rounded once.
    #[must_use]
    pub fn cost(&self, billed: Decimal) -> Option<Decimal> {
        billed.ratio(self.unit_price, self.per)
    }
}
