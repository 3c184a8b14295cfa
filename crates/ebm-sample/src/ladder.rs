//! Noise levels from high to low.

use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;

use crate::SampleError;

/// Most levels that are laid out at once.
const MAX_LEVELS: usize = 1_000_000;

/// Noise levels σ₁ > σ₂ > … > σ_L > 0.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseLadder {
    levels: Vec<f64>,
}

impl NoiseLadder {
    /// These levels.
    ///
    /// # Errors
    /// [`SampleError`] unless there is one or more, all are positive and finite, and each is less than the
    /// one before.
    pub fn new(levels: Vec<f64>) -> Result<Self, SampleError> {
        if levels.is_empty() {
            return Err(SampleError::Count { what: "noise levels", least: 1, found: 0 });
        }
        for (index, &sigma) in levels.iter().enumerate() {
            if !(sigma.is_finite() && 0.0 < sigma) {
                return Err(SampleError::Sigma { index, sigma });
            }
            if 0 < index && levels[index - 1] <= sigma {
                return Err(SampleError::Order { index, before: levels[index - 1], sigma });
            }
        }
        Ok(Self { levels })
    }

    /// `n` levels from `top` to `bottom`, each the same fraction of the one before.
    ///
    /// # Reference
    /// Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*, §4.
    ///
    /// # Errors
    /// As [`new`](Self::new), or with fewer than two levels or more than a million.
    pub fn geometric(top: f64, bottom: f64, n: usize) -> Result<Self, SampleError> {
        Self::between(n, |fraction| top * (bottom / top).powf(fraction))
    }

    /// `n` levels from `top` to `bottom`, even in σ^(1/ρ); ρ = 7 spends most of them near the bottom.
    ///
    /// # Reference
    /// Karras et al. (2022), *Elucidating the design space of diffusion-based generative models*, eq. 5.
    ///
    /// # Errors
    /// As [`new`](Self::new), or with fewer than two levels or more than a million.
    pub fn karras(top: f64, bottom: f64, rho: f64, n: usize) -> Result<Self, SampleError> {
        let (from, to) = (top.powf(1.0 / rho), bottom.powf(1.0 / rho));
        Self::between(n, |fraction| (from + fraction * (to - from)).powf(rho))
    }

    fn between(n: usize, level: impl Fn(f64) -> f64) -> Result<Self, SampleError> {
        if n < 2 {
            return Err(SampleError::Count { what: "noise levels", least: 2, found: n });
        }
        if MAX_LEVELS < n {
            return Err(SampleError::TooMany { what: "noise levels", most: MAX_LEVELS, found: n });
        }
        Self::new((0..n).map(|i| level(i as f64 / (n - 1) as f64)).collect())
    }

    /// The levels, the highest first.
    pub fn levels(&self) -> &[f64] {
        &self.levels
    }

    /// The highest level.
    pub fn top(&self) -> f64 {
        self.levels[0]
    }

    /// N(0, σ₁²I), where every descent starts, `[n, dim]`, on `device`.
    pub fn start(&self, n: usize, dim: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        noise.normal([n, dim], device) * self.top()
    }

    /// Each level with the one below it, the last one with 0.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        let below = self.levels[1..].iter().copied().chain([0.0]);
        self.levels.iter().copied().zip(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_levels_have_one_ratio_and_the_given_ends() {
        let ladder = NoiseLadder::geometric(10.0, 0.02, 50).unwrap();
        let levels = ladder.levels();
        assert_eq!((levels.len(), levels[0]), (50, 10.0));
        assert!((levels[49] - 0.02).abs() < 1e-15);
        let ratio = levels[1] / levels[0];
        assert!(levels.windows(2).all(|pair| (pair[1] / pair[0] - ratio).abs() < 1e-12));
    }

    #[test]
    fn karras_levels_are_even_in_the_root() {
        let ladder = NoiseLadder::karras(20.0, 0.01, 7.0, 18).unwrap();
        let roots: Vec<f64> = ladder.levels().iter().map(|sigma| sigma.powf(1.0 / 7.0)).collect();
        let step = roots[1] - roots[0];
        assert!(roots.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-12));
        assert!((ladder.levels()[17] - 0.01).abs() < 1e-15);
    }

    #[test]
    fn what_does_not_go_down_is_refused_by_its_place() {
        let error = |levels: &[f64]| NoiseLadder::new(levels.to_vec()).unwrap_err().to_string();
        assert_eq!(error(&[1.0, 0.5, 0.5]), "noise level 2: expected less than the 0.5 before it, found 0.5");
        assert_eq!(error(&[1.0, f64::NAN]), "noise level 1: expected a positive, finite number, found NaN");
        assert_eq!(error(&[]), "noise levels: expected at least 1, found 0");
        assert!(NoiseLadder::geometric(1.0, 2.0, 5).is_err());
        assert!(NoiseLadder::geometric(1.0, 0.0, 5).is_err());
        assert!(NoiseLadder::geometric(1.0, 0.5, 1).is_err());
        let error = NoiseLadder::geometric(1.0, 0.5, usize::MAX).unwrap_err().to_string();
        assert_eq!(error, format!("noise levels: expected at most 1000000, found {}", usize::MAX));
    }
}
