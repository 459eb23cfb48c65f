//! The price path: usage buckets -> portions -> allowances -> charge models -> discounts and rounding -> taxes -> invoices
//! (the order of DESIGN section 5). Accounts are independent of each other, so they are rated in parallel and their
//! lines joined in order.

use hashbrown::HashMap;
use rayon::prelude::*;

use super::Job;
use crate::allowance::Pools;
use crate::book::model::{Charge, Model, Scope};
use crate::charge::Cube;
use crate::control::ChargeTotals;
use crate::discount::{Discounts, amounts};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::invoice::invoices;
use crate::lines::{Band, Groups, Invoice, Line, LineKind, Part, Portion, TaxRow};
use crate::money::Decimal;
use crate::money::currency::minor_digits;
use crate::period::midnight;
use crate::rate::{Unrated, fixed, rate};
use crate::tax::TaxTable;
use crate::usage::Buckets;

/// Accounts rated as one piece of parallel work.
const ACCOUNTS: usize = 256;

/// Everything that is billed.
#[derive(Debug)]
pub(super) struct Billing {
    /// Sorted by account, subscription, charge, kind, dimension values, band.
    pub(super) lines: Vec<Line>,
    /// In the order of the lines.
    pub(super) taxes: Vec<TaxRow>,
    /// Sorted by bill-to account and currency.
    pub(super) invoices: Vec<Invoice>,
    /// Dimension values of the lines.
    pub(super) groups: Groups,
    /// What each usage charge was given, and what its lines say.
    pub(super) charges: Vec<ChargeTotals>,
}

/// Rates the usage cube and everything that is due without usage.
///
/// # Errors
/// Usage without a price (`B009`), amounts that do not fit (`G002`).
pub(super) fn bill(job: &Job<'_>, buckets: &Buckets) -> Outcome<Billing> {
    let cube = Cube::new(buckets, job.book, job.catalog, job.reference.subscriptions.len())?;
    let discounts = Discounts::new(&job.book.discounts, job.reference)?;
    let rater = Rater { job, cube: &cube, discounts: &discounts };
    let accounts: Vec<usize> = (0..job.reference.accounts.len()).collect();
    let pieces: Vec<Piece> = accounts.par_chunks(ACCOUNTS).map(|accounts| rater.accounts(accounts)).collect();
    let mut faults = Faults::default();
    let mut lines = Vec::new();
    let mut given = vec![Decimal::ZERO; job.book.charges.len()];
    for piece in pieces {
        faults.0.extend(piece.faults.0);
        lines.extend(piece.lines);
        for (charge, quantity) in piece.given {
            given[charge] = given[charge].plus(quantity).ok_or_else(too_big)?;
        }
    }
    // The same missing cell would be told for every subscription.
    faults.0.dedup_by(|a, b| a.message == b.message);
    faults.0.truncate(50);
    faults.or(())?;
    let taxes = taxes(job, &lines)?;
    let invoices = invoices(&lines, &taxes, job.reference)?;
    let charges = charge_totals(job, &given, &lines)?;
    Ok(Billing { lines, taxes, invoices, groups: cube.groups, charges })
}

#[derive(Default)]
struct Piece {
    lines: Vec<Line>,
    given: Vec<(usize, Decimal)>,
    faults: Faults,
}

/// Usage of one charge at one price by the subscriptions of one account.
struct Sharing {
    charge: usize,
    price: u32,
    subscriptions: Vec<u32>,
}

struct Rater<'r> {
    job: &'r Job<'r>,
    cube: &'r Cube<'r>,
    discounts: &'r Discounts,
}

impl Rater<'_> {
    fn accounts(&self, accounts: &[usize]) -> Piece {
        let mut piece = Piece::default();
        for account in accounts {
            let start = piece.lines.len();
            let rated = self.account(*account, &mut piece);
            piece.faults.keep(rated);
            let groups = &self.cube.groups.list;
            piece.lines[start..].sort_by(|a, b| {
                let key = |line: &Line| (line.subscription, line.charge, line.kind);
                let values = || groups[a.group as usize].cmp(&groups[b.group as usize]);
                key(a).cmp(&key(b)).then_with(values).then(a.band.cmp(&b.band))
            });
        }
        piece
    }

    fn account(&self, account: usize, piece: &mut Piece) -> Outcome<()> {
        let subscriptions = &self.job.reference.subscriptions_of[account];
        let mut sharings: Vec<Sharing> = Vec::new();
        let mut place: HashMap<(usize, u32), usize> = HashMap::new();
        for subscription in subscriptions {
            for (nth, charge) in self.job.catalog.offer(*subscription).charges.iter().enumerate() {
                let price = self.job.catalog.price_of(self.job.reference, *subscription, nth);
                let at = *place.entry((*charge, price)).or_insert_with(|| {
                    sharings.push(Sharing { charge: *charge, price, subscriptions: Vec::new() });
                    sharings.len() - 1
                });
                sharings[at].subscriptions.push(*subscription);
            }
        }
        sharings.sort_by_key(|sharing| (sharing.charge, sharing.price));
        let mut pools = Pools::default();
        for sharing in &sharings {
            match self.job.book.charges[sharing.charge].meter {
                Some(meter) => self.usage(sharing, meter, &mut pools, piece)?,
                None => self.fixed(sharing, piece)?,
            }
        }
        Ok(())
    }

    /// Usage of one charge: by account when its tiers are shared, else subscription by subscription.
    fn usage(&self, sharing: &Sharing, meter: usize, pools: &mut Pools, piece: &mut Piece) -> Outcome<()> {
        let mut together: Vec<Portion> = Vec::new();
        let scope = self.job.catalog.prices[sharing.price as usize].scope;
        for subscription in &sharing.subscriptions {
            let mut portions = self.cube.portions(*subscription, meter, sharing.price)?;
            for portion in &portions {
                piece.given.push((sharing.charge, portion.quantity));
            }
            if let Some(plan) = self.job.catalog.offer(*subscription).plan {
                let before = portions.clone();
                let covered = pools.draw(plan, &self.job.book.plans[plan].allowances, meter, &mut portions)?;
                self.add_parts(sharing, LineKind::Allowance, &before, &covered, piece)?;
                portions.retain(|portion| !portion.quantity.is_zero());
            }
            match scope {
                Scope::Account => together.extend(portions),
                Scope::Subscription => self.rate(sharing, &portions, piece)?,
            }
        }
        self.rate(sharing, &together, piece)
    }

    fn rate(&self, sharing: &Sharing, portions: &[Portion], piece: &mut Piece) -> Outcome<()> {
        if portions.is_empty() {
            return Ok(());
        }
        let price = &self.job.catalog.prices[sharing.price as usize];
        let values = |group: u32| self.cube.groups.list[group as usize].clone();
        let parts = rate(&price.model, portions, &values).map_err(|unrated| {
            let charge = &self.job.book.charges[sharing.charge].id;
            match unrated {
                Unrated::NoCell(values) => {
                    let message = format!("charge `{charge}` has no price for {}", values.join(", "));
                    let hint =
                        "add a cell for it, or a default_unit_price; the usage was counted, nothing was committed";
                    Fault::new(&codes::B009, message).at(&price.place).hint(hint)
                }
                Unrated::OutOfRange => too_big().at(&price.place),
                Unrated::NotUsage => Fault::ours(format!("charge `{charge}` does not price usage")),
            }
        })?;
        self.add_parts(sharing, LineKind::Usage, portions, &parts, piece)
    }

    fn add_parts(
        &self,
        sharing: &Sharing,
        kind: LineKind,
        portions: &[Portion],
        parts: &[Part],
        piece: &mut Piece,
    ) -> Outcome<()> {
        let (start, end) = (self.job.period.start(), self.job.period.end());
        for part in parts {
            let portion = portions[part.portion];
            let records = portion.records;
            let line = Unrounded {
                subscription: portion.subscription,
                group: portion.group,
                kind,
                part: *part,
                records,
                start,
                end,
            };
            piece.lines.push(self.line(sharing, &line)?);
        }
        Ok(())
    }

    /// Recurring and one-time amounts.
    fn fixed(&self, sharing: &Sharing, piece: &mut Piece) -> Outcome<()> {
        let model = &self.job.catalog.prices[sharing.price as usize].model;
        let period = self.job.period;
        for index in &sharing.subscriptions {
            let subscription = &self.job.reference.subscriptions[*index as usize];
            let due = fixed::due(model, subscription.quantity, subscription.start, subscription.end, period);
            let Some(fixed) = due.map_err(|_| too_big())? else { continue };
            let unit_price = match model {
                Model::Recurring { amount, .. } | Model::OneTime { amount } => Some(*amount),
                _ => None,
            };
            let kind = if matches!(model, Model::OneTime { .. }) { LineKind::OneTime } else { LineKind::Recurring };
            let part = Part {
                portion: 0,
                band: Band::Whole,
                quantity: subscription.quantity,
                unit_price,
                amount: fixed.amount,
            };
            let instant = |day| midnight(day, period.timezone).ok_or_else(|| Fault::ours("a day without a midnight"));
            let (start, end) = (instant(fixed.from)?, instant(fixed.to)?);
            let line = Unrounded { subscription: *index, group: 0, kind, part, records: 0, start, end };
            piece.lines.push(self.line(sharing, &line)?);
        }
        Ok(())
    }

    fn line(&self, sharing: &Sharing, unrounded: &Unrounded) -> Outcome<Line> {
        let reference = self.job.reference;
        let account = reference.subscriptions[unrounded.subscription as usize].account;
        let digits = minor_digits(&reference.accounts[account as usize].currency).unwrap_or(2);
        let part = unrounded.part;
        let percent = self.discounts.percent(sharing.charge, account);
        let amounts = amounts(part.amount, percent, self.job.book.rounding, digits).ok_or_else(too_big)?;
        Ok(Line {
            subscription: unrounded.subscription,
            charge: u32::try_from(sharing.charge).map_err(|_| Fault::ours("more than 2^32 charges"))?,
            price: sharing.price,
            kind: unrounded.kind,
            group: unrounded.group,
            band: part.band,
            quantity: part.quantity,
            unit_price: part.unit_price,
            rated: part.amount,
            list: amounts.list,
            discount: amounts.discount,
            net: amounts.net,
            records: unrounded.records,
            service_start: unrounded.start,
            service_end: unrounded.end,
        })
    }
}

/// A line before rounding.
struct Unrounded {
    subscription: u32,
    group: u32,
    kind: LineKind,
    part: Part,
    records: u64,
    start: i64,
    end: i64,
}

fn taxes(job: &Job<'_>, lines: &[Line]) -> Outcome<Vec<TaxRow>> {
    let table = TaxTable::new(job.reference, job.period);
    let mut rates: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    let mut rows = Vec::new();
    for (number, line) in (0_u32..).zip(lines) {
        let account = &job.reference.accounts[job.reference.subscriptions[line.subscription as usize].account as usize];
        let product = &job.book.products[job.book.charges[line.charge as usize].product];
        let key = (account.tax_jurisdiction.as_str(), product.tax_category.as_str());
        let rates = rates.entry(key).or_insert_with(|| table.applicable(key.0, key.1));
        let digits = minor_digits(&account.currency).unwrap_or(2);
        let own = table.rows(number, line.net, rates, &account.exemptions, job.book.rounding, digits);
        rows.extend(own.ok_or_else(too_big)?);
    }
    Ok(rows)
}

fn charge_totals(job: &Job<'_>, given: &[Decimal], lines: &[Line]) -> Outcome<Vec<ChargeTotals>> {
    let mut billed = vec![Decimal::ZERO; job.book.charges.len()];
    for line in lines.iter().filter(|line| matches!(line.kind, LineKind::Usage | LineKind::Allowance)) {
        let sum = &mut billed[line.charge as usize];
        *sum = sum.plus(line.quantity).ok_or_else(too_big)?;
    }
    let charges = job.book.charges.iter().zip(given).zip(billed).filter(|((charge, _), _)| charge.meter.is_some());
    let total = |((charge, given), billed): ((&Charge, &Decimal), Decimal)| ChargeTotals {
        charge: charge.id.clone(),
        quantity_in_buckets: *given,
        quantity_on_lines: billed,
    };
    Ok(charges.map(total).collect())
}

fn too_big() -> Fault {
    Fault::new(&codes::G002, "an amount has more than 20 digits before the point")
}
