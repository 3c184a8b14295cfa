//! Steps down the noise, each corrected where it lands.

use burn::tensor::{Device, Tensor};
use ebm_model::{AtNoise, NoisyScore};
use ebm_ops::Noise;

use crate::descent::{end, fall};
use crate::level::Level;
use crate::level_steps::LevelSteps;
use crate::reverse_diffusion::predict;
use crate::{Chain, Langevin, NoiseLadder, SampleError};

/// [`ReverseDiffusion`](crate::ReverseDiffusion), and at each level σ it reaches a few Langevin steps of size
/// η = r σ², which pull the law of the positions back to p_σ.
///
/// The paper sets η by the norms of noise and score, 2 (r‖z‖/‖s‖)², which is about 2 r² σ² where noise
/// prevails; here η depends on the level only, so that samples do not depend on each other.
/// L + n (L − 1) network passes for L levels and n corrections at each.
///
/// # Reference
/// Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole (2021), *Score-based generative modeling through
/// stochastic differential equations*, algorithm 2.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictorCorrector {
    ladder: NoiseLadder,
    corrections: LevelSteps,
}

impl PredictorCorrector {
    /// `corrections` steps at each level; `step_ratio` is r = η/σ².
    ///
    /// # Errors
    /// [`SampleError`] unless there is a correction and `0 < step_ratio < ∞`.
    pub fn new(ladder: NoiseLadder, corrections: usize, step_ratio: f64) -> Result<Self, SampleError> {
        let corrections = LevelSteps::new("corrections", corrections, step_ratio, &ladder)?;
        Ok(Self { ladder, corrections })
    }

    /// The noise levels.
    pub fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }

    /// N(0, σ₁²I), `[n, dim]`, on `device`.
    pub fn start(&self, n: usize, dim: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        self.ladder.start(n, dim, noise, device)
    }

    /// The descent from `start`, `[samples, dim]`: an item for each level when its corrections are done, the
    /// last one at 0, where there are none.
    pub fn descend<M: NoisyScore + ?Sized>(
        &self,
        model: &M,
        start: Tensor<2>,
        mut noise: Noise,
    ) -> impl Iterator<Item = Level> {
        fall(&self.ladder, start, move |x, from, to| {
            let predicted = predict(model, x, from, to, &mut noise);
            if to == 0.0 { predicted } else { self.correct(model, predicted, to, &mut noise) }
        })
    }

    /// The samples at the end of the descent, `[samples, dim]`.
    pub fn run<M: NoisyScore + ?Sized>(&self, model: &M, start: Tensor<2>, noise: Noise) -> Tensor<2> {
        end(self.descend(model, start, noise))
    }

    fn correct<M: NoisyScore + ?Sized>(
        &self,
        model: &M,
        x: Tensor<2>,
        sigma: f64,
        noise: &mut Noise,
    ) -> Tensor<2> {
        let at_noise = AtNoise::new(model, sigma);
        let kernel = Langevin::new(self.corrections.step_size(sigma)).expect("levels and ratio are positive");
        let mut chain = Chain::start(&at_noise, kernel, x, noise.clone());
        let corrected = chain.nth(self.corrections.count() - 1).expect("a chain does not end").position;
        *noise = chain.into_noise();
        corrected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reverse_diffusion::tests::assert_level;
    use ebm_model::Gaussian;

    #[test]
    fn on_a_gaussian_mean_and_variance_are_the_known_ones_at_every_level() {
        let (n, mean, variance, ratio) = (40_000, 2.0, 0.49, 0.2);
        let target = Gaussian::isotropic(vec![mean], variance).unwrap();
        let ladder = NoiseLadder::geometric(10.0, 0.1, 12).unwrap();
        let sampler = PredictorCorrector::new(ladder, 2, ratio).unwrap();
        let noise = Noise::seeded(82);
        let start = sampler.start(n, 1, &mut noise.derive("start"), &Device::flex());
        let (mut m, mut v, mut from) = (0.0, 100.0, 10.0f64);
        let levels: Vec<Level> = sampler.descend(&target, start, noise.derive("chain")).collect();
        assert_eq!(levels.len(), 12);
        for level in levels {
            let (before, now) = (variance + from.powi(2), variance + level.sigma.powi(2));
            let lost = before - now;
            let keep = 1.0 - lost / before;
            let fresh = if level.sigma == 0.0 { 0.0 } else { lost };
            (m, v, from) = (mean + keep * (m - mean), keep * keep * v + fresh, level.sigma);
            if 0.0 < level.sigma {
                let eta = ratio * level.sigma.powi(2);
                let (a, fixed) = ((1.0 - eta / now).powi(2), now / (1.0 - eta / (2.0 * now)));
                (m, v) = (mean + a * (m - mean), fixed + a * a * (v - fixed));
            }
            assert_level(level, m, v);
        }
    }

    #[test]
    fn no_corrections_are_refused() {
        let ladder = NoiseLadder::geometric(10.0, 0.1, 12).unwrap();
        assert!(PredictorCorrector::new(ladder.clone(), 0, 0.1).is_err());
        assert!(PredictorCorrector::new(ladder, 1, f64::NAN).is_err());
    }
}
