//! The stochastic differential equation that undoes the noise.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore, Score};
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::{
    Annealed, AnyDescent, AnySampler, Descent, NamedSampler, Need, NoiseLadder, Rung, SampleError, StepTotals,
};

/// From each level σ of the ladder to the next, σ′: x + (σ² − σ′²) s(x, σ) + √(σ² − σ′²) z, and from the last
/// level to 0 without the noise; Euler and Maruyama's method for the reverse of dx = √(dσ²/dt) dW.
///
/// L network passes for L levels, first order in the steps.
///
/// # Reference
/// Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole (2021), *Score-based generative modeling through
/// stochastic differential equations*, appendix E, the variance-exploding case.
#[derive(Clone, Debug, PartialEq)]
pub struct ReverseDiffusion {
    ladder: NoiseLadder,
}

impl ReverseDiffusion {
    /// The reverse diffusion down this ladder.
    pub fn new(ladder: NoiseLadder) -> Self {
        Self { ladder }
    }
}

impl Annealed for ReverseDiffusion {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }
}

impl<M: NoisyScore + ?Sized> Descent<M> for ReverseDiffusion {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        (predict(model, position, at, noise), StepTotals::default())
    }
}

/// One step from a level to the one below, without noise where that is 0.
pub(crate) fn predict<M: NoisyScore + ?Sized>(
    model: &M,
    x: Tensor<2>,
    at: Rung,
    noise: &mut Noise,
) -> Tensor<2> {
    let model = AtNoise::new(model, at.sigma);
    if at.is_last() {
        return model.denoise(x);
    }
    let lost = at.sigma * at.sigma - at.below * at.below;
    let score = model.score(x.clone());
    let z = noise.normal_like(&x);
    x + score * lost + z * lost.sqrt()
}

/// Numbers of [`ReverseDiffusion`] by name; its ladder is geometric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReverseDiffusionSettings {
    /// The highest noise level; 10 by default.
    pub top: f64,
    /// The lowest noise level above 0; 0.02 by default.
    pub bottom: f64,
    /// The number of levels; 200 by default.
    pub levels: usize,
}

impl Default for ReverseDiffusionSettings {
    fn default() -> Self {
        Self { top: 10.0, bottom: 0.02, levels: 200 }
    }
}

impl NamedSampler for ReverseDiffusionSettings {
    const NAME: &'static str = "reverse-diffusion";
    const ABOUT: &'static str = "the reverse diffusion by the Euler–Maruyama method";
    const SECTION: &'static str = "reverse";
    const NEED: Need = Need::NoisyScore;

    fn build(&self) -> Result<AnySampler, SampleError> {
        let ladder = NoiseLadder::geometric(self.top, self.bottom, self.levels)?;
        Ok(AnyDescent::of_score(Self::NAME, ReverseDiffusion::new(ladder)).into())
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
        let (n, mean, variance) = (40_000, 2.0, 0.49);
        let target = Gaussian::isotropic(vec![mean], variance).unwrap();
        let sampler = ReverseDiffusion::new(NoiseLadder::geometric(10.0, 0.1, 12).unwrap());
        let noise = Noise::seeded(81);
        let start = sampler.start(n, 1, &mut noise.derive("start"), &Device::flex());
        let (mut m, mut v, mut from) = (0.0, 100.0, 10.0f64);
        let levels: Vec<Level> = sampler.descend(&target, start, noise.derive("chain")).collect();
        assert_eq!(levels.len(), 12);
        for level in levels {
            // x − Δ (x − μ)/(s² + σ²) + √Δ z with Δ = σ² − σ′², the last time without noise
            let lost = from.powi(2) - level.sigma.powi(2);
            let keep = 1.0 - lost / (variance + from.powi(2));
            let fresh = if level.sigma == 0.0 { 0.0 } else { lost };
            (m, v, from) = (mean + keep * (m - mean), keep * keep * v + fresh, level.sigma);
            assert_level(level, m, v);
        }
    }
}
