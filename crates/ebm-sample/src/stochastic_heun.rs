//! The probability flow with fresh noise on the way, which forgets earlier errors.

use burn::tensor::{Device, Tensor};
use ebm_model::NoisyScore;
use ebm_ops::Noise;

use crate::descent::{end, fall};
use crate::level::Level;
use crate::probability_flow::heun;
use crate::{NoiseLadder, SampleError};

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
    /// [`SampleError::Churn`] unless `0 ≤ churn < ∞`.
    pub fn new(ladder: NoiseLadder, churn: f64) -> Result<Self, SampleError> {
        if churn.is_finite() && 0.0 <= churn {
            return Ok(Self { ladder, churn });
        }
        Err(SampleError::Churn(churn))
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
        let gamma = (self.churn / self.ladder.levels().len() as f64).min(std::f64::consts::SQRT_2 - 1.0);
        fall(&self.ladder, start, move |mut x, from, to| {
            let raised = from * (1.0 + gamma);
            if 0.0 < gamma {
                let z = noise.normal_like(&x);
                x = x + z * (raised * raised - from * from).sqrt();
            }
            heun(model, x, raised, to)
        })
    }

    /// The samples at the end of the descent, `[samples, dim]`.
    pub fn run<M: NoisyScore + ?Sized>(&self, model: &M, start: Tensor<2>, noise: Noise) -> Tensor<2> {
        end(self.descend(model, start, noise))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProbabilityFlow;
    use crate::level::tests::{column, mean_and_variance};
    use ebm_model::Gaussian;

    fn ladder(n: usize) -> NoiseLadder {
        NoiseLadder::karras(20.0, 0.01, 7.0, n).unwrap()
    }

    #[test]
    fn without_churn_it_is_the_probability_flow() {
        let target = Gaussian::standard(3);
        let start = Noise::seeded(1).normal([5, 3], &Device::flex()) * 20.0;
        let plain = ProbabilityFlow::new(ladder(8)).run(&target, start.clone());
        let still = StochasticHeun::new(ladder(8), 0.0).unwrap().run(&target, start, Noise::seeded(2));
        assert_eq!(still.into_data(), plain.into_data());
    }

    #[test]
    fn on_a_gaussian_a_wrong_start_is_forgotten_and_the_law_comes_out() {
        let n = 20_000;
        let target = Gaussian::isotropic(vec![0.5], 0.25).unwrap();
        let end = |churn: f64| {
            // The right law at σ = 20 has the mean 0.5; this one begins at 20.
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
    fn churn_that_is_none_is_refused() {
        assert!(matches!(StochasticHeun::new(ladder(8), -1.0), Err(SampleError::Churn(_))));
        assert!(StochasticHeun::new(ladder(8), f64::NAN).is_err());
    }
}
