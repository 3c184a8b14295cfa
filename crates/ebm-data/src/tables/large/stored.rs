//! Rows of numbers in a file, read as they are wanted.

use crate::DataError;
use crate::files::npy::ArrayFile;
use crate::files::pixels::PixelFile;

/// Numbers that are read at once when all rows are seen.
const TOGETHER: usize = 1 << 17;

/// The rows of a file in which one is a number of bytes.
pub(super) enum Stored {
    /// Those of an array.
    Array(ArrayFile),
    /// The doubles of a text table in a file of a cache.
    Kept { file: PixelFile, dim: usize },
}

impl Stored {
    /// The number of rows.
    pub(super) fn n(&self) -> usize {
        match self {
            Self::Array(array) => array.n(),
            Self::Kept { file, .. } => file.about.n,
        }
    }

    /// Numbers in a row.
    pub(super) fn dim(&self) -> usize {
        match self {
            Self::Array(array) => array.dim(),
            Self::Kept { dim, .. } => *dim,
        }
    }

    /// Appends the numbers of `count` rows from `first` on.
    pub(super) fn read(&self, first: usize, count: usize, values: &mut Vec<f64>) -> Result<(), DataError> {
        match self {
            Self::Array(array) => array.read(first, count, values),
            Self::Kept { file, .. } => {
                let bytes = file.read_some(first, count)?;
                values.extend(bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)));
                Ok(())
            }
        }
    }

    /// Shows every row with its number.
    pub(super) fn each(&self, mut show: impl FnMut(usize, &[f64])) -> Result<(), DataError> {
        let together = (TOGETHER / self.dim()).max(1);
        let mut values = Vec::new();
        for first in (0..self.n()).step_by(together) {
            values.clear();
            self.read(first, together.min(self.n() - first), &mut values)?;
            (first..).zip(values.chunks_exact(self.dim())).for_each(|(number, row)| show(number, row));
        }
        Ok(())
    }
}
