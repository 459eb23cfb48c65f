//! Accounts -> lines: who shares tiers with whom, which usage each price is given, in which order, and the one rounding.
//!
//! Accounts that share nothing are independent of each other; those that do are rated as one unit.

use std::borrow::Cow;
use std::sync::Arc;

use chrono_tz::Tz;
use hashbrown::HashMap;

use super::Job;
use super::circles::{Circles, Sharer, Units};
use super::deferred::Deferred;
use super::draws::{After, LineDraw};
use super::itemised::RatedRecord;
use super::unpriced::Unpriced;
use super::witness::{Seen, Witness};
use crate::book::model::{DiscountBase, Each, Model, Price, Scope, ZeroUsage};
use crate::catalog::Stretch;
use crate::charge::{Cube, Wanted};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind, Part, Portion};
use crate::money::Decimal;
use crate::rate::{Facts, Unrated, is_nothing, is_shared};
use crate::reference::model::Index;

/// What the accounts of a unit come to.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) lines: Vec<Line>,
    /// Quantities that charges were given to price.
    pub(super) given: Vec<(usize, Decimal)>,
    /// What waits for the SQL of its price.
    pub(super) deferred: Vec<Deferred>,
    pub(super) unpriced: Unpriced,
    /// Rated records of charges that publish them.
    pub(super) records: Vec<RatedRecord>,
    /// What was drawn on allowances.
    pub(super) draws: Vec<LineDraw>,
    /// Sees every step, when somebody wants to be told.
    pub(super) witness: Option<Witness>,
}

/// One charge on the same terms for the subscriptions that share it.
pub(super) struct Sharing<'r> {
    pub(super) charge: usize,
    /// Number in the catalog's terms.
    pub(super) terms: u32,
    pub(super) stretches: &'r [Stretch],
    pub(super) prices: Vec<&'r Price>,
    pub(super) subscriptions: Vec<u32>,
}

impl Sharing<'_> {
    /// The usage that the price of a stretch asks for.
    pub(super) fn wanted(&self, meter: usize, number: u16, stretch: &Stretch, price: &Price) -> Wanted {
        let each = if price.by_record() { Each::Record } else { price.each };
        Wanted { meter, price: stretch.price, each, days: stretch.days.clone(), stretch: number }
    }
}

/// Rates accounts.
pub(super) struct Rater<'r> {
    pub(super) job: &'r Job<'r>,
    pub(super) cube: &'r Cube<'r>,
    pub(super) circles: Circles,
    /// By condition: the subscriptions for which amounts under it are due.
    pub(super) fees: HashMap<String, Vec<bool>>,
}

impl Facts for Rater<'_> {
    fn values(&self, group: u32) -> &[(Arc<str>, Arc<str>)] {
        self.cube.groups.list.get(group as usize).map_or(&[], Vec::as_slice)
    }

    fn text(&self, cell: u32, name: &str) -> Option<&str> {
        self.cube.text(cell, name)
    }

    fn timezone(&self) -> Tz {
        self.job.period.timezone
    }
}

impl<'r> Rater<'r> {
    /// A rater of the usage in `cube`.
    pub(super) fn new(job: &'r Job<'r>, cube: &'r Cube<'r>) -> Self {
        Self { job, cube, circles: Circles::new(job), fees: HashMap::new() }
    }

    /// Puts lines in the order of the table: account, subscription, charge, kind, dimension values, version, stretch, band.
    /// Those of one piece are in order already.
    pub(super) fn sort(&self, lines: &mut [Line], deferred: bool) {
        if deferred {
            self.sort_all(lines);
        } else if self.circles.are_joined() {
            lines.sort_by_key(|line| self.job.reference.subscriptions[line.subscription as usize].account);
        }
    }

    fn sort_all(&self, lines: &mut [Line]) {
        lines.sort_by_key(|line| {
            let version = &self.job.reference.subscriptions[line.subscription as usize];
            let of = (version.account, version.first, line.charge, line.kind);
            (of, self.cube.place(line.group), line.subscription, line.stretch, line.band)
        });
    }

    /// The account of a line's subscription.
    pub(super) fn account_of(&self, line: &Line) -> Index {
        self.job.reference.subscriptions[line.subscription as usize].account
    }

    /// Digits of the minor unit that a line is rounded to.
    pub(super) fn digits_of(&self, line: &Line) -> u32 {
        self.job.reference.accounts[self.account_of(line) as usize].minor_digits
    }

    /// What discounts of a line are taken of: its unrounded amount or, where the book says so, the rounded one.
    pub(super) fn discounted_of(&self, line: &Line) -> Option<Decimal> {
        let rounding = self.job.book.rounding;
        match rounding.discount_base {
            DiscountBase::Unrounded => Some(line.rated),
            DiscountBase::Rounded => line.rated.rounded(self.digits_of(line), rounding.mode),
        }
    }

    /// Rates the accounts of some units.
    pub(super) fn accounts(&self, units: &Units) -> Outcome<Piece> {
        let mut piece = Piece::default();
        for unit in units.each() {
            let start = piece.lines.len();
            self.unit(unit, &mut piece)?;
            self.sort_all(&mut piece.lines[start..]);
        }
        Ok(piece)
    }

    pub(super) fn unit(&self, accounts: &[Index], piece: &mut Piece) -> Outcome<()> {
        for sharings in self.sharings(accounts).chunk_by(|one, next| one.charge == next.charge) {
            let meter = sharings.first().and_then(|sharing| self.job.book.charges[sharing.charge].meter);
            let mut after = self.after_allowances(sharings, piece)?;
            for sharing in sharings {
                match meter {
                    Some(meter) => self.usage(sharing, meter, &mut after, piece)?,
                    None => self.fixed(sharing, piece)?,
                }
            }
        }
        Ok(())
    }

    /// The charges of these accounts, each with the subscriptions that share it; by charge and terms.
    fn sharings(&self, accounts: &[Index]) -> Vec<Sharing<'r>> {
        let job = self.job;
        let mut sharings: Vec<((usize, u32, Sharer), Vec<u32>)> = Vec::new();
        let mut place: HashMap<(usize, u32, Sharer), usize> = HashMap::new();
        for subscription in accounts.iter().flat_map(|account| &job.reference.subscriptions_of[*account as usize]) {
            for (nth, charge) in job.catalog.offer(*subscription).charges.iter().enumerate() {
                // Most subscriptions have no usage of most meters: nothing is looked up for those.
                let meter = job.book.charges[*charge].meter;
                if meter.is_some_and(|meter| !self.cube.is_used(*subscription, meter))
                    && !job.catalog.zero_usage[*charge]
                {
                    continue;
                }
                let terms = job.catalog.terms_of(*subscription, nth);
                let key = (*charge, terms, self.sharer(*subscription, terms));
                let at = *place.entry(key).or_insert_with(|| {
                    sharings.push((key, Vec::new()));
                    sharings.len() - 1
                });
                sharings[at].1.push(*subscription);
            }
        }
        sharings.sort_by_key(|(key, _)| *key);
        let sharing = |((charge, terms, _), mut subscriptions): ((usize, u32, Sharer), Vec<u32>)| {
            subscriptions.sort_unstable();
            let stretches = job.catalog.terms[terms as usize].as_slice();
            let prices = stretches.iter().map(|stretch| &job.catalog.prices[stretch.price as usize]).collect();
            Sharing { charge, terms, stretches, prices, subscriptions }
        };
        sharings.into_iter().map(sharing).collect()
    }

    /// Whom `subscription` shares tiers with, on these terms.
    fn sharer(&self, subscription: u32, terms: u32) -> Sharer {
        let first = self.job.catalog.terms[terms as usize].first();
        let scope = first.map(|stretch| self.job.catalog.prices[stretch.price as usize].scope).unwrap_or_default();
        // Subscriptions that share nothing are gathered by account all the same: fewer things to keep apart.
        self.circles.sharer(self.job, subscription, if scope == Scope::Subscription { Scope::Account } else { scope })
    }

    /// Usage of one charge: together when its tiers are shared, else subscription by subscription.
    fn usage(&self, sharing: &Sharing<'_>, meter: usize, after: &mut After, piece: &mut Piece) -> Outcome<()> {
        // Who shares is said by the first price of the period, for all of it.
        let wide = sharing.prices.first().is_some_and(|price| price.scope != Scope::Subscription);
        if wide && sharing.prices.iter().any(|price| is_shared(price)) {
            return self.portions(sharing, &sharing.subscriptions, meter, after, piece);
        }
        // Versions of a subscription to the same plan or product go on where the one before them has ended, whatever it was
        // for in between.
        let rows = &self.job.reference.subscriptions;
        let whole = |at: &u32| (rows[*at as usize].first, self.job.catalog.offer_of[*at as usize]);
        let mut subscriptions = Cow::Borrowed(sharing.subscriptions.as_slice());
        if subscriptions.iter().any(|at| rows[*at as usize].changes()) {
            subscriptions.to_mut().sort_by_key(|at| (whole(at), *at));
        }
        for versions in subscriptions.chunk_by(|a, b| whole(a) == whole(b)) {
            self.portions(sharing, versions, meter, after, piece)?;
        }
        Ok(())
    }

    /// Rates what `subscriptions` have used together, stretch by stretch.
    fn portions(
        &self,
        sharing: &Sharing<'_>,
        subscriptions: &[u32],
        meter: usize,
        after: &mut After,
        piece: &mut Piece,
    ) -> Outcome<()> {
        let mut together: Vec<Portion> = Vec::new();
        let (mut used, mut covered) = (false, false);
        for ((number, stretch), price) in (0_u16..).zip(sharing.stretches).zip(&sharing.prices) {
            let wanted = sharing.wanted(meter, number, stretch, price);
            for subscription in subscriptions {
                if let Some(left) = after.remove(&(*subscription, number)) {
                    (used, covered) = (true, covered || left.covered);
                    together.extend(left.portions);
                    continue;
                }
                let by_query = matches!(price.model, Model::Sql { .. });
                // A query sees the buckets, also of usage that adds up to nothing.
                let portions = match by_query {
                    true => self.cube.all_portions(*subscription, &wanted),
                    false => self.cube.portions(*subscription, &wanted),
                };
                let Some(portions) = portions else {
                    piece.unpriced.usage(self.job, sharing.charge, stretch.price, *subscription);
                    continue;
                };
                used |= !portions.is_empty();
                if by_query {
                    piece.deferred.extend(deferred(sharing, number, portions));
                    continue;
                }
                together.extend(portions);
            }
        }
        // What allowances cover is usage, whatever is left of the rest.
        if !used || (!covered && !together.is_empty() && is_nothing(&sharing.prices, &together)) {
            together.extend(self.nothing_used(sharing, subscriptions));
        }
        self.rate(sharing, &together, piece)
    }

    /// A portion of nothing, at the last price somebody is subscribed at, for charges that are due without usage: of the
    /// first who is, as it is at last.
    fn nothing_used(&self, sharing: &Sharing<'_>, subscriptions: &[u32]) -> Option<Portion> {
        let rows = &self.job.reference.subscriptions;
        let last = sharing.stretches.iter().enumerate().rev().find_map(|(number, stretch)| {
            let (start, end) = self.bounds(stretch);
            let active = |at: &&u32| rows[**at as usize].starts_at < end && start < rows[**at as usize].ends_at;
            let whole = rows[*subscriptions.iter().find(active)? as usize].first;
            let version = subscriptions.iter().filter(active).rfind(|at| rows[**at as usize].first == whole)?;
            Some((u16::try_from(number).ok()?, start, *version))
        });
        let (stretch, time, subscription) = last?;
        sharing.prices.get(usize::from(stretch)).filter(|price| price.zero_usage != ZeroUsage::None)?;
        let quantity = Decimal::ZERO;
        Some(Portion { subscription, group: 0, quantity, records: 0, stretch, time, cell: 0, origin: None })
    }

    fn rate(&self, sharing: &Sharing<'_>, portions: &[Portion], piece: &mut Piece) -> Outcome<()> {
        if portions.is_empty() {
            return Ok(());
        }
        let charge = sharing.charge;
        let parts = match self.rate_itemised((charge, &sharing.prices), portions, &mut piece.records) {
            Ok(parts) => parts,
            Err(Unrated::OutOfRange) => {
                let most = portions.iter().max_by_key(|portion| portion.quantity.units().unsigned_abs());
                if let Some(portion) = most {
                    let price = sharing.stretches[usize::from(portion.stretch)].price;
                    piece.unpriced.range(self.job, charge, price, portion.subscription, portion.quantity);
                }
                return Ok(());
            }
            Err(Unrated::NoPrice(_)) => {
                let charge = &self.job.book.charges[charge].id;
                return Err(Fault::ours(format!("charge `{charge}` was given usage it has no price for")).into());
            }
            Err(Unrated::NotUsage) => {
                let charge = &self.job.book.charges[charge].id;
                return Err(Fault::ours(format!("charge `{charge}` does not price usage")).into());
            }
        };
        if let Some(witness) = &mut piece.witness {
            let (portions, parts) = (portions.to_vec(), parts.clone());
            witness.push(Seen::Rated { charge, terms: sharing.terms, portions, parts });
        }
        // A conversion makes other units: then what was given is what came out of it.
        if sharing.prices.iter().any(|price| price.convert.is_some()) {
            piece.given.extend(parts.iter().map(|part| (charge, part.quantity)));
        } else {
            piece.given.extend(portions.iter().map(|portion| (charge, portion.quantity)));
        }
        let (free, rated): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.band == Band::Free);
        self.add_parts(sharing, LineKind::Allowance, portions, &free, piece)?;
        let rated = defer_formulas(sharing, portions, rated, piece);
        self.add_parts(sharing, LineKind::Usage, portions, &rated, piece)
    }

    /// Adds the lines of what SQL has made of deferred portions.
    pub(super) fn add_deferred(
        &self,
        of: &Deferred,
        portions: &[Portion],
        parts: &[Part],
        piece: &mut Piece,
    ) -> Outcome<()> {
        let stretches = self.job.catalog.terms[of.terms as usize].as_slice();
        let prices = stretches.iter().map(|stretch| &self.job.catalog.prices[stretch.price as usize]).collect();
        let (charge, terms, subscriptions) = (of.charge, of.terms, Vec::new());
        let sharing = Sharing { charge, terms, stretches, prices, subscriptions };
        self.add_parts(&sharing, LineKind::Usage, portions, parts, piece)
    }

    pub(super) fn add_parts(
        &self,
        sharing: &Sharing<'_>,
        kind: LineKind,
        portions: &[Portion],
        parts: &[Part],
        piece: &mut Piece,
    ) -> Outcome<()> {
        for part in parts {
            let portion = portions[part.portion];
            let (mut start, mut end) = self.bounds(&sharing.stretches[usize::from(portion.stretch)]);
            let version = &self.job.reference.subscriptions[portion.subscription as usize];
            if version.changes() {
                (start, end) = (start.max(version.starts_at), end.min(version.ends_at));
            }
            let (subscription, group) = (portion.subscription, portion.group);
            let line = Unrounded { subscription, group, stretch: portion.stretch, kind, part: *part, start, end };
            self.add_line(sharing, &line, piece)?;
        }
        Ok(())
    }

    /// First instant of a stretch, and first after it.
    pub(super) fn bounds(&self, stretch: &Stretch) -> (i64, i64) {
        let midnight = |day: u16| self.job.period.midnights.get(usize::from(day)).copied();
        let (start, end) = (midnight(stretch.days.start), midnight(stretch.days.end));
        (start.unwrap_or_else(|| self.job.period.start()), end.unwrap_or_else(|| self.job.period.end()))
    }

    /// Adds a line with its rated amount; what is billed of it is settled when all lines are there.
    pub(super) fn add_line(&self, sharing: &Sharing<'_>, unrounded: &Unrounded, piece: &mut Piece) -> Outcome<()> {
        let part = unrounded.part;
        piece.lines.push(Line {
            subscription: unrounded.subscription,
            charge: u32::try_from(sharing.charge).map_err(|_| Fault::ours("more than 2^32 charges"))?,
            price: sharing.stretches[usize::from(unrounded.stretch)].price,
            kind: unrounded.kind,
            group: unrounded.group,
            band: part.band,
            stretch: if sharing.stretches.len() > 1 { unrounded.stretch + 1 } else { 0 },
            quantity: part.quantity,
            unit_price: part.unit_price,
            exchange: 0,
            rated: part.amount,
            list: Decimal::ZERO,
            discount: Decimal::ZERO,
            net: Decimal::ZERO,
            records: part.records,
            service_start: unrounded.start,
            service_end: unrounded.end,
        });
        Ok(())
    }
}

/// Portions that wait for the SQL of their price.
fn deferred(sharing: &Sharing<'_>, stretch: u16, portions: Vec<Portion>) -> Option<Deferred> {
    let (charge, terms) = (sharing.charge, sharing.terms);
    (!portions.is_empty()).then_some(Deferred { charge, terms, stretch, portions })
}

/// Puts off the parts whose amount a formula gives, each with the quantity that is left to be priced; the other parts.
fn defer_formulas(sharing: &Sharing<'_>, portions: &[Portion], parts: Vec<Part>, piece: &mut Piece) -> Vec<Part> {
    let by_formula = |part: &Part| {
        let price = sharing.prices[usize::from(portions[part.portion].stretch)];
        matches!(price.model, Model::Formula { .. }) && !part.quantity.is_zero()
    };
    let (computed, others): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(by_formula);
    let stretch = |part: &Part| portions[part.portion].stretch;
    for run in computed.chunk_by(|a, b| stretch(a) == stretch(b)) {
        let left = run.iter().map(|part| Portion { quantity: part.quantity, ..portions[part.portion] });
        piece.deferred.extend(deferred(sharing, stretch(&run[0]), left.collect()));
    }
    others
}

/// A line before rounding.
pub(super) struct Unrounded {
    pub(super) subscription: u32,
    pub(super) group: u32,
    pub(super) stretch: u16,
    pub(super) kind: LineKind,
    pub(super) part: Part,
    pub(super) start: i64,
    pub(super) end: i64,
}
