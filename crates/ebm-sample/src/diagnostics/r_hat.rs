//! Whether chains agree.

use super::chains::{check, map, mean_and_variance, quantile, rank_normalized, says_nothing, sorted, split};

/// The potential scale reduction R̂ of chains `[chain][draw]`, split in halves, rank-normalised, the larger of
/// that of the draws and that of their distances from the median; below 1.01 for chains that have mixed.
///
/// NaN if a draw is not finite, all are equal or equally far from the median, or a chain has fewer than four.
///
/// # Panics
/// If the chains are not as long as each other.
///
/// # Reference
/// Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), *Rank-normalization, folding, and localization: an
/// improved R̂ for assessing convergence of MCMC*, §4; `rhat` of the R package posterior.
pub fn r_hat(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    if says_nothing(chains) {
        return f64::NAN;
    }
    let median = quantile(&sorted(chains), 0.5);
    let bulk = r_hat_basic(&rank_normalized(&split(chains)));
    let folded = r_hat_basic(&rank_normalized(&split(&map(chains, |x| (x - median).abs()))));
    if folded.is_nan() { f64::NAN } else { bulk.max(folded) }
}

/// R̂ of the draws as they are, chains split in halves.
///
/// # Panics
/// If the chains are not as long as each other.
///
/// # Reference
/// Gelman et al. (2013), *Bayesian data analysis*, third edition, §11.4.
pub fn split_r_hat(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    r_hat_basic(&split(chains))
}

/// √(((n − 1)/n W + B/n)/W), W the mean of the chains' variances and B n times the variance of their means;
/// the chains are taken as they are, not split.
///
/// # Panics
/// If the chains are not as long as each other.
pub fn r_hat_basic(chains: &[Vec<f64>]) -> f64 {
    check(chains);
    if says_nothing(chains) || chains[0].len() < 2 {
        return f64::NAN;
    }
    let n = chains[0].len() as f64;
    let (means, variances): (Vec<f64>, Vec<f64>) = chains.iter().map(|x| mean_and_variance(x)).unzip();
    let within = variances.iter().sum::<f64>() / variances.len() as f64;
    let (_, between) = mean_and_variance(&means);
    ((n * between / within + n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    fn normal_chains(n_chains: usize, n: usize) -> Vec<Vec<f64>> {
        (0..n_chains as u64).map(|c| Noise::seeded(101).child(c).normals_f64(n)).collect()
    }

    #[test]
    fn four_numbers_have_the_r_hat_of_pencil_and_paper() {
        // halves (0, 2) and (4, 6) of n = 2: W = 2, B/n = Var(1, 5) = 8
        let found = split_r_hat(&[vec![0.0, 2.0, 4.0, 6.0]]);
        assert!((found - ((0.5 * 2.0 + 8.0) / 2.0f64).sqrt()).abs() < 1e-15, "{found}");
    }

    #[test]
    fn independent_draws_pass_and_chains_that_differ_in_place_or_scale_do_not() {
        let chains = normal_chains(4, 1000);
        assert!(r_hat(&chains) < 1.01, "{}", r_hat(&chains));
        let change = |f: &dyn Fn(f64) -> f64| {
            let mut changed = chains.clone();
            changed[0] = changed[0].iter().map(|x| f(*x)).collect();
            changed
        };
        assert!(1.05 < r_hat(&change(&|x| x + 1.0)));
        // only the folded one sees a difference in scale
        let scaled = change(&|x| 3.0 * x);
        assert!(split_r_hat(&scaled) < 1.01 && 1.05 < r_hat(&scaled));
    }

    #[test]
    fn ranks_do_not_care_for_the_scale_of_the_numbers() {
        let chains = normal_chains(2, 200);
        let found = r_hat_basic(&rank_normalized(&split(&map(&chains, f64::exp))));
        assert_eq!(found, r_hat_basic(&rank_normalized(&split(&chains))));
    }

    #[test]
    fn what_says_nothing_is_not_a_number() {
        assert!(r_hat(&[vec![1.0; 10], vec![1.0; 10]]).is_nan());
        assert!(r_hat(&[vec![1.0, f64::INFINITY, 2.0, 3.0]]).is_nan());
        assert!(r_hat(&[vec![1.0, -1.0, -1.0, 1.0]]).is_nan());
        assert!(r_hat(&[]).is_nan() && r_hat(&[vec![1.0, 2.0, 3.0]]).is_nan());
    }

    #[test]
    #[should_panic(expected = "found lengths [2, 3]")]
    fn chains_of_unlike_lengths_are_a_panic() {
        r_hat(&[vec![1.0, 2.0], vec![1.0, 2.0, 3.0]]);
    }
}
