//! Lines whose price is in another currency than their account is billed in: their rated amounts are exchanged, each
//! rounded half up to 18 digits, and so are the rated records behind them.

use rayon::prelude::*;

use super::Job;
use super::itemised::LineRecord;
use super::unpriced::Unpriced;
use crate::fault::{Fault, Faults, Outcome};
use crate::fx::Rate;
use crate::lines::Line;
use crate::money::Decimal;

/// Lines exchanged as one piece of parallel work.
const LINES: usize = 1 << 14;

/// Exchanges the rated amounts of all lines that need it.
///
/// # Errors
/// `R021` for days without a rate, `G003` for amounts that do not fit.
pub(super) fn exchange(job: &Job<'_>, lines: &mut [Line]) -> Outcome<()> {
    if job.fx.is_idle() {
        return Ok(());
    }
    let exchanged = |lines: &mut [Line]| {
        let (mut missing, mut unpriced) = (Vec::new(), Unpriced::default());
        for line in lines {
            line.exchange = job.fx.number(line.subscription, last_day(job, line));
            if line.exchange == 0 {
                continue;
            }
            match job.fx.rate(line.exchange).map(|rate| line.rated.times(rate)) {
                Some(Some(rated)) => line.rated = rated,
                Some(None) => {
                    unpriced.amount(job, line.charge as usize, line.price, line.subscription, line.quantity);
                }
                None => missing.push(line.exchange),
            }
        }
        (missing, unpriced)
    };
    let pieces: Vec<(Vec<u32>, Unpriced)> = lines.par_chunks_mut(LINES).map(exchanged).collect();
    let (mut missing, mut unpriced) = (Vec::new(), Unpriced::default());
    for (of_piece, too_much) in pieces {
        missing.extend(of_piece);
        unpriced.add(too_much);
    }
    missing.sort_unstable();
    missing.dedup();
    let told = missing.iter().filter_map(|number| job.fx.missing(*number, job.book, job.reference, job.period));
    Faults(told.collect()).or(())?;
    unpriced.told()
}

/// The last local day of the period on which a line bills.
fn last_day(job: &Job<'_>, line: &Line) -> u16 {
    let last = u16::try_from(job.period.days().saturating_sub(1)).unwrap_or_default();
    job.period.day_of(line.service_end.saturating_sub(1)).unwrap_or(last)
}

/// What of an exchange the published line says: the currency of its price, and the rate.
pub(super) fn told<'j>(job: &'j Job<'_>, line: &Line) -> Option<(&'j str, Rate)> {
    let (pair, rate) = job.fx.exchange(line.exchange)?;
    Some((pair.from.as_str(), rate?))
}

/// Exchanges rated records: each is what the amount of its line grows by, so that they add up to it.
///
/// # Errors
/// Our bug when an amount does not fit though the line's does.
pub(super) fn exchange_records(job: &Job<'_>, lines: &[Line], records: &mut [LineRecord]) -> Outcome<()> {
    if job.fx.is_idle() {
        return Ok(());
    }
    for of_line in records.chunk_by_mut(|a, b| a.line == b.line) {
        let number = of_line.first().and_then(|first| lines.get(first.line as usize)).map_or(0, |line| line.exchange);
        let Some(rate) = job.fx.rate(number) else { continue };
        let (mut sum, mut exchanged) = (Decimal::ZERO, Decimal::ZERO);
        for record in of_line {
            let grown = sum.plus(record.amount).and_then(|sum| Some((sum, sum.times(rate)?)));
            let (whole, all) = grown.ok_or_else(|| Fault::ours("a rated record cannot be exchanged"))?;
            record.amount = all.minus(exchanged).ok_or_else(|| Fault::ours("a rated record cannot be exchanged"))?;
            (sum, exchanged) = (whole, all);
        }
    }
    Ok(())
}
