//! The stochastic differential equation that undoes the noise.

use burn::tensor::{Device, Tensor};
use ebm_model::{AtNoise, NoisyScore, Score};
use ebm_ops::Noise;

use crate::NoiseLadder;
use crate::descent::{end, fall};
use crate::level::Level;

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

    /// The noise levels.
    pub fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }

    /// N(0, σ₁²I), `[n, dim]`, on `device`.
    pub fn start(&self, n: usize, dim: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        self.ladder.start(n, dim, noise, device)
    }

    /// The descent from `start`, `[samples, dim]`: an item for each level reached, the last one at 0.
    pub fn descend<M: NoisyScore + ?Sized>(
        &self,
        model: &M,
        start: Tensor<2>,
        mut noise: Noise,
    ) -> impl Iterator<Item = Level> {
        fall(&self.ladder, start, move |x, from, to| predict(model, x, from, to, &mut noise))
    }

    /// The samples at the end of the descent, `[samples, dim]`.
    pub fn run<M: NoisyScore + ?Sized>(&self, model: &M, start: Tensor<2>, noise: Noise) -> Tensor<2> {
        end(self.descend(model, start, noise))
    }
}

/// One step from level `from` to level `to`, without noise where `to` is 0.
pub(crate) fn predict<M: NoisyScore + ?Sized>(
    model: &M,
    x: Tensor<2>,
    from: f64,
    to: f64,
    noise: &mut Noise,
) -> Tensor<2> {
    if to == 0.0 {
        return AtNoise::new(model, from).denoise(x);
    }
    let lost = from * from - to * to;
    let score = AtNoise::new(model, from).score(x.clone());
    let z = noise.normal_like(&x);
    x + score * lost + z * lost.sqrt()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::level::tests::{column, mean_and_variance};
    use ebm_model::Gaussian;

    /// Mean and variance of `level` are those given, within five standard errors.
    pub(crate) fn assert_level(level: Level, mean: f64, variance: f64) {
        let x = column(level.position, 0);
        let (n, sigma) = (x.len() as f64, level.sigma);
        let (found_mean, found) = mean_and_variance(&x);
        assert!((found_mean - mean).abs() < 5.0 * (variance / n).sqrt(), "σ = {sigma}: {found_mean}, {mean}");
        let error = variance * (2.0 / n).sqrt();
        assert!((found - variance).abs() < 5.0 * error, "σ = {sigma}: {found} against {variance}");
    }

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
