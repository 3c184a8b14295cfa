//! Langevin steps with noise of another size, as image models are trained.

use burn::tensor::Tensor;
use ebm_model::Score;
use ebm_ops::Noise;
use ebm_sample::{Kernel, Langevin, State};
use serde::{Deserialize, Serialize};

use crate::{NegativeSampler, SamplerReport, TrainError};

/// x + η clip(s(x)) + τ z,  z ~ N(0, I): gradient descent with a little noise.
///
/// [`Langevin`] has τ = √(2η); with less, the chains are of temperature T = τ²/(2η), so that a model learned
/// with them has energies of about E/T: sharper draws, energies that are no longer in nats. On N(0, v) the
/// stationary variance is τ²v/(2η(1 − η/(2v))). The clipped score keeps a chain from being thrown far
/// where an energy is steep; it is no sampler of any law then. Use `Langevin` or `Mala` where the model shall
/// be a density, this where its draws shall be pictures.
///
/// # Reference
/// Nijkamp, Hill, Zhu and Wu (2019), *Learning non-convergent non-persistent short-run MCMC toward
/// energy-based model*, §3; Du and Mordatch (2019), appendix A.4, for the clipping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortRun {
    /// η.
    step_size: f64,
    /// τ.
    noise: f64,
    /// The greatest size of a coordinate of the score, if there is one.
    #[serde(default)]
    score_bound: Option<f64>,
}

impl ShortRun {
    /// Steps of size η with noise τ; a coordinate of the score is made no greater than `score_bound`.
    ///
    /// # Errors
    /// [`TrainError::Setting`], naming the number that is out of range.
    pub fn new(step_size: f64, noise: f64, score_bound: Option<f64>) -> Result<Self, TrainError> {
        let short_run = Self { step_size, noise, score_bound };
        short_run.validate()?;
        Ok(short_run)
    }

    /// # Errors
    /// [`TrainError::Setting`], naming the number that is out of range; for what was read from a file.
    pub fn validate(&self) -> Result<(), TrainError> {
        let positive = |value: f64| value.is_finite() && 0.0 < value;
        let bound = self.score_bound.unwrap_or(1.0);
        let checks = [
            ("sampler.step_size", self.step_size, positive(self.step_size), "a positive number"),
            ("sampler.noise", self.noise, (0.0..f64::INFINITY).contains(&self.noise), "zero or more"),
            ("sampler.score_bound", bound, positive(bound), "a positive number"),
        ];
        match checks.into_iter().find(|(.., fits, _)| !fits) {
            Some((field, value, _, expected)) => {
                Err(TrainError::Setting { field, found: value.to_string(), expected })
            }
            None => Ok(()),
        }
    }
}

impl From<Langevin> for ShortRun {
    /// The same steps.
    fn from(langevin: Langevin) -> Self {
        let step_size = langevin.step_size();
        Self { step_size, noise: (2.0 * step_size).sqrt(), score_bound: None }
    }
}

impl<M: Score + ?Sized> Kernel<M> for ShortRun {
    type Memo = ();
    /// The score where the step began, not clipped, `[chains, dim]`.
    type Info = Tensor<2>;

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, model: &M, state: State<()>, noise: &mut Noise) -> (State<()>, Tensor<2>) {
        let score = model.score(state.position.clone());
        let drift = match self.score_bound {
            Some(bound) => score.clone().clamp(-bound, bound),
            None => score.clone(),
        };
        let z = noise.normal_like(&state.position);
        let position = state.position + drift * self.step_size + z * self.noise;
        (State { position, memo: () }, score)
    }
}

impl<M: Score> NegativeSampler<M> for ShortRun {
    fn report(&self, _: &State<()>, score: &Tensor<2>) -> SamplerReport {
        SamplerReport { acceptance: None, score: Some(score.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::Gaussian;
    use ebm_sample::Chain;

    #[test]
    fn its_stationary_variance_is_known() {
        let (n, v, eta, tau) = (40_000, 2.0, 0.5, 0.6f64);
        let target = Gaussian::isotropic(vec![0.0], v).unwrap();
        let noise = Noise::seeded(7);
        let start = target.sample(n, &mut noise.derive("start"), &Device::flex());
        let kernel = ShortRun::new(eta, tau, None).unwrap();
        // (1 − η/v)⁴⁰ = 1e-5 of the start is left
        let end = Chain::start(&target, kernel, start, noise.derive("chain")).nth(39).unwrap().position;
        let variance = end.square().mean().into_scalar::<f64>();
        let exact = tau * tau * v / (2.0 * eta * (1.0 - eta / (2.0 * v)));
        let error = exact * (2.0 / n as f64).sqrt();
        assert!((variance - exact).abs() < 5.0 * error, "{variance} against {exact}");
    }

    #[test]
    fn with_langevins_noise_it_is_langevin_and_clipped_it_moves_no_farther() {
        let target = Gaussian::isotropic(vec![0.0, 0.0], 0.01).unwrap();
        let device = Device::flex();
        let start = || Tensor::from_data([[1.0, -0.001], [-3.0, 0.0]], &device);
        let langevin = Langevin::new(0.002).unwrap();
        let end = |kernel: ShortRun| {
            let state = State { position: start(), memo: () };
            kernel.step(&target, state, &mut Noise::seeded(1)).0.position
        };
        let state = State { position: start(), memo: () };
        let (expected, _) = langevin.step(&target, state, &mut Noise::seeded(1));
        let difference = (end(langevin.into()) - expected.position).abs().max().into_scalar::<f64>();
        assert!(difference < 1e-6, "{difference}");

        let moved = end(ShortRun::new(0.1, 0.0, Some(2.0)).unwrap()) - start();
        let moved: Vec<f64> = moved.into_data().iter::<f64>().collect();
        // scores −100, 0.1, 300, 0
        for (found, exact) in moved.iter().zip([-0.2, 0.01, 0.2, 0.0]) {
            assert!((found - exact).abs() < 1e-6, "{moved:?}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused_by_name() {
        for (eta, tau, bound, field) in [
            (0.0, 1.0, None, "sampler.step_size"),
            (1.0, -1.0, None, "sampler.noise"),
            (1.0, 0.0, Some(f64::NAN), "sampler.score_bound"),
        ] {
            let error = ShortRun::new(eta, tau, bound).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
