//! Whether chains rank alike.

use super::chains::{check, ranks};

/// How many draws of each chain fall into each of `n_bins` equal intervals of the ranks of all draws,
/// `[chain][bin]`, of chains `[chain][draw]`; even for chains that have mixed.
///
/// # Panics
/// If the chains are not as long as each other, there is no bin, or a draw is NaN.
///
/// # Reference
/// Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), *Rank-normalization, folding, and localization*,
/// §4.2.
pub fn rank_histogram(chains: &[Vec<f64>], n_bins: usize) -> Vec<Vec<usize>> {
    check(chains);
    assert!(0 < n_bins, "a histogram has a bin");
    assert!(chains.iter().flatten().all(|x| !x.is_nan()), "a draw that is no number has no rank");
    let total = chains.iter().map(Vec::len).sum::<usize>() as f64;
    let count = |ranks: Vec<f64>| {
        let mut counts = vec![0; n_bins];
        ranks.iter().for_each(|rank| counts[((rank - 0.5) / total * n_bins as f64) as usize] += 1);
        counts
    };
    ranks(chains).into_iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn chains_apart_fill_bins_of_their_own() {
        let chains = [vec![5.0, 7.0, 6.0, 8.0], vec![4.0, 1.0, 2.0, 3.0]];
        assert_eq!(rank_histogram(&chains, 4), [[0, 0, 2, 2], [2, 2, 0, 0]]);
        // equal draws share the middle of their ranks
        assert_eq!(rank_histogram(&[vec![1.0; 3], vec![1.0; 3]], 3), [[0, 3, 0], [0, 3, 0]]);
    }

    #[test]
    fn independent_draws_fill_all_bins_alike_and_a_chain_that_lags_does_not() {
        let (n_chains, n, n_bins) = (4, 10_000, 20);
        let draw = |c: u64| Noise::seeded(133).child(c).normals_f64(n);
        let mut chains: Vec<Vec<f64>> = (0..n_chains).map(draw).collect();
        // n_chains n draws of which each bin holds a share 1/n_bins and each chain 1/n_chains: hypergeometric
        let (chain, bin) = (1.0 / n_chains as f64, 1.0 / n_bins as f64);
        let expected = n as f64 * bin;
        let error = (expected * (1.0 - chain) * (1.0 - bin)).sqrt();
        let farthest = |chains: &[Vec<f64>]| {
            let counts = rank_histogram(chains, n_bins).concat();
            assert_eq!(counts.iter().sum::<usize>(), n_chains as usize * n);
            counts.iter().map(|&count| (count as f64 - expected).abs() / error).fold(0.0, f64::max)
        };
        assert!(farthest(&chains) < 5.0, "{}", farthest(&chains));
        chains[0].iter_mut().for_each(|x| *x += 0.3);
        assert!(5.0 < farthest(&chains), "{}", farthest(&chains));
    }

    #[test]
    #[should_panic(expected = "has no rank")]
    fn what_is_no_number_has_no_rank() {
        rank_histogram(&[vec![1.0, f64::NAN]], 2);
    }
}
