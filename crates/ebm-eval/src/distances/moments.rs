//! Mean and covariance of features, accumulated over batches.

use burn::tensor::Tensor;
use pulp::Arch;
use rayon::prelude::*;

use crate::EvalError;
use crate::error::{require, require_rows};
use crate::host::Rows;

/// Rows of the scatter matrix that a thread updates at a time.
const BLOCK: usize = 16;

/// Count, mean and scatter of the features seen so far, in double precision.
///
/// Batches are centred before they are squared and combined by the parallel formula, so a large mean costs no
/// precision.
/// Cost: rows · dim² multiplications per batch on all threads, and dim² memory.
///
/// # Reference
/// Chan, Golub and LeVeque (1983), *Algorithms for computing the sample variance*, eq. 2.1.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    count: usize,
    mean: Vec<f64>,
    /// Σ (x − mean)(x − mean)ᵀ, by rows.
    scatter: Vec<f64>,
}

impl Features {
    /// No features yet, with `dim` coordinates.
    pub fn new(dim: usize) -> Self {
        Self { count: 0, mean: vec![0.0; dim], scatter: vec![0.0; dim * dim] }
    }

    /// The features of one batch, `[rows, dim]`.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`].
    pub fn of(batch: Tensor<2>) -> Result<Self, EvalError> {
        let mut features = Self::new(batch.dims()[1]);
        features.push(batch)?;
        Ok(features)
    }

    /// Adds a batch, `[rows, dim]`.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`]; the batch is then not added.
    ///
    /// # Panics
    /// If the batch has another number of coordinates.
    pub fn push(&mut self, batch: Tensor<2>) -> Result<(), EvalError> {
        let dim = self.mean.len();
        assert_eq!(batch.dims()[1], dim, "expected {dim} features in a row, found shape {:?}", batch.dims());
        let rows = Rows::read(batch, "features", 0)?;
        if rows.len() == 0 {
            return Ok(());
        }
        let (old, new) = (self.count as f64, rows.len() as f64);
        let total = old + new;
        let mut means = vec![0.0; dim];
        rows.iter().for_each(|row| means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x));
        means.iter_mut().for_each(|mean| *mean /= new);
        let centred: Vec<f64> =
            rows.iter().flat_map(|row| row.iter().zip(&means).map(|(x, m)| x - m)).collect();
        let gap: Vec<f64> = means.iter().zip(&self.mean).map(|(new, old)| new - old).collect();
        let shift: Vec<f64> = gap.iter().map(|gap| gap * (old * new / total).sqrt()).collect();
        self.scatter.par_chunks_mut(BLOCK * dim).enumerate().for_each(|(block, entries)| {
            for row in centred.chunks_exact(dim).chain([shift.as_slice()]) {
                add_products(entries, &row[block * BLOCK..], row);
            }
        });
        self.mean.iter_mut().zip(&gap).for_each(|(mean, gap)| *mean += gap * (new / total));
        self.count += rows.len();
        Ok(())
    }

    /// Number of features seen.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their mean and unbiased covariance.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless there are more rows than coordinates: the covariance of fewer rows is
    /// singular, and a distance computed from it says more about their number than about their distribution.
    pub fn moments(&self) -> Result<Moments, EvalError> {
        require_rows(self.count, "features", self.mean.len() + 1)?;
        let share = 1.0 / (self.count as f64 - 1.0);
        let covariance = self.scatter.iter().map(|entry| entry * share).collect();
        Ok(Moments { mean: self.mean.clone(), covariance })
    }
}

/// Adds x_i y to each row i.
fn add_products(rows: &mut [f64], x: &[f64], y: &[f64]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (row, x) in rows.chunks_exact_mut(y.len()).zip(x) {
                row.iter_mut().zip(y).for_each(|(entry, y)| *entry += x * y);
            }
        },
    );
}

/// A mean and a covariance.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    mean: Vec<f64>,
    /// In row-major order.
    covariance: Vec<f64>,
}

impl Moments {
    /// The moments of a known distribution; `covariance` is a list of rows.
    ///
    /// # Errors
    /// [`EvalError::Covariance`] unless the covariance has the size of the mean, is finite and is symmetric to
    /// 1e-9 of its largest entry; [`EvalError::OutOfRange`] unless the mean is finite and not empty.
    pub fn new(mean: Vec<f64>, covariance: &[Vec<f64>]) -> Result<Self, EvalError> {
        let n = mean.len();
        let valid = !mean.is_empty() && mean.iter().all(|m| m.is_finite());
        require(valid, "mean", "one or more finite numbers", &mean)?;
        let refused = |expected: String, found: String| Err(EvalError::Covariance { expected, found });
        if covariance.len() != n || covariance.iter().any(|row| row.len() != n) {
            let lengths: Vec<usize> = covariance.iter().map(Vec::len).collect();
            return refused(format!("{n} rows of {n}"), format!("rows of {lengths:?}"));
        }
        let covariance = covariance.concat();
        let largest = covariance.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
        for (at, &entry) in covariance.iter().enumerate() {
            let mirrored = covariance[(at % n) * n + at / n];
            if !entry.is_finite() || 1e-9 * largest < (entry - mirrored).abs() {
                let place = format!("{entry} at ({}, {}), {mirrored} in the mirrored place", at / n, at % n);
                return refused("finite, symmetric entries".into(), place);
            }
        }
        Ok(Self { mean, covariance })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The mean, `dim` numbers.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance in row-major order, `dim` · `dim` numbers.
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < tolerance)
    }

    #[test]
    fn batches_of_any_size_and_mean_give_the_moments_of_the_whole() {
        let far = 1e6;
        let like = Tensor::<2>::zeros([50, 3], (&Device::flex(), DType::F64));
        let x = Noise::seeded(61).normal_like(&like);
        let plain = Features::of(x.clone()).unwrap().moments().unwrap();
        let mut parts = Features::new(3);
        for (start, length) in [(0, 1), (1, 30), (31, 19)] {
            parts.push(x.clone().narrow(0, start, length) + far).unwrap();
        }
        parts.push(Tensor::zeros([0, 3], &Device::flex())).unwrap();
        let parts = parts.moments().unwrap();
        // adding 1e6 rounds each coordinate to 1e-10
        assert!(close(parts.covariance(), plain.covariance(), 1e-9), "{parts:?} against {plain:?}");
        assert!((parts.mean()[1] - far - plain.mean()[1]).abs() < 1e-9);
    }

    #[test]
    fn the_covariance_is_unbiased() {
        let options = (&Device::flex(), DType::F64);
        let x = Tensor::<2>::from_data([[0.0, 0.0], [2.0, 1.0], [4.0, 5.0]], options);
        let moments = Features::of(x).unwrap().moments().unwrap();
        assert!(close(moments.mean(), &[2.0, 2.0], 1e-15));
        assert!(close(moments.covariance(), &[4.0, 5.0, 5.0, 7.0], 1e-14), "{moments:?}");
    }

    #[test]
    fn fewer_rows_than_coordinates_are_refused() {
        let x = Tensor::<2>::zeros([3, 3], &Device::flex());
        let error = Features::of(x).unwrap().moments().unwrap_err().to_string();
        assert_eq!(error, "features: expected at least 4 rows, found 3");
        assert!(Moments::new(vec![0.0; 2], &[vec![1.0, 0.5], vec![0.4, 1.0]]).is_err());
        assert!(Moments::new(vec![0.0; 2], &[vec![1.0, 0.5]]).is_err());
        assert!(Moments::new(vec![], &[]).is_err());
    }
}
