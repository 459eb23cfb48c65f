//! Lines that are made of other lines, with how they came about: what an explanation tells of them.

use super::Job;
use super::unpriced::Unpriced;
use crate::bounds::Span;
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind, is_payable};
use crate::money::Decimal;

/// How a line that is made of other lines came about.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// Subscription, charge, kind and band: what the line is found by.
    pub(super) line: (u32, u32, LineKind, Band),
    /// The bound or committed amount, by the days it holds.
    pub(super) spans: Vec<Span>,
    /// Of so many days.
    pub(super) of: i64,
    /// What that comes to.
    pub(super) bound: Decimal,
    /// What earlier periods of a term have counted.
    pub(super) before: Decimal,
    /// What the lines (or the usage) of this period come to.
    pub(super) sum: Decimal,
    /// How many lines those are.
    pub(super) lines: u64,
    /// What each missing unit costs, or what is taken of what goes beyond: the overage factor less one.
    pub(super) price: Option<Decimal>,
}

/// The name by which a made line is found.
pub(super) fn name(line: &Line) -> (u32, u32, LineKind, Band) {
    (line.subscription, line.charge, line.kind, line.band)
}

/// The lines that a stage makes.
#[derive(Debug, Default)]
pub(super) struct Making {
    pub(super) lines: Vec<Line>,
    pub(super) made: Vec<Made>,
    pub(super) unpriced: Unpriced,
}

impl Making {
    /// Adds `line` unless its amount has no place in the table; `made` says how it came about.
    pub(super) fn add(&mut self, job: &Job<'_>, line: Line, made: Made) {
        if !is_payable(line.rated) {
            let (charge, of) = (line.charge as usize, line.subscription);
            self.unpriced.amount(job, charge, line.price, of, line.quantity);
            return;
        }
        self.lines.push(line);
        self.made.push(made);
    }

    /// Puts what was made among `lines`, in the order of the table.
    pub(super) fn settle(
        self,
        rater: &super::rater::Rater<'_>,
        lines: &mut Vec<Line>,
        all: &mut Vec<Made>,
    ) -> Outcome<()> {
        self.unpriced.told()?;
        if !self.lines.is_empty() {
            lines.extend(self.lines);
            rater.sort(lines, true);
        }
        all.extend(self.made);
        Ok(())
    }
}

/// A sum that a stage needs and that does not fit.
pub(super) fn too_much(what: &str) -> Fault {
    Fault::new(&crate::fault::codes::G002, format!("{what} come to more than 20 digits before the point"))
}

/// A line of `rated` without a discount: already in minor units.
pub(super) fn settled(line: Line) -> Line {
    Line { list: line.rated, discount: Decimal::ZERO, net: line.rated, ..line }
}
