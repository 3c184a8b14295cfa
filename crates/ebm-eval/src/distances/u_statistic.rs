//! Means over pairs, and their variance without bias.
//!
//! A function of independent points splits into parts that are uncorrelated (Hoeffding):
//! h(x, y) = μ + α(x) + β(y) + g(x, y), the last with mean zero given either point.
//! The parts of a table of pairs are an analysis of variance, and their mean squares estimate Var α and E g²
//! without bias at any sample size; a mean over pairs has its variance from these two.
//!
//! # Reference
//! Hoeffding (1948), *A class of statistics with asymptotically normal distribution*, §5.

use crate::Estimate;
use crate::estimate::variance;
use crate::pairs::Sums;

/// Fewest points with which all parts can be told apart.
pub(crate) const LEAST: usize = 4;

/// A symmetric function of pairs of one sample, in parts.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    /// The mean over pairs of distinct points.
    pub mean: f64,
    /// α̂ of each point; they sum to zero.
    pub effects: Vec<f64>,
    /// An unbiased estimate of E g².
    pub rest: f64,
}

impl Within {
    /// The parts of `n`, at least [`LEAST`], points.
    pub fn of(sums: &Sums) -> Self {
        let n = sums.rows.len() as f64;
        let pairs = n * (n - 1.0) / 2.0;
        let mean = sums.rows.iter().sum::<f64>() / (2.0 * pairs);
        // a point's mean has its effect n − 2 parts in n − 1, as the others' effects sum to minus it
        let stretch = (n - 1.0) / (n - 2.0);
        let effects: Vec<f64> = sums.rows.iter().map(|row| stretch * (row / (n - 1.0) - mean)).collect();
        let explained = (n - 2.0) * effects.iter().map(|effect| effect * effect).sum::<f64>();
        let rest = (sums.squares - pairs * mean * mean - explained) / (n * (n - 3.0) / 2.0);
        Self { mean, effects, rest: rest.max(0.0) }
    }

    /// The mean with its standard error.
    ///
    /// Where Var α is zero its estimate is cut at zero: the standard error is then up to 1.4 times too large.
    pub fn estimate(&self) -> Estimate {
        let n = self.effects.len() as f64;
        let first = (variance(&self.effects) - self.rest / (n - 2.0)).max(0.0);
        let variance = 4.0 * first / n + self.variance_of_rest();
        Estimate { value: self.mean, standard_error: variance.sqrt() }
    }

    /// The part of the mean's variance that is due to g.
    pub fn variance_of_rest(&self) -> f64 {
        let n = self.effects.len() as f64;
        2.0 * self.rest / (n * (n - 1.0))
    }
}

/// A function of pairs of two samples, in parts.
#[derive(Clone, Debug)]
pub(crate) struct Between {
    /// The mean over all pairs.
    pub mean: f64,
    /// α̂ of each point of the first sample and β̂ of each of the second; either sum to zero.
    pub effects: [Vec<f64>; 2],
    /// An unbiased estimate of E g².
    pub rest: f64,
}

impl Between {
    /// The parts of two points or more with two others or more.
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
    use crate::pairs::within;
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
    fn the_variance_is_the_known_one_where_points_matter_and_where_only_pairs_do() {
        let (n, repeats) = (12, 4000);
        let mut noise = Noise::seeded(31);
        for shift in [0.0, 0.2, 1.0] {
            let estimates: Vec<Estimate> = (0..repeats).map(|_| product(shift, n, &mut noise)).collect();
            let second = 2.0 / (n * (n - 1)) as f64;
            let exact = 4.0 * shift * shift / n as f64 + second;
            let squares: Vec<f64> = estimates.iter().map(|e| e.standard_error.powi(2)).collect();
            let found = Estimate::mean(&squares);
            // an estimate of Var α that is cut at zero gains at most E max(0, z² − 1) = 2 φ(1) of its noise,
            // which is twice the second order
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
