//! What goes wrong between a usage system and a rating engine, the same for every source: late delivery, delivery twice,
//! the same key with other content, records of the neighbouring months, rows nobody can read.
//! It is apart from the sources so that a mishap means the same in each; it never decides how a row is counted.

use super::clock::{DAY, HOUR, PERIOD_END, PERIOD_START, SECOND};
use super::dice::Dice;

/// A usage record of one source, as the mediation `SELECT` of `pipelines/nightly.yaml` sees it.
pub(crate) trait Record: Clone + PartialEq {
    /// The dedup key.
    fn key(&self) -> &str;
    /// The identifier, unless it was lost.
    fn identifier(&self) -> Option<&str>;
    /// When it happened, unless that was lost.
    fn at(&self) -> Option<i64>;
    /// The reason of a record that lost its identifier or its time.
    fn loss(&self) -> &'static str {
        "missing_required"
    }
    /// The record type after mediation.
    fn record_type(&self) -> String;
    /// Whether the source's `WHERE` leaves it out.
    fn filtered(&self) -> bool {
        false
    }
    /// The first suspend rule that it meets.
    fn suspended_by(&self) -> Option<&'static str>;
    /// What it adds to the summing and counting meters, in the smallest unit of each.
    fn measures(&self) -> Vec<(&'static str, i64)>;
    /// Moves it to another moment.
    fn move_to(&mut self, at: i64);
    /// Gives it another key.
    fn rename(&mut self, key: String);
    /// Changes its content but not its key.
    fn correct(&mut self, dice: &mut Dice);
}

/// A record as it was delivered.
#[derive(Clone)]
pub(crate) struct Row<R> {
    /// Day of October of the delivery (32 is 1 November).
    pub(crate) day: i64,
    /// Moment of the delivery; rows of a file are in this order.
    pub(crate) delivered: i64,
    /// The record.
    pub(crate) record: R,
    /// Whether another system wrote it again: the same content in another notation.
    pub(crate) restated: bool,
    /// Why nobody can read the row, and the text that stands in the file instead.
    pub(crate) spoiled: Option<(&'static str, String)>,
}

/// How often each mishap of delivery happens.
pub(crate) struct Deliveries {
    pub(crate) twice_same_file: usize,
    pub(crate) twice_later: usize,
    pub(crate) conflicts: usize,
    pub(crate) september: usize,
    pub(crate) november: usize,
}

/// Delivers a record at once, or (2 %) one to three days late; nothing is delivered after 1 November.
pub(crate) fn deliver<R: Record>(record: R, dice: &mut Dice) -> Row<R> {
    let late = if dice.chance(20) { dice.roll(DAY / SECOND, 3 * DAY / SECOND) * SECOND } else { 0 };
    let at = record.at().unwrap_or(PERIOD_START);
    let delivered = (at + late).clamp(PERIOD_START, PERIOD_END + DAY - 1);
    Row { day: day_of(delivered), delivered, record, restated: false, spoiled: None }
}

fn day_of(delivered: i64) -> i64 {
    (delivered - PERIOD_START).div_euclid(DAY) + 1
}

/// Adds the mishaps of delivery; copies are made of rows that were readable.
pub(crate) fn disturb<R: Record>(rows: &mut Vec<Row<R>>, counts: &Deliveries, prefix: &str, dice: &mut Dice) {
    let sound: Vec<usize> =
        (0..rows.len()).filter(|index| rows[*index].spoiled.is_none() && rows[*index].record.at().is_some()).collect();
    for _ in 0..counts.twice_same_file {
        let mut copy = rows[dice.pick(&sound)].clone();
        let midnight = PERIOD_START + copy.day * DAY;
        copy.delivered = (copy.delivered + dice.roll(0, 7_200) * SECOND).min(midnight - 1);
        rows.push(copy);
    }
    for _ in 0..counts.twice_later {
        let copy = later_copy(&rows[dice.pick(&sound)], dice);
        rows.push(Row { restated: true, ..copy });
    }
    for _ in 0..counts.conflicts {
        let mut copy = later_copy(&rows[dice.pick(&sound)], dice);
        copy.record.correct(dice);
        rows.push(copy);
    }
    for number in 0..counts.september + counts.november {
        let mut copy = rows[dice.pick(&sound)].clone();
        let september = number < counts.september;
        let (at, delivered) = if september {
            (PERIOD_START - dice.roll(1, 40) * HOUR - 7 * SECOND, PERIOD_START + dice.roll(0, 60) * HOUR)
        } else {
            let at = PERIOD_END + dice.roll(0, 20 * 3_600) * SECOND;
            (at, if dice.chance(300) { PERIOD_END - dice.roll(1, 3_600) * SECOND } else { at })
        };
        copy.record.move_to(at);
        copy.record.rename(format!("{prefix}{}{number:04}", if september { "s" } else { "n" }));
        rows.push(Row { day: day_of(delivered), delivered, ..copy });
    }
}

fn later_copy<R: Record>(row: &Row<R>, dice: &mut Dice) -> Row<R> {
    let delivered = (row.delivered + dice.roll(1, 4) * DAY).min(PERIOD_END + DAY - SECOND);
    Row { day: day_of(delivered), delivered, ..row.clone() }
}
