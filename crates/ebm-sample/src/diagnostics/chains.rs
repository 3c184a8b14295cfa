//! Draws of several chains, cut, ranked and folded.

use super::normal::normal_quantile;

/// Draws by chain, `[chain][draw]`, all chains as long.
///
/// # Panics
/// If the chains are not as long as each other.
pub(super) fn check(chains: &[Vec<f64>]) {
    let lengths = chains.iter().map(Vec::len);
    let first = chains.first().map_or(0, Vec::len);
    assert!(
        lengths.clone().all(|length| length == first),
        "chains are as long as each other, found lengths {:?}",
        lengths.collect::<Vec<_>>()
    );
}

/// Whether nothing can be said: no draws, one that is not finite, or all of them equal.
pub(super) fn says_nothing(chains: &[Vec<f64>]) -> bool {
    let mut draws = chains.iter().flatten();
    let Some(first) = draws.next() else { return true };
    chains.iter().flatten().any(|x| !x.is_finite()) || draws.all(|x| x == first)
}

/// Each chain's first and last half as two chains; a middle draw is left out.
pub(super) fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let halves = |chain: &Vec<f64>| {
        let half = chain.len() / 2;
        [chain[..half].to_vec(), chain[chain.len() - half..].to_vec()]
    };
    chains.iter().flat_map(halves).collect()
}

/// Every draw through `f`.
pub(super) fn map(chains: &[Vec<f64>], f: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    chains.iter().map(|chain| chain.iter().map(|x| f(*x)).collect()).collect()
}

/// The rank of each draw among all, from 1; equal draws share the mean of their ranks.
pub(super) fn ranks(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut order: Vec<(usize, usize)> =
        (0..chains.len()).flat_map(|c| (0..chains[c].len()).map(move |i| (c, i))).collect();
    let value = |&(c, i): &(usize, usize)| chains[c][i];
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut ranks = map(chains, |_| 0.0);
    let mut first = 0;
    for tied in order.chunk_by(|a, b| value(a) == value(b)) {
        let rank = first as f64 + 0.5 * (tied.len() + 1) as f64;
        tied.iter().for_each(|&(c, i)| ranks[c][i] = rank);
        first += tied.len();
    }
    ranks
}

/// Φ⁻¹((r − 3/8)/(S + 1/4)) for the rank r of each of all S draws.
///
/// # Reference
/// Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), *Rank-normalization, folding, and localization*,
/// §4.1.
pub(super) fn rank_normalized(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let total = chains.iter().map(Vec::len).sum::<usize>() as f64;
    map(&ranks(chains), |rank| normal_quantile((rank - 0.375) / (total + 0.25)))
}

/// All draws in rising order.
pub(super) fn sorted(chains: &[Vec<f64>]) -> Vec<f64> {
    let mut all = chains.concat();
    all.sort_unstable_by(f64::total_cmp);
    all
}

/// The quantile between the two nearest of `sorted`; Hyndman and Fan's type 7.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Mean and variance, the latter over n − 1.
pub(super) fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_draws_share_a_rank() {
        let scores = rank_normalized(&[vec![3.0, 1.0], vec![1.0, 2.0]]);
        // ranks 4, 1.5, 1.5 and 3 of 4
        let expected = [4.0, 1.5, 1.5, 3.0].map(|rank: f64| normal_quantile((rank - 0.375) / 4.25));
        assert_eq!(scores.concat(), expected);
    }

    #[test]
    fn a_middle_draw_belongs_to_no_half() {
        assert_eq!(split(&[vec![1.0, 2.0, 3.0, 4.0, 5.0]]), [vec![1.0, 2.0], vec![4.0, 5.0]]);
    }

    #[test]
    fn quantiles_lie_between_the_nearest() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), 3.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 1.0), 8.0);
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
    }
}
