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
    /// The price at which an earlier run has billed what is given back; that of the period's first day when not known.
    pub billed_at: Option<&'h Model>,
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

/// The first day that an earlier run has billed of what `holder` is given back by this one; it was billed at the price of the
/// last day of the period that holds it.
#[must_use]
pub fn billed_from(stretches: &[Priced<'_>], holder: &Holder<'_>, period: &Period) -> Option<NaiveDate> {
    let owed = Owed { stretches, holder, period };
    owed.pieces().into_iter().find_map(|piece| match piece {
        Piece::Unused { from, .. } => Some(from),
        Piece::Owed { .. } => None,
    })
}

/// What a run has to do with an interval.
enum Piece {
    /// These days of it are billed.
    Owed { interval: Interval, days: (NaiveDate, NaiveDate) },
    /// It was billed from a day on, but is used to an end only.
    Unused { interval: Interval, from: NaiveDate, end: NaiveDate },
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
        for piece in self.pieces() {
            match piece {
                Piece::Owed { interval, days } => self.bill(days, interval, all)?,
                Piece::Unused { interval, end, .. } => self.give_back((end, interval.end), interval, all)?,
            }
        }
        Ok(())
    }

    /// What this run has to do with each interval.
    fn pieces(&self) -> Vec<Piece> {
        let (version, period) = (self.holder.version, self.period);
        let Some(schedule) = self.schedule(version.start) else { return Vec::new() };
        let start = first_paid(version, schedule);
        let (first_day, end_day) = (period.first_day, period.end_day());
        let anchors = Anchors { begins: version.begins, cycle_day: self.holder.cycle_day };
        let piece = |interval: Interval| {
            let from = start.max(interval.start);
            if from >= interval.end || version.end.is_some_and(|end| end <= from) {
                return None;
            }
            if !schedule.advance {
                let days = (from, version.end.map_or(interval.end, |end| end.min(interval.end)));
                return (interval.end <= end_day).then_some(Piece::Owed { interval, days });
            }
            // An end after the period is not known yet.
            let end = version.end.filter(|end| *end < end_day && *end < interval.end);
            if from >= first_day {
                return (from < end_day).then(|| Piece::Owed { interval, days: (from, end.unwrap_or(interval.end)) });
            }
            end.filter(|end| first_day <= *end).map(|end| Piece::Unused { interval, from, end })
        };
        intervals(schedule, anchors, (first_day, end_day)).filter_map(piece).collect()
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
        for (stretch, priced) in (0_u16..).zip(self.stretches) {
            let from = if priced.from <= self.period.first_day { days.0 } else { days.0.max(priced.from) };
            let to = if priced.to >= self.period.end_day() { days.1 } else { days.1.min(priced.to) };
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

    /// Gives back what an earlier run has billed for these days of `interval`.
    fn give_back(&self, days: (NaiveDate, NaiveDate), interval: Interval, all: &mut Vec<Fixed>) -> Result<(), Unrated> {
        let first = self.stretches.first().map(|priced| priced.model);
        let Some(Model::Recurring { amount, schedule }) = self.holder.billed_at.or(first) else { return Ok(()) };
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
