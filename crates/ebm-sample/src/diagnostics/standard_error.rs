//! How far an average over draws may be off.

use super::beta::beta_quantile;
use super::chains::{check, map, mean_and_variance, says_nothing, sorted};
use super::effective_sample_size::{ess_mean, ess_quantile, ess_sd};

/// The Monte Carlo standard error of the mean of chains `[chain][draw]`, sd/√ESS.
///
/// This and the others below are NaN where the effective sample size is.
///
/// # Panics
/// If the chains are not as long as each other; so do the others.
///
/// # Reference
/// Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), *Rank-normalization, folding, and localization*,
/// §4; `mcse_mean`, `mcse_sd` and `mcse_quantile` of the R package posterior.
pub fn mcse_mean(chains: &[Vec<f64>]) -> f64 {
    let (_, variance) = mean_and_variance(&chains.concat());
    (variance / ess_mean(chains)).sqrt()
}

/// The Monte Carlo standard error of the standard deviation, by the delta method from that of the variance.
///
/// With the effective sample size of (x − x̄)², as posterior has it; Stan takes that of |x − x̄|.
pub fn mcse_sd(chains: &[Vec<f64>]) -> f64 {
    let (mean, _) = mean_and_variance(&chains.concat());
    let squares = map(chains, |x| (x - mean).powi(2)).concat();
    let n = squares.len() as f64;
    let variance = squares.iter().sum::<f64>() / n;
    let fourth = squares.iter().map(|square| square * square).sum::<f64>() / n;
    ((fourth - variance * variance) / (4.0 * variance * ess_sd(chains))).sqrt()
}

/// The Monte Carlo standard error of the quantile at `p`: half the distance of the draws at the ranks that
/// are a standard deviation below and above it.
pub fn mcse_quantile(chains: &[Vec<f64>], p: f64) -> f64 {
    check(chains);
    let ess = ess_quantile(chains, p);
    if says_nothing(chains) || ess.is_nan() {
        return f64::NAN;
    }
    let sorted = sorted(chains);
    let n = sorted.len() as f64;
    // Φ(−1) and Φ(1) to the seven digits that posterior has
    let [low, high] =
        [0.158_655_3, 0.841_344_7].map(|side| n * beta_quantile(side, ess * p + 1.0, ess * (1.0 - p) + 1.0));
    let below = sorted[(low.floor().max(1.0) - 1.0) as usize];
    let above = sorted[(high.ceil().min(n) - 1.0) as usize];
    0.5 * (above - below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn of_independent_normals_the_errors_are_the_known_ones() {
        let (n_chains, n) = (4, 10_000);
        let chains: Vec<Vec<f64>> =
            (0..n_chains).map(|c| Noise::seeded(103).child(c).normals_f64(n)).collect();
        let total = n_chains as f64 * n as f64;
        // sd of a mean 1/√S, of a deviation 1/√(2S), of a median √(π/2S)
        let near = |found: f64, exact: f64, what: &str| {
            assert!((found / exact - 1.0).abs() < 0.1, "{what}: {found} against {exact}");
        };
        near(mcse_mean(&chains), (1.0 / total).sqrt(), "mean");
        near(mcse_sd(&chains), (0.5 / total).sqrt(), "deviation");
        near(mcse_quantile(&chains, 0.5), (0.5 * std::f64::consts::PI / total).sqrt(), "median");
        assert!(mcse_mean(&[vec![1.0; 20]]).is_nan() && mcse_quantile(&[], 0.5).is_nan());
    }
}
