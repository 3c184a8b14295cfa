//! Langevin dynamics from high noise to low.

use burn::tensor::Tensor;
use ebm_model::NoisyScore;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::descent::level_steps::LevelSteps;
use crate::{
    Annealed, AnyDescent, AnySampler, Descent, Langevin, NamedSampler, Need, NoiseLadder, Rung, SampleError,
};

/// At each level σ of the ladder, a few Langevin steps of size η = r σ², and at the end the mean of the
/// clean point, x + σ_L² s(x, σ_L).
///
/// Without that last step the samples keep noise of the lowest level, which metrics detect although it is not
/// visible.
///
/// # Reference
/// Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*,
/// algorithm 1, with α_i/2 = η_i and ε = 2 r σ_L²; the last step is from Jolicoeur-Martineau et al. (2021),
/// *Adversarial score matching and improved sampling for image generation*, §2.3.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnealedLangevin {
    ladder: NoiseLadder,
    steps: LevelSteps,
}

impl AnnealedLangevin {
    /// `step_ratio` is r = η/σ².
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there is a step per level and `0 < step_ratio < ∞`.
    pub fn new(ladder: NoiseLadder, steps_per_level: usize, step_ratio: f64) -> Result<Self, SampleError> {
        let steps = LevelSteps::new("steps_per_level", steps_per_level, step_ratio, &ladder)?;
        Ok(Self { ladder, steps })
    }
}

impl Annealed for AnnealedLangevin {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }

    /// The rung's own: its noise stays on the samples.
    fn reached(&self, at: Rung) -> f64 {
        at.sigma
    }
}

impl<M: NoisyScore + ?Sized> Descent<M> for AnnealedLangevin {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> Tensor<2> {
        let kernel = Langevin::new(self.steps.step_size(at.sigma)).expect("levels and ratio are positive");
        self.steps.run(&kernel, model, at.sigma, position, noise)
    }
}

/// Numbers of [`AnnealedLangevin`] by name; its ladder is geometric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnealedLangevinSettings {
    /// The highest noise level; 10 by default.
    pub top: f64,
    /// The lowest noise level; 0.02 by default.
    pub bottom: f64,
    /// The number of levels; 50 by default.
    pub levels: usize,
    /// Langevin steps at each level; 20 by default.
    pub steps_per_level: usize,
    /// η/σ² of a step; 0.1 by default.
    pub step_ratio: f64,
}

impl Default for AnnealedLangevinSettings {
    fn default() -> Self {
        Self { top: 10.0, bottom: 0.02, levels: 50, steps_per_level: 20, step_ratio: 0.1 }
    }
}

impl NamedSampler for AnnealedLangevinSettings {
    const NAME: &'static str = "annealed-langevin";
    const ABOUT: &'static str = "Langevin dynamics down noise levels";
    const SECTION: &'static str = "langevin";
    const NEED: Need = Need::NoisyScore;

    fn build(&self) -> Result<AnySampler, SampleError> {
        let ladder = NoiseLadder::geometric(self.top, self.bottom, self.levels)?;
        let descent = AnnealedLangevin::new(ladder, self.steps_per_level, self.step_ratio)?;
        Ok(AnyDescent::of_score(Self::NAME, descent).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::testing::{column, mean_and_variance};
    use burn::tensor::Device;
    use ebm_model::{Gaussian, GaussianMixture};

    fn sampler() -> AnnealedLangevin {
        AnnealedLangevin::new(NoiseLadder::geometric(10.0, 0.1, 10).unwrap(), 5, 0.1).unwrap()
    }

    #[test]
    fn on_a_gaussian_mean_and_variance_are_the_known_ones_at_every_level() {
        let (n, mean, variance) = (40_000, 2.0, 0.49);
        let target = Gaussian::isotropic(vec![mean; 2], variance).unwrap();
        let (sampler, noise) = (sampler(), Noise::seeded(21));
        let start = sampler.start(n, 2, &mut noise.derive("start"), &Device::flex());
        let (mut m, mut v) = (0.0, 100.0);
        let mut n_levels = 0;
        for Level { sigma, position } in sampler.descend(&target, start, noise.derive("chain")) {
            if 0.0 < sigma {
                // one step is x − η(x − μ)/c + √(2η) z with c = s² + σ²
                let (c, eta) = (variance + sigma * sigma, 0.1 * sigma * sigma);
                let (a, fixed) = ((1.0 - eta / c).powi(5), c / (1.0 - eta / (2.0 * c)));
                (m, v) = (mean + a * (m - mean), fixed + a * a * (v - fixed));
            } else {
                let shrink = variance / (variance + 0.01);
                (m, v) = (mean + shrink * (m - mean), shrink * shrink * v);
            }
            for coordinate in 0..2 {
                let (found_mean, found) = mean_and_variance(&column(position.clone(), coordinate));
                let (mean_error, variance_error) = ((v / n as f64).sqrt(), v * (2.0 / n as f64).sqrt());
                assert!(
                    (found_mean - m).abs() < 5.0 * mean_error,
                    "σ = {sigma}: mean {found_mean} against {m}"
                );
                assert!(
                    (found - v).abs() < 5.0 * variance_error,
                    "σ = {sigma}: variance {found} against {v}"
                );
            }
            n_levels += 1;
        }
        assert_eq!(n_levels, 11);
    }

    #[test]
    fn on_two_modes_the_weights_come_out_right() {
        let n = 20_000;
        let mode = |mean: f64| Gaussian::isotropic(vec![mean, 0.0], 0.04).unwrap();
        let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode(-2.0), mode(2.0)]).unwrap();
        // slow cooling: the share of a mode freezes where the modes part, so it has to be in equilibrium there
        let sampler =
            AnnealedLangevin::new(NoiseLadder::geometric(10.0, 0.05, 60).unwrap(), 20, 0.1).unwrap();
        let noise = Noise::seeded(22);
        let start = sampler.start(n, 2, &mut noise.derive("start"), &Device::flex());
        let x = column(sampler.run(&target, start, noise.derive("chain")), 0);

        let right: Vec<f64> = x.iter().copied().filter(|x| 0.0 < *x).collect();
        let share = right.len() as f64 / n as f64;
        let standard_error = (0.3f64 * 0.7 / n as f64).sqrt();
        assert!((share - 0.7).abs() < 5.0 * standard_error, "{share}");
        let (mean, _) = mean_and_variance(&right);
        assert!((mean - 2.0).abs() < 5.0 * (0.04 / right.len() as f64).sqrt(), "{mean}");
    }

    #[test]
    fn a_level_needs_a_step_and_a_positive_step_ratio() {
        let ladder = NoiseLadder::geometric(10.0, 0.1, 10).unwrap();
        let error =
            |steps, ratio| AnnealedLangevin::new(ladder.clone(), steps, ratio).unwrap_err().to_string();
        assert_eq!(error(0, 0.1), "steps_per_level: expected at least 1, found 0");
        assert_eq!(error(5, 0.0), "step_ratio: expected a positive, finite number, found 0");
    }
}
