//! Means and variances of a stream of rows.

use serde::{Deserialize, Serialize};

/// Mean and variance of each coordinate of the rows seen so far, without keeping them.
///
/// # Reference
/// Welford (1962), *Note on a method for calculating corrected sums of squares and products*.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningVariance {
    n: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl RunningVariance {
    /// For rows of `dim` coordinates; none seen yet.
    pub fn new(dim: usize) -> Self {
        Self { n: 0, mean: vec![0.0; dim], squares: vec![0.0; dim] }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has another number of coordinates.
    pub fn add(&mut self, row: &[f64]) {
        assert_eq!(row.len(), self.mean.len(), "a row has as many coordinates as the others");
        self.n += 1;
        let n = self.n as f64;
        for ((x, mean), squares) in row.iter().zip(&mut self.mean).zip(&mut self.squares) {
            let before = x - *mean;
            *mean += before / n;
            *squares += before * (x - *mean);
        }
    }

    /// The number of rows seen.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The variances, with n − 1 in the denominator; NaN for fewer than two rows.
    pub fn variances(&self) -> Vec<f64> {
        let over = self.n as f64 - 1.0;
        self.squares.iter().map(|squares| if 0.0 < over { squares / over } else { f64::NAN }).collect()
    }

    /// The variances, shrunk towards 10⁻³ by the weight of five rows: n/(n + 5) v + 10⁻³ · 5/(n + 5).
    ///
    /// # Reference
    /// The Stan reference manual, *Euclidean metric*: its regularised estimate of the mass.
    pub fn shrunk(&self) -> Vec<f64> {
        let n = self.n as f64;
        self.variances().into_iter().map(|v| (n * v + 5e-3) / (n + 5.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variances_are_those_of_all_rows_at_once() {
        let rows = [[1e9 + 1.0, 0.5], [1e9 + 2.0, -0.25], [1e9 + 6.0, 3.0], [1e9 + 3.0, 0.0]];
        let mut running = RunningVariance::new(2);
        rows.iter().for_each(|row| running.add(row));
        // Σ (x − 3)² = 4 + 1 + 9 + 0 over 3; the large place costs no digits but those it has itself
        assert!((running.variances()[0] - 14.0 / 3.0).abs() < 1e-6);
        let mean = 0.8125;
        let exact = [0.5, -0.25, 3.0, 0.0].iter().map(|x: &f64| (x - mean).powi(2)).sum::<f64>() / 3.0;
        assert!((running.variances()[1] - exact).abs() < 1e-15);
        assert!((running.shrunk()[1] - (4.0 * exact + 0.005) / 9.0).abs() < 1e-15);
    }

    #[test]
    fn one_row_has_no_variance() {
        let mut running = RunningVariance::new(1);
        running.add(&[1.0]);
        assert!(running.variances()[0].is_nan() && running.n() == 1);
    }
}
