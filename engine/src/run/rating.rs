//! The price path: usage buckets -> portions -> allowances -> charge models -> settlement -> taxes -> invoices -> prepaid
//! credits (the order of DESIGN section 5). Accounts that share nothing are independent of each other, so they are rated in
//! parallel and their lines joined in order.

use super::Job;
use super::balances::{BalanceRow, add_included, balances};
use super::circles::Units;
use super::commitments::CommitmentRows;
use super::covers::CoveredCharge;
use super::currencies::exchange_records;
use super::deferred::rate_deferred;
use super::discounts::Discounting;
use super::draws::{self, DrawRow};
use super::itemised::{LineRecord, add_itemised, of_lines};
use super::levels::closing;
use super::made::Made;
use super::notices::Notice;
use super::rater::{Piece, Rater};
use super::settlement::{Settled, settle};
use super::taxation::Taxed;
use super::unpriced::Unpriced;
use crate::book::model::Charge;
use crate::catalog::Opening;
use crate::charge::Cube;
use crate::control::ChargeTotals;
use crate::credit;
use crate::fault::Outcome;
use crate::invoice::{invoices, subtotals, sums};
use crate::lines::{CreditBalance, CreditDraw, Groups, Invoice, Levies, Line, LineKind, Subtotal, TaxRow};
use crate::money::Decimal;
use crate::pieces::in_order;
use crate::usage::Buckets;

/// Everything that is billed.
#[derive(Debug)]
pub(super) struct Billing {
    /// Sorted by account, subscription, charge, kind, dimension values, band.
    pub(super) lines: Vec<Line>,
    /// What discounts have taken off the lines.
    pub(super) discounting: Discounting,
    /// In the order of the lines.
    pub(super) taxes: Vec<TaxRow>,
    /// The taxes that their rows name.
    pub(super) levies: Levies,
    /// Lines that have no tax although they should.
    pub(super) lines_without_tax: u64,
    /// Sorted by bill-to account and currency.
    pub(super) invoices: Vec<Invoice>,
    /// Sorted by account, product and invoice.
    pub(super) subtotals: Vec<Subtotal>,
    /// What credits pay, by credit and invoice.
    pub(super) credit_draws: Vec<CreditDraw>,
    /// What became of the credits, in the order of the reference table.
    pub(super) credit_balances: Vec<CreditBalance>,
    /// Dimension values of the lines.
    pub(super) groups: Groups,
    /// Rated records of charges that publish them, in the order of the lines, then of time and origin.
    pub(super) records: Vec<LineRecord>,
    /// What lines have drawn on allowances, in the order of the lines.
    pub(super) draws: Vec<DrawRow>,
    /// What has become of every grant.
    pub(super) balances: Vec<BalanceRow>,
    /// Levels at the end of the period.
    pub(super) levels: Vec<Opening>,
    /// What each usage charge was given, and what its lines say.
    pub(super) charges: Vec<ChargeTotals>,
    /// What commitments have come to.
    pub(super) commitments: CommitmentRows,
    /// Thresholds reached, by account, subscription and threshold.
    pub(super) notices: Vec<Notice>,
}

/// Everything that is rated and settled, before it is taxed.
#[derive(Debug)]
pub(super) struct Rated {
    /// In the order of the table.
    pub(super) lines: Vec<Line>,
    /// Dimension values of the lines.
    pub(super) groups: Groups,
    records: Vec<LineRecord>,
    charges: Vec<ChargeTotals>,
    /// What discounts have taken off them.
    pub(super) discounting: Discounting,
    /// How the lines that are made of other lines came about.
    pub(super) made: Vec<Made>,
    /// The charges that included amounts have covered something of.
    pub(super) covered: Vec<CoveredCharge>,
    draws: Vec<DrawRow>,
    balances: Vec<BalanceRow>,
    levels: Vec<Opening>,
    commitments: CommitmentRows,
    notices: Vec<Notice>,
}

/// Rates the usage cube and everything that is due without usage.
///
/// # Errors
/// SQL of prices that cannot be computed (`E007`, `E008`, `E009`), usage and amounts that do not fit (`G002`, `G003`).
pub(super) fn rate(job: &Job<'_>, buckets: &Buckets) -> Outcome<Rated> {
    let cube = Cube::new(buckets, job.book, job.catalog, job.period, job.reference)?;
    let rater = Rater::new(job, &cube).with_fees()?;
    let mut unpriced = Unpriced::default();
    let (mut lines, mut deferred, mut records, mut broken) = (Vec::new(), Vec::new(), Vec::new(), Ok(()));
    let mut draws = Vec::new();
    let mut given = vec![Decimal::ZERO; job.book.charges.len()];
    let mut give = |unpriced: &mut Unpriced, quantities: Vec<(usize, Decimal)>| {
        for (charge, quantity) in quantities {
            match given[charge].plus(quantity) {
                Some(sum) => given[charge] = sum,
                None => unpriced.total(job, charge),
            }
        }
    };
    let rated = |_: &mut (), units: Units| rater.accounts(&units);
    in_order(rater.circles.units(), rated, |piece: Outcome<Piece>, share| match piece {
        Ok(piece) => {
            unpriced.add(piece.unpriced);
            share.grow(&mut lines, piece.lines.len());
            lines.extend(piece.lines);
            deferred.extend(piece.deferred);
            records.extend(piece.records);
            draws.extend(piece.draws);
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
    let Settled { lines, covers, discounting, made, commitments, notices } = settle(&rater, lines)?;
    draws.extend(covers.draws);
    let draws = draws::of_lines(draws, &lines)?;
    let (balances, charges) =
        rayon::join(|| balances(job, &lines, &draws), || charge_totals(job, &given, &lines, &draws));
    let (balances, charges) = (balances?, charges?);
    let mut records = of_lines(job, records, &lines)?;
    exchange_records(job, &lines, &mut records)?;
    let levels = closing(job, &cube)?;
    drop(rater);
    let (groups, covered) = (cube.groups, covers.charges);
    Ok(Rated {
        lines,
        groups,
        records,
        charges,
        discounting,
        made,
        covered,
        draws,
        balances,
        levels,
        commitments,
        notices,
    })
}

/// Puts taxed lines on invoices.
///
/// # Errors
/// `G003` for sums that do not fit.
pub(super) fn bill(job: &Job<'_>, rated: Rated, taxed: Taxed) -> Outcome<Billing> {
    let Rated { lines, groups, records, charges, discounting, .. } = rated;
    let Rated { draws, balances, levels, commitments, notices, .. } = rated;
    let Taxed { rows: taxes, levies, lines_without_tax } = taxed;
    let product = |charge: &Charge| u32::try_from(charge.product).unwrap_or(u32::MAX);
    let products: Vec<u32> = job.book.charges.iter().map(product).collect();
    let sums = sums(&lines, &taxes, &products, job.reference)?;
    let mut invoices = invoices(&sums, job.reference)?;
    let subtotals = subtotals(&sums, &invoices, job.reference)?;
    let (credit_draws, credit_balances) =
        credit::draw(&lines, &taxes, &mut invoices, (job.reference, job.book, job.period))?;
    Ok(Billing {
        lines,
        discounting,
        taxes,
        levies,
        lines_without_tax,
        invoices,
        subtotals,
        credit_draws,
        credit_balances,
        draws,
        balances,
        levels,
        groups,
        records,
        charges,
        commitments,
        notices,
    })
}

fn charge_totals(job: &Job<'_>, given: &[Decimal], lines: &[Line], draws: &[DrawRow]) -> Outcome<Vec<ChargeTotals>> {
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
        included: None,
    };
    let mut totals: Vec<ChargeTotals> = charges.map(total).collect();
    add_itemised(job, lines, &mut totals)?;
    add_included(job, lines, draws, &mut totals)?;
    Ok(totals)
}
