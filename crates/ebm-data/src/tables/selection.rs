//! Which rows of a file are read.

/// Rows of a file by their numbers, in order, in about a bit for each row of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selection {
    /// Bit `i` is set where row `i` is selected.
    words: Vec<u64>,
    /// How many rows are selected before each block of words.
    before: Vec<usize>,
    len: usize,
}

/// Words in a block.
const BLOCK: usize = 8;

impl Selection {
    /// The rows whose flags are true.
    pub(crate) fn of(flags: impl Iterator<Item = bool>) -> Self {
        let mut builder = Builder::default();
        flags.for_each(|flag| builder.push(flag));
        builder.finish()
    }

    /// How many rows are selected.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether a row of the file is selected.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The number in the file of selected row `index`.
    ///
    /// # Panics
    /// Unless so many are selected.
    pub(crate) fn at(&self, index: usize) -> usize {
        assert!(index < self.len, "row {index} of {}", self.len);
        let block = self.before.partition_point(|before| *before <= index) - 1;
        let mut left = index - self.before[block];
        for (i, &word) in self.words.iter().enumerate().skip(block * BLOCK) {
            let here = word.count_ones() as usize;
            if left < here {
                let lowest_gone = (0..left).fold(word, |word, _| word & (word - 1));
                return 64 * i + lowest_gone.trailing_zeros() as usize;
            }
            left -= here;
        }
        unreachable!("the block has the row")
    }
}

/// A selection that is made row by row.
#[derive(Default)]
pub(crate) struct Builder {
    words: Vec<u64>,
    n: usize,
}

impl Builder {
    /// Says whether the next row is selected.
    pub(crate) fn push(&mut self, is_selected: bool) {
        if self.n.is_multiple_of(64) {
            self.words.push(0);
        }
        if is_selected {
            self.words[self.n / 64] |= 1 << (self.n % 64);
        }
        self.n += 1;
    }

    /// The selection.
    pub(crate) fn finish(self) -> Selection {
        let (mut before, mut len) = (Vec::with_capacity(self.words.len() / BLOCK + 1), 0);
        for block in self.words.chunks(BLOCK) {
            before.push(len);
            len += block.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        }
        Selection { words: self.words, before, len }
    }
}

/// The number of each item in its file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    Listed(Vec<usize>),
    Selected(Selection),
}

impl Numbers {
    /// That of item `index`.
    ///
    /// # Panics
    /// Unless there are so many.
    pub(crate) fn at(&self, index: usize) -> usize {
        match self {
            Self::Listed(numbers) => numbers[index],
            Self::Selected(selection) => selection.at(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    #[test]
    fn selected_rows_are_found_by_their_place() {
        for (n, share) in
            [(1, 2.0), (63, 0.5), (64, 0.5), (65, 0.99), (10_000, 0.01), (10_000, 0.9), (5000, 2.0)]
        {
            let flags: Vec<bool> = Noise::seeded(n as u64).uniforms(n).iter().map(|&u| u < share).collect();
            let expected: Vec<usize> = (0..n).filter(|&row| flags[row]).collect();
            let selection = Selection::of(flags.iter().copied());
            assert_eq!(selection.len(), expected.len());
            assert!(
                expected.iter().enumerate().all(|(index, &row)| selection.at(index) == row),
                "{n} {share}"
            );
            assert!((0..n + 100).all(|row| selection.has(row) == flags.get(row).copied().unwrap_or(false)));
        }
        assert_eq!(Selection::of(std::iter::empty()).len(), 0);
    }
}
