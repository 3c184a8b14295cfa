//! Columns whose tails are too heavy for mean and variance to describe.

use std::collections::HashSet;

use crate::tables::standardize::is_constant;

/// Fewer distinct values are no tail.
const DISTINCT: usize = 20;

/// How far the largest value of a column is from its mean, in deviations, and how far it would be among as many
/// normal values; `None` if that is not more than twice as far.
///
/// The largest of n normal values is about √(2 log 2n) deviations from the mean.
pub(crate) fn heavy_tail(values: impl Iterator<Item = f64> + Clone) -> Option<[f64; 2]> {
    if is_constant(values.clone())
        || values.clone().map(f64::to_bits).collect::<HashSet<_>>().len() < DISTINCT
    {
        return None;
    }
    let largest = values.clone().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let scaled = values.map(|value| value / largest);
    let n = scaled.clone().count() as f64;
    let mean = scaled.clone().sum::<f64>() / n;
    let variance = scaled.clone().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    let farthest =
        scaled.fold(0.0, |farthest: f64, value| farthest.max((value - mean).abs())) / variance.sqrt();
    let normal = (2.0 * (2.0 * n).ln()).sqrt();
    (2.0 * normal < farthest).then_some([farthest, normal])
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
