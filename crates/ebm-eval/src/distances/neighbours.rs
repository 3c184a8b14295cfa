//! The nearest row of each sample in a set that is seen part by part.

use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pairs::squared_distances;
use crate::EvalError;
use crate::host::Rows;

/// The nearest rows of samples, found in one pass over a set that need not fit into memory.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ebm_eval::Neighbours;
///
/// let tensor = |rows: [[f32; 2]; 2]| Tensor::<2>::from_floats(rows, &Device::flex());
/// let mut neighbours = Neighbours::of(tensor([[0.0, 0.0], [3.0, 4.0]]))?;
/// neighbours.see(tensor([[9.0, 9.0], [3.0, 3.0]]))?;
/// neighbours.see(tensor([[0.0, 0.5], [9.0, 9.0]]))?;
/// let rows: Vec<usize> = neighbours.nearest().iter().map(|nearest| nearest.row).collect();
/// assert_eq!(rows, [2, 1]);
/// # Ok::<(), ebm_eval::EvalError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Neighbours {
    sample: Rows,
    nearest: Vec<Neighbour>,
    seen: usize,
}

/// A row that is the nearest of those that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its number among all rows, in the order in which they were seen, from 0.
    pub row: usize,
    /// The Euclidean distance, in the units of the coordinates; infinite as long as none has been seen.
    pub distance: f64,
}

impl Neighbours {
    /// Of the samples, `[samples, dim]`, none of whose neighbours has been seen.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] without samples, [`EvalError::NotFinite`].
    pub fn of(sample: Tensor<2>) -> Result<Self, EvalError> {
        let sample = Rows::read(sample, "samples", 1)?;
        let nearest = vec![Neighbour { row: 0, distance: f64::INFINITY }; sample.len()];
        Ok(Self { sample, nearest, seen: 0 })
    }

    /// Looks at the next rows of the set, `[rows, dim]`; of rows at the same distance the first is the nearest.
    ///
    /// Cost: samples · rows · dim multiplications in double precision on all threads, and 16 bytes for each number of
    /// the rows.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`]; [`EvalError::OutOfRange`] if the rows have another number of coordinates.
    pub fn see(&mut self, rows: Tensor<2>) -> Result<(), EvalError> {
        let dim = self.sample.dim();
        crate::error::require(rows.dims()[1] == dim, "rows", &format!("{dim} coordinates"), rows.dims()[1])?;
        let rows = Rows::read(rows, "rows", 0)?;
        let (n, columns, seen) = (rows.len(), rows.columns(), self.seen);
        let sample = &self.sample;
        self.nearest.par_iter_mut().enumerate().for_each_init(
            || vec![0.0; n],
            |distances, (i, nearest)| {
                squared_distances(sample.row(i), &columns, 0..n, distances);
                for (row, square) in distances.iter().enumerate() {
                    let distance = square.sqrt();
                    if distance < nearest.distance {
                        *nearest = Neighbour { row: seen + row, distance };
                    }
                }
            },
        );
        self.seen += n;
        Ok(())
    }

    /// The nearest row of each sample so far.
    pub fn nearest(&self) -> &[Neighbour] {
        &self.nearest
    }

    /// How many rows have been seen.
    pub fn seen(&self) -> usize {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn normals(n: usize, noise: &mut Noise) -> Tensor<2> {
        noise.normal_like(&Tensor::<2>::zeros([n, 5], (&Device::flex(), DType::F64)))
    }

    #[test]
    fn the_nearest_of_all_rows_is_found_however_they_are_parted() {
        let mut noise = Noise::seeded(221);
        let (sample, rows) = (normals(20, &mut noise), normals(300, &mut noise));
        let [a, b] = [&sample, &rows].map(|x| x.clone().into_data().iter::<f64>().collect::<Vec<_>>());
        let exact: Vec<Neighbour> = a
            .chunks_exact(5)
            .map(|x| {
                let distance = |y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                let distances: Vec<f64> = b.chunks_exact(5).map(distance).collect();
                let row = (0..300).min_by(|&i, &k| distances[i].total_cmp(&distances[k])).unwrap();
                Neighbour { row, distance: distances[row] }
            })
            .collect();
        for size in [300, 70, 1] {
            let mut found = Neighbours::of(sample.clone()).unwrap();
            for first in (0..300).step_by(size) {
                found.see(rows.clone().narrow(0, first, size.min(300 - first))).unwrap();
            }
            assert_eq!(found.seen(), 300);
            for (found, exact) in found.nearest().iter().zip(&exact) {
                assert_eq!(found.row, exact.row);
                assert!((found.distance - exact.distance).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn of_equal_rows_the_first_is_named_and_a_copy_is_at_no_distance() {
        let x = normals(1, &mut Noise::seeded(222));
        let mut found = Neighbours::of(x.clone()).unwrap();
        assert_eq!(found.nearest()[0].distance, f64::INFINITY);
        found.see(x.clone() + 1.0).unwrap();
        found.see(Tensor::cat(vec![x.clone(), x.clone()], 0)).unwrap();
        assert_eq!(found.nearest(), [Neighbour { row: 1, distance: 0.0 }]);
        assert!(found.see(x.clone().narrow(1, 0, 3)).is_err());
        assert!(found.see(x * f64::NAN).is_err());
    }
}
