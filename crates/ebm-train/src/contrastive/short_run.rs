//! Langevin steps with noise of another size, as image models are trained.

use burn::tensor::Tensor;
use ebm_model::Score;
use ebm_ops::{Noise, OutOfRange};
use ebm_sample::{Kernel, Langevin, State, StepReport};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::range::non_negative;

/// x + η clip(s(x)) + τ z,  z ~ N(0, I): gradient descent with a little noise.
///
/// [`Langevin`] has τ = √(2η). With a smaller τ the chains have temperature T = τ²/(2η), and a model trained with them
/// has energies of about E/T: sharper samples, but energies that are no longer in nats. On N(0, v) the
/// stationary variance is τ²v/(2η(1 − η/(2v))). Clipping the score keeps a chain from being thrown far where the
/// energy is steep; the stationary distribution is then unknown. Use `Langevin` or `Mala` where the model has to be a
/// density, and this where its samples have to be good pictures.
///
/// # Reference
/// Nijkamp, Hill, Zhu and Wu (2019), *Learning non-convergent non-persistent short-run MCMC toward
/// energy-based model*, §3; Du and Mordatch (2019), appendix A.4, for the clipping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortRun {
    /// Step size, η.
    step_size: f64,
    /// Standard deviation of the noise, τ.
    noise: f64,
    /// The bound to which each coordinate of the score is clipped, if there is one.
    #[serde(default)]
    score_bound: Option<f64>,
}

/// What [`ShortRun`] reports of a step.
#[derive(Clone, Debug)]
pub struct ShortRunInfo {
    /// The score where the step began, not clipped, `[chains, dim]`.
    pub score: Tensor<2>,
}

impl StepReport for ShortRunInfo {
    fn score(&self) -> Option<&Tensor<2>> {
        Some(&self.score)
    }
}

impl ShortRun {
    /// Steps of size η with noise τ; each coordinate of the score is clipped to ±`score_bound`.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the field.
    pub fn new(step_size: f64, noise: f64, score_bound: Option<f64>) -> Result<Self, TrainError> {
        let short_run = Self { step_size, noise, score_bound };
        short_run.validate()?;
        Ok(short_run)
    }

    /// Checks the values, for instance after they were read from a file.
    ///
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        OutOfRange::positive("step_size", self.step_size)?;
        non_negative("noise", self.noise)?;
        if let Some(bound) = self.score_bound {
            OutOfRange::positive("score_bound", bound)?;
        }
        Ok(())
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
    type Info = ShortRunInfo;

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, model: &M, state: State<()>, noise: &mut Noise) -> (State<()>, ShortRunInfo) {
        let score = model.score(state.position.clone());
        let drift = match self.score_bound {
            Some(bound) => score.clone().clamp(-bound, bound),
            None => score.clone(),
        };
        let z = noise.normal_like(&state.position);
        let position = state.position + drift * self.step_size + z * self.noise;
        (State { position, memo: () }, ShortRunInfo { score })
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
    fn with_the_noise_of_langevin_it_is_langevin_and_clipping_bounds_its_moves() {
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
    fn settings_out_of_range_are_refused_by_field() {
        for (eta, tau, bound, field) in [
            (0.0, 1.0, None, "step_size"),
            (1.0, -1.0, None, "noise"),
            (1.0, 0.0, Some(f64::NAN), "score_bound"),
        ] {
            let error = ShortRun::new(eta, tau, bound).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
