//! Distances between points of the data, from which noise levels are found by rule.

use std::num::NonZeroUsize;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use ebm_data::{Batches, Data};
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::error::{Result, ensure};
use crate::limits::scale;

/// Most rows between which distances are taken, and most numbers in them.
const ROWS: usize = 4000;
const NUMBERS: usize = 1 << 26;

/// Rows whose distances to all others are on the device at once.
const TOGETHER: usize = 500;

/// Euclidean distances between rows of the data, in the units of training: pixels from −1 to 1, or the columns of a
/// table as they are transformed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distances {
    /// The largest, to four digits.
    pub largest: f64,
    /// The median, to four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// How many rows there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
}

impl Distances {
    /// The distances between 4,000 rows, or all there are, drawn by `noise`.
    ///
    /// The bytes of images are at the middle of their bins.
    /// Of endless data it takes the first rows.
    /// A sample's largest distance is at most that of all data, and depends less on a single row: of MNIST it is 31 to 32,
    /// by the seed, where the largest of all 60,000 images is 33.5.
    ///
    /// # Errors
    /// If a row cannot be read, or all rows are the same.
    pub fn of(data: &Arc<Data>, noise: &Noise, device: &Device) -> Result<Self> {
        let dim = data.dim();
        let n = ROWS.min(NUMBERS / dim).min(data.len().unwrap_or(ROWS));
        ensure!(2 <= n, "noise levels by rule need two rows of data, found {n}");
        let size = NonZeroUsize::new(n).expect("n is at least 2");
        let rows = Batches::new(data.clone(), size, &noise.derive("distances")).indices(0);
        Self::between(data.read(&rows, None)?.tensor(device))
    }

    /// The distances between all pairs of `rows`, `[n, dim]`.
    ///
    /// ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y of centred rows, whose products are those of matrices.
    ///
    /// # Errors
    /// If there is only one row, all are the same, or one is not finite.
    pub fn between(rows: Tensor<2>) -> Result<Self> {
        let [n, _] = rows.dims();
        ensure!(2 <= n, "distances need two rows, found {n}");
        let rows = rows.clone() - rows.mean_dim(0);
        let squares = rows.clone().square().sum_dim(1);
        let mut distances = Vec::with_capacity(n * (n - 1) / 2);
        for start in (0..n).step_by(TOGETHER) {
            let together = TOGETHER.min(n - start);
            let of = |x: &Tensor<2>, n| x.clone().narrow(0, start, n);
            let others = of(&rows, n - start).transpose();
            let sums = of(&squares, together) + of(&squares, n - start).transpose();
            let table = sums - of(&rows, together).matmul(others) * 2.0;
            let table: Vec<f32> = table.into_data().iter::<f32>().collect();
            for (i, row) in table.chunks_exact(n - start).enumerate() {
                distances.extend(row[i + 1..].iter().map(|square| square.max(0.0).sqrt()));
            }
        }
        ensure!(distances.iter().all(|d| d.is_finite()), "a row of the data is not finite");
        let middle = distances.len() / 2;
        let (_, &mut median, above) = distances.select_nth_unstable_by(middle, f32::total_cmp);
        let largest = above.iter().copied().fold(median, f32::max);
        ensure!(
            0.0 < largest,
            "the {n} rows of data are all the same: no noise level can be found from them"
        );
        let four_digits = |x: f32| format!("{x:.3e}").parse::<f64>().unwrap_or(x.into());
        Ok(Self { largest: four_digits(largest), median: Some(four_digits(median)), rows: Some(n) })
    }

    /// # Errors
    /// A number that is no distance.
    pub(crate) fn check(&self) -> Result<()> {
        scale("sample.distances.largest", self.largest)
    }

    /// What was found, in words.
    pub fn about(&self) -> String {
        let rows = self.rows.map(|rows| format!(" between {rows} rows")).unwrap_or_default();
        let median = self.median.map(|median| format!(", the median {median}")).unwrap_or_default();
        format!("the largest distance{rows} is {}{median}", self.largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_rows_give_the_distances_of_all_pairs() {
        let (n, dim) = (1234, 7);
        let rows = Noise::seeded(3).normals(n * dim);
        let mut all = Vec::new();
        for i in 0..n {
            for j in i + 1..n {
                let square: f32 = (0..dim).map(|k| (rows[i * dim + k] - rows[j * dim + k]).powi(2)).sum();
                all.push(f64::from(square).sqrt());
            }
        }
        all.sort_by(f64::total_cmp);
        // Far from 0, where squares would cancel without the mean taken off.
        let tensor = Tensor::<1>::from_floats(&rows[..], &Device::flex()).reshape([n, dim]) + 100.0;
        let found = Distances::between(tensor).unwrap();
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-3;
        assert!(close(found.largest, all[all.len() - 1]), "{found:?}");
        assert!(close(found.median.unwrap(), all[all.len() / 2]), "{found:?}");
        assert_eq!(found.rows, Some(n));
    }

    #[test]
    fn rows_are_a_function_of_the_seed_and_rows_that_are_the_same_are_refused() {
        let values = |n: usize| Noise::seeded(5).normals(3 * n);
        let data = Arc::new(Data::from_rows(values(6000), 3).unwrap());
        let of = |seed| Distances::of(&data, &Noise::seeded(seed), &Device::flex()).unwrap();
        assert_eq!(of(1), of(1));
        assert_eq!(of(1).rows, Some(ROWS));
        let same = Tensor::<2>::ones([5, 3], &Device::flex());
        let error = Distances::between(same).unwrap_err().to_string();
        assert!(error.contains("all the same"), "{error}");
    }
}
