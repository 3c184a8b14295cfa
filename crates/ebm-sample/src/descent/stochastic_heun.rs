//! The probability flow with fresh noise at each level, which forgets earlier errors.

use burn::tensor::Tensor;
use ebm_model::NoisyScore;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::descent::probability_flow::heun;
use crate::{
    Annealed, AnyDescent, AnySampler, Descent, NamedSampler, Need, NoiseLadder, Rung, SampleError, StepTotals,
};

/// Before each of L steps the noise level is raised from σ to (1 + γ) σ by adding noise,
/// γ = min(churn/L, √2 − 1), and Heun's method goes from there to the next level.
///
/// With `churn` 0 it is [`ProbabilityFlow`](crate::ProbabilityFlow); 2L − 1 network passes for L levels.
///
/// # Reference
/// Karras et al. (2022), *Elucidating the design space of diffusion-based generative models*, algorithm 2
/// with S_tmin = 0, S_tmax = ∞ and S_noise = 1.
#[derive(Clone, Debug, PartialEq)]
pub struct StochasticHeun {
    ladder: NoiseLadder,
    churn: f64,
}

impl StochasticHeun {
    /// The sampler down this ladder.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 ≤ churn < ∞`.
    pub fn new(ladder: NoiseLadder, churn: f64) -> Result<Self, SampleError> {
        if churn.is_finite() && 0.0 <= churn {
            return Ok(Self { ladder, churn });
        }
        Err(OutOfRange::new("churn", churn, "a finite number that is not negative").into())
    }
}

impl Annealed for StochasticHeun {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }
}

impl<M: NoisyScore + ?Sized> Descent<M> for StochasticHeun {
    fn level(&self, model: &M, at: Rung, mut x: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        let gamma = (self.churn / self.ladder.levels().len() as f64).min(std::f64::consts::SQRT_2 - 1.0);
        let raised = at.sigma * (1.0 + gamma);
        if 0.0 < gamma {
            let z = noise.normal_like(&x);
            x = x + z * (raised * raised - at.sigma * at.sigma).sqrt();
        }
        (heun(model, x, raised, at.below), StepTotals::default())
    }
}

/// Numbers of [`StochasticHeun`] by name; its ladder is EDM's, ρ = 7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StochasticHeunSettings {
    /// The highest noise level; 20 by default.
    pub top: f64,
    /// The lowest noise level above 0; 0.01 by default.
    pub bottom: f64,
    /// The number of levels; 40 by default.
    pub levels: usize,
    /// The amount of fresh noise over all levels; 20 by default.
    pub churn: f64,
}

impl Default for StochasticHeunSettings {
    fn default() -> Self {
        Self { top: 20.0, bottom: 0.01, levels: 40, churn: 20.0 }
    }
}

impl NamedSampler for StochasticHeunSettings {
    const NAME: &'static str = "stochastic-heun";
    const ABOUT: &'static str = "probability-flow with fresh noise at each level";
    const SECTION: &'static str = "heun";
    const NEED: Need = Need::NoisyScore;

    fn build(&self) -> Result<AnySampler, SampleError> {
        let ladder = NoiseLadder::karras(self.top, self.bottom, 7.0, self.levels)?;
        Ok(AnyDescent::of_score(Self::NAME, StochasticHeun::new(ladder, self.churn)?).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProbabilityFlow;
    use crate::testing::{column, mean_and_variance};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    fn ladder(n: usize) -> NoiseLadder {
        NoiseLadder::karras(20.0, 0.01, 7.0, n).unwrap()
    }

    #[test]
    fn without_churn_it_is_the_probability_flow() {
        let target = Gaussian::standard(3);
        let start = Noise::seeded(1).normal([5, 3], &Device::flex()) * 20.0;
        let plain = ProbabilityFlow::new(ladder(8)).run(&target, start.clone(), Noise::seeded(2));
        let still = StochasticHeun::new(ladder(8), 0.0).unwrap().run(&target, start, Noise::seeded(2));
        assert_eq!(still.into_data(), plain.into_data());
    }

    #[test]
    fn on_a_gaussian_a_wrong_start_is_forgotten_and_the_distribution_is_right() {
        let n = 20_000;
        let target = Gaussian::isotropic(vec![0.5], 0.25).unwrap();
        let end = |churn: f64| {
            // The distribution at σ = 20 has the mean 0.5; this start has the mean 20.
            let start = Noise::seeded(3).normal([n, 1], &Device::flex()) * 20.0 + 20.0;
            let sampler = StochasticHeun::new(ladder(100), churn).unwrap();
            mean_and_variance(&column(sampler.run(&target, start, Noise::seeded(4)), 0))
        };
        // Deterministically the offset of 19.5 shrinks by √(0.25/400.25) only.
        let (still, _) = end(0.0);
        assert!(
            (still - 0.5 - 19.5 * (0.25f64 / 400.25).sqrt()).abs() < 5.0 * 0.5 / (n as f64).sqrt(),
            "{still}"
        );
        // Each raise keeps σ²/(σ̂²) = (1 + γ)⁻² of it: γ = 0.2 over 100 levels leaves nothing.
        let (mean, variance) = end(20.0);
        assert!((mean - 0.5).abs() < 5.0 * 0.5 / (n as f64).sqrt(), "{mean}");
        let heun_error = 0.01;
        assert!(
            (variance - 0.25).abs() < 5.0 * 0.25 * (2.0 / n as f64).sqrt() + 0.25 * heun_error,
            "{variance}"
        );
    }

    #[test]
    fn churn_must_be_finite_and_not_negative() {
        let error = StochasticHeun::new(ladder(8), -1.0).unwrap_err().to_string();
        assert_eq!(error, "churn: expected a finite number that is not negative, found -1");
        assert!(StochasticHeun::new(ladder(8), f64::NAN).is_err());
    }
}
