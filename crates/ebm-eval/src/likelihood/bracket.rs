//! A bracket of the log likelihood between two estimates of log Z.

use burn::tensor::Tensor;
use ebm_model::Energy;

use crate::error::{require, require_rows};
use crate::host::numbers;
use crate::{Estimate, EvalError, LogNormalizer};

/// Lower and upper ends of the mean log likelihood of points, in nats per point.
///
/// The lower end is never above the upper one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// The lower end; its standard error combines that of log Z with [`points_error`](Self::points_error).
    pub low: Estimate,
    /// The upper end; its standard error combines that of log Z with [`points_error`](Self::points_error).
    pub high: Estimate,
    /// Standard error of the mean over the points, common to both ends and part of their errors.
    pub points_error: f64,
    /// How far the estimates are on the wrong sides of each other, in their combined standard errors; 0 or less if
    /// they are not.
    ///
    /// Up to 2 or 3 this is chance, and the ends are one number up to their errors.
    /// Beyond, the reverse chains did not start from samples of the model: the bracket then covers both estimates,
    /// and neither end is a bound.
    pub crossing: f64,
}

/// Brackets mean log p(x) = −mean E(x) − log Z for the points `x`, `[n, dim]`, n at least 2.
///
/// As [`Bracket::of`].
///
/// # Errors
/// [`EvalError::OutOfRange`] with fewer than two points, [`EvalError::NotFinite`] for an energy.
pub fn log_likelihood(
    model: &(impl Energy + ?Sized),
    x: Tensor<2>,
    forward: &LogNormalizer,
    reverse: &LogNormalizer,
) -> Result<Bracket, EvalError> {
    require_rows(x.dims()[0], "points", 2)?;
    let energies = numbers(model.energy(x));
    if let Some(row) = energies.iter().position(|energy| !energy.is_finite()) {
        return Err(EvalError::NotFinite { what: "energy", row, value: energies[row] });
    }
    let values: Vec<f64> = energies.into_iter().map(|energy| -energy).collect();
    Bracket::of(&values, forward, reverse)
}

impl Bracket {
    /// The bracket of a mean log likelihood from log densities of two or more points that lack −log Z.
    ///
    /// The reverse chains estimate log Z from above, which gives the lower end, and the forward chains from below,
    /// which gives the upper one.
    /// In expectation the ends bracket the truth if the reverse chains started from exact samples of the model;
    /// from approximate samples, the lower end is an estimate but not a bound.
    /// Where the two estimates cross, by chance or because the samples were not exact, the smaller one is the lower
    /// end: the bracket covers both, and [`crossing`](Self::crossing) says by how much they do.
    ///
    /// # Reference
    /// Grosse, Ghahramani and Adams (2015), *Sandwiching the marginal likelihood using bidirectional Monte
    /// Carlo*, §3.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with fewer than two points, or if an estimate of log Z is not finite.
    pub fn of(values: &[f64], forward: &LogNormalizer, reverse: &LogNormalizer) -> Result<Self, EvalError> {
        require_rows(values.len(), "points", 2)?;
        let mean = Estimate::mean(values);
        let [forward, reverse] = [&forward.estimate, &reverse.estimate];
        for log_z in [forward, reverse] {
            require(log_z.value.is_finite(), "log Z", "a finite number", log_z.value)?;
        }
        let end = |log_z: &Estimate| Estimate {
            value: mean.value - log_z.value,
            standard_error: log_z.standard_error.hypot(mean.standard_error),
        };
        let apart = forward.value - reverse.value;
        let error = forward.standard_error.hypot(reverse.standard_error);
        let (low, high) = if 0.0 < apart { (forward, reverse) } else { (reverse, forward) };
        let crossing = if apart == 0.0 { 0.0 } else { apart / error };
        Ok(Self { low: end(low), high: end(high), points_error: mean.standard_error, crossing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    /// Two chains with this mean weight, whose logarithm has standard error `error`.
    fn chains(log_weight: f64, error: f64, direction: f64) -> LogNormalizer {
        // weights 1 ± e have mean 1 with standard error e
        let weights = [1.0 + error, 1.0 - error].map(|w| log_weight + direction * w.ln());
        LogNormalizer::from_chains(weights.to_vec(), direction, Tensor::zeros([1, 1], &Device::flex()))
    }

    #[test]
    fn a_known_normaliser_gives_the_known_likelihood() {
        let target = Gaussian::isotropic(vec![0.0; 2], 4.0).unwrap();
        let log_z = target.log_normalizer();
        let (forward, reverse) = (chains(log_z - 0.1, 0.0, 1.0), chains(log_z + 0.2, 0.0, -1.0));
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 3.0]], &Device::flex());
        let found = log_likelihood(&target, x, &forward, &reverse).unwrap();
        let exact = -log_z - 0.5 * (1.0 / 8.0 + 9.0 / 8.0);
        assert!((found.low.value - (exact - 0.2)).abs() < 1e-6, "{found:?} against {exact}");
        assert!((found.high.value - (exact + 0.1)).abs() < 1e-6, "{found:?} against {exact}");
        assert!((found.points_error - 0.5).abs() < 1e-6, "{found:?}");
        assert!(found.crossing < 0.0, "{found:?}");
    }

    #[test]
    fn the_error_of_the_points_is_part_of_the_error_of_both_ends() {
        let found = Bracket::of(&[1.0, 3.0], &chains(0.0, 0.3, 1.0), &chains(0.5, 0.4, -1.0)).unwrap();
        assert!((found.points_error - 1.0).abs() < 1e-12);
        assert!((found.high.standard_error - 1.0f64.hypot(0.3)).abs() < 1e-9, "{found:?}");
        assert!((found.low.standard_error - 1.0f64.hypot(0.4)).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn estimates_that_cross_are_covered_and_said() {
        let found = Bracket::of(&[0.0, 0.0], &chains(0.3, 0.1, 1.0), &chains(0.1, 0.1, -1.0)).unwrap();
        assert!((found.low.value + 0.3).abs() < 1e-9 && (found.high.value + 0.1).abs() < 1e-9, "{found:?}");
        assert!((found.crossing - 0.2 / 0.1f64.hypot(0.1)).abs() < 1e-9, "{found:?}");
        assert!(Bracket::of(&[0.0], &chains(0.3, 0.1, 1.0), &chains(0.1, 0.1, -1.0)).is_err());
    }
}
