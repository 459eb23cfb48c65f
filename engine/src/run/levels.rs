//! The table `levels`: where meters that carry a level stand at the end of the period, for the run of the next one.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;

use super::Job;
use super::pools::Pools;
use crate::book::model::Meter;
use crate::catalog::Opening;
use crate::charge::Cube;
use crate::fault::{Fault, Outcome, codes};
use crate::tables::{Table, build};

/// The closing levels of subscriptions that go on, sorted by account, subscription, meter and dimension values.
///
/// # Errors
/// `G002` when a level does not fit.
pub(super) fn closing(job: &Job<'_>, cube: &Cube<'_>) -> Outcome<Vec<Opening>> {
    let carries = |(at, meter): (usize, &Meter)| meter.aggregate.level().is_some_and(|level| level.carry).then_some(at);
    let meters: Vec<usize> = job.book.meters.iter().enumerate().filter_map(carries).collect();
    let mut found = Vec::new();
    if meters.is_empty() {
        return Ok(found);
    }
    let goes_on = |subscription: &&u32| job.reference.subscriptions[**subscription as usize].ends_at > job.period.end();
    for subscription in job.reference.subscriptions_of.iter().flatten().filter(goes_on) {
        for meter in meters.iter().filter(|meter| cube.is_used(*subscription, **meter)) {
            let levels = cube.closing(*subscription, *meter).ok_or_else(|| {
                let (id, meter) = (&job.reference.subscriptions[*subscription as usize].id, &job.book.meters[*meter]);
                let message =
                    format!("the level of `{id}`, meter `{}`, has more than 20 digits before the point", meter.id);
                Fault::new(&codes::G002, message).at(&meter.place).hint("look for records with a wrong quantity")
            })?;
            let opening = |(values, level)| Opening { subscription: *subscription, meter: *meter, values, level };
            found.extend(levels.into_iter().map(opening));
        }
    }
    Ok(found)
}

/// A part of `levels`.
pub(super) fn levels(job: &Job<'_>, pools: &Pools, levels: &[Opening], range: Range<usize>) -> Outcome<RecordBatch> {
    let levels = &levels[range];
    let account = |level: &Opening| job.reference.subscriptions[level.subscription as usize].account;
    let dimensions = levels.iter().map(|level| dimensions(job, level)).collect::<Option<Vec<String>>>();
    let dimensions = dimensions.ok_or_else(|| Fault::ours("dimension values have no JSON"))?;
    Table::Levels.batch(vec![
        build::constant(&pools.run_id, levels.len()),
        pools.account_ids.column(levels.iter().map(account))?,
        pools.subscription_ids.column(levels.iter().map(|level| level.subscription))?,
        pools.meter_ids.column(levels.iter().map(|level| u32::try_from(level.meter).unwrap_or(u32::MAX)))?,
        build::text(&dimensions),
        build::decimal38(levels.iter().map(|level| level.level.units()).collect()),
    ])
}

/// The dimension values as a JSON object, sorted by name.
fn dimensions(job: &Job<'_>, level: &Opening) -> Option<String> {
    let names = job.book.meters[level.meter].dimensions.iter().map(String::as_str);
    let values: BTreeMap<&str, &str> = names.zip(level.values.iter().map(AsRef::as_ref)).collect();
    if values.is_empty() { Some(String::new()) } else { serde_json::to_string(&values).ok() }
}
