//! The price path: usage buckets -> portions -> allowances -> charge models -> discounts and rounding -> taxes -> invoices
//! (the order of DESIGN section 5). Accounts are independent of each other, so they are rated in parallel and their
//! lines joined in order.

use hashbrown::HashMap;
use rayon::prelude::*;

use super::Job;
use super::unpriced::Unpriced;
use crate::allowance::Pools;
use crate::book::model::{Charge, Model, Scope};
use crate::charge::Cube;
use crate::control::ChargeTotals;
use crate::discount::{Amounts, amounts};
use crate::fault::{Fault, Outcome};
use crate::invoice::invoices;
use crate::lines::{Band, Groups, Invoice, Line, LineKind, Part, Portion, TaxRow, is_payable};
use crate::money::Decimal;
use crate::period::midnight;
use crate::rate::{Unrated, fixed, rate};
use crate::tax::TaxTable;
use crate::usage::Buckets;

/// Accounts rated as one piece of parallel work.
const ACCOUNTS: usize = 256;

/// Lines taxed as one piece of parallel work.
const LINES: usize = 1 << 14;

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
/// Usage without a price (`B009`), usage and amounts that do not fit (`G002`, `G003`).
pub(super) fn bill(job: &Job<'_>, buckets: &Buckets) -> Outcome<Billing> {
    let cube = Cube::new(buckets, job.book, job.catalog, job.reference.subscriptions.len())?;
    let rater = Rater { job, cube: &cube };
    let accounts: Vec<usize> = (0..job.reference.accounts.len()).collect();
    let pieces: Vec<Outcome<Piece>> = accounts.par_chunks(ACCOUNTS).map(|accounts| rater.accounts(accounts)).collect();
    let mut unpriced = Unpriced::default();
    let mut lines = Vec::new();
    let mut given = vec![Decimal::ZERO; job.book.charges.len()];
    for piece in pieces {
        let piece = piece?;
        unpriced.add(piece.unpriced);
        lines.extend(piece.lines);
        for (charge, quantity) in piece.given {
            match given[charge].plus(quantity) {
                Some(sum) => given[charge] = sum,
                None => unpriced.total(job, charge),
            }
        }
    }
    unpriced.told(job)?;
    let taxes = taxes(job, &lines)?;
    let invoices = invoices(&lines, &taxes, job.reference)?;
    let charges = charge_totals(job, &given, &lines)?;
    Ok(Billing { lines, taxes, invoices, groups: cube.groups, charges })
}

#[derive(Default)]
struct Piece {
    lines: Vec<Line>,
    given: Vec<(usize, Decimal)>,
    unpriced: Unpriced,
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
}

impl Rater<'_> {
    fn accounts(&self, accounts: &[usize]) -> Outcome<Piece> {
        let mut piece = Piece::default();
        for account in accounts {
            let start = piece.lines.len();
            self.account(*account, &mut piece)?;
            let groups = &self.cube.groups.list;
            piece.lines[start..].sort_by(|a, b| {
                let key = |line: &Line| (line.subscription, line.charge, line.kind);
                let values = || groups[a.group as usize].cmp(&groups[b.group as usize]);
                key(a).cmp(&key(b)).then_with(values).then(a.band.cmp(&b.band))
            });
        }
        Ok(piece)
    }

    fn account(&self, account: usize, piece: &mut Piece) -> Outcome<()> {
        let subscriptions = &self.job.reference.subscriptions_of[account];
        let mut sharings: Vec<Sharing> = Vec::new();
        let mut place: HashMap<(usize, u32), usize> = HashMap::new();
        for subscription in subscriptions {
            for (nth, charge) in self.job.catalog.offer(*subscription).charges.iter().enumerate() {
                // Most subscriptions have no usage of most meters: nothing is looked up for those.
                let meter = self.job.book.charges[*charge].meter;
                if meter.is_some_and(|meter| !self.cube.is_used(*subscription, meter)) {
                    continue;
                }
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
            let Some(mut portions) = self.cube.portions(*subscription, meter, sharing.price) else {
                piece.unpriced.usage(self.job, sharing.charge, sharing.price, *subscription);
                continue;
            };
            for portion in &portions {
                piece.given.push((sharing.charge, portion.quantity));
            }
            if let Some(plan) = self.job.catalog.offer(*subscription).plan {
                let allowances = &self.job.book.plans[plan].allowances;
                let before = portions.clone();
                let covered = pools.draw(sharing.charge, plan, allowances, meter, &mut portions)?;
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
        let parts = match rate(&price.model, portions, &values) {
            Ok(parts) => parts,
            Err(Unrated::NoCell(missing)) => {
                for (portion, values) in missing {
                    piece.unpriced.cell(sharing.charge, sharing.price, values, portions[portion].subscription);
                }
                return Ok(());
            }
            Err(Unrated::OutOfRange) => {
                let most = portions.iter().max_by_key(|portion| portion.quantity.units().unsigned_abs());
                if let Some(portion) = most {
                    let (charge, quantity) = (sharing.charge, portion.quantity);
                    piece.unpriced.amount(self.job, charge, sharing.price, portion.subscription, quantity);
                }
                return Ok(());
            }
            Err(Unrated::NotUsage) => {
                let charge = &self.job.book.charges[sharing.charge].id;
                return Err(Fault::ours(format!("charge `{charge}` does not price usage")).into());
            }
        };
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
            self.add_line(sharing, &line, piece)?;
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
            let fixed = match due {
                Ok(Some(fixed)) => fixed,
                Ok(None) => continue,
                Err(_) => {
                    let (charge, quantity) = (sharing.charge, subscription.quantity);
                    piece.unpriced.amount(self.job, charge, sharing.price, *index, quantity);
                    continue;
                }
            };
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
            self.add_line(sharing, &line, piece)?;
        }
        Ok(())
    }

    fn add_line(&self, sharing: &Sharing, unrounded: &Unrounded, piece: &mut Piece) -> Outcome<()> {
        let reference = self.job.reference;
        let account = reference.subscriptions[unrounded.subscription as usize].account;
        let digits = reference.accounts[account as usize].minor_digits;
        let part = unrounded.part;
        let percent = self.job.discounts.percent(sharing.charge, account);
        let amounts = amounts(part.amount, percent, self.job.book.rounding, digits);
        let payable = |amounts: &Amounts| [amounts.list, amounts.discount, amounts.net].into_iter().all(is_payable);
        let Some(amounts) = amounts.filter(payable) else {
            let (charge, subscription) = (sharing.charge, unrounded.subscription);
            piece.unpriced.amount(self.job, charge, sharing.price, subscription, part.quantity);
            return Ok(());
        };
        piece.lines.push(Line {
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
        });
        Ok(())
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
    let chunks = lines.par_chunks(LINES).enumerate();
    let taxed: Vec<(Vec<TaxRow>, Unpriced)> =
        chunks.map(|(at, lines)| taxes_of(job, &table, at * LINES, lines)).collect();
    let mut unpriced = Unpriced::default();
    let mut rows = Vec::with_capacity(taxed.iter().map(|(rows, _)| rows.len()).sum());
    for (own, untaxed) in taxed {
        rows.extend(own);
        unpriced.add(untaxed);
    }
    unpriced.told(job)?;
    Ok(rows)
}

/// The tax rows of the lines that begin at position `start`.
fn taxes_of(job: &Job<'_>, table: &TaxTable<'_>, start: usize, lines: &[Line]) -> (Vec<TaxRow>, Unpriced) {
    let mut rates: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    let (mut rows, mut unpriced) = (Vec::with_capacity(lines.len()), Unpriced::default());
    for (number, line) in (start..).zip(lines) {
        let account = &job.reference.accounts[job.reference.subscriptions[line.subscription as usize].account as usize];
        let product = &job.book.products[job.book.charges[line.charge as usize].product];
        let key = (account.tax_jurisdiction.as_str(), product.tax_category.as_str());
        let rates = rates.entry(key).or_insert_with(|| table.applicable(key.0, key.1));
        let (digits, rounding) = (account.minor_digits, job.book.rounding);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let own = table.rows(number, line.net, rates, &account.exemptions, rounding, digits);
        match own.filter(|rows| rows.iter().all(|tax| is_payable(tax.amount) && is_payable(tax.taxable))) {
            Some(own) => rows.extend(own),
            None => unpriced.tax(job, line),
        }
    }
    (rows, unpriced)
}

fn charge_totals(job: &Job<'_>, given: &[Decimal], lines: &[Line]) -> Outcome<Vec<ChargeTotals>> {
    let mut billed = vec![Decimal::ZERO; job.book.charges.len()];
    let mut unpriced = Unpriced::default();
    for line in lines.iter().filter(|line| matches!(line.kind, LineKind::Usage | LineKind::Allowance)) {
        let sum = &mut billed[line.charge as usize];
        match sum.plus(line.quantity) {
            Some(plus) => *sum = plus,
            None => unpriced.total(job, line.charge as usize),
        }
    }
    unpriced.told(job)?;
    let charges = job.book.charges.iter().zip(given).zip(billed).filter(|((charge, _), _)| charge.meter.is_some());
    let total = |((charge, given), billed): ((&Charge, &Decimal), Decimal)| ChargeTotals {
        charge: charge.id.clone(),
        quantity_in_buckets: *given,
        quantity_on_lines: billed,
    };
    Ok(charges.map(total).collect())
}
