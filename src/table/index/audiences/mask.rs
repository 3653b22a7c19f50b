//! Sets of small numbers, one bit for each.

/// A set of numbers below a fixed length. Larger numbers are never in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mask(Vec<u64>);

impl Mask {
    /// No number below `length`.
    pub fn none(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }

    /// Every number below `length`.
    pub fn all(length: usize) -> Self {
        let mut mask = Self::none(length);
        (0..length).for_each(|number| mask.set(number));
        mask
    }

    /// Adds a number.
    pub fn set(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether it has a number.
    pub fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds the numbers of another mask of the same length.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// Keeps only the numbers that are in another mask of the same length, too.
    pub fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, kept)| *word &= kept);
    }

    /// Calls `each` with every number, in order.
    pub fn each(&self, mut each: impl FnMut(usize)) {
        self.0.iter().enumerate().for_each(|(place, word)| bits(place, *word, &mut each));
    }

    /// Calls `each` with every number of `within` that is in one of two masks and not in the other. All three
    /// are of the same length.
    pub fn each_difference(&self, other: &Self, within: &Self, mut each: impl FnMut(usize)) {
        for (place, ((word, other), within)) in self.0.iter().zip(&other.0).zip(&within.0).enumerate() {
            bits(place, (word ^ other) & within, &mut each);
        }
    }

    /// Removes the numbers of another mask of the same length.
    pub fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, removed)| *word &= !removed);
    }

    /// Whether it has no number.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Removes all numbers.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// The least number that is not below `from`.
    pub fn next(&self, from: usize) -> Option<usize> {
        let mut place = from / 64;
        let mut word = self.0.get(place)? & (u64::MAX << (from % 64));
        while word == 0 {
            place += 1;
            word = *self.0.get(place)?;
        }
        usize::try_from(word.trailing_zeros()).ok().map(|bit| place * 64 + bit)
    }
}

/// Calls `each` with every number of one word.
fn bits(place: usize, word: u64, each: &mut impl FnMut(usize)) {
    let mut left = word;
    while left != 0 {
        let bit = usize::try_from(left.trailing_zeros()).unwrap_or_default();
        each(place * 64 + bit);
        left &= left - 1;
    }
}
