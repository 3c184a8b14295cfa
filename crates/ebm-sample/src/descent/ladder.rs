//! Noise levels from high to low.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use crate::{Rung, SampleError};

/// The most levels that a ladder between two ends may have.
const MAX_LEVELS: usize = 1_000_000;

/// Noise levels σ₁ > σ₂ > … > σ_L > 0.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseLadder {
    levels: Vec<f64>,
}

impl NoiseLadder {
    /// A ladder of these levels.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there is at least one, all are positive and finite, and each is less
    /// than the one before.
    pub fn new(levels: Vec<f64>) -> Result<Self, SampleError> {
        OutOfRange::at_least("noise levels", 1, levels.len())?;
        for (index, &sigma) in levels.iter().enumerate() {
            let what = format!("noise level {index}");
            OutOfRange::positive(&what, sigma)?;
            if 0 < index && levels[index - 1] <= sigma {
                let expected = format!("less than the {} before it", levels[index - 1]);
                return Err(OutOfRange::new(what, sigma, expected).into());
            }
        }
        Ok(Self { levels })
    }

    /// `n` levels from `top` to `bottom`, each the same fraction of the one before it.
    ///
    /// # Reference
    /// Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*, §4.
    ///
    /// # Errors
    /// As [`new`](Self::new), or with fewer than two levels or more than a million.
    pub fn geometric(top: f64, bottom: f64, n: usize) -> Result<Self, SampleError> {
        Self::between(n, |fraction| top * (bottom / top).powf(fraction))
    }

    /// `n` levels from `top` to `bottom`, evenly spaced in σ^(1/ρ); ρ = 7 puts most of them near the bottom.
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
        OutOfRange::at_least("levels", 2, n)?;
        if MAX_LEVELS < n {
            return Err(OutOfRange::new("levels", n, format!("at most {MAX_LEVELS}")).into());
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

    /// The level at `index`, from 0 at the top, with the one below it.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn rung(&self, index: usize) -> Rung {
        let below = self.levels.get(index + 1).copied().unwrap_or(0.0);
        Rung { sigma: self.levels[index], below, index }
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
    fn karras_levels_are_evenly_spaced_in_the_root() {
        let ladder = NoiseLadder::karras(20.0, 0.01, 7.0, 18).unwrap();
        let roots: Vec<f64> = ladder.levels().iter().map(|sigma| sigma.powf(1.0 / 7.0)).collect();
        let step = roots[1] - roots[0];
        assert!(roots.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-12));
        assert!((ladder.levels()[17] - 0.01).abs() < 1e-15);
    }

    #[test]
    fn a_level_that_does_not_descend_is_refused_by_its_index() {
        let error = |levels: &[f64]| NoiseLadder::new(levels.to_vec()).unwrap_err().to_string();
        assert_eq!(error(&[1.0, 0.5, 0.5]), "noise level 2: expected less than the 0.5 before it, found 0.5");
        assert_eq!(error(&[1.0, f64::NAN]), "noise level 1: expected a positive, finite number, found NaN");
        assert_eq!(error(&[]), "noise levels: expected at least 1, found 0");
        assert!(NoiseLadder::geometric(1.0, 2.0, 5).is_err());
        assert!(NoiseLadder::geometric(1.0, 0.0, 5).is_err());
        assert!(NoiseLadder::geometric(1.0, 0.5, 1).is_err());
        let error = NoiseLadder::geometric(1.0, 0.5, usize::MAX).unwrap_err().to_string();
        assert_eq!(error, format!("levels: expected at most 1000000, found {}", usize::MAX));
    }
}
