//! What a witness of the rater sees: every draw of an allowance and every rating, as it happens. It exists for
//! explanations; a run has none.

use super::rater::{Piece, Rater};
use crate::fault::Outcome;
use crate::lines::{Part, Portion};
use crate::reference::model::Index;

/// What was seen, in order.
pub(super) type Witness = Vec<Seen>;

/// One step of the rater.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// The allowances of a plan have covered something of a subscription's usage, or nothing.
    Drawn {
        charge: usize,
        plan: usize,
        account: u32,
        /// Usage before.
        portions: Vec<Portion>,
        covered: Vec<Part>,
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
        let unit = if self.circles.wide {
            self.circles.units().into_iter().find(|unit| unit.contains(&account)).unwrap_or_default()
        } else {
            vec![account]
        };
        self.unit(&unit, &mut piece)?;
        Ok(piece.witness.unwrap_or_default())
    }
}
