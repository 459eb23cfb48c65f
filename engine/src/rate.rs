//! Rating: quantity and price give an unrounded amount. One file per charge model.
//!
//! Every model takes the portions that share its tiers, in the order in which they fill them, and returns parts; it
//! knows no account, currency or rounding. `None` means that an amount does not fit 20 digits before the point.

mod graduated;
mod matrix;
mod package;
mod per_unit;
mod percentage;
mod volume;

pub mod fixed;

use std::sync::Arc;

use crate::book::model::Model;
use crate::lines::{Part, Portion};
use crate::money::Decimal;

/// Why portions could not be rated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrated {
    /// The amount is out of range.
    OutOfRange,
    /// A matrix has neither a cell nor a default for the values of these portions.
    NoCell(Vec<(usize, Vec<String>)>),
    /// The model does not price usage.
    NotUsage,
}

/// Rates `portions` together; `values` gives the dimension values of a group.
///
/// # Errors
/// See [`Unrated`].
pub fn rate(
    model: &Model,
    portions: &[Portion],
    values: &dyn Fn(u32) -> Vec<(Arc<str>, Arc<str>)>,
) -> Result<Vec<Part>, Unrated> {
    let parts = match model {
        Model::PerUnit { unit_price } => per_unit::rate(*unit_price, portions),
        Model::Graduated { tiers } => graduated::rate(tiers, portions),
        Model::Volume { tiers } => volume::rate(tiers, portions),
        Model::Package { size, price, rounding } => package::rate(*size, *price, *rounding, portions),
        Model::Percentage { percent, minimum, maximum } => percentage::rate(*percent, *minimum, *maximum, portions),
        Model::Matrix { by, cells, default } => return matrix::rate(by, cells, *default, portions, values),
        Model::Recurring { .. } | Model::OneTime { .. } => return Err(Unrated::NotUsage),
    };
    parts.ok_or(Unrated::OutOfRange)
}

/// The sum of the quantities.
fn total(portions: &[Portion]) -> Option<Decimal> {
    portions.iter().try_fold(Decimal::ZERO, |sum, portion| sum.plus(portion.quantity))
}

#[cfg(test)]
mod tests;
