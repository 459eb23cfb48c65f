//! The generator's only source of chance: splitmix64, so that a seed gives the same sample on every machine.
//! It is separate so that nothing else can draw from a clock or an operating system. It never makes a float.

/// A seeded stream of choices.
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts the stream of one seed and one use; two uses of one seed do not disturb each other.
    pub(crate) fn new(seed: u64, salt: u64) -> Self {
        Self(seed ^ salt.wrapping_mul(0xA24B_AED4_963E_E407))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn roll(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.abs_diff(low)) + 1;
        let offset = (u128::from(self.next()) * width) >> 64;
        low + i64::try_from(offset).unwrap_or(0)
    }

    /// A place in a list of `len` entries.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        let last = i64::try_from(len).unwrap_or(1) - 1;
        usize::try_from(self.roll(0, last.max(0))).unwrap_or(0)
    }

    /// A copy of one entry of a list that is not empty.
    pub(crate) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())].clone()
    }

    /// True `permille` times in a thousand.
    pub(crate) fn chance(&mut self, permille: i64) -> bool {
        self.roll(1, 1000) <= permille
    }

    /// A place in a list of weights, the heavier the likelier.
    pub(crate) fn weighted(&mut self, weights: &[i64]) -> usize {
        let mut left = self.roll(1, weights.iter().sum::<i64>().max(1));
        for (place, weight) in weights.iter().enumerate() {
            left -= weight;
            if left <= 0 {
                return place;
            }
        }
        weights.len().saturating_sub(1)
    }
}
