//! When a recurring amount is due, in the words of the book.

use serde::{Deserialize, Serialize};

use crate::book::model::{Anchor, Every, Prorate, Schedule};

/// When a recurring amount is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScheduleTerms {
    /// Length of an interval.
    pub every: String,
    /// What intervals are counted from.
    pub anchor: String,
    /// `advance` or `arrears`.
    pub bill: String,
    /// What a part costs.
    pub prorate: String,
    /// `free` or `billed`.
    pub in_trial: String,
    /// Whether what is left unused is given back.
    pub credit_unused: bool,
}

impl ScheduleTerms {
    pub(super) fn of(schedule: &Schedule) -> Self {
        Self {
            every: every_word(schedule.every),
            anchor: anchor_word(schedule.anchor).to_owned(),
            bill: if schedule.advance { "advance" } else { "arrears" }.to_owned(),
            prorate: prorate_word(schedule.prorate).to_owned(),
            in_trial: if schedule.billed_in_trial { "billed" } else { "free" }.to_owned(),
            credit_unused: schedule.credit_unused,
        }
    }
}

/// The interval as a book writes it.
fn every_word(every: Every) -> String {
    match every {
        Every::Days(1) => "day".to_owned(),
        Every::Days(days) => format!("{days} days"),
        Every::Months(1) => "month".to_owned(),
        Every::Months(3) => "quarter".to_owned(),
        Every::Months(12) => "year".to_owned(),
        Every::Months(months) => format!("{months} months"),
    }
}

fn anchor_word(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Calendar => "calendar",
        Anchor::Cycle => "cycle",
        Anchor::Start => "start",
    }
}

pub(super) fn prorate_word(prorate: Prorate) -> &'static str {
    match prorate {
        Prorate::ByDay => "by_day",
        Prorate::BySecond => "by_second",
        Prorate::ThirtyDay => "thirty_day",
        Prorate::BothEnds => "both_ends",
        Prorate::None => "none",
    }
}
