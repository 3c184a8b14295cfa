//! The reverse diffusion, corrected at each level by Langevin steps.

use burn::tensor::Tensor;
use ebm_model::NoisyScore;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::descent::level_steps::LevelSteps;
use crate::descent::reverse_diffusion::predict;
use crate::{
    Annealed, AnyDescent, AnySampler, Descent, Langevin, NamedSampler, Need, NoiseLadder, Rung, SampleError,
    StepTotals,
};

/// [`ReverseDiffusion`](crate::ReverseDiffusion), and at each level σ it reaches a few Langevin steps of size
/// η = r σ², which bring the distribution of the positions back to p_σ.
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
    /// [`SampleError::OutOfRange`] unless there is a correction and `0 < step_ratio < ∞`.
    pub fn new(ladder: NoiseLadder, corrections: usize, step_ratio: f64) -> Result<Self, SampleError> {
        let corrections = LevelSteps::new("corrections", corrections, step_ratio, &ladder)?;
        Ok(Self { ladder, corrections })
    }
}

impl Annealed for PredictorCorrector {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }
}

impl<M: NoisyScore + ?Sized> Descent<M> for PredictorCorrector {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        let predicted = predict(model, position, at, noise);
        if at.is_last() {
            return (predicted, StepTotals::default());
        }
        let step_size = self.corrections.step_size(at.below);
        let kernel = Langevin::new(step_size).expect("levels and ratio are positive");
        self.corrections.run(&kernel, model, at.below, predicted, noise)
    }
}

/// Numbers of [`PredictorCorrector`] by name; its ladder is geometric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PredictorCorrectorSettings {
    /// The highest noise level; 10 by default.
    pub top: f64,
    /// The lowest noise level above 0; 0.02 by default.
    pub bottom: f64,
    /// The number of levels; 200 by default.
    pub levels: usize,
    /// Langevin steps at each level; 1 by default.
    pub corrections: usize,
    /// η/σ² of such a step; 0.1 by default.
    pub step_ratio: f64,
}

impl Default for PredictorCorrectorSettings {
    fn default() -> Self {
        Self { top: 10.0, bottom: 0.02, levels: 200, corrections: 1, step_ratio: 0.1 }
    }
}

impl NamedSampler for PredictorCorrectorSettings {
    const NAME: &'static str = "predictor-corrector";
    const ABOUT: &'static str = "reverse-diffusion with Langevin steps at each level";
    const SECTION: &'static str = "reverse";
    const NEED: Need = Need::NoisyScore;
    const STEP: Option<&'static str> = Some("step_ratio");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let ladder = NoiseLadder::geometric(self.top, self.bottom, self.levels)?;
        let descent = PredictorCorrector::new(ladder, self.corrections, self.step_ratio)?;
        Ok(AnyDescent::of_score(Self::NAME, descent).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::testing::assert_level;
    use burn::tensor::Device;
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
    fn a_level_needs_a_correction_and_a_step_ratio() {
        let ladder = NoiseLadder::geometric(10.0, 0.1, 12).unwrap();
        assert!(PredictorCorrector::new(ladder.clone(), 0, 0.1).is_err());
        assert!(PredictorCorrector::new(ladder, 1, f64::NAN).is_err());
    }
}
