//! Which discounts come off which lines, in which order: line by line before they are rounded, and off the rounded lines
//! of accounts and invoices. The arithmetic of one discount is the stage's ([`crate::discount::off`]).

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{Datelike, NaiveDate};
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::conditions::hold;
use super::rater::Rater;
use super::unpriced::Unpriced;
use crate::book::model::{Discount, DiscountLevel, Model, Reduction, Validity};
use crate::discount::Coupon;
use crate::discount::off::{Due, Minor, Off, Shared, Take, lines as off_lines, together};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind};
use crate::money::Decimal;
use crate::period::midnight;
use crate::reference::model::{CouponRow, Index};

/// What tells a line from all others, wherever it stands.
type Key = (u32, u32, LineKind, u32, Band, u16, i64);

fn key(line: &Line) -> Key {
    (line.subscription, line.charge, line.kind, line.group, line.band, line.stretch, line.service_start)
}

/// A discount that came off a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Position of the line.
    pub(super) line: u32,
    /// Position among the declared discounts.
    pub(super) discount: u32,
    /// Position of the coupon in the reference table.
    pub(super) coupon: Option<u32>,
    /// As it came off the line before that was rounded.
    pub(super) off: Decimal,
    /// What it makes of the line's discount, in minor units.
    pub(super) amount: Decimal,
    /// Position of what it was made of, and of the line in that.
    pub(super) basis: Option<(u32, u32)>,
}

/// What a part of a discount was made of, where the line alone does not say.
#[derive(Clone, Debug)]
pub(super) enum Basis {
    /// Money shared out over several lines.
    Shared(Shared),
    /// Units of one line that are free.
    Units(Decimal),
}

/// All that discounts have taken off.
#[derive(Debug, Default)]
pub(super) struct Discounting {
    /// By line, of each in the order in which they came off.
    pub(super) taken: Vec<Taken>,
    /// What parts of discounts were made of.
    pub(super) bases: Vec<Basis>,
    /// Which line each of `taken` is of.
    keys: Vec<Key>,
    /// Lines that nothing more comes off.
    closed: HashSet<Key>,
}

impl Discounting {
    /// Takes the discounts of lines off lines that are not rounded yet: each `discount` is then what comes off, unrounded.
    ///
    /// # Errors
    /// `E007` for conditions that cannot be computed, `G003` for amounts that do not fit.
    pub(super) fn off_lines(&mut self, rater: &Rater<'_>, lines: &mut [Line]) -> Outcome<()> {
        let Some(rests) = self.rests(rater, lines, true)? else { return Ok(()) };
        for (line, (start, left)) in lines.iter_mut().zip(rests) {
            line.discount = start.minus(left).ok_or_else(too_much)?;
        }
        Ok(())
    }

    /// Takes the discounts of accounts and invoices off rounded lines.
    ///
    /// # Errors
    /// `E007` for conditions that cannot be computed, `G003` for amounts that do not fit.
    pub(super) fn off_accounts(&mut self, rater: &Rater<'_>, lines: &mut [Line]) -> Outcome<()> {
        let Some(rests) = self.rests(rater, lines, false)? else { return Ok(()) };
        for (line, (start, left)) in lines.iter_mut().zip(rests) {
            let off = start.minus(left).ok_or_else(too_much)?;
            line.discount = line.discount.plus(off).ok_or_else(too_much)?;
            line.net = left;
        }
        Ok(())
    }

    /// By line: what the discounts of a stage begin with and what they leave; `None` when there are none.
    fn rests(
        &mut self,
        rater: &Rater<'_>,
        lines: &[Line],
        by_line: bool,
    ) -> Outcome<Option<impl Iterator<Item = (Decimal, Decimal)> + use<>>> {
        let job = rater.job;
        let of_stage = |at: &&usize| (job.book.discounts[**at].level == DiscountLevel::Line) == by_line;
        let order: Vec<usize> = job.discounts.order().iter().filter(of_stage).copied().collect();
        if order.is_empty() || lines.is_empty() {
            return Ok(None);
        }
        let mut stage = Stage::new(rater, lines, by_line, &self.closed)?;
        for position in order {
            stage.discount(position, self)?;
        }
        stage.unpriced.told()?;
        Ok(Some(stage.start.into_iter().zip(stage.left)))
    }

    /// Names the lines by where they stand at last, whatever was added among them.
    ///
    /// # Errors
    /// Our bug when one of them is gone.
    pub(super) fn settle(&mut self, lines: &[Line]) -> Outcome<()> {
        let keys = std::mem::take(&mut self.keys);
        if keys.is_empty() {
            return Ok(());
        }
        let mut positions: HashMap<Key, Option<u32>> = keys.iter().map(|key| (*key, None)).collect();
        for (at, line) in (0..).zip(lines) {
            if let Some(position) = positions.get_mut(&key(line)) {
                *position = Some(at);
            }
        }
        for (taken, key) in self.taken.iter_mut().zip(&keys) {
            let position = positions.get(key).copied().flatten();
            taken.line = position.ok_or_else(|| Fault::ours("a discount of a line that is not there"))?;
        }
        self.taken.sort_by_key(|taken| taken.line);
        Ok(())
    }
}

fn too_much() -> Fault {
    Fault::ours("what comes off a line does not fit")
}

/// One pass of discounts over all lines, which are in order of their accounts.
struct Stage<'s> {
    rater: &'s Rater<'s>,
    lines: &'s [Line],
    /// By account: where its lines stand.
    ranges: Vec<Range<usize>>,
    /// By account: those right below it, when there are coupons.
    below: Vec<Vec<Index>>,
    /// By line: what the discounts begin with, and what they have left.
    start: Vec<Decimal>,
    left: Vec<Decimal>,
    /// By line: whether nothing more comes off.
    closed: Vec<bool>,
    /// Whether lines are discounted by themselves, before they are rounded.
    by_line: bool,
    unpriced: Unpriced,
}

/// A discount with everything that decides whether it applies.
struct Rule<'s> {
    position: usize,
    discount: &'s Discount,
    /// By subscription: whether its condition holds.
    holds: Option<Vec<bool>>,
}

/// Lines that one discount comes off together.
struct Group {
    lines: Vec<usize>,
    /// The account whose percentage counts for all of them together.
    account: Index,
    /// Position of the coupon in the reference table.
    coupon: Option<u32>,
    /// Its first day.
    redeemed: Option<NaiveDate>,
    /// When the discount holds.
    valid: Range<i64>,
}

/// What came off a group, or the line of an amount that does not fit.
type Came = Result<(Vec<Off>, Option<Shared>), usize>;

impl<'s> Stage<'s> {
    fn new(rater: &'s Rater<'s>, lines: &'s [Line], by_line: bool, closed: &HashSet<Key>) -> Outcome<Self> {
        let job = rater.job;
        let mut ranges = vec![0..0; job.reference.accounts.len()];
        let mut at = 0;
        for same in lines.chunk_by(|a, b| rater.account_of(a) == rater.account_of(b)) {
            ranges[rater.account_of(&same[0]) as usize] = at..at + same.len();
            at += same.len();
        }
        let mut below = vec![Vec::new(); if job.reference.coupons.is_empty() { 0 } else { ranges.len() }];
        for (account, row) in (0..).zip(&job.reference.accounts) {
            if let Some(list) = row.parent.and_then(|parent| below.get_mut(parent as usize)) {
                list.push(account);
            }
        }
        let start = |line: &Line| if by_line { rater.discounted_of(line) } else { Some(line.net) };
        let start: Vec<Decimal> = lines.par_iter().map(start).collect::<Option<_>>().ok_or_else(too_much)?;
        let closed = if closed.is_empty() {
            vec![false; lines.len()]
        } else {
            lines.iter().map(|line| closed.contains(&key(line))).collect()
        };
        let left = start.clone();
        Ok(Self { rater, lines, ranges, below, start, left, closed, by_line, unpriced: Unpriced::default() })
    }

    /// Takes one discount off all lines it applies to.
    fn discount(&mut self, position: usize, into: &mut Discounting) -> Outcome<()> {
        let job = self.rater.job;
        let discount = &job.book.discounts[position];
        let of = format!("discount `{}`", discount.id);
        let holds = discount.when.as_ref().map(|when| hold(self.rater, self.lines, &of, when)).transpose()?;
        let rule = Rule { position, discount, holds };
        match job.discounts.coupons(position) {
            Some(coupons) => {
                for coupon in coupons {
                    for group in self.of_coupon(&rule, coupon) {
                        let came = self.take(&rule, &group);
                        self.came_off(&rule, &group, came, into)?;
                    }
                }
            }
            None => {
                let groups = self.groups(discount);
                let came: Vec<Came> = groups.par_iter().map(|group| self.take(&rule, group)).collect();
                for (group, came) in groups.iter().zip(came) {
                    self.came_off(&rule, group, came, into)?;
                }
            }
        }
        Ok(())
    }

    /// The lines of each account, or invoice.
    fn groups(&self, discount: &Discount) -> Vec<Group> {
        let valid = self.valid(discount, None);
        let group = |(account, lines)| Group { lines, account, coupon: None, redeemed: None, valid: valid.clone() };
        let accounts = (0..).zip(&self.ranges).filter(|(_, range)| !range.is_empty());
        if discount.level != DiscountLevel::Invoice {
            return accounts.map(|(account, range)| group((account, range.clone().collect()))).collect();
        }
        let mut invoices: BTreeMap<(Index, &str), Vec<usize>> = BTreeMap::new();
        for (account, range) in accounts {
            let account = &self.rater.job.reference.accounts[account as usize];
            invoices.entry((account.bill_to, &account.currency)).or_default().extend(range.clone());
        }
        invoices.into_iter().map(|((account, _), lines)| group((account, lines))).collect()
    }

    /// The lines a coupon covers, those of each currency by themselves; money has the currency of its holder only.
    fn of_coupon(&self, rule: &Rule<'_>, coupon: &Coupon) -> Vec<Group> {
        let (accounts, rows) = (&self.rater.job.reference.accounts, &self.rater.job.reference.subscriptions);
        // A subscription may move from account to account.
        let versions = coupon.subscription.map_or(0..0, |first| first..rows[first as usize].last + 1);
        let mut covered = vec![coupon.account];
        covered.extend(versions.map(|at| rows[at as usize].account));
        let mut next = 0;
        while let (None, Some(account)) = (&coupon.subscription, covered.get(next)) {
            covered.extend(self.below[*account as usize].clone());
            next += 1;
        }
        covered.sort_unstable();
        covered.dedup();
        let money = matches!(rule.discount.reduction, Reduction::Amount(_)) || rule.discount.cap.is_some();
        let of_holder = |account: &&Index| {
            !money || accounts[**account as usize].currency == accounts[coupon.account as usize].currency
        };
        let mut currencies: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for account in covered.iter().filter(of_holder) {
            let own = self.ranges[*account as usize].clone().filter(|at| {
                let first = rows[self.lines[*at].subscription as usize].first;
                coupon.subscription.is_none_or(|subscription| subscription == first)
            });
            currencies.entry(&accounts[*account as usize].currency).or_default().extend(own);
        }
        let row = &self.rater.job.reference.coupons[coupon.row as usize];
        let valid = self.valid(rule.discount, Some(row));
        let (account, coupon, redeemed) = (coupon.account, Some(coupon.row), row.redeemed_from);
        let group = |lines| Group { lines, account, coupon, redeemed, valid: valid.clone() };
        currencies.into_values().filter(|lines| !lines.is_empty()).map(group).collect()
    }

    /// What the discount takes off a group.
    fn take(&self, rule: &Rule<'_>, group: &Group) -> Came {
        let job = self.rater.job;
        let together_percent = job.discounts.percent(rule.position, group.account);
        let is_percent = matches!(rule.discount.reduction, Reduction::Percent(_));
        if is_percent && !self.by_line && together_percent.is_none() {
            return Ok((Vec::new(), None));
        }
        let due: Vec<Due> = group.lines.iter().filter_map(|at| self.due(rule, group, *at)).collect();
        let Some(first) = due.first() else { return Ok((Vec::new(), None)) };
        let take = match rule.discount.reduction {
            Reduction::Percent(_) => Take::Percent { of_original: rule.discount.of_original },
            Reduction::Amount(amount) => Take::Amount(amount),
            Reduction::FreeUnits(units) => Take::FreeUnits(units),
            Reduction::FixedPrice(price) => Take::FixedPrice(price),
        };
        let rounding = job.book.rounding;
        let digits = self.rater.digits_of(&self.lines[first.line]);
        let minor = Minor { digits, mode: rounding.mode, base: rounding.discount_base };
        let came = match self.by_line {
            true => off_lines(&due, take, rule.discount.cap, minor),
            false => together(&due, take, together_percent.unwrap_or_default(), rule.discount.cap, minor)
                .map(|(offs, share)| (offs, Some(share))),
        };
        came.ok_or(first.line)
    }

    /// The line as the discount sees it, when it applies.
    fn due(&self, rule: &Rule<'_>, group: &Group, at: usize) -> Option<Due> {
        let (job, line, discount) = (self.rater.job, &self.lines[at], rule.discount);
        let account = self.rater.account_of(line);
        let own = discount.on.as_ref().is_none_or(|on| {
            let plan = job.catalog.offer(line.subscription).plan;
            on.charges.binary_search(&(line.charge as usize)).is_ok()
                || plan.is_some_and(|plan| on.plans.binary_search(&plan).is_ok())
        });
        let applies = own
            && !self.closed[at]
            && rule.holds.as_ref().is_none_or(|holds| holds[line.subscription as usize])
            && discount.currency.as_ref().is_none_or(|code| *code == job.reference.accounts[account as usize].currency)
            && self.is_timely(discount, group, line);
        if !applies {
            return None;
        }
        let percent = match &discount.reduction {
            Reduction::Percent(_) if self.by_line => job.discounts.percent(rule.position, account)?,
            _ => Decimal::ZERO,
        };
        let units = match &discount.reduction {
            Reduction::FreeUnits(_) | Reduction::FixedPrice(_) => {
                self.units(line).filter(|_| !self.left[at].is_negative())?
            }
            _ => (Decimal::ZERO, Decimal::ZERO),
        };
        let original = if self.by_line { self.start[at] } else { line.list };
        // What changes goes on as the same subscription.
        let first = job.reference.subscriptions[line.subscription as usize].first;
        Some(Due { line: at, original, left: self.left[at], percent, units, shares: (first, line.charge) })
    }

    /// Quantity and price of a unit of a line of usage or of a recurring amount, when it has one.
    fn units(&self, line: &Line) -> Option<(Decimal, Decimal)> {
        let model = &self.rater.job.catalog.prices[line.price as usize].model;
        let of_units = matches!(line.kind, LineKind::Usage | LineKind::Recurring)
            && line.band != Band::Fee
            && !matches!(model, Model::Package { .. });
        // What comes off is in the currency of the account.
        let unit_price = match self.rater.job.fx.rate(line.exchange) {
            Some(rate) => line.unit_price?.times(rate)?,
            None => line.unit_price?,
        };
        of_units.then_some((line.quantity, unit_price))
    }

    /// Whether discount and coupon hold on the last day of the service of `line`, and in so many periods.
    fn is_timely(&self, discount: &Discount, group: &Group, line: &Line) -> bool {
        let holds = group.valid.start < line.service_end && line.service_end <= group.valid.end;
        let Some(periods) = discount.periods.filter(|_| holds) else { return holds };
        let months = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        let whole = &self.rater.job.reference.subscriptions[line.subscription as usize];
        let first = group.redeemed.unwrap_or(whole.begins);
        months(self.rater.job.period.first_day) - months(first) < i64::from(periods)
    }

    /// The first instant a discount and its coupon hold, and the first at which they no longer do.
    fn valid(&self, discount: &Discount, coupon: Option<&CouponRow>) -> Range<i64> {
        let of_coupon = coupon.map(|coupon| Validity { from: coupon.redeemed_from, to: coupon.valid_to });
        let valid = discount.valid.both(of_coupon.unwrap_or_default());
        let instant = |day: NaiveDate| midnight(day, self.rater.job.period.timezone);
        valid.from.and_then(instant).unwrap_or(i64::MIN)..valid.to.and_then(instant).unwrap_or(i64::MAX)
    }

    /// Notes what came off.
    fn came_off(&mut self, rule: &Rule<'_>, group: &Group, came: Came, into: &mut Discounting) -> Outcome<()> {
        let narrow = |at: usize| u32::try_from(at).map_err(|_| Fault::ours("more than 2^32 discounts"));
        let (offs, shared) = match came {
            Ok(came) => came,
            Err(at) => {
                let line = &self.lines[at];
                let (charge, quantity) = (line.charge as usize, line.quantity);
                self.unpriced.amount(self.rater.job, charge, line.price, line.subscription, quantity);
                return Ok(());
            }
        };
        let is_shared = shared.is_some();
        into.bases.extend(shared.map(Basis::Shared));
        for (own, off) in offs.iter().enumerate() {
            if rule.discount.exclusive {
                self.closed[off.line] = true;
                into.closed.insert(key(&self.lines[off.line]));
            }
            if off.off.is_zero() {
                continue;
            }
            self.left[off.line] = self.left[off.line].minus(off.off).ok_or_else(too_much)?;
            // What is given back on a line below zero is no part of what a cap shares out.
            let basis = if off.units.is_zero() {
                (is_shared && !off.amount.is_negative()).then_some(own)
            } else {
                into.bases.push(Basis::Units(off.units));
                Some(0)
            };
            let last = into.bases.len().saturating_sub(1);
            into.keys.push(key(&self.lines[off.line]));
            into.taken.push(Taken {
                line: narrow(off.line)?,
                discount: narrow(rule.position)?,
                coupon: group.coupon,
                off: off.off,
                amount: off.amount,
                basis: basis.map(|own| Ok::<_, Fault>((narrow(last)?, narrow(own)?))).transpose()?,
            });
        }
        Ok(())
    }
}
