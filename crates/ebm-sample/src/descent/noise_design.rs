//! Noise ladders by rule: how many levels between two ends, and which step.
//!
//! In D dimensions, noise of level σ has a length of √D σ with standard deviation σ/√2: a shell. Neighbouring levels
//! are chosen so that their shells overlap, and the step so that a few Langevin steps bring samples from one shell to
//! the next.
//!
//! # Reference
//! Song and Ermon (2020), *Improved techniques for training score-based generative models*, propositions 2 and 3,
//! techniques 1, 2 and 4.

use std::f64::consts::FRAC_1_SQRT_2;

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::{NoiseLadder, SampleError};

/// The overlap of neighbouring levels.
///
/// The paper says "≈ 0.5". Its five ladders (L = 232, 500, 788, 1086 and 2311) follow to the level from 0.567 with the
/// number of levels rounded down; 0.5 to the letter gives 219 levels for the first.
pub const OVERLAP: f64 = 0.567;

/// The largest ratio of neighbouring levels.
///
/// In fewer than 17 dimensions the rule alone would allow more, in fewer than 5 any.
pub const MAX_RATIO: f64 = 2.0;

/// How numbers of a noise ladder that are not given are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SigmaRule {
    /// By [`NoiseDesign`] from the distances between points of the data.
    Auto,
}

/// Φ(√(2D)(γ − 1) + 3γ) − Φ(√(2D)(γ − 1) − 3γ): how much of the shell of a level lies within three standard deviations
/// of the shell of the level above, which is γ = `ratio` times as high.
///
/// # Reference
/// Song and Ermon (2020), §3.2, after proposition 2.
pub fn overlap(dim: usize, ratio: f64) -> f64 {
    let apart = (2.0 * dim as f64).sqrt() * (ratio - 1.0);
    normal_cdf(apart + 3.0 * ratio) - normal_cdf(apart - 3.0 * ratio)
}

/// The ratio γ > 1 of neighbouring levels whose [`overlap`] in `dim` dimensions is `wanted`, at most [`MAX_RATIO`].
///
/// # Reference
/// Song and Ermon (2020), technique 2.
///
/// # Errors
/// [`SampleError::OutOfRange`] unless `0 < wanted < 0.997`, which two equal levels have, and `dim` is at least 1.
pub fn ratio_for_overlap(dim: usize, wanted: f64) -> Result<f64, SampleError> {
    OutOfRange::at_least("dim", 1, dim)?;
    if !(0.0 < wanted && wanted < 0.997) {
        return Err(OutOfRange::new("overlap", wanted, "more than 0 and less than 0.997").into());
    }
    let (mut low, mut high) = (1.0, MAX_RATIO);
    if wanted < overlap(dim, high) {
        return Ok(high);
    }
    // From its greatest value, just above 1, the overlap falls.
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if wanted < overlap(dim, middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The number of levels from `top` to `bottom` whose neighbours have at least this ratio, at least 2.
///
/// # Errors
/// [`SampleError::OutOfRange`] unless `0 < bottom < top < ∞` and `1 < ratio < ∞`.
pub fn levels(top: f64, bottom: f64, ratio: f64) -> Result<usize, SampleError> {
    OutOfRange::positive("bottom", bottom)?;
    OutOfRange::positive("top", top)?;
    if top <= bottom {
        return Err(OutOfRange::new("top", top, format!("more than bottom, {bottom}")).into());
    }
    if !(1.0 < ratio && ratio.is_finite()) {
        return Err(OutOfRange::new("ratio", ratio, "more than 1").into());
    }
    let steps = ((top / bottom).ln() / ratio.ln()).floor() as usize;
    Ok(steps.max(1) + 1)
}

/// s²/σ², the variance of samples after `steps` Langevin steps at level σ in units of that level's, where they come
/// from the level above, γ = `ratio` times as high, and the data are a point; 1 is what it should be.
///
/// With r = `step_ratio`, (1 − r)²ᵀ (γ² − v) + v,   v = 2r/(1 − (1 − r)²) = 1/(1 − r/2).
///
/// The step at level σ is η = r σ² of x + η s + √(2η) z, as in [`AnnealedLangevin`](crate::AnnealedLangevin). The paper
/// has α = ε σ²/σ_L² for η, so r = ε/σ_L².
///
/// # Reference
/// Song and Ermon (2020), proposition 3.
pub fn predicted_variance_ratio(ratio: f64, steps: usize, step_ratio: f64) -> f64 {
    let kept = (2.0 * steps as f64 * (1.0 - step_ratio).abs().ln()).exp();
    let fixed = 1.0 / (1.0 - 0.5 * step_ratio);
    kept * (ratio * ratio - fixed) + fixed
}

/// The step ratio r in (0, 1] whose [`predicted_variance_ratio`] is nearest to 1.
///
/// The ratio is above 1 for every r, so it is the r of the least one.
///
/// # Reference
/// Song and Ermon (2020), technique 4.
///
/// # Errors
/// [`SampleError::OutOfRange`] unless there is a step and `1 < ratio < ∞`.
pub fn step_ratio(ratio: f64, steps: usize) -> Result<f64, SampleError> {
    OutOfRange::at_least("steps per level", 1, steps)?;
    if !(1.0 < ratio && ratio.is_finite()) {
        return Err(OutOfRange::new("ratio", ratio, "more than 1").into());
    }
    // It falls from γ² at 0 to its least value and rises from there.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let [left, right] = [1.0 / 3.0, 2.0 / 3.0].map(|share| low + share * (high - low));
        let [at_left, at_right] = [left, right].map(|r| predicted_variance_ratio(ratio, steps, r));
        if at_left < at_right {
            high = right;
        } else {
            low = left;
        }
    }
    Ok(0.5 * (low + high))
}

/// ε = r σ_L² of a geometric `ladder` with `steps` steps per level, as the paper writes the step.
///
/// # Reference
/// Song and Ermon (2020), technique 4.
///
/// # Errors
/// [`SampleError::OutOfRange`] unless there are two levels and a step.
pub fn step_size(ladder: &NoiseLadder, steps: usize) -> Result<f64, SampleError> {
    let levels = ladder.levels();
    OutOfRange::at_least("noise levels", 2, levels.len())?;
    let bottom = levels[levels.len() - 1];
    Ok(step_ratio(levels[0] / levels[1], steps)? * bottom * bottom)
}

/// The numbers of annealed Langevin dynamics by rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseDesign {
    /// The highest level, σ₁.
    pub top: f64,
    /// The lowest level, σ_L.
    pub bottom: f64,
    /// The number of levels, L.
    pub levels: usize,
    /// The ratio γ of neighbouring levels.
    pub ratio: f64,
    /// η/σ² of a step.
    pub step_ratio: f64,
    /// The predicted variance of samples at each level in units of the level's.
    pub variance_ratio: f64,
}

impl NoiseDesign {
    /// The levels from `top` to `bottom` in `dim` dimensions, neighbours overlapping by [`OVERLAP`], and the step of
    /// `steps_per_level` steps at each.
    ///
    /// Technique 1 takes for `top` the largest distance between two points of the data.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < bottom < top < ∞`, and there are a dimension and a step.
    pub fn new(dim: usize, top: f64, bottom: f64, steps_per_level: usize) -> Result<Self, SampleError> {
        let levels = levels(top, bottom, ratio_for_overlap(dim, OVERLAP)?)?;
        let ratio = (top / bottom).powf(1.0 / (levels - 1) as f64);
        let step_ratio = step_ratio(ratio, steps_per_level)?;
        let variance_ratio = predicted_variance_ratio(ratio, steps_per_level, step_ratio);
        Ok(Self { top, bottom, levels, ratio, step_ratio, variance_ratio })
    }
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_published_ladders_have_their_numbers_of_levels() {
        // CIFAR-10, CelebA 64×64, LSUN church 96×96, LSUN tower and bedroom 128×128, FFHQ 256×256.
        for (side, top, published) in
            [(32, 50.0, 232), (64, 90.0, 500), (96, 140.0, 788), (128, 190.0, 1086), (256, 348.0, 2311)]
        {
            let dim = 3 * side * side;
            let found = NoiseDesign::new(dim, top, 0.01, 5).unwrap();
            assert_eq!(found.levels, published, "{side}: {found:?}");
            assert!((overlap(dim, found.ratio) - OVERLAP).abs() < 1e-3);
        }
        let to_the_letter = levels(50.0, 0.01, ratio_for_overlap(3072, 0.5).unwrap()).unwrap();
        assert_eq!(to_the_letter, 219);
    }

    #[test]
    fn steps_and_variance_ratios_are_the_published_ones() {
        let ladder = NoiseLadder::geometric(1.0, 0.01, 10).unwrap();
        let ratio = 100f64.powf(1.0 / 9.0);
        for (steps, epsilon, variance) in [
            (5, 2.98e-5, 1.222),
            (10, 1.91e-5, 1.130),
            (20, 1.16e-5, 1.074),
            (50, 5.7e-6, 1.034),
            (100, 3.2e-6, 1.019),
        ] {
            let found = step_size(&ladder, steps).unwrap();
            assert!((found / epsilon - 1.0).abs() < 0.01, "T = {steps}: {found:e}");
            let found = predicted_variance_ratio(ratio, steps, found / 1e-4);
            assert!((found - variance).abs() < 5.1e-4, "T = {steps}: {found}");
        }
        // CIFAR-10 and CelebA.
        for (dim, top, epsilon) in [(3072, 50.0, 6.2e-6), (12288, 90.0, 3.3e-6)] {
            let found = NoiseDesign::new(dim, top, 0.01, 5).unwrap().step_ratio * 1e-4;
            assert!((found / epsilon - 1.0).abs() < 0.02, "{found:e} against {epsilon:e}");
        }
    }

    #[test]
    fn the_step_is_the_one_of_least_variance_and_the_exact_one_for_a_single_step() {
        for ratio in [1.02, 1.3, 2.0, 5.0] {
            // (1 − r)²γ² + 2r is least where 1 − r = 1/γ².
            let exact = 1.0 - 1.0 / (ratio * ratio);
            assert!((step_ratio(ratio, 1).unwrap() - exact).abs() < 1e-6);
            for steps in [2, 5, 100] {
                let found = step_ratio(ratio, steps).unwrap();
                let least = predicted_variance_ratio(ratio, steps, found);
                assert!(1.0 < least);
                for i in 1..=1000 {
                    let other = predicted_variance_ratio(ratio, steps, f64::from(i) * 1e-3);
                    assert!(least <= other + 1e-12, "γ = {ratio}, T = {steps}: {other} at {i}");
                }
            }
        }
    }

    #[test]
    fn the_prediction_is_the_recursion_of_the_variance() {
        let (ratio, r) = (1.5f64, 0.07);
        let mut variance = ratio * ratio;
        for steps in 1..30 {
            // x − r x + √(2r) z
            variance = (1.0 - r) * (1.0 - r) * variance + 2.0 * r;
            assert!((predicted_variance_ratio(ratio, steps, r) - variance).abs() < 1e-12);
        }
        assert!((predicted_variance_ratio(ratio, 3, 1.0) - 2.0).abs() < 1e-12, "a step of 1 forgets all");
    }

    #[test]
    fn in_few_dimensions_levels_are_within_a_factor_of_two() {
        for dim in 1..17 {
            assert_eq!(ratio_for_overlap(dim, OVERLAP).unwrap(), MAX_RATIO, "{dim}");
        }
        let ratios: Vec<f64> =
            [17, 64, 784, 3072].map(|dim| ratio_for_overlap(dim, OVERLAP).unwrap()).to_vec();
        assert!(ratios.windows(2).all(|pair| pair[1] < pair[0]), "{ratios:?}");
        assert_eq!(levels(1.5, 1.0, 2.0).unwrap(), 2);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let error = |design: Result<NoiseDesign, SampleError>| design.unwrap_err().to_string();
        assert!(error(NoiseDesign::new(0, 1.0, 0.1, 5)).starts_with("dim"));
        assert!(error(NoiseDesign::new(4, 0.1, 0.1, 5)).starts_with("top"));
        assert!(error(NoiseDesign::new(4, f64::NAN, 0.1, 5)).starts_with("top"));
        assert!(error(NoiseDesign::new(4, 1.0, 0.0, 5)).starts_with("bottom"));
        assert!(error(NoiseDesign::new(4, 1.0, 0.1, 0)).starts_with("steps per level"));
        for wanted in [0.0, 0.998, f64::NAN] {
            assert!(ratio_for_overlap(784, wanted).unwrap_err().to_string().starts_with("overlap"));
        }
        assert!(levels(1.0, 0.1, 1.0).is_err() && step_ratio(1.0, 5).is_err());
    }
}
