//! A table's row about one variable.

use serde::{Deserialize, Serialize};

use super::chains::{check, mean_and_variance, quantile, sorted};
use super::{ess_bulk, ess_tail, mcse_mean, mcse_sd, r_hat};

/// What is known of one variable from its draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
    /// The 5 % quantile.
    pub q5: f64,
    /// The median.
    pub median: f64,
    /// The 95 % quantile.
    pub q95: f64,
    /// The Monte Carlo standard error of the mean.
    pub mcse_mean: f64,
    /// The Monte Carlo standard error of the standard deviation.
    pub mcse_sd: f64,
    /// Whether the chains agree: below 1.01 if so.
    pub r_hat: f64,
    /// The effective sample size of the bulk.
    pub ess_bulk: f64,
    /// The effective sample size of the tails.
    pub ess_tail: f64,
}

impl Summary {
    /// Of chains `[chain][draw]`; what cannot be told is NaN.
    ///
    /// # Panics
    /// If the chains are not as long as each other.
    pub fn of(chains: &[Vec<f64>]) -> Self {
        check(chains);
        let (mean, variance) = mean_and_variance(&chains.concat());
        let sorted = sorted(chains);
        let at = |p: f64| if sorted.is_empty() || mean.is_nan() { f64::NAN } else { quantile(&sorted, p) };
        Self {
            mean,
            sd: variance.sqrt(),
            q5: at(0.05),
            median: at(0.5),
            q95: at(0.95),
            mcse_mean: mcse_mean(chains),
            mcse_sd: mcse_sd(chains),
            r_hat: r_hat(chains),
            ess_bulk: ess_bulk(chains),
            ess_tail: ess_tail(chains),
        }
    }

    /// Of every coordinate of draws `[chain, draw, dim]`, laid out row by row.
    ///
    /// # Panics
    /// If `draws` has another length than the three say, or one of them is 0.
    pub fn of_each(draws: &[f64], [n_chains, n_draws, dim]: [usize; 3]) -> Vec<Self> {
        assert_eq!(draws.len(), n_chains * n_draws * dim, "draws are [{n_chains}, {n_draws}, {dim}]");
        let chain = |chain: &[f64], i: usize| chain.iter().skip(i).step_by(dim).copied().collect();
        let variable = |i| draws.chunks_exact(n_draws * dim).map(|c| chain(c, i)).collect::<Vec<_>>();
        (0..dim).map(|i| Self::of(&variable(i))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn each_coordinate_is_its_own_variable() {
        let draws = Noise::seeded(104).normals_f64(2 * 50 * 3);
        let summaries = Summary::of_each(&draws, [2, 50, 3]);
        let second = |c: usize| (0..50).map(|d| draws[(c * 50 + d) * 3 + 1]).collect();
        assert_eq!(summaries.len(), 3);
        assert_eq!(summaries[1], Summary::of(&[second(0), second(1)]));
    }

    #[test]
    fn without_numbers_there_is_no_summary() {
        assert!(Summary::of(&[]).mean.is_nan() && Summary::of(&[vec![f64::NAN; 9]]).q5.is_nan());
    }
}
