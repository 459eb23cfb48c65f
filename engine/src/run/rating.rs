//! The price path: usage buckets -> portions -> allowances -> charge models -> exchange, discounts and rounding -> taxes -> invoices
//! -> prepaid credits (the order of DESIGN section 5). Accounts are independent of each other, so they are rated in parallel and their
//! lines joined in order.

use hashbrown::HashMap;

use super::Job;
use super::deferred::rate_deferred;
use super::exchange::exchange_records;
use super::itemised::{LineRecord, add_itemised, of_lines};
use super::rater::{Piece, Rater};
use super::settlement::{Settled, settle};
use super::unpriced::Unpriced;
use crate::book::model::Charge;
use crate::charge::Cube;
use crate::control::ChargeTotals;
use crate::credit;
use crate::fault::Outcome;
use crate::invoice::invoices;
use crate::lines::{CreditBalance, CreditDraw, Groups, Invoice, Line, LineKind, TaxRow, is_payable};
use crate::money::Decimal;
use crate::pieces::in_order;
use crate::tax::TaxTable;
use crate::usage::Buckets;

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
    /// What credits pay, by credit and invoice.
    pub(super) draws: Vec<CreditDraw>,
    /// What became of the credits, in the order of the reference table.
    pub(super) balances: Vec<CreditBalance>,
    /// Dimension values of the lines.
    pub(super) groups: Groups,
    /// Rated records of charges that publish them, in the order of the lines, then of time and origin.
    pub(super) records: Vec<LineRecord>,
    /// What each usage charge was given, and what its lines say.
    pub(super) charges: Vec<ChargeTotals>,
}

/// Rates the usage cube and everything that is due without usage.
///
/// # Errors
/// SQL of prices that cannot be computed (`E007`, `E008`, `E009`), usage and amounts that do not fit (`G002`, `G003`).
pub(super) fn bill(job: &Job<'_>, buckets: &Buckets) -> Outcome<Billing> {
    let cube = Cube::new(buckets, job.book, job.catalog, job.period, job.reference)?;
    let rater = Rater::new(job, &cube);
    let mut unpriced = Unpriced::default();
    let (mut lines, mut deferred, mut records, mut broken) = (Vec::new(), Vec::new(), Vec::new(), Ok(()));
    let mut given = vec![Decimal::ZERO; job.book.charges.len()];
    let mut give = |unpriced: &mut Unpriced, quantities: Vec<(usize, Decimal)>| {
        for (charge, quantity) in quantities {
            match given[charge].plus(quantity) {
                Some(sum) => given[charge] = sum,
                None => unpriced.total(job, charge),
            }
        }
    };
    let rated = |_: &mut (), accounts: Vec<_>| rater.accounts(&accounts);
    in_order(rater.circles.units(), rated, |piece: Outcome<Piece>, share| match piece {
        Ok(piece) => {
            unpriced.add(piece.unpriced);
            share.grow(&mut lines, piece.lines.len());
            lines.extend(piece.lines);
            deferred.extend(piece.deferred);
            records.extend(piece.records);
            give(&mut unpriced, piece.given);
        }
        Err(faults) if broken.is_ok() => broken = Err(faults),
        Err(_) => {}
    });
    broken?;
    let later = !deferred.is_empty();
    if later {
        let quantities = rate_deferred(&rater, deferred, &mut lines, &mut unpriced)?;
        give(&mut unpriced, quantities);
    }
    rater.sort(&mut lines, later);
    unpriced.told()?;
    let Settled { lines } = settle(&rater, lines)?;
    let mut records = of_lines(job, records, &lines)?;
    exchange_records(job, &lines, &mut records)?;
    let taxes = taxes(job, &lines)?;
    let mut invoices = invoices(&lines, &taxes, job.reference)?;
    let (draws, balances) = credit::draw(&lines, &taxes, &mut invoices, (job.reference, job.book, job.period))?;
    let charges = charge_totals(job, &given, &lines)?;
    drop(rater);
    Ok(Billing { lines, taxes, invoices, draws, balances, groups: cube.groups, records, charges })
}

fn taxes(job: &Job<'_>, lines: &[Line]) -> Outcome<Vec<TaxRow>> {
    let table = TaxTable::new(job.reference, job.period);
    let (mut rows, mut unpriced) = (Vec::new(), Unpriced::default());
    let taxed = |_: &mut (), (at, lines): (usize, &[Line])| taxes_of(job, &table, at * LINES, lines);
    in_order(lines.chunks(LINES).enumerate().collect(), taxed, |(own, untaxed): (Vec<TaxRow>, Unpriced), share| {
        share.grow(&mut rows, own.len());
        rows.extend(own);
        unpriced.add(untaxed);
    });
    unpriced.told()?;
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
    unpriced.told()?;
    let charges = job.book.charges.iter().zip(given).zip(billed).filter(|((charge, _), _)| charge.meter.is_some());
    let total = |((charge, given), billed): ((&Charge, &Decimal), Decimal)| ChargeTotals {
        charge: charge.id.clone(),
        quantity_in_buckets: *given,
        quantity_on_lines: billed,
        itemised: None,
    };
    let mut totals: Vec<ChargeTotals> = charges.map(total).collect();
    add_itemised(job, lines, &mut totals)?;
    Ok(totals)
}
