//! Lines held against the commitments they count towards: what is missing and what goes beyond becomes lines, each line
//! gets its share, and what terms have counted so far is kept for the next period.

use chrono::NaiveDate;

use super::Job;
use super::committed::{Group, held};
use super::made::{Made, Making, name, settled, too_much};
use super::rater::Rater;
use crate::book::model::{Commitment, Committed};
use crate::bounds::{Span, by_days};
use crate::commitment::{Comes, Held, shares};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind};
use crate::money::Decimal;
use crate::period::days_together;

/// A line's share of a commitment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// What the line is found by.
    of: Key,
    /// Position of the line, once all lines are there.
    pub(super) line: u32,
    /// Index of the commitment.
    pub(super) commitment: u32,
    /// What of its net amount counts towards it.
    pub(super) covered: Decimal,
}

/// What a commitment of a term has counted in a period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Balance {
    pub(super) subscription: u32,
    pub(super) commitment: u32,
    pub(super) period: NaiveDate,
    pub(super) billed: Decimal,
}

/// What commitments have come to.
#[derive(Debug, Default)]
pub(super) struct CommitmentRows {
    /// In the order of the lines, then of the commitments.
    pub(super) shares: Vec<Share>,
    /// In the order of subscriptions, commitments and periods.
    pub(super) balances: Vec<Balance>,
}

/// What counts towards a group.
#[derive(Clone, Debug, Default)]
struct Counted {
    sum: Decimal,
    /// Positions of lines; of a quantity, none.
    lines: Vec<u32>,
}

/// Adds what is missing from commitments and what is due beyond them.
///
/// # Errors
/// `G002`, `G003` for amounts that do not fit.
pub(super) fn commitments(rater: &Rater<'_>, lines: &mut Vec<Line>, all: &mut Vec<Made>) -> Outcome<CommitmentRows> {
    let job = rater.job;
    if job.groups.all.is_empty() {
        return Ok(CommitmentRows::default());
    }
    let counted = count(rater, lines)?;
    let (mut making, mut rows) = (Making::default(), CommitmentRows::default());
    for (group, counted) in job.groups.all.iter().zip(&counted) {
        let Some(holder) = group.holder else { continue };
        let whole = Whole { job, group, holder, commitment: &job.book.commitments[group.commitment], counted };
        whole.settle(lines, &mut making, &mut rows)?;
    }
    let (rows_of, names) = (&job.reference.subscriptions, &job.book.commitments);
    let order = |row: &Balance| {
        let version = &rows_of[row.subscription as usize];
        (version.account, version.first, names[row.commitment as usize].id.as_str(), row.period)
    };
    rows.balances.sort_by(|a, b| order(a).cmp(&order(b)));
    rows.shares.sort_by_key(|share| (share.line, share.commitment));
    making.settle(rater, lines, all)?;
    Ok(rows)
}

/// Subscription, charge, kind, group, stretch, band and first instant of a line: no two lines have the same.
type Key = (u32, u32, LineKind, u32, u16, Band, i64);

fn key(line: &Line) -> Key {
    (line.subscription, line.charge, line.kind, line.group, line.stretch, line.band, line.service_start)
}

impl CommitmentRows {
    /// Gives the shares the positions of their lines among all lines, whose order later stages leave as it is.
    pub(super) fn place(&mut self, lines: &[Line]) -> Outcome<()> {
        let mut at = 0;
        for share in &mut self.shares {
            while lines.get(at).is_some_and(|line| key(line) != share.of) {
                at += 1;
            }
            if at == lines.len() {
                return Err(Fault::ours("a share of a commitment has no line").into());
            }
            share.line = u32::try_from(at).unwrap_or(u32::MAX);
        }
        Ok(())
    }
}

/// What counts towards each group.
fn count(rater: &Rater<'_>, lines: &[Line]) -> Outcome<Vec<Counted>> {
    let job = rater.job;
    let mut counted = vec![Counted::default(); job.groups.all.len()];
    let mut add = |group: u32, amount: Decimal, line: Option<u32>| -> Outcome<()> {
        let counted = &mut counted[group as usize];
        counted.sum = counted.sum.plus(amount).ok_or_else(|| too_much("what counts towards a commitment"))?;
        counted.lines.extend(line);
        Ok(())
    };
    let (mut covering, mut of) = (Vec::new(), None);
    for (at, line) in (0_u32..).zip(lines) {
        if of != Some(line.subscription) {
            job.groups.covering(job.reference, job.catalog, line.subscription, &mut covering);
            of = Some(line.subscription);
        }
        if job.catalog.prices[line.price as usize].model.is_derived() {
            continue;
        }
        for group in &covering {
            let commitment = &job.book.commitments[job.groups.all[*group as usize].commitment];
            let Committed::Amount { on, .. } = &commitment.to else { continue };
            if on.as_ref().is_none_or(|on| on.binary_search(&(line.charge as usize)).is_ok()) {
                add(*group, line.net, Some(at))?;
            }
        }
    }
    let of_quantity = |one: &Commitment| matches!(one.to, Committed::Quantity { .. });
    if job.book.commitments.iter().any(of_quantity) {
        for subscription in (0_u32..).take(job.reference.subscriptions.len()) {
            job.groups.covering(job.reference, job.catalog, subscription, &mut covering);
            for group in &covering {
                let commitment = &job.book.commitments[job.groups.all[*group as usize].commitment];
                let Committed::Quantity { meter, .. } = commitment.to else { continue };
                let used = rater.cube.quantity(subscription, meter);
                add(*group, used.ok_or_else(|| too_much("the units that count towards a commitment"))?, None)?;
            }
        }
    }
    Ok(counted)
}

/// One commitment of one customer with what counts towards it.
struct Whole<'w> {
    job: &'w Job<'w>,
    group: &'w Group,
    holder: u32,
    commitment: &'w Commitment,
    counted: &'w Counted,
}

/// The amount or quantity that is committed, by the days of the period or term on which the contract is held.
struct Due {
    span: Span,
    of: i64,
    committed: Decimal,
    /// Net amount or usage of the earlier periods of the term.
    before: Decimal,
    /// Whether the period or term ends in this period, or the contract does.
    ends: bool,
}

impl Whole<'_> {
    fn settle(&self, lines: &[Line], making: &mut Making, rows: &mut CommitmentRows) -> Outcome<()> {
        let account = self.job.reference.subscriptions[self.holder as usize].account;
        let digits = self.job.reference.accounts[account as usize].minor_digits;
        let Some(due) = self.due(digits)? else { return Ok(()) };
        if self.group.term.is_some() {
            self.keep(rows);
        }
        match &self.commitment.to {
            Committed::Amount { overage_factor, .. } => {
                let terms = Held {
                    committed: due.committed,
                    before: due.before,
                    net: self.counted.sum,
                    overage_factor: *overage_factor,
                    due: due.ends && self.commitment.true_up,
                };
                let mode = self.job.book.rounding.mode;
                let comes = terms.comes(digits, mode).ok_or_else(|| too_much("what counts towards a commitment"))?;
                self.amounts(&due, comes, overage_factor.minus(Decimal::ONE), making);
                self.share(lines, comes.covered, digits, rows)
            }
            Committed::Quantity { shortfall_price, .. } => {
                self.missing(&due, *shortfall_price, digits, making).ok_or_else(|| too_much("missing units").into())
            }
        }
    }

    /// What is committed for the period or term; `None` when the contract is not held on any day of the period.
    fn due(&self, digits: u32) -> Outcome<Option<Due>> {
        let (job, commitment) = (self.job, self.commitment);
        let (from, to) = (job.period.first_day, job.period.end_day());
        let run = |number: &u32| held(commitment, &job.reference.subscriptions[*number as usize]);
        let runs: Vec<(NaiveDate, Option<NaiveDate>)> = self.group.members.iter().map(run).collect();
        if days_together(&runs, from, to) == 0 {
            return Ok(None);
        }
        let (first, end) = self.group.term.map_or((from, to), |term| (term.from, term.to));
        let of = (end - first).num_days();
        let last = runs.iter().map(|(_, end)| end.unwrap_or(NaiveDate::MAX)).max();
        let ends = end <= to || last.is_some_and(|last| last <= to);
        let days = if commitment.in_full { of } else { days_together(&runs, first, end) };
        let (amount, rounded) = match &commitment.to {
            Committed::Amount { amount, .. } => (*amount, true),
            Committed::Quantity { quantity, .. } => (*quantity, false),
        };
        let span = Span { amount, days };
        let committed = by_days(&[span], of).and_then(|bound| match rounded {
            true => bound.rounded(digits, job.book.rounding.mode),
            false => Some(bound),
        });
        let billed = self.group.balances.iter().map(|(at, _)| job.reference.commitment_balances[*at].billed);
        let before = billed.into_iter().try_fold(Decimal::ZERO, Decimal::plus);
        let (Some(committed), Some(before)) = (committed, before) else {
            return Err(too_much("what counts towards a commitment").into());
        };
        Ok(Some(Due { span, of, committed, before, ends }))
    }

    /// What the term has counted, for the next period.
    fn keep(&self, rows: &mut CommitmentRows) {
        let commitment = u32::try_from(self.group.commitment).unwrap_or(u32::MAX);
        let known = &self.job.reference.commitment_balances;
        rows.balances.extend(self.group.balances.iter().map(|(at, version)| (&known[*at], version)).map(
            |(row, version)| Balance { subscription: *version, commitment, period: row.period, billed: row.billed },
        ));
        let (period, billed) = (self.job.period.first_day, self.counted.sum);
        rows.balances.push(Balance { subscription: self.holder, commitment, period, billed });
    }

    /// The lines of a commitment to an amount.
    fn amounts(&self, due: &Due, comes: Comes, factor: Option<Decimal>, making: &mut Making) {
        if !comes.shortfall.is_zero() {
            self.add(due, Band::Whole, (Decimal::ONE, None, comes.shortfall), None, making);
        }
        if !comes.overage.is_zero() {
            self.add(due, Band::Overage, (Decimal::ONE, None, comes.overage), factor, making);
        }
    }

    /// The line of a commitment to a quantity; `None` when it does not fit.
    fn missing(&self, due: &Due, price: Decimal, digits: u32, making: &mut Making) -> Option<()> {
        let missing = due.committed.minus(due.before.plus(self.counted.sum)?)?;
        if !due.ends || !self.commitment.true_up || missing <= Decimal::ZERO {
            return Some(());
        }
        let amount = missing.times(price)?.rounded(digits, self.job.book.rounding.mode)?;
        self.add(due, Band::Whole, (missing, Some(price), amount), Some(price), making);
        Some(())
    }

    fn add(
        &self,
        due: &Due,
        band: Band,
        (quantity, unit_price, rated): (Decimal, Option<Decimal>, Decimal),
        price: Option<Decimal>,
        making: &mut Making,
    ) {
        let (job, period) = (self.job, self.job.period);
        let (from, to) = held(self.commitment, &job.reference.subscriptions[self.holder as usize]);
        // Past the period it is its end.
        let instant = |day: NaiveDate| {
            let day = usize::try_from((day - period.first_day).num_days()).unwrap_or_default();
            period.midnights.get(day).copied().unwrap_or_else(|| period.end())
        };
        let line = settled(Line {
            subscription: self.holder,
            charge: u32::try_from(self.commitment.charge).unwrap_or(u32::MAX),
            price: job.catalog.commitment_prices[self.group.commitment],
            kind: LineKind::Commitment,
            group: 0,
            band,
            stretch: 0,
            quantity,
            unit_price,
            rated,
            list: Decimal::ZERO,
            discount: Decimal::ZERO,
            net: Decimal::ZERO,
            records: 0,
            service_start: instant(from),
            service_end: to.map_or_else(|| period.end(), instant),
            exchange: 0,
        });
        let made = Made {
            line: name(&line),
            spans: vec![due.span],
            of: due.of,
            bound: due.committed,
            before: due.before,
            sum: self.counted.sum,
            lines: u64::try_from(self.counted.lines.len()).unwrap_or(u64::MAX),
            price,
        };
        making.add(job, line, made);
    }

    /// Each line's share of what is covered.
    fn share(&self, lines: &[Line], covered: Decimal, digits: u32, rows: &mut CommitmentRows) -> Outcome<()> {
        if covered.is_zero() {
            return Ok(());
        }
        let nets: Vec<Decimal> = self.counted.lines.iter().map(|at| lines[*at as usize].net).collect();
        let shares = shares(covered, &nets, digits).ok_or_else(|| too_much("the shares of a commitment"))?;
        let commitment = u32::try_from(self.group.commitment).unwrap_or(u32::MAX);
        let own = self.counted.lines.iter().zip(shares).filter(|(_, covered)| !covered.is_zero());
        rows.shares.extend(own.map(|(line, covered)| {
            let of = key(&lines[*line as usize]);
            Share { of, line: *line, commitment, covered }
        }));
        Ok(())
    }
}
