//! The logarithm of a normaliser, from below and from above.

use burn::tensor::Tensor;
use ebm_model::Energy;

use crate::host::numbers;
use crate::{Estimate, EvalError};

/// An estimate of log Z from weighted chains, in nats.
#[derive(Clone, Debug)]
pub struct LogNormalizer {
    /// The estimate.
    ///
    /// From chains that ran forward, the logarithm of the mean weight: its expectation is below log Z.
    /// From chains that ran in reverse, minus that of the mean inverse weight: above it.
    /// The standard error is the delta method's, and means little if few weights count.
    pub estimate: Estimate,
    /// The mean of the chains' log weights with its error: looser than `estimate` on the same side of log Z.
    pub mean_log_weight: Estimate,
    /// How many equal weights would be as good, (Σw)²/Σw²: of the number of chains.
    pub effective_sample_size: f64,
    /// log Z as each chain estimates it.
    pub log_weights: Vec<f64>,
    /// Where the chains ended, `[chains, dim]`.
    pub position: Tensor<2>,
}

impl LogNormalizer {
    /// `side` is 1 for chains that ran forward and −1 for those that ran in reverse.
    pub(crate) fn from_chains(log_weights: Vec<f64>, side: f64, position: Tensor<2>) -> Self {
        let largest = log_weights.iter().map(|w| side * w).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = log_weights.iter().map(|w| (side * w - largest).exp()).collect();
        let Estimate { value, standard_error } = Estimate::mean(&weights);
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let total: f64 = weights.iter().sum();
        Self {
            estimate: Estimate {
                value: side * (value.ln() + largest),
                standard_error: standard_error / value,
            },
            mean_log_weight: Estimate::mean(&log_weights),
            effective_sample_size: total * total / squares,
            log_weights,
            position,
        }
    }
}

/// The mean log likelihood of points, between two estimates of log Z, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// With log Z from above; the standard error is that of log Z.
    pub low: Estimate,
    /// With log Z from below; likewise.
    pub high: Estimate,
    /// The standard error of the mean over the points, which both ends share.
    pub points_error: f64,
}

/// mean log p(x) = −mean E(x) − log Z of the points `x`, `[n, dim]`, n at least 2, with log Z from `reverse`
/// chains for the low end and from `forward` chains for the high one.
///
/// The expectations of the ends bracket the truth if the chains in reverse started from exact samples of the
/// model; started from approximate ones, the low end is an estimate and no bound.
///
/// # Reference
/// Grosse, Ghahramani and Adams (2015), *Sandwiching the marginal likelihood using bidirectional Monte
/// Carlo*, §3.
///
/// # Errors
/// [`EvalError::Rows`] with fewer than two points, [`EvalError::NotFinite`] of an energy.
pub fn log_likelihood(
    model: &(impl Energy + ?Sized),
    x: Tensor<2>,
    forward: &LogNormalizer,
    reverse: &LogNormalizer,
) -> Result<Bracket, EvalError> {
    EvalError::unless_rows(x.dims()[0], "points", 2)?;
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
    use ebm_ops::Noise;

    fn of(log_weights: Vec<f64>, side: f64) -> LogNormalizer {
        LogNormalizer::from_chains(log_weights, side, Tensor::zeros([1, 1], &Device::flex()))
    }

    #[test]
    fn weights_that_no_float_holds_have_a_mean() {
        let found = of(vec![-2000.0, -2000.0 + 3f64.ln()], 1.0);
        assert!((found.estimate.value - (2f64.ln() - 2000.0)).abs() < 1e-12);
        assert!((found.effective_sample_size - 1.6).abs() < 1e-12);
        // the mean 2 of 1 and 3 has standard error 1
        assert!((found.estimate.standard_error - 0.5).abs() < 1e-12);
        let reverse = of(vec![2000.0, 2000.0 - 3f64.ln()], -1.0);
        assert!((reverse.estimate.value - (2000.0 - 2f64.ln())).abs() < 1e-12);
        // a chain that found nothing has weight zero
        let with_zero = of(vec![f64::NEG_INFINITY, 0.0], 1.0);
        assert!((with_zero.estimate.value + 2f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn the_error_of_the_logarithm_is_the_deviation_of_repeats() {
        let (n, repeats) = (200, 1000);
        let mut noise = Noise::seeded(111);
        let found: Vec<LogNormalizer> = (0..repeats)
            .map(|_| of(noise.normals_f64(n).into_iter().map(|z| 0.6 * z).collect(), 1.0))
            .collect();
        let values: Vec<f64> = found.iter().map(|f| f.estimate.value).collect();
        // log-normal weights: log mean = 0.18, and the logarithm is low by (e^{0.36} − 1)/(2n) and less
        let mean = Estimate::mean(&values);
        let low = (0.36f64.exp() - 1.0) / (2.0 * n as f64);
        assert!(mean.errors_above(0.18 - low).abs() < 5.0, "{mean:?}");
        let squares: Vec<f64> = found.iter().map(|f| f.estimate.standard_error.powi(2)).collect();
        let (claimed, seen) = (Estimate::mean(&squares), crate::estimate::variance(&values));
        let error = (seen * (2.0 / f64::from(repeats)).sqrt()).hypot(claimed.standard_error);
        // the next order of the delta method is 1/n times a few
        assert!((claimed.value - seen).abs() < 5.0 * error + 5.0 / n as f64 * seen, "{claimed:?}, {seen}");
    }

    #[test]
    fn a_known_normaliser_gives_the_known_likelihood() {
        let target = Gaussian::isotropic(vec![0.0; 2], 4.0).unwrap();
        let log_z = target.log_normalizer();
        let (forward, reverse) = (of(vec![log_z - 0.1; 3], 1.0), of(vec![log_z + 0.2; 3], -1.0));
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 3.0]], &Device::flex());
        let found = log_likelihood(&target, x, &forward, &reverse).unwrap();
        let exact = -log_z - 0.5 * (1.0 / 8.0 + 9.0 / 8.0);
        assert!((found.low.value - (exact - 0.2)).abs() < 1e-6, "{found:?} against {exact}");
        assert!((found.high.value - (exact + 0.1)).abs() < 1e-6, "{found:?} against {exact}");
        assert!((found.points_error - 0.5).abs() < 1e-6, "{found:?}");
    }
}
