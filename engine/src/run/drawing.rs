//! Whose turn it is to draw on what an account shares: subscription after subscription, each with its whole period, whatever
//! prices they have and with whom they share tiers. So that is settled for a charge before any of its usage is priced.
//!
//! It knows the order alone: what allowances cover is not known here.

use hashbrown::HashMap;

use super::Job;
use super::rater::{Piece, Rater, Sharing};
use crate::allowance::Pools;
use crate::book::model::Scope;
use crate::fault::Outcome;
use crate::lines::Portion;

/// What allowances have left of the usage of a subscription in a stretch.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// What is to be priced.
    pub(super) portions: Vec<Portion>,
    /// Whether there was any usage.
    pub(super) used: bool,
    /// Whether allowances have lines of it.
    pub(super) covered: bool,
}

/// What was left, by subscription and number of the stretch.
pub(super) type Drawn = HashMap<(u32, u16), Left>;

/// By meter: whether accounts share an allowance of it.
pub(super) fn pooled(job: &Job<'_>) -> Vec<bool> {
    let mut pooled = vec![false; job.book.meters.len()];
    for allowance in job.book.plans.iter().flat_map(|plan| &plan.allowances) {
        pooled[allowance.meter] |= allowance.shared_over != Scope::Subscription;
    }
    pooled
}

impl Rater<'_> {
    /// Draws for all `sharings` of one charge, in order of subscriptions; nothing where they share no allowance of `meter`.
    pub(super) fn drawn_in_turn(
        &self,
        sharings: &[Sharing<'_>],
        meter: usize,
        pools: &mut Pools,
        piece: &mut Piece,
    ) -> Outcome<Drawn> {
        let mut drawn = Drawn::new();
        if !self.pooled[meter] {
            return Ok(drawn);
        }
        let turn = |sharing| move |subscription: &u32| (*subscription, sharing);
        let mut turns: Vec<(u32, &Sharing<'_>)> =
            sharings.iter().flat_map(|sharing| sharing.subscriptions.iter().map(turn(sharing))).collect();
        turns.sort_by_key(|(subscription, _)| *subscription);
        for (subscription, sharing) in turns {
            for (number, _) in (0_u16..).zip(sharing.stretches) {
                let left = self.left(sharing, (subscription, number), meter, pools, piece)?;
                drawn.insert((subscription, number), left);
            }
        }
        Ok(drawn)
    }
}
