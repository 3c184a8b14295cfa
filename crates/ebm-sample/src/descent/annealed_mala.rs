//! Langevin dynamics from high noise to low, exact at each level.

use burn::tensor::Tensor;
use ebm_model::NoisyPotential;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::descent::level_steps::LevelSteps;
use crate::{
    Annealed, AnnealedLangevinSettings, AnyDescent, AnySampler, Descent, Mala, NamedSampler, Need,
    NoiseLadder, Rung, SampleError, StepTotals,
};

/// [`AnnealedLangevin`](crate::AnnealedLangevin) with the Metropolis test of [`Mala`]: at each level σ of the
/// ladder, a few steps of size η = r σ² that leave p_σ invariant, and at the end the mean of the clean point.
///
/// The test needs the energy at each level, up to a constant of the level.
/// What is left of bias is that of the few steps, not of their size.
///
/// # Reference
/// Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*,
/// algorithm 1; the test for energies by level is from Du et al. (2023), *Reduce, reuse, recycle:
/// compositional generation with energy-based diffusion models and MCMC*.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnealedMala {
    ladder: NoiseLadder,
    steps: LevelSteps,
}

impl AnnealedMala {
    /// `step_ratio` is r = η/σ².
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there is a step per level and `0 < step_ratio < ∞`.
    pub fn new(ladder: NoiseLadder, steps_per_level: usize, step_ratio: f64) -> Result<Self, SampleError> {
        let steps = LevelSteps::new("steps_per_level", steps_per_level, step_ratio, &ladder)?;
        Ok(Self { ladder, steps })
    }
}

impl Annealed for AnnealedMala {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }

    /// The rung's own: its noise stays on the samples.
    fn reached(&self, at: Rung) -> f64 {
        at.sigma
    }
}

impl<M: NoisyPotential + ?Sized> Descent<M> for AnnealedMala {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        let kernel = Mala::new(self.steps.step_size(at.sigma)).expect("levels and ratio are positive");
        self.steps.run(&kernel, model, at.sigma, position, noise)
    }
}

/// Numbers of [`AnnealedMala`] by name; they are those of annealed Langevin dynamics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnnealedMalaSettings(pub AnnealedLangevinSettings);

impl NamedSampler for AnnealedMalaSettings {
    const NAME: &'static str = "annealed-mala";
    const ABOUT: &'static str = "annealed-langevin with a Metropolis test";
    const SECTION: &'static str = "langevin";
    const NEED: Need = Need::NoisyEnergy;
    const STEP: Option<&'static str> = Some("step_ratio");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let Self(numbers) = self;
        let ladder = NoiseLadder::geometric(numbers.top, numbers.bottom, numbers.levels)?;
        let descent = AnnealedMala::new(ladder, numbers.steps_per_level, numbers.step_ratio)?;
        Ok(AnyDescent::of_energy(Self::NAME, descent).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{column, mean_and_variance};
    use crate::{AnnealedLangevin, Level};
    use burn::tensor::Device;
    use ebm_model::{Gaussian, GaussianMixture, NoisyScore};

    /// A mixture as an energy at every level.
    struct Blurred(GaussianMixture);

    impl NoisyScore for Blurred {
        fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
            self.0.score_at(x, sigma)
        }
    }

    impl NoisyPotential for Blurred {
        fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
            -self.0.log_density_at(x, sigma)
        }
    }

    #[test]
    fn on_a_gaussian_the_variance_of_each_level_is_exact_with_the_test_and_biased_without() {
        let (n, noise) = (40_000, Noise::seeded(71));
        let law = Gaussian::isotropic(vec![2.0], 0.5).unwrap();
        let target = Blurred(GaussianMixture::new(vec![1.0], vec![law.clone()]).unwrap());
        // levels high enough for 40 steps to forget the level before: (1 − 0.4 σ²/(σ² + ½))⁸⁰ < 1e-15
        let ladder = NoiseLadder::new(vec![5.0, 4.0, 3.0]).unwrap();
        let start = || law.smoothed(5.0).sample(n, &mut noise.derive("start"), &Device::flex());
        let worst = |levels: &mut dyn Iterator<Item = Level>| {
            let error = |level: Level| {
                let exact = 0.5 + level.sigma * level.sigma;
                let (_, found) = mean_and_variance(&column(level.position, 0));
                (found - exact).abs() / (exact * (2.0 / n as f64).sqrt())
            };
            levels.take(3).map(error).fold(0.0, f64::max)
        };
        let exact = AnnealedMala::new(ladder.clone(), 40, 0.4).unwrap();
        let found = worst(&mut exact.descend(&target, start(), noise.derive("chain")));
        let plain = AnnealedLangevin::new(ladder, 40, 0.4).unwrap();
        let biased = worst(&mut plain.descend(&target, start(), noise.derive("chain")));
        assert!(found < 5.0 && 5.0 < biased, "{found} and {biased} standard errors");
    }

    #[test]
    fn the_last_item_is_the_mean_of_the_clean_point_and_a_level_needs_a_step() {
        let law = Gaussian::isotropic(vec![2.0], 0.5).unwrap();
        let target = Blurred(GaussianMixture::new(vec![1.0], vec![law]).unwrap());
        let sampler = AnnealedMala::new(NoiseLadder::geometric(5.0, 0.1, 3).unwrap(), 2, 0.1).unwrap();
        let noise = Noise::seeded(72);
        let start = sampler.start(10, 1, &mut noise.derive("start"), &Device::flex());
        let levels: Vec<Level> = sampler.descend(&target, start, noise.derive("chain")).collect();
        assert_eq!(levels.len(), 4);
        let denoised = target.at(0.1).denoise(levels[2].position.clone());
        assert_eq!(levels[3].position.clone().into_data(), denoised.into_data());
        assert!(AnnealedMala::new(NoiseLadder::geometric(5.0, 0.1, 3).unwrap(), 0, 0.1).is_err());
    }
}
