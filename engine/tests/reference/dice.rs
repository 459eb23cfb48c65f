//! Choices of a generated case, drawn one after the other from a row of numbers that proptest makes and shrinks: zero is
//! the simplest choice, and when the row is over every further choice is simple.

pub(crate) struct Dice<'a> {
    rolls: std::slice::Iter<'a, u32>,
}

impl<'a> Dice<'a> {
    pub(crate) fn new(rolls: &'a [u32]) -> Self {
        Self { rolls: rolls.iter() }
    }

    fn roll(&mut self) -> usize {
        usize::try_from(self.rolls.next().copied().unwrap_or(0)).unwrap()
    }

    /// 0 up to, but not, `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.roll() % end
    }

    /// True `parts` times out of `whole`.
    pub(crate) fn holds(&mut self, parts: usize, whole: usize) -> bool {
        self.roll() % whole >= whole - parts
    }

    pub(crate) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Some of these, in their order.
    pub(crate) fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        all.iter().filter(|_| self.roll() % 2 == 1).cloned().collect()
    }
}
