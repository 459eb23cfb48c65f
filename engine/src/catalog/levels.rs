//! Opening levels: the rows of the `levels` table matched with the meters that carry a level into the period.

use std::sync::Arc;

use hashbrown::HashMap;

use super::nearest;
use crate::book::model::{Meter, PriceBook};
use crate::fault::{Fault, Faults, codes};
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::{Index, LevelRow, Reference};

/// The level of one meter with one value of each of its dimensions at the start of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Whose it is.
    pub subscription: Index,
    /// Meter index.
    pub meter: usize,
    /// A value per dimension of the meter, as declared there; empty text for blank.
    pub values: Vec<Arc<str>>,
    /// The level.
    pub level: Decimal,
}

/// The opening levels, sorted by subscription, meter and dimension values. Levels of zero say nothing and are left out.
pub(super) fn openings(book: &PriceBook, reference: &Reference, period: &Period, faults: &mut Faults) -> Vec<Opening> {
    let meters: HashMap<&str, usize> =
        book.meters.iter().enumerate().map(|(index, meter)| (meter.id.as_str(), index)).collect();
    let mut openings = Vec::new();
    for row in &reference.levels {
        let Some(meter) = meters.get(row.meter.as_str()) else {
            let fault = Fault::new(&codes::B003, format!("there is no meter `{}`", row.meter)).at(&row.place);
            faults.push(Fault {
                hint: nearest(&row.meter, book.meters.iter().map(|meter| meter.id.as_str()), faults),
                ..fault
            });
            continue;
        };
        if let Some(fault) = misfit(row, &book.meters[*meter]) {
            faults.push(fault.at(&row.place));
        } else if !row.level.is_zero() {
            let value = |name: &String| Arc::from(row.values.get(name).map_or("", String::as_str));
            let values = book.meters[*meter].dimensions.iter().map(value).collect();
            let subscription = opened(reference, row.subscription, period.start());
            openings.push(Opening { subscription, meter: *meter, values, level: row.level });
        }
    }
    openings.sort_by(|a, b| (a.subscription, a.meter, &a.values).cmp(&(b.subscription, b.meter, &b.values)));
    openings
}

/// The version of a subscription (its first one) that a period finds open, or the next one; the last one when all have ended.
fn opened(reference: &Reference, first: Index, start: i64) -> Index {
    let last = reference.subscriptions[first as usize].last;
    (first..last).find(|at| reference.subscriptions[*at as usize].ends_at > start).unwrap_or(last)
}

/// What keeps a row from being an opening level of `meter`.
fn misfit(row: &LevelRow, meter: &Meter) -> Option<Fault> {
    if !meter.aggregate.level().is_some_and(|level| level.carry) {
        let fault = Fault::new(&codes::B005, format!("the meter `{}` carries no level into the period", meter.id));
        return Some(
            fault.hint("give it `aggregate: weighted_sum` or `prorated_sum` with `carry: true`, or drop the row"),
        );
    }
    let strange = row.values.keys().find(|name| !meter.dimensions.contains(name))?;
    let fault = Fault::new(&codes::B007, format!("the meter `{}` has no dimension `{strange}`", meter.id));
    Some(fault.hint("leave the column blank in this row, or name it under `dimensions` of the meter"))
}
