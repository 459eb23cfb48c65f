//! What an explanation says of one invoice line: rows as they were committed, prices with their origin, who filled which
//! tiers with what, and every step from the rated amount to the net. It can be written as JSON and read back without loss;
//! nothing is computed here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

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
    /// How usage was rated, with everybody who shares the tiers.
    pub rating: Option<Rating>,
    /// How a recurring or one-time amount was made.
    pub fixed: Option<FixedAmount>,
    /// The exchange of the amount into the currency of the account.
    #[serde(default)]
    pub exchange: Option<ExchangeUse>,
    /// The discount of the line.
    pub discount: Option<DiscountUse>,
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

/// What the allowances of a plan have covered for this charge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllowanceUse {
    /// The allowances, in the order in which they are drawn down.
    pub allowances: Vec<AllowanceTerms>,
    /// The draws of everybody who shares them, in order.
    pub draws: Vec<Draw>,
    /// The line among what was covered: position of the draw, and of the part; `None` for lines of usage.
    pub own: Option<(usize, usize)>,
}

/// An included quantity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllowanceTerms {
    /// Included units.
    pub quantity: Exact,
    /// Who shares it: `subscription` or `account`.
    pub shared_over: String,
    /// Its file and line.
    pub place: String,
}

/// What one subscription has drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draw {
    /// Its usage before.
    pub portions: Vec<PortionUse>,
    /// What was covered of it.
    pub covered: Vec<PartUse>,
}

/// How a recurring or one-time amount was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixedAmount {
    /// Amount of a whole period and quantity 1.
    pub amount: Exact,
    /// Quantity of the subscription.
    pub quantity: Exact,
    /// Days that are billed.
    pub days: i64,
    /// Days of the period; the amount is for `days` of them. 1 of 1 where part periods are due in full.
    pub of: i64,
    /// Whether part periods are billed by the day.
    pub prorated: bool,
}

/// The discount of a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiscountUse {
    /// Its id in the book.
    pub id: String,
    /// Its file and line.
    pub place: String,
    /// Percent.
    pub percent: Exact,
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
    /// Discount before it is rounded.
    pub discount_unrounded: Exact,
    /// What the discount takes off.
    pub discount: Exact,
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
