//! Means over pairs, with unbiased estimates of their variance.
//!
//! By Hoeffding's decomposition a function of two independent points is a sum of uncorrelated parts,
//! h(x, y) = μ + α(x) + β(y) + g(x, y), where g has mean zero given either point.
//! An analysis of variance of the table of pairs gives estimates of Var α and E g² that are unbiased at any
//! sample size; together they give the variance of a mean over pairs.
//!
//! # Reference
//! Hoeffding (1948), *A class of statistics with asymptotically normal distribution*, §5.

use super::pairs::Sums;
use crate::Estimate;
use crate::report::variance;

/// Smallest number of points for which all parts can be estimated.
pub(crate) const LEAST: usize = 4;

/// The decomposition of a symmetric function of pairs from one sample.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    /// The mean over pairs of distinct points.
    pub mean: f64,
    /// Estimates of α for each point; they sum to zero.
    pub effects: Vec<f64>,
    /// An unbiased estimate of E g².
    pub rest: f64,
}

impl Within {
    /// The decomposition for at least [`LEAST`] points.
    pub fn of(sums: &Sums) -> Self {
        let n = sums.rows.len() as f64;
        let pairs = n * (n - 1.0) / 2.0;
        let mean = sums.rows.iter().sum::<f64>() / (2.0 * pairs);
        // the mean of a point's pairs has (n − 2)/(n − 1) of its effect, as the other effects sum to minus it
        let scale = (n - 1.0) / (n - 2.0);
        let effects: Vec<f64> = sums.rows.iter().map(|row| scale * (row / (n - 1.0) - mean)).collect();
        let explained = (n - 2.0) * effects.iter().map(|effect| effect * effect).sum::<f64>();
        let rest = (sums.squares - pairs * mean * mean - explained) / (n * (n - 3.0) / 2.0);
        Self { mean, effects, rest: rest.max(0.0) }
    }

    /// The mean with its standard error.
    ///
    /// The estimate of Var α is cut off at zero; where Var α is zero, the standard error is up to 1.4 times too
    /// large.
    pub fn estimate(&self) -> Estimate {
        let n = self.effects.len() as f64;
        let first = (variance(&self.effects) - self.rest / (n - 2.0)).max(0.0);
        let variance = 4.0 * first / n + self.variance_of_rest();
        Estimate { value: self.mean, standard_error: variance.sqrt() }
    }

    /// The contribution of g to the variance of the mean.
    pub fn variance_of_rest(&self) -> f64 {
        let n = self.effects.len() as f64;
        2.0 * self.rest / (n * (n - 1.0))
    }
}

/// The decomposition of a function of pairs from two samples.
#[derive(Clone, Debug)]
pub(crate) struct Between {
    /// The mean over all pairs.
    pub mean: f64,
    /// Estimates of α for each point of the first sample and of β for each of the second; each list sums to zero.
    pub effects: [Vec<f64>; 2],
    /// An unbiased estimate of E g².
    pub rest: f64,
}

impl Between {
    /// The decomposition for at least two points in each sample.
    pub fn of(sums: &Sums) -> Self {
        let (n, m) = (sums.rows.len() as f64, sums.columns.len() as f64);
        let mean = sums.rows.iter().sum::<f64>() / (n * m);
        let effects =
            |sums: &[f64], others: f64| -> Vec<f64> { sums.iter().map(|sum| sum / others - mean).collect() };
        let effects = [effects(&sums.rows, m), effects(&sums.columns, n)];
        let square = |effects: &[f64]| effects.iter().map(|effect| effect * effect).sum::<f64>();
        let explained = m * square(&effects[0]) + n * square(&effects[1]);
        let rest = (sums.squares - n * m * mean * mean - explained) / ((n - 1.0) * (m - 1.0));
        Self { mean, effects, rest: rest.max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distances::pairs::within;
    use ebm_ops::Noise;

    /// The mean of (x_i + a)(x_j + a) over pairs, x standard normal: its variance is 4a²/n + 2/(n(n − 1)).
    fn product(shift: f64, n: usize, noise: &mut Noise) -> Estimate {
        let x = noise.normals_f64(n);
        let fill = |i: usize, js: std::ops::Range<usize>, out: &mut [f64]| {
            js.zip(out).for_each(|(j, out)| *out = (x[i] + shift) * (x[j] + shift));
        };
        Within::of(&within(n, fill)).estimate()
    }

    #[test]
    fn the_variance_is_the_known_one_with_and_without_a_first_order_term() {
        let (n, repeats) = (12, 4000);
        let mut noise = Noise::seeded(31);
        for shift in [0.0, 0.2, 1.0] {
            let estimates: Vec<Estimate> = (0..repeats).map(|_| product(shift, n, &mut noise)).collect();
            let second = 2.0 / (n * (n - 1)) as f64;
            let exact = 4.0 * shift * shift / n as f64 + second;
            let squares: Vec<f64> = estimates.iter().map(|e| e.standard_error.powi(2)).collect();
            let found = Estimate::mean(&squares);
            // cutting the estimate of Var α off at zero adds at most E max(0, z² − 1) = 2 φ(1) of its noise,
            // which is twice the second-order term
            let gain = if shift < 1.0 { 2.0 * 0.483_941_449 * second } else { 0.0 };
            assert!(
                -5.0 < found.errors_above(exact) && found.errors_above(exact + gain) < 5.0,
                "shift {shift}: {found:?} against {exact}"
            );
            let values: Vec<f64> = estimates.iter().map(|e| e.value).collect();
            assert!(Estimate::mean(&values).errors_above(shift * shift).abs() < 5.0);
        }
    }
}
