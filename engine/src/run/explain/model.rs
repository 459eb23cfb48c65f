//! What an explanation says of one invoice line: rows as they were committed, prices with their origin, who filled which
//! tiers with what, and every step from the rated amount to the net. It can be written as JSON and read back without loss;
//! nothing is computed here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::made::MadeOf;
use super::terms::Terms;
use crate::money::Decimal;

/// A decimal that is written as a text: JSON readers turn numbers into floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact(pub Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Decimal::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

/// A row of a published table: column to value, decimals as texts.
pub type Row = BTreeMap<String, Value>;

/// Why one invoice line says what it says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// The row of `invoice_lines`.
    pub line: Row,
    /// The run that committed it.
    pub run: Committed,
    /// Every price that could have applied, in the order of resolution.
    pub tried: Vec<TriedPrice>,
    /// The terms of the line's own price.
    pub price: Option<Terms>,
    /// What included quantities have taken off before the price.
    pub allowances: Option<AllowanceUse>,
    /// Which included amounts have covered a usage line, when the line says what they cover.
    pub amounts: Option<AmountUse>,
    /// How usage was rated, with everybody who shares the tiers.
    pub rating: Option<Rating>,
    /// How a recurring or one-time amount was made.
    pub fixed: Option<FixedAmount>,
    /// The exchange of the amount into the currency of the account.
    #[serde(default)]
    pub exchange: Option<ExchangeUse>,
    /// How a line that is made of other lines came about: by a minimum, a maximum or a commitment.
    pub made_of: Option<MadeOf>,
    /// What discounts have taken off the line, in order.
    pub discounts: Vec<DiscountUse>,
    /// From the rated amount to the net.
    pub rounding: Option<RoundingSteps>,
    /// The rows of `invoice_taxes`.
    pub taxes: Vec<Row>,
    /// The rows of `credit_draws` of its invoice.
    #[serde(default)]
    pub credits: Vec<Row>,
    /// The rows of `usage_buckets` behind it.
    pub buckets: Vec<Row>,
    /// The usage files behind them.
    pub sources: Vec<SourceShare>,
    /// What the command has found when it rated the line again from this explanation alone.
    pub rerated: Rerated,
}

/// The run a line was committed by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Committed {
    /// Hash of its facts.
    pub run_id: String,
    /// Its period.
    pub period: String,
    /// Time zone of the period.
    pub timezone: String,
    /// Number of its manifest.
    pub number: u32,
    /// Whether usage, book, reference tables and pipeline are still those of the run.
    pub facts_unchanged: bool,
    /// What is not as it was.
    pub warnings: Vec<String>,
}

/// A price that could have applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TriedPrice {
    /// Where it would have come from.
    pub layer: String,
    /// Its file and line; `None` when there is none.
    pub place: Option<String>,
    /// Whether it counts for the line's price.
    pub applied: bool,
    /// Why, or why not.
    pub why: String,
}

/// One charge on the same terms, for everybody who shares its tiers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rating {
    /// The stretches of the period and the terms in each.
    pub stretches: Vec<StretchTerms>,
    /// Who shares: subscription ids in the order in which they fill tiers.
    pub shared_by: Vec<String>,
    /// Usage in the order in which it fills tiers; what stands before the line's own portions was there before.
    pub portions: Vec<PortionUse>,
    /// What came out of it, line by line.
    pub parts: Vec<PartUse>,
    /// Quantity and amount of each band, over everybody who shares.
    pub bands: Vec<BandUse>,
    /// Position of the line among `parts`.
    pub own: usize,
}

/// A stretch of the period with one price.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StretchTerms {
    /// First local day.
    pub from: String,
    /// First day after it.
    pub to: String,
    /// The terms.
    pub terms: Terms,
}

/// Usage that fills tiers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortionUse {
    /// Subscription.
    pub subscription: String,
    /// Dimension values that are kept apart.
    pub dimensions: BTreeMap<String, String>,
    /// Text of what the price looks up record by record.
    pub looked_up: Option<String>,
    /// Position of the stretch.
    pub stretch: u16,
    /// First instant of it, or the time of a single record, in UTC.
    pub time: String,
    /// The same, in microseconds since 1970.
    pub time_micros: i64,
    /// Quantity.
    pub quantity: Exact,
    /// Records behind it.
    pub records: u64,
}

/// A rated part: what became one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartUse {
    /// Position of the (first) portion.
    pub portion: usize,
    /// Text of the `tier` column.
    pub tier: String,
    /// Quantity.
    pub quantity: Exact,
    /// Price of a unit.
    pub unit_price: Option<Exact>,
    /// Unrounded amount.
    pub amount: Exact,
    /// Records behind it.
    pub records: u64,
}

/// What a band holds of everybody who shares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BandUse {
    /// Text of the `tier` column.
    pub tier: String,
    /// Quantity.
    pub quantity: Exact,
    /// Unrounded amount.
    pub amount: Exact,
}

/// What allowances have covered for this charge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllowanceUse {
    /// What was granted to the line's subscription and to whoever draws beside it.
    pub allowances: Vec<AllowanceTerms>,
    /// The draws of everybody who shares anything of it, in order.
    pub draws: Vec<Draw>,
    /// The line among what was covered: position of the draw, and of the part; `None` for lines of usage.
    pub own: Option<(usize, usize)>,
}

/// What included amounts have covered of the usage lines of a charge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AmountUse {
    /// What was granted, in the order in which it is drawn.
    pub allowances: Vec<AllowanceTerms>,
    /// What was left of each before this charge.
    pub left: Vec<Exact>,
    /// Rated amounts of the subscription's usage lines of the charge, in order.
    pub amounts: Vec<Exact>,
    /// Position of the covered line among them.
    pub own: usize,
    /// Records behind the covered line.
    pub records: u64,
}

/// An included quantity, or amount, of one period.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllowanceTerms {
    /// Its name: `plan:PLAN/ID` or `contract:CONTRACT/ID`.
    pub allowance: String,
    /// The period that has given it.
    pub granted_period: String,
    /// What there was to use in this period.
    pub quantity: Exact,
    /// Who shares it: `subscription`, `account` or `subtree`.
    pub shared_over: String,
    /// The subscription that has it; of a pool the one with the lowest id.
    pub holder: String,
    /// Its file and line.
    pub place: String,
}

/// What one subscription has drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draw {
    /// What it draws on, in order: positions among the allowances.
    pub from: Vec<usize>,
    /// Draws of one number pay together for what is not covered: usage taken back gives back what any of them has paid.
    pub pays_with: usize,
    /// Its usage before.
    pub portions: Vec<PortionUse>,
    /// What was covered of it.
    pub covered: Vec<PartUse>,
}

/// How a recurring or one-time amount was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixedAmount {
    /// Amount of a whole interval and quantity 1.
    pub amount: Exact,
    /// Quantity of the subscription.
    pub quantity: Exact,
    /// Days (or seconds) that are billed, or given back.
    pub part: i64,
    /// Those of the interval: the amount is for `part` of them. 1 of 1 where parts are due in full.
    pub of: i64,
    /// The interval; none for what is due once.
    pub interval: Option<IntervalUse>,
    /// Whether the amount is given back: below zero then.
    pub credit: bool,
}

/// The interval that a recurring amount is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntervalUse {
    /// First day.
    pub from: String,
    /// First day after it.
    pub to: String,
    /// How a part of it is counted: `by_day`, `by_second`, `thirty_day`, `both_ends` or `none`.
    pub prorate: String,
}

/// What one discount has taken off a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiscountUse {
    /// Its id in the book.
    pub id: String,
    /// Its file and line.
    pub place: String,
    /// The coupon that was redeemed.
    pub coupon: Option<String>,
    /// What it is taken off: `line`, `account` or `invoice`.
    pub level: String,
    /// How much it takes off: `percent`, `amount`, `free_units` or `fixed_price`.
    pub kind: String,
    /// The percentage, amount, number of units or price of a unit.
    pub value: Exact,
    /// What a percentage is of: `rest` or `original`.
    pub of: String,
    /// The most it takes off in the period.
    pub cap: Option<Exact>,
    /// What was left before it.
    pub before: Exact,
    /// What it takes off, unrounded.
    pub off: Exact,
    /// The same in minor units: its row in `line_discounts`.
    pub amount: Exact,
    /// Units of the line that are free.
    pub units: Option<Exact>,
    /// Money that was shared out over several lines.
    pub shared: Option<SharedUse>,
}

/// Money that was shared out over lines in proportion to their weights, in minor units, by largest remainder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedUse {
    /// All of it.
    pub whole: Exact,
    /// What is left of each line, in order.
    pub weights: Vec<Exact>,
    /// Position of the line.
    pub own: usize,
}

/// From the rated amount to the net.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoundingSteps {
    /// Unrounded amount.
    pub rated: Exact,
    /// Digits of the currency's minor unit.
    pub digits: u32,
    /// How amounts are rounded.
    pub mode: String,
    /// What the discount is taken of: `unrounded` (the net is rounded) or `rounded` (the discount is).
    pub discount_base: String,
    /// Rounded amount before discount.
    pub list: Exact,
    /// What comes off before rounding: of all discounts on the line by itself.
    pub discount_unrounded: Exact,
    /// What the discount takes off.
    pub discount: Exact,
    /// Taxes that the price includes, which are no part of the net.
    #[serde(default)]
    pub tax_included: Exact,
    /// How taxes are rounded: each on its `line`, together on the `invoice`, or by the tax `service` that answered them.
    #[serde(default)]
    pub tax: String,
    /// What is left.
    pub net: Exact,
}

/// A rated amount in another currency, and the rate it was exchanged at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeUse {
    /// Currency of the price.
    pub from: String,
    /// Currency of the account.
    pub to: String,
    /// Units of `to` for one of `from`.
    pub rate: Exact,
    /// The day of the table it is of.
    pub rate_date: String,
    /// Whether it is one over the rate of the opposite direction.
    pub inverse: bool,
    /// The amount in `from`; `None` where SQL has made it, which is not told.
    pub priced: Option<Exact>,
}

/// Records of one usage file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceShare {
    /// The source.
    pub source: String,
    /// The file, as the source names it.
    pub file: String,
    /// Its records behind the line.
    pub records: u64,
    /// Their quantity; `None` where quantities of records do not add up.
    pub quantity: Option<Exact>,
}

/// What rating again has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rerated {
    /// The line again, to the last digit.
    Equal,
    /// The SQL of the price was evaluated again over all accounts, and gave the line again.
    EqualBySql,
    /// The facts have changed: only what was committed is told.
    No,
}
