//! Columns whose tails are too heavy for mean and variance to describe.

use crate::tables::standardize::is_constant;

/// Fewer distinct values are no tail.
const DISTINCT: usize = 20;

/// The width of the middle half of normal values, in deviations.
const NORMAL_MIDDLE: f64 = 1.349;

/// How much wider than its middle half says a column may be.
const SPREAD: f64 = 2.5;

/// How far the farthest value of a column is from its mean, in deviations, and how far it would be among as many
/// normal values; `None` if the tails are not heavy.
///
/// They are if the farthest value is more than twice as far as would be usual, or if the deviation is more than
/// [`SPREAD`] times what the middle half of the values says it is, and the farthest value a third farther than usual.
/// The farthest of n normal values is about √(2 log 2n) deviations from the mean.
pub(crate) fn heavy_tail(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let n_distinct = 1 + sorted.windows(2).filter(|pair| pair[0] < pair[1]).count();
    if is_constant(sorted.iter().copied()) || n_distinct < DISTINCT {
        return None;
    }
    let largest = first.abs().max(last.abs());
    let n = sorted.len() as f64;
    let mean = sorted.iter().map(|value| value / largest).sum::<f64>() / n;
    let deviation = (sorted.iter().map(|value| (value / largest - mean).powi(2)).sum::<f64>() / n).sqrt();
    let farthest = (mean - first / largest).max(last / largest - mean) / deviation;
    let normal = (2.0 * (2.0 * n).ln()).sqrt();
    let middle = (sorted[sorted.len() * 3 / 4] - sorted[sorted.len() / 4]) / largest / NORMAL_MIDDLE;
    let is_wide = 0.0 < middle && SPREAD * middle < deviation;
    let is_heavy = 2.0 * normal < farthest || (is_wide && 4.0 / 3.0 * normal < farthest);
    is_heavy.then_some([farthest, normal])
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    #[test]
    fn heavy_tails_are_told_from_those_of_ordinary_laws() {
        for n in [30, 100, 300, 1000, 10_000] {
            for seed in 0..20 {
                let mut noise = Noise::seeded(seed);
                let z = noise.normals_f64(2 * n);
                let u = noise.uniforms(n);
                let one = |values: Vec<f64>| heavy_tail(values.into_iter());
                assert_eq!(one(z[..n].to_vec()), None, "normal, {n}");
                assert_eq!(one(z[..n].iter().map(|z| 5.5e6 + 1e-2 * z).collect()), None, "far from 0, {n}");
                assert_eq!(one(u.iter().map(|&u| u.into()).collect()), None, "uniform, {n}");
                let two = z.chunks_exact(2).map(|z| z[0] + 6.0 * z[1].signum());
                assert_eq!(one(two.collect()), None, "two modes, {n}");
                let rare = z[..n].iter().map(|z| f64::from(u8::from(2.0 < *z)));
                assert_eq!(one(rare.collect()), None, "a rare flag, {n}");
                if 300 <= n {
                    assert!(
                        one(z[..n].iter().map(|z| (2.5 * z).exp()).collect()).is_some(),
                        "log-normal, {n}"
                    );
                    assert!(one(z.chunks_exact(2).map(|z| z[0] / z[1]).collect()).is_some(), "Cauchy, {n}");
                }
            }
        }
        let mut outlier = Noise::seeded(1).normals_f64(300);
        outlier[7] = 1e6;
        let [farthest, normal] = heavy_tail(outlier.into_iter()).unwrap();
        assert!((17.0..17.4).contains(&farthest) && (3.5..3.6).contains(&normal), "{farthest}, {normal}");
    }
}
