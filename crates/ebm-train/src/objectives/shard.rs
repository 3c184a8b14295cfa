//! A part of a batch.

use std::ops::Range;

/// Part `index` of `count` parts of a batch, each of which is computed on its own.
///
/// `n` rows are cut into contiguous parts whose lengths differ by at most one, the longer ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// The one part of a batch that is not cut.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// All parts of a batch that is cut into `count`, in their order.
    pub fn all(count: usize) -> impl ExactSizeIterator<Item = Self> {
        (0..count).map(move |index| Self { index, count })
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        self.index
    }

    /// The number of parts.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether the batch is not cut.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Its rows of `n`.
    pub fn rows(self, n: usize) -> Range<usize> {
        let (length, longer) = (n / self.count, n % self.count);
        let start = self.index * length + self.index.min(longer);
        start..start + length + usize::from(self.index < longer)
    }

    /// Its share of the mean over `n` rows: the sum of these weights over all parts is 1.
    pub fn weight(self, n: usize) -> f64 {
        self.rows(n).len() as f64 / n as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_cover_all_rows_and_differ_by_at_most_one() {
        for (n, count) in [(1, 1), (8, 8), (10, 4), (256, 7), (3, 5), (4096, 64)] {
            let parts: Vec<_> = Shard::all(count).map(|shard| shard.rows(n)).collect();
            assert_eq!((parts[0].start, parts[count - 1].end), (0, n));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start), "{parts:?}");
            let lengths = || parts.iter().map(ExactSizeIterator::len);
            assert!(lengths().max().unwrap() <= lengths().min().unwrap() + 1, "{parts:?}");
            let whole: f64 = Shard::all(count).map(|shard| shard.weight(n)).sum();
            assert!((whole - 1.0).abs() < 1e-12);
        }
        assert_eq!(Shard::all(1).next(), Some(Shard::WHOLE));
    }
}
