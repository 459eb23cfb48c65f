//! recurring and one_time: amounts that depend on the subscription, not on usage.
//!
//! A subscription that changes has versions, each of which is asked by itself: it owes its part of every interval that this
//! run bills, and is given back what its end leaves unused of an interval that an earlier run has billed. What begins after
//! the period is not known yet: whatever holds on its last day is billed to the end of an interval, and given back by the
//! run in whose period it ends.

use chrono::NaiveDate;

use super::Unrated;
use super::intervals::{Anchors, Interval, Share, intervals, share};
use crate::book::model::{Model, Prorate, Schedule};
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::Subscription;

/// A stretch of days of the period with one price.
#[derive(Clone, Copy, Debug)]
pub struct Priced<'p> {
    /// First day.
    pub from: NaiveDate,
    /// First day after it.
    pub to: NaiveDate,
    /// The model, with its amount.
    pub model: &'p Model,
}

/// Who owes: one version of a subscription.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'h> {
    /// The version.
    pub version: &'h Subscription,
    /// Day of the month on which the cycles of its account begin.
    pub cycle_day: u32,
    /// Days of the earlier versions of the subscription that owed the same charge.
    pub earlier: &'h [(NaiveDate, NaiveDate)],
}

/// An amount due in a period, or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Unrounded amount; below zero when it is given back.
    pub amount: Decimal,
    /// First day of the service.
    pub from: NaiveDate,
    /// First day after it.
    pub to: NaiveDate,
    /// Position of the stretch whose price it has.
    pub stretch: u16,
    /// The part of the whole amount.
    pub share: Share,
    /// What it is a part of; `None` for what is due once.
    pub of: Option<(Interval, Prorate)>,
    /// Whether it is given back.
    pub credit: bool,
}

/// What `holder` owes in `period` for a charge with the prices of `stretches` (all of the period), in order of the days; one
/// amount for each interval and stretch.
///
/// # Errors
/// [`Unrated::OutOfRange`] when an amount does not fit.
pub fn due(stretches: &[Priced<'_>], holder: &Holder<'_>, period: &Period) -> Result<Vec<Fixed>, Unrated> {
    if holder.version.quantity.is_zero() {
        return Ok(Vec::new());
    }
    let owed = Owed { stretches, holder, period };
    let mut all: Vec<Fixed> = owed.once()?.into_iter().collect();
    owed.recurring(&mut all)?;
    Ok(all)
}

/// Everything that decides what is owed.
struct Owed<'o> {
    stretches: &'o [Priced<'o>],
    holder: &'o Holder<'o>,
    period: &'o Period,
}

impl Owed<'_> {
    /// A one-time amount: due on the first day on which the subscription has the charge.
    fn once(&self) -> Result<Option<Fixed>, Unrated> {
        let start = self.holder.version.start;
        let holds = |(_, priced): &(u16, &Priced<'_>)| priced.from <= start && start < priced.to;
        match (0..).zip(self.stretches).find(holds) {
            Some((stretch, Priced { model: Model::OneTime { amount }, .. })) if self.holder.earlier.is_empty() => {
                let amount = amount.times(self.holder.version.quantity).ok_or(Unrated::OutOfRange)?;
                let to = start.succ_opt().unwrap_or(start);
                let share = Share::WHOLE;
                Ok(Some(Fixed { amount, from: start, to, stretch, share, of: None, credit: false }))
            }
            _ => Ok(None),
        }
    }

    fn recurring(&self, all: &mut Vec<Fixed>) -> Result<(), Unrated> {
        let (version, period) = (self.holder.version, self.period);
        let Some(schedule) = self.schedule(version.start) else { return Ok(()) };
        let start = first_paid(version, schedule);
        let (first_day, end_day) = (period.first_day, period.end_day());
        let anchors = Anchors { begins: version.begins, cycle_day: self.holder.cycle_day };
        for interval in intervals(schedule, anchors, (first_day, end_day)) {
            let from = start.max(interval.start);
            if from >= interval.end || version.end.is_some_and(|end| end <= from) {
                continue;
            }
            if !schedule.advance {
                if interval.end <= end_day {
                    let to = version.end.map_or(interval.end, |end| end.min(interval.end));
                    self.bill((from, to), interval, all)?;
                }
                continue;
            }
            // An end after the period is not known yet.
            let end = version.end.filter(|end| *end < end_day && *end < interval.end);
            if from >= first_day && from < end_day {
                self.bill((from, end.unwrap_or(interval.end)), interval, all)?;
            } else if let Some(end) = end.filter(|end| from < first_day && first_day <= *end) {
                self.give_back((end, interval.end), interval, all)?;
            }
        }
        Ok(())
    }

    /// The schedule of the price on `day`, or on the nearest day of the period.
    fn schedule(&self, day: NaiveDate) -> Option<&Schedule> {
        let at = self.stretches.partition_point(|priced| priced.to <= day).min(self.stretches.len().checked_sub(1)?);
        self.stretches[at..].iter().find_map(|priced| match priced.model {
            Model::Recurring { schedule, .. } => Some(schedule),
            _ => None,
        })
    }

    /// Bills the days `[from, to)` of `interval`, one amount for each price. Prices before the period are those of its
    /// first day, prices after it those of its last.
    fn bill(&self, days: (NaiveDate, NaiveDate), interval: Interval, all: &mut Vec<Fixed>) -> Result<(), Unrated> {
        // A part that is priced another way than the first day of it is not due twice, and not lost.
        let Some(prorate) = self.schedule(days.0).map(|schedule| schedule.prorate) else { return Ok(()) };
        if prorate == Prorate::None && self.is_billed(interval) {
            return Ok(());
        }
        let last = self.stretches.len().saturating_sub(1);
        for (stretch, priced) in (0_u16..).zip(self.stretches) {
            let at = usize::from(stretch);
            let from = if at == 0 { days.0 } else { days.0.max(priced.from) };
            let to = if at == last { days.1 } else { days.1.min(priced.to) };
            let Model::Recurring { amount, .. } = priced.model else { continue };
            if from >= to {
                continue;
            }
            let to = if prorate == Prorate::None { days.1 } else { to };
            let changed = to == days.1 && to < interval.end;
            let of = (interval, prorate);
            all.extend(self.part(*amount, (from, to), of, changed, (stretch, false))?);
            if prorate == Prorate::None {
                break;
            }
        }
        Ok(())
    }

    /// Gives back what was billed for the days `[end, …)` of `interval` by an earlier run, at the price of the period's
    /// first day.
    fn give_back(&self, days: (NaiveDate, NaiveDate), interval: Interval, all: &mut Vec<Fixed>) -> Result<(), Unrated> {
        let Some(Priced { model: Model::Recurring { amount, schedule }, .. }) = self.stretches.first() else {
            return Ok(());
        };
        if schedule.credit_unused && schedule.prorate != Prorate::None {
            all.extend(self.part(*amount, days, (interval, schedule.prorate), false, (0, true))?);
        }
        Ok(())
    }

    /// The part of an `amount` for these days; `None` when it is no part at all.
    fn part(
        &self,
        amount: Decimal,
        (from, to): (NaiveDate, NaiveDate),
        of: (Interval, Prorate),
        changed: bool,
        (stretch, credit): (u16, bool),
    ) -> Result<Option<Fixed>, Unrated> {
        let share = share(of.1, (from, to), of.0, changed, self.period.timezone).ok_or(Unrated::OutOfRange)?;
        if share.part == 0 {
            return Ok(None);
        }
        let full = amount.times(self.holder.version.quantity).ok_or(Unrated::OutOfRange)?;
        let (part, whole) = (Decimal::whole(share.part), Decimal::whole(share.of));
        let amount = full.ratio(part, whole).ok_or(Unrated::OutOfRange)?;
        let amount = if credit { Decimal::ZERO.minus(amount).ok_or(Unrated::OutOfRange)? } else { amount };
        Ok(Some(Fixed { amount, from, to, stretch, share, of: Some(of), credit }))
    }

    /// Whether an earlier version has owed something in `interval`: then all of it is billed.
    fn is_billed(&self, interval: Interval) -> bool {
        let trial = self.schedule(interval.start).filter(|schedule| !schedule.billed_in_trial);
        let paid = trial.and(self.holder.version.trial_end).map_or(interval.start, |end| end.max(interval.start));
        self.holder.earlier.iter().any(|(from, to)| paid.max(*from) < (*to).min(interval.end))
    }
}

/// The first day of `version` that is paid.
#[must_use]
pub fn first_paid(version: &Subscription, schedule: &Schedule) -> NaiveDate {
    let trial = version.trial_end.filter(|_| !schedule.billed_in_trial);
    trial.map_or(version.start, |end| version.start.max(end))
}

#[cfg(test)]
mod tests;
