//! Work cut into pieces: made side by side, taken in order while the next ones are made.
//!
//! A run holds a few pieces at a time beside what they come to, not all of them: fresh memory costs more than the work.

use rayon::prelude::*;

/// Turns in which all pieces are made.
const TURNS: usize = 16;

/// How many pieces are taken, this one included, of how many.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    taken: usize,
    all: usize,
}

impl Share {
    /// Makes room in `whole` for `more` at once and about as many from every piece that is still to come: a list that
    /// doubles would need half as much memory again.
    pub fn grow<T>(self, whole: &mut Vec<T>, more: usize) {
        if whole.capacity() - whole.len() < more {
            let likely = (whole.len() + more).saturating_mul(self.all) / self.taken.max(1);
            whole.reserve(more.max((likely + likely / 16).saturating_sub(whole.len())));
        }
    }
}

/// Makes a piece of each part of `work` and takes the pieces in the order of the parts, whatever the number of threads.
/// `S` is room that several pieces are made in.
pub fn in_order<W: Send, S: Default, P: Send>(
    work: Vec<W>,
    make: impl Fn(&mut S, W) -> P + Send + Sync,
    mut take: impl FnMut(P, Share) + Send,
) {
    let (all, mut taken) = (work.len(), 0);
    let turn = all.div_ceil(TURNS).max(2 * rayon::current_num_threads());
    let mut work = work.into_iter();
    let mut made: Vec<P> = Vec::new();
    loop {
        let next: Vec<W> = work.by_ref().take(turn).collect();
        if next.is_empty() && made.is_empty() {
            return;
        }
        let ready = std::mem::take(&mut made);
        let take_ready = || {
            for piece in ready {
                taken += 1;
                take(piece, Share { taken, all });
            }
        };
        (made, ()) = rayon::join(|| next.into_par_iter().map_init(S::default, &make).collect(), take_ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_taken_in_order_and_room_is_made_once() {
        for count in [0, 1, 7, 100, 1000] {
            let mut whole: Vec<usize> = Vec::new();
            let mut grown = 0;
            let make = |made: &mut Vec<usize>, at: usize| {
                made.clear();
                made.extend([at; 3]);
                made.clone()
            };
            in_order((0..count).collect(), make, |piece: Vec<usize>, share| {
                let before = whole.capacity();
                share.grow(&mut whole, piece.len());
                grown += usize::from(whole.capacity() > before);
                whole.extend(piece);
            });
            assert_eq!(whole, (0..count).flat_map(|at| [at; 3]).collect::<Vec<_>>());
            assert!(grown <= 1, "{count} pieces: {grown} times");
        }
    }
}
