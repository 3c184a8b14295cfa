//! Langevin dynamics from high noise to low.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore, Score};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::descent::level_steps::LevelSteps;
use crate::{
    Annealed, AnyDescent, AnySampler, Descent, Langevin, LevelNoise, NamedSampler, Need, NoiseLadder, Rung,
    SampleError, StepTotals,
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
    noise: LevelNoise,
}

impl AnnealedLangevin {
    /// `step_ratio` is r = η/σ².
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there is a step per level and `0 < step_ratio < ∞`.
    pub fn new(ladder: NoiseLadder, steps_per_level: usize, step_ratio: f64) -> Result<Self, SampleError> {
        let steps = LevelSteps::new("steps_per_level", steps_per_level, step_ratio, &ladder)?;
        Ok(Self { ladder, steps, noise: LevelNoise::Full })
    }

    /// The same with consistent noise, [`LevelNoise::Consistent`].
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless T steps bring samples from each level to the next: (1 − r)ᵀ ≤ σ′/σ, and r ≤ 1.
    pub fn consistent(self) -> Result<Self, SampleError> {
        let (ratio, levels) = (self.steps.ratio(), self.ladder.levels());
        let share = 1.0 / self.steps.count() as f64;
        let least = levels.windows(2).map(|pair| 1.0 - (pair[1] / pair[0]).powf(share)).fold(0.0, f64::max);
        if !(least..=1.0).contains(&ratio) {
            let expected = format!("{least:.4} to 1, steps that reach the next level");
            return Err(OutOfRange::new("step_ratio", ratio, expected).into());
        }
        Ok(Self { noise: LevelNoise::Consistent, ..self })
    }

    /// The level of the noise on the samples once the work at a rung is done, if it is consistent.
    fn next(at: Rung) -> f64 {
        if at.is_last() { at.sigma } else { at.below }
    }

    /// Steps from a level to the next, each of which leaves 1 − r of the noise and adds the rest.
    fn consistent_level<M>(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> Tensor<2>
    where
        M: NoisyScore + ?Sized,
    {
        let (n, kept) = (self.steps.count(), 1.0 - self.steps.ratio());
        let fall = Self::next(at) / at.sigma;
        let sigma = |step: usize| at.sigma * fall.powf(step as f64 / n as f64);
        (0..n).fold(position, |x, step| {
            let (here, next) = (sigma(step), sigma(step + 1));
            let added = (next * next - kept * kept * here * here).max(0.0).sqrt();
            let z = noise.normal_like(&x);
            let score = AtNoise::new(model, here).score(x.clone());
            x + score * self.steps.step_size(here) + z * added
        })
    }
}

impl Annealed for AnnealedLangevin {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }

    /// The rung's own, whose noise stays on the samples; with consistent noise the next level's.
    fn reached(&self, at: Rung) -> f64 {
        match self.noise {
            LevelNoise::Full => at.sigma,
            LevelNoise::Consistent => Self::next(at),
        }
    }
}

impl<M: NoisyScore + ?Sized> Descent<M> for AnnealedLangevin {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        if self.noise == LevelNoise::Consistent {
            return (self.consistent_level(model, at, position, noise), StepTotals::default());
        }
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
    /// How much noise a step adds; [`LevelNoise::Full`] by default. A Metropolis test takes no notice of it.
    pub noise: LevelNoise,
}

impl Default for AnnealedLangevinSettings {
    fn default() -> Self {
        let noise = LevelNoise::Full;
        Self { top: 10.0, bottom: 0.02, levels: 50, steps_per_level: 20, step_ratio: 0.1, noise }
    }
}

impl NamedSampler for AnnealedLangevinSettings {
    const NAME: &'static str = "annealed-langevin";
    const ABOUT: &'static str = "Langevin dynamics down noise levels";
    const SECTION: &'static str = "langevin";
    const NEED: Need = Need::NoisyScore;
    const STEP: Option<&'static str> = Some("step_ratio");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let ladder = NoiseLadder::geometric(self.top, self.bottom, self.levels)?;
        let descent = AnnealedLangevin::new(ladder, self.steps_per_level, self.step_ratio)?;
        let descent = match self.noise {
            LevelNoise::Full => descent,
            LevelNoise::Consistent => descent.consistent()?,
        };
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
        for Level { sigma, position, .. } in sampler.descend(&target, start, noise.derive("chain")) {
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
    fn consistent_noise_is_that_of_the_level_where_the_data_are_a_point_and_other_noise_is_more() {
        let (n, ladder) = (20_000, NoiseLadder::geometric(10.0, 0.1, 10).unwrap());
        let target = Gaussian::isotropic(vec![2.0; 2], 1e-10).unwrap();
        let plain = AnnealedLangevin::new(ladder.clone(), 3, 0.45).unwrap();
        let consistent = plain.clone().consistent().unwrap();
        let ratios = |sampler: &AnnealedLangevin| {
            let noise = Noise::seeded(23);
            let start = sampler.start(n, 2, &mut noise.derive("start"), &Device::flex());
            let levels: Vec<Level> = sampler.descend(&target, start, noise.derive("chain")).collect();
            assert_eq!((levels.len(), levels[10].sigma), (11, 0.0));
            let ratio = |level: &Level| {
                let (_, variance) = mean_and_variance(&column(level.position.clone(), 0));
                variance / (level.sigma * level.sigma)
            };
            (levels[0].sigma, levels[..10].iter().map(ratio).collect::<Vec<f64>>())
        };
        let (reached, exact) = ratios(&consistent);
        assert!((reached - ladder.levels()[1]).abs() < 1e-12, "{reached}");
        let error = (2.0 / n as f64).sqrt();
        assert!(exact.iter().all(|ratio| (ratio - 1.0).abs() < 5.0 * error), "{exact:?}");
        // 1/(1 − r/2) of a Langevin step, and what is left of the level above
        let (_, more) = ratios(&plain);
        assert!(more[1..].iter().all(|ratio| 1.25 < *ratio), "{more:?}");
    }

    #[test]
    fn consistent_noise_follows_its_recursion_on_a_gaussian() {
        let (n, mean, variance, r) = (40_000, 2.0, 0.49, 0.45);
        let target = Gaussian::isotropic(vec![mean; 2], variance).unwrap();
        let sampler = AnnealedLangevin::new(NoiseLadder::geometric(10.0, 0.1, 10).unwrap(), 5, r).unwrap();
        let (sampler, noise) = (sampler.consistent().unwrap(), Noise::seeded(24));
        let start = sampler.start(n, 2, &mut noise.derive("start"), &Device::flex());
        let (mut m, mut v) = (0.0, 100.0);
        let levels = sampler.ladder().levels().to_vec();
        for (i, Level { position, .. }) in
            sampler.descend(&target, start, noise.derive("chain")).enumerate().take(10)
        {
            let (mut sigma, fall) = (levels[i], (levels[(i + 1).min(9)] / levels[i]).powf(0.2));
            for _ in 0..5 {
                // one step is x − r σ²(x − μ)/c + w z with c = s² + σ²
                let a = 1.0 - r * sigma * sigma / (variance + sigma * sigma);
                v = a * a * v + sigma * sigma * (fall * fall - (1.0 - r) * (1.0 - r));
                m = mean + a * (m - mean);
                sigma *= fall;
            }
            let (found_mean, found) = mean_and_variance(&column(position, 1));
            let (mean_error, error) = ((v / n as f64).sqrt(), v * (2.0 / n as f64).sqrt());
            assert!((found_mean - m).abs() < 5.0 * mean_error, "σ = {sigma}: mean {found_mean} against {m}");
            assert!((found - v).abs() < 5.0 * error, "σ = {sigma}: variance {found} against {v}");
        }
        let exact = variance + 0.01;
        assert!(exact * (1.0 - 0.6 * r) < v && v < exact, "{v} against {exact}");
    }

    #[test]
    fn steps_too_short_for_the_next_level_have_no_consistent_noise() {
        let error = |ratio| {
            let ladder = NoiseLadder::geometric(8.0, 1.0, 4).unwrap();
            let sampler = AnnealedLangevin::new(ladder, 5, ratio).unwrap();
            sampler.consistent().map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(error(0.13), Ok(()));
        let expected = "step_ratio: expected 0.1294 to 1, steps that reach the next level, found 0.12";
        assert_eq!(error(0.12), Err(expected.into()));
        assert!(error(1.1).is_err());
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
