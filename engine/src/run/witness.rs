//! What a witness of the rater sees: every draw of an allowance and every rating, as it happens. It exists for
//! explanations; a run has none.

use super::rater::{Piece, Rater};
use crate::allowance::Covered;
use crate::catalog::{Payer, Source};
use crate::fault::Outcome;
use crate::lines::{Part, Portion};
use crate::reference::model::Index;

/// What was seen, in order.
pub(super) type Witness = Vec<Seen>;

/// One step of the rater.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// Allowances have covered something of a subscription's usage, or nothing.
    Drawn {
        charge: usize,
        /// What it draws on, in order.
        sources: Vec<Source>,
        payer: Payer,
        /// Usage before.
        portions: Vec<Portion>,
        covered: Covered,
    },
    /// Portions that fill the same tiers were rated.
    Rated {
        charge: usize,
        /// Number in the catalog's terms.
        terms: u32,
        portions: Vec<Portion>,
        parts: Vec<Part>,
    },
}

impl Rater<'_> {
    /// Rates the accounts that share anything with `account`, seen.
    pub(super) fn witnessed(&self, account: Index) -> Outcome<Witness> {
        let mut piece = Piece { witness: Some(Witness::new()), ..Piece::default() };
        self.unit(&self.circles.unit(account), &mut piece)?;
        Ok(piece.witness.unwrap_or_default())
    }
}
