//! A bracket of the log likelihood between two estimates of log Z.

use burn::tensor::Tensor;
use ebm_model::Energy;

use crate::error::require_rows;
use crate::host::numbers;
use crate::{Estimate, EvalError, LogNormalizer};

/// Lower and upper estimates of the mean log likelihood of points, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// The lower end, with log Z estimated from above; the standard error is that of log Z.
    pub low: Estimate,
    /// The upper end, with log Z estimated from below; the standard error is that of log Z.
    pub high: Estimate,
    /// Standard error of the mean over the points, common to both ends.
    pub points_error: f64,
}

/// Brackets mean log p(x) = −mean E(x) − log Z for the points `x`, `[n, dim]`, n at least 2.
///
/// The lower end uses log Z from the `reverse` chains, the upper end that from the `forward` chains.
/// In expectation the ends bracket the truth if the reverse chains started from exact samples of the model;
/// from approximate samples, the lower end is an estimate but not a bound.
///
/// # Reference
/// Grosse, Ghahramani and Adams (2015), *Sandwiching the marginal likelihood using bidirectional Monte
/// Carlo*, §3.
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
    let energy = Estimate::mean(&energies);
    let end = |log_z: Estimate| Estimate { value: -energy.value - log_z.value, ..log_z };
    Ok(Bracket {
        low: end(reverse.estimate),
        high: end(forward.estimate),
        points_error: energy.standard_error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    fn chains(log_weight: f64, direction: f64) -> LogNormalizer {
        let position = Tensor::zeros([1, 1], &Device::flex());
        LogNormalizer::from_chains(vec![log_weight; 3], direction, position)
    }

    #[test]
    fn a_known_normaliser_gives_the_known_likelihood() {
        let target = Gaussian::isotropic(vec![0.0; 2], 4.0).unwrap();
        let log_z = target.log_normalizer();
        let (forward, reverse) = (chains(log_z - 0.1, 1.0), chains(log_z + 0.2, -1.0));
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 3.0]], &Device::flex());
        let found = log_likelihood(&target, x, &forward, &reverse).unwrap();
        let exact = -log_z - 0.5 * (1.0 / 8.0 + 9.0 / 8.0);
        assert!((found.low.value - (exact - 0.2)).abs() < 1e-6, "{found:?} against {exact}");
        assert!((found.high.value - (exact + 0.1)).abs() < 1e-6, "{found:?} against {exact}");
        assert!((found.points_error - 0.5).abs() < 1e-6, "{found:?}");
    }
}
