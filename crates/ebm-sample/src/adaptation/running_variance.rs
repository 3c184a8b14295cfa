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

    /// The means; 0 for no rows.
    pub fn means(&self) -> &[f64] {
        &self.mean
    }

    /// The variances, with n − 1 in the denominator; NaN for fewer than two rows.
    pub fn variances(&self) -> Vec<f64> {
        let over = self.n as f64 - 1.0;
        self.squares.iter().map(|squares| if 0.0 < over { squares / over } else { f64::NAN }).collect()
    }

    /// The variances, where a coordinate has moved at all, and `before` where it has not.
    ///
    /// Nothing is added to a variance: Stan's 10⁻³ · 5/(n + 5) is a floor in the units of the coordinate, and a
    /// coordinate of variance 10⁻¹⁰ would be measured by it alone.
    ///
    /// # Panics
    /// If `before` has another number of coordinates.
    pub fn variances_or(&self, before: &[f64]) -> Vec<f64> {
        assert_eq!(before.len(), self.mean.len(), "there is a variance before for each coordinate");
        let either = |(v, before): (f64, &f64)| if v == 0.0 { *before } else { v };
        self.variances().into_iter().zip(before).map(either).collect()
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
    }

    #[test]
    fn a_coordinate_that_has_not_moved_keeps_its_variance_and_a_small_one_is_as_small_as_it_is() {
        let mut running = RunningVariance::new(2);
        [[5.0, 1e-8], [5.0, -1e-8]].iter().for_each(|row| running.add(row));
        let found = running.variances_or(&[0.25, 1.0]);
        assert!(found[0] == 0.25 && (found[1] / 2e-16 - 1.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn one_row_has_no_variance() {
        let mut running = RunningVariance::new(1);
        running.add(&[1.0]);
        assert!(running.variances()[0].is_nan() && running.n() == 1);
    }
}
