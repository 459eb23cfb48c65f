//! The levels table: where meters that carry a level from one period to the next begin. Whether a meter exists, carries
//! a level and has the dimensions is asked later, of the book.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use hashbrown::HashMap;

use super::check::Checker;
use super::ids::Ids;
use super::model::{Index, LevelRow};
use super::table::Table;
use crate::fault::{Outcome, codes};

/// Columns that the published table `levels` has besides: what a run has closed with opens the next one as it is.
const PUBLISHED: [&str; 3] = ["run_id", "account_id", "dimensions"];

/// Checks the opening levels; sorted by subscription, meter and dimension values.
pub(super) fn levels(table: &Table, subscriptions: Option<&Ids<'_>>, timezone: Tz) -> Outcome<Vec<LevelRow>> {
    let mut checker = Checker::new(table, timezone);
    if !checker.columns(&["subscription_id", "meter", "level"], &PUBLISHED) {
        return checker.finish(Vec::new());
    }
    let mut first: HashMap<(Index, &str, BTreeMap<String, String>), usize> = HashMap::new();
    let mut levels = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let Some(level) = level_row(&mut checker, row, subscriptions) else { continue };
        let meter = checker.text(row, checker.column("meter"));
        let key = (level.subscription, meter, level.values.clone());
        match first.get(&key) {
            Some(earlier) => {
                let (id, line) = (checker.text(row, checker.column("subscription_id")), table.line(*earlier));
                checker.fault(row, &codes::R004, || {
                    let message = format!("the level of `{meter}` for `{id}` stands in line {line} already");
                    (message, "keep one for each subscription, meter and set of dimension values".to_owned())
                });
            }
            None => {
                first.insert(key, row);
                levels.push(level);
            }
        }
    }
    levels.sort_by(|a, b| (a.subscription, &a.meter, &a.values).cmp(&(b.subscription, &b.meter, &b.values)));
    checker.finish(levels)
}

fn level_row(checker: &mut Checker<'_>, row: usize, subscriptions: Option<&Ids<'_>>) -> Option<LevelRow> {
    let [subscription, meter, level] = ["subscription_id", "meter", "level"].map(|name| checker.column(name));
    let id = checker.required(row, subscription);
    let subscription = checker.pointer(row, subscription, subscriptions, "subscriptions");
    let meter = checker.required(row, meter);
    let level = checker.decimal(row, level, None);
    id?;
    let (mut values, place) = (checker.custom(row), checker.table.place(row));
    let dimensions = checker.column("dimensions");
    let text = checker.blankable(row, dimensions);
    if !text.is_empty() {
        let Ok(named) = serde_json::from_str::<BTreeMap<String, String>>(text) else {
            checker.bad(
                row,
                dimensions,
                "no JSON object of texts",
                "write it as {\"region\": \"EU\"}, or give each dimension a column",
            );
            return None;
        };
        values.extend(named.into_iter().filter(|(_, value)| !value.is_empty()));
    }
    Some(LevelRow { subscription: subscription?, meter: meter?.to_owned(), level: level?, values, place })
}
