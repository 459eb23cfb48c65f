//! Included amounts: rated usage lines -> lines of what allowances cover of them. Usage of the lowest subscription draws
//! first, its charges in order, of each the lines at prices that hold earlier first.

use super::draws::{LineDraw, key};
use super::rater::Rater;
use super::unpriced::Unpriced;
use crate::allowance::money::{Cover, Purse};
use crate::catalog::Source;
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind};
use crate::money::Decimal;

/// The usage of one charge of a subscription that included amounts have covered something of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoveredCharge {
    pub(super) subscription: u32,
    pub(super) charge: u32,
    /// What it has drawn on, in order: of each what was left.
    pub(super) sources: Vec<Source>,
    /// Rated amounts of its usage lines, in the order in which they are covered.
    pub(super) amounts: Vec<Decimal>,
}

/// What included amounts have covered.
#[derive(Debug, Default)]
pub(super) struct Covers {
    pub(super) draws: Vec<LineDraw>,
    pub(super) charges: Vec<CoveredCharge>,
}

/// Adds the lines of what included amounts cover.
///
/// # Errors
/// `G003` for amounts that do not fit.
pub(super) fn cover(rater: &Rater<'_>, lines: &mut Vec<Line>) -> Outcome<Covers> {
    let (mut covers, mut purse, mut unpriced) = (Covers::default(), Purse::default(), Unpriced::default());
    if rater.job.catalog.grants.has_none(true) {
        return Ok(covers);
    }
    let mut added = Vec::new();
    let used = in_order(lines);
    for usage in used.chunk_by(|one, next| (one.subscription, one.charge) == (next.subscription, next.charge)) {
        let Some(first) = usage.first() else { continue };
        let charge = first.charge as usize;
        let Some(meter) = rater.job.book.charges[charge].meter else { continue };
        let Some((sources, _)) = rater.sources(first.subscription, (charge, meter), true) else { continue };
        let sources: Vec<Source> = sources.into_iter().map(|source| purse.left(source)).collect();
        let amounts: Vec<Decimal> = usage.iter().map(|line| line.rated).collect();
        match purse.cover(&sources, &amounts) {
            Some(covered) if covered.is_empty() => {}
            Some(covered) => {
                add(usage, &covered, &mut added, &mut covers.draws)?;
                let (subscription, charge) = (first.subscription, first.charge);
                covers.charges.push(CoveredCharge { subscription, charge, sources, amounts });
            }
            None => unpriced.amount(rater.job, charge, first.price, first.subscription, first.quantity),
        }
    }
    unpriced.told()?;
    if !added.is_empty() {
        lines.extend(added);
        rater.sort(lines, true);
    }
    Ok(covers)
}

/// The lines of usage in the order in which they are covered.
fn in_order(lines: &[Line]) -> Vec<&Line> {
    let mut used: Vec<&Line> = lines.iter().filter(|line| line.kind == LineKind::Usage).collect();
    used.sort_by_key(|line| (line.subscription, line.charge, line.stretch));
    used
}

/// One line for each usage line that is covered: so what is covered in full comes to nothing, however it is rounded.
fn add(usage: &[&Line], covers: &[Cover], added: &mut Vec<Line>, draws: &mut Vec<LineDraw>) -> Outcome<()> {
    for own in covers.chunk_by(|one, next| one.at == next.at) {
        let Some(line) = own.first().and_then(|cover| usage.get(cover.at)) else { continue };
        let sum = own.iter().map(|cover| cover.amount).try_fold(Decimal::ZERO, Decimal::plus);
        let number = own.first().and_then(|cover| u32::try_from(cover.at).ok());
        let (Some(sum), Some(number)) = (sum, number) else {
            return Err(Fault::ours("what an allowance covers does not fit").into());
        };
        let covered = Line {
            kind: LineKind::Allowance,
            band: Band::Amount(number),
            quantity: Decimal::ZERO,
            unit_price: None,
            rated: -sum,
            ..**line
        };
        let draw = |cover: &Cover| {
            let (line, grant, amount) = (key(&covered), cover.grant, cover.amount);
            LineDraw { line, grant, quantity: Decimal::ZERO, amount }
        };
        draws.extend(own.iter().map(draw));
        added.push(covered);
    }
    Ok(())
}
