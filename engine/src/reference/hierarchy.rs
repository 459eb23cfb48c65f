//! The account tree: cycles, depth, roots. It works on indices and knows nothing of tables.

use super::model::Index;

/// Levels a hierarchy may have: every account carries the ids of all above it.
pub(super) const DEEPEST: usize = 100;

/// The cycles in `parents`, each from its lowest index on.
pub(super) fn cycles(parents: &[Option<Index>]) -> Vec<Vec<Index>> {
    /// How far the walk has come with an account.
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        OnThisWalk,
        Before,
    }
    let mut seen = vec![Seen::Never; parents.len()];
    let mut cycles = Vec::new();
    for start in (0..).take(parents.len()) {
        let mut walk = Vec::new();
        let mut next: Option<Index> = Some(start);
        while let Some(at) = next
            && seen[at as usize] == Seen::Never
        {
            seen[at as usize] = Seen::OnThisWalk;
            walk.push(at);
            next = parents[at as usize];
        }
        if let Some(again) = next
            && seen[again as usize] == Seen::OnThisWalk
        {
            let mut cycle: Vec<Index> = walk.iter().copied().skip_while(|at| *at != again).collect();
            let lowest = cycle.iter().enumerate().min_by_key(|(_, at)| **at).map_or(0, |(position, _)| position);
            cycle.rotate_left(lowest);
            cycles.push(cycle);
        }
        walk.into_iter().for_each(|at| seen[at as usize] = Seen::Before);
    }
    cycles
}

/// The account itself and all above it, nearest first; stops at [`DEEPEST`].
pub(super) fn ancestry(parents: &[Option<Index>], account: Index) -> impl Iterator<Item = Index> {
    let above = move |at: &Index| parents.get(*at as usize).copied().flatten();
    std::iter::successors(Some(account), above).take(DEEPEST + 1)
}
