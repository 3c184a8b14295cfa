//! How many independent draws are worth as much.

use super::autocovariance::autocovariance;
use super::chains::{check, map, mean_and_variance, quantile, rank_normalized, says_nothing, sorted, split};

/// The fewest draws of a (half) chain from which correlations are told.
const LEAST: usize = 6;

/// The effective sample size of the bulk: that of the rank-normalised draws of split chains `[chain][draw]`.
///
/// This and the others below are NaN if a draw is not finite, all are equal, or a half has fewer than six.
///
/// # Panics
/// If the chains are not as long as each other; so do the others.
///
/// # Reference
/// Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), *Rank-normalization, folding, and localization*,
/// §3.2 and §4; `ess_bulk` of the R package posterior.
pub fn ess_bulk(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    if says_nothing(chains) {
        return f64::NAN;
    }
    ess_basic(&rank_normalized(&split(chains)))
}

/// The effective sample size of the tails: the smaller of those of the 5 % and the 95 % quantile.
pub fn ess_tail(chains: &[Vec<f64>]) -> f64 {
    let (low, high) = (ess_quantile(chains, 0.05), ess_quantile(chains, 0.95));
    if low.is_nan() || high.is_nan() { f64::NAN } else { low.min(high) }
}

/// The effective sample size for the mean.
pub fn ess_mean(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    ess_basic(&split(chains))
}

/// The effective sample size for the standard deviation: that of the squared distances from the mean.
pub fn ess_sd(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    let (mean, _) = mean_and_variance(&chains.concat());
    ess_basic(&split(&map(chains, |x| (x - mean).powi(2))))
}

/// The effective sample size for the quantile at `p`, in [0, 1]: that of x ≤ quantile.
pub fn ess_quantile(chains: &[Vec<f64>], p: f64) -> f64 {
    check(chains);
    if says_nothing(chains) {
        return f64::NAN;
    }
    let at = quantile(&sorted(chains), p);
    ess_basic(&split(&map(chains, |x| f64::from(u8::from(x <= at)))))
}

/// S/τ for all S draws, τ = 1 + 2 Σ ρ_t by Geyer's initial monotone sequence, at least 1/log₁₀ S; the chains
/// are taken as they are, not split.
///
/// The correlations are ρ_t = 1 − (W − γ_t)/V, with W the mean of the chains' variances, γ_t the mean of their
/// autocovariances and V = (n − 1)/n W + B/n.
///
/// # Reference
/// Geyer (1992), *Practical Markov chain Monte Carlo*, §3.3; Vehtari et al. (2021), §3.2.
pub fn ess_basic(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    if says_nothing(chains) || chains[0].len() < LEAST {
        return f64::NAN;
    }
    let (n, m) = (chains[0].len(), chains.len() as f64);
    let covariances: Vec<Vec<f64>> = chains.iter().map(|chain| autocovariance(chain)).collect();
    let covariance = |t: usize| covariances.iter().map(|gamma| gamma[t]).sum::<f64>() / m;
    let within = covariance(0) * n as f64 / (n as f64 - 1.0);
    let mut variance = covariance(0);
    if 1 < chains.len() {
        let means: Vec<f64> = chains.iter().map(|chain| mean_and_variance(chain).0).collect();
        variance += mean_and_variance(&means).1;
    }
    let rho = |t: usize| if t == 0 { 1.0 } else { 1.0 - (within - covariance(t)) / variance };
    let total = n as f64 * m;
    total / monotone_sequence(n, rho).max(1.0 / total.log10())
}

/// −1 + 2 Σ ρ_t by pairs (ρ_0 + ρ_1), (ρ_2 + ρ_3), … while they are positive, none counted above the one
/// before; of the pair after them its first, if positive, counts once.
fn monotone_sequence(n: usize, rho: impl Fn(usize) -> f64) -> f64 {
    let (mut t, mut even, mut odd) = (0, rho(0), rho(1));
    let (mut least, mut sum) = (f64::INFINITY, 0.0);
    while t + 5 < n && 0.0 < even + odd {
        least = least.min(even + odd);
        sum += least;
        t += 2;
        (even, odd) = (rho(t), rho(t + 1));
    }
    let rest = if even + odd < 0.0 { even.max(0.0) } else { even };
    2.0 * sum - 1.0 + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    /// x_t = a x_{t−1} + √(1 − a²) z_t from its stationary distribution.
    fn autoregressive(a: f64, n_chains: u64, n: usize) -> Vec<Vec<f64>> {
        let chain = |c: u64| {
            let mut x = 0.0;
            let z = Noise::seeded(102).child(c).normals_f64(n);
            let mut fresh = 1.0;
            let mut next = |z: f64| {
                x = a * x + fresh * z;
                fresh = (1.0 - a * a).sqrt();
                x
            };
            z.into_iter().map(&mut next).collect()
        };
        (0..n_chains).map(chain).collect()
    }

    #[test]
    fn an_autoregressive_chain_has_its_known_effective_sample_size() {
        let (n_chains, n) = (4, 20_000);
        for a in [-0.5, 0.0, 0.6, 0.9] {
            let exact = (n_chains * n) as f64 * (1.0 - a) / (1.0 + a);
            let found = ess_mean(&autoregressive(a, n_chains as u64, n));
            // the estimate sums about 2/(1 − |a|) correlations, each with an error of about √(τ/S)
            let tau = (1.0 + f64::abs(a)) / (1.0 - f64::abs(a));
            let standard_error = 2.0 * tau * (tau / (n_chains * n) as f64).sqrt();
            assert!((found / exact - 1.0).abs() < 5.0 * standard_error, "a = {a}: {found} against {exact}");
        }
    }

    #[test]
    fn chains_that_do_not_meet_are_worth_a_draw_each() {
        let mut chains = autoregressive(0.0, 4, 1000);
        for (chain, place) in chains.iter_mut().zip([0.0, 100.0, 200.0, 300.0]) {
            chain.iter_mut().for_each(|x| *x += place);
        }
        assert!(ess_mean(&chains) < 10.0 && ess_bulk(&chains) < 10.0, "{}", ess_mean(&chains));
    }

    #[test]
    fn it_is_at_most_s_log_s() {
        let alternating: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!((ess_mean(&[alternating]) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn what_says_nothing_is_not_a_number() {
        for chains in [vec![vec![2.0; 50]], vec![vec![f64::NAN; 50]], vec![vec![1.0, 2.0, 3.0]], vec![]] {
            for ess in [ess_bulk, ess_tail, ess_mean, ess_sd] {
                assert!(ess(&chains).is_nan());
            }
        }
    }
}
