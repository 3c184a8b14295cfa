//! Estimates of log Z from weighted chains.

use burn::tensor::Tensor;

use crate::Estimate;

/// An estimate of log Z from weighted chains, in nats.
#[derive(Clone, Debug)]
pub struct LogNormalizer {
    /// The estimate of log Z.
    ///
    /// For forward chains it is the logarithm of the mean weight, with an expectation below log Z.
    /// For reverse chains it is minus the logarithm of the mean inverse weight, with an expectation above log Z.
    /// The standard error is that of the delta method; it is unreliable when few weights dominate.
    pub estimate: Estimate,
    /// The mean log weight with its standard error: a looser bound than `estimate`, on the same side of log Z.
    pub mean_log_weight: Estimate,
    /// Effective sample size of the weights, (Σw)²/Σw²; at most the number of chains.
    pub effective_sample_size: f64,
    /// The estimate of log Z by each chain.
    pub log_weights: Vec<f64>,
    /// Final positions of the chains, `[chains, dim]`.
    pub position: Tensor<2>,
}

impl LogNormalizer {
    /// `direction` is 1 for forward and −1 for reverse chains.
    pub(crate) fn from_chains(log_weights: Vec<f64>, direction: f64, position: Tensor<2>) -> Self {
        let largest = log_weights.iter().map(|w| direction * w).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = log_weights.iter().map(|w| (direction * w - largest).exp()).collect();
        let Estimate { value, standard_error } = Estimate::mean(&weights);
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let total: f64 = weights.iter().sum();
        Self {
            estimate: Estimate {
                value: direction * (value.ln() + largest),
                standard_error: standard_error / value,
            },
            mean_log_weight: Estimate::mean(&log_weights),
            effective_sample_size: total * total / squares,
            log_weights,
            position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_ops::Noise;

    fn of(log_weights: Vec<f64>, direction: f64) -> LogNormalizer {
        LogNormalizer::from_chains(log_weights, direction, Tensor::zeros([1, 1], &Device::flex()))
    }

    #[test]
    fn weights_beyond_the_range_of_floats_have_a_mean() {
        let found = of(vec![-2000.0, -2000.0 + 3f64.ln()], 1.0);
        assert!((found.estimate.value - (2f64.ln() - 2000.0)).abs() < 1e-12);
        assert!((found.effective_sample_size - 1.6).abs() < 1e-12);
        // the mean 2 of 1 and 3 has standard error 1
        assert!((found.estimate.standard_error - 0.5).abs() < 1e-12);
        let reverse = of(vec![2000.0, 2000.0 - 3f64.ln()], -1.0);
        assert!((reverse.estimate.value - (2000.0 - 2f64.ln())).abs() < 1e-12);
        // a chain with log weight −∞ has weight zero
        let with_zero = of(vec![f64::NEG_INFINITY, 0.0], 1.0);
        assert!((with_zero.estimate.value + 2f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn the_standard_error_is_the_deviation_of_repeats() {
        let (n, repeats) = (200, 1000);
        let mut noise = Noise::seeded(111);
        let found: Vec<LogNormalizer> = (0..repeats)
            .map(|_| of(noise.normals_f64(n).into_iter().map(|z| 0.6 * z).collect(), 1.0))
            .collect();
        let values: Vec<f64> = found.iter().map(|f| f.estimate.value).collect();
        // log-normal weights have log mean 0.18; the logarithm of a sample mean is low by (e^{0.36} − 1)/(2n) and
        // smaller terms
        let mean = Estimate::mean(&values);
        let low = (0.36f64.exp() - 1.0) / (2.0 * n as f64);
        assert!(mean.errors_above(0.18 - low).abs() < 5.0, "{mean:?}");
        let squares: Vec<f64> = found.iter().map(|f| f.estimate.standard_error.powi(2)).collect();
        let (claimed, seen) = (Estimate::mean(&squares), crate::report::variance(&values));
        let error = (seen * (2.0 / f64::from(repeats)).sqrt()).hypot(claimed.standard_error);
        // the next order of the delta method is a small multiple of 1/n
        assert!((claimed.value - seen).abs() < 5.0 * error + 5.0 / n as f64 * seen, "{claimed:?}, {seen}");
    }
}
