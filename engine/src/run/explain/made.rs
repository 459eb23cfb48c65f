//! Lines that are made of other lines: what is told of them, and how they are worked out again from that alone.

use serde::{Deserialize, Serialize};

use super::super::Job;
use super::super::made::{Made, name};
use super::super::pools::place_ref;
use super::model::{Exact, TriedPrice};
use crate::bounds::{Span, by_days};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line};
use crate::money::{Decimal, Rounding};

/// How a line that is made of other lines came about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MadeOf {
    /// `minimum`, `maximum`, `commitment` (what is missing), `overage` or `shortfall` (missing units).
    pub what: String,
    /// The bound or committed amount, by the days it holds.
    pub spans: Vec<SpanUse>,
    /// Of so many days.
    pub of: i64,
    /// Whether what that comes to is rounded to the minor unit.
    pub rounded: bool,
    /// What it comes to.
    pub bound: Exact,
    /// What earlier periods of the term have counted.
    pub before: Exact,
    /// What the lines (of a shortfall: the units used) of this period come to.
    pub sum: Exact,
    /// How many lines those are.
    pub lines: u64,
    /// Of an overage, what is taken of what goes beyond: the factor less one; of a shortfall, the price of a unit.
    pub price: Option<Exact>,
    /// Quantity of the line, but for a shortfall.
    pub quantity: Exact,
}

/// An amount that holds for some days.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SpanUse {
    /// For the whole.
    pub amount: Exact,
    /// Days.
    pub days: i64,
}

/// How `line` came about, if it is made of other lines.
///
/// # Errors
/// Our bug when nothing is known of such a line.
pub(super) fn made_of(job: &Job<'_>, all: &[Made], line: &Line) -> Outcome<Option<MadeOf>> {
    let derived = job.catalog.prices[line.price as usize].model.is_derived();
    if !derived && !matches!(line.band, Band::Minimum | Band::Maximum) {
        return Ok(None);
    }
    let found = all.binary_search_by_key(&name(line), |made| made.line).ok();
    let made =
        found.and_then(|at| all.get(at)).ok_or_else(|| Fault::ours("nothing is known of how a line was made"))?;
    let what = match line.band {
        Band::Minimum => "minimum",
        Band::Maximum => "maximum",
        Band::Overage => "overage",
        _ if made.price.is_some() => "shortfall",
        _ => "commitment",
    };
    let before_discounts = !derived && job.catalog.prices[line.price as usize].bounds.before_discounts;
    let span = |span: &Span| SpanUse { amount: Exact(span.amount), days: span.days };
    Ok(Some(MadeOf {
        what: what.to_owned(),
        spans: made.spans.iter().map(span).collect(),
        of: made.of,
        rounded: what != "shortfall" && !before_discounts,
        bound: Exact(made.bound),
        before: Exact(made.before),
        sum: Exact(made.sum),
        lines: made.lines,
        price: made.price.map(Exact),
        quantity: Exact(line.quantity),
    }))
}

/// The one price of a line that nobody subscribes to.
pub(super) fn tried(job: &Job<'_>, line: &Line) -> Option<TriedPrice> {
    let price = &job.catalog.prices[line.price as usize];
    let (layer, place) = (price.layer.clone(), Some(place_ref(&price.place)));
    price.model.is_derived().then(|| TriedPrice { layer, place, applied: true, why: "it applies".to_owned() })
}

/// Quantity and amount again; `None` when something does not fit.
pub(super) fn again(made: &MadeOf, digits: u32, mode: Rounding) -> Option<(Decimal, Decimal)> {
    let spans: Vec<Span> = made.spans.iter().map(|span| Span { amount: span.amount.0, days: span.days }).collect();
    let bound = by_days(&spans, made.of)?;
    let bound = if made.rounded { bound.rounded(digits, mode)? } else { bound };
    let after = made.before.0.plus(made.sum.0)?;
    let missing = bound.minus(after)?;
    match (made.what.as_str(), made.price) {
        ("minimum" | "maximum" | "commitment", _) => Some((made.quantity.0, missing)),
        ("shortfall", Some(price)) => Some((missing, missing.times(price.0)?.rounded(digits, mode)?)),
        ("overage", Some(factor)) => {
            let beyond = |sum: Decimal| Some(sum.minus(bound)?.max(Decimal::ZERO));
            let beyond = beyond(after)?.minus(beyond(made.before.0)?)?;
            Some((made.quantity.0, beyond.times(factor.0)?.rounded(digits, mode)?))
        }
        _ => None,
    }
}
