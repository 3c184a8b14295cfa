//! Unadjusted Langevin dynamics.

use burn::tensor::{Bool, Tensor};
use ebm_model::Score;
use ebm_ops::langevin::langevin_step;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::step_report::NonFinite;
use crate::{AnyKernel, AnySampler, Kernel, NamedSampler, Need, SampleError, State, StepReport};

/// x + η s(x) + √(2η) z,  z ~ N(0, I).
///
/// Biased by O(η): on N(0, v) its stationary variance is v/(1 − η/(2v)), and it is stable for η < 2v.
///
/// # Reference
/// Roberts and Tweedie (1996), *Exponential convergence of Langevin distributions*, §1.4.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Langevin {
    step_size: f64,
}

/// What a Langevin step reports.
#[derive(Clone, Debug)]
pub struct LangevinInfo {
    /// The score where the step began, `[chains, dim]`.
    pub score: Tensor<2>,
    lost: NonFinite,
}

impl LangevinInfo {
    /// Of a step that began where the score is `score`, `[chains, dim]`.
    pub fn new(score: Tensor<2>) -> Self {
        Self { score, lost: NonFinite::default() }
    }
}

impl Langevin {
    /// Steps of size η.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64) -> Result<Self, SampleError> {
        Ok(Self { step_size: OutOfRange::positive("step_size", step_size)? })
    }

    /// Steps x + (ε/2) s + √ε z, as Welling and Teh (2011) write them: η = ε/2.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < epsilon < ∞`.
    pub fn from_epsilon(epsilon: f64) -> Result<Self, SampleError> {
        OutOfRange::positive("epsilon", epsilon)?;
        Self::new(epsilon / 2.0)
    }

    /// The step size η.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }
}

impl<M: Score + ?Sized> Kernel<M> for Langevin {
    type Memo = ();
    type Info = LangevinInfo;

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, model: &M, state: State<()>, noise: &mut Noise) -> (State<()>, LangevinInfo) {
        let score = model.score(state.position.clone());
        let position = langevin_step(state.position, score.clone(), self.step_size, noise);
        (State { position, memo: () }, LangevinInfo::new(score))
    }
}

impl StepReport for LangevinInfo {
    /// Where the score is not finite.
    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        Some(self.lost.of(&self.score))
    }

    fn score(&self) -> Option<&Tensor<2>> {
        Some(&self.score)
    }
}

/// Numbers of [`Langevin`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LangevinSettings {
    /// The step size η; 0.05 by default.
    pub step_size: f64,
}

impl Default for LangevinSettings {
    fn default() -> Self {
        Self { step_size: 0.05 }
    }
}

impl NamedSampler for LangevinSettings {
    const NAME: &'static str = "langevin";
    const ABOUT: &'static str = "unadjusted Langevin dynamics; biased by O(step size)";
    const SECTION: &'static str = "chain";
    const NEED: Need = Need::Score;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let kernel = Langevin::new(self.step_size)?;
        Ok(AnyKernel::of_score(Self::NAME, self.step_size, kernel).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::{column, mean_and_variance};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    #[test]
    fn langevin_on_a_gaussian_has_its_known_bias() {
        let n = 40_000;
        for step in [0.05, 0.2, 0.8] {
            let target = Gaussian::isotropic(vec![1.0], 2.0).unwrap();
            let noise = Noise::seeded(7);
            let start = target.sample(n, &mut noise.derive("start"), &Device::flex());
            let mut chain = Chain::start(&target, Langevin::new(step).unwrap(), start, noise.derive("chain"));
            let (mean, variance) = mean_and_variance(&column(chain.nth(199).unwrap().position, 0));

            // fixed point of v = (1 − η/2)² v + 2η; the start has all but forgotten 2 after 200 steps
            let exact = 2.0 / (1.0 - step / 4.0);
            let standard_error = exact * (2.0 / n as f64).sqrt();
            assert!(
                (variance - exact).abs() < 5.0 * standard_error,
                "η = {step}: {variance} against {exact}"
            );
            assert!((mean - 1.0).abs() < 5.0 * (exact / n as f64).sqrt(), "η = {step}: {mean}");
        }
    }

    #[test]
    fn the_transient_is_geometric() {
        let (n, step, steps) = (40_000, 0.1, 5);
        let target = Gaussian::standard(1);
        let start = Tensor::full([n, 1], 3.0, &Device::flex());
        let mut chain = Chain::start(&target, Langevin::new(step).unwrap(), start, Noise::seeded(3));
        let (mean, variance) = mean_and_variance(&column(chain.nth(steps - 1).unwrap().position, 0));

        let a = (1.0 - step).powi(steps as i32);
        let (exact_mean, exact_variance) = (3.0 * a, (1.0 - a * a) / (1.0 - step / 2.0));
        assert!(
            (mean - exact_mean).abs() < 5.0 * (exact_variance / n as f64).sqrt(),
            "{mean} against {exact_mean}"
        );
        assert!(
            (variance - exact_variance).abs() < 5.0 * exact_variance * (2.0 / n as f64).sqrt(),
            "{variance}"
        );
    }

    #[test]
    fn the_two_conventions_differ_by_the_factor_two() {
        assert_eq!(Langevin::from_epsilon(0.5).unwrap(), Langevin::new(0.25).unwrap());
    }

    #[test]
    fn a_step_size_must_be_positive_and_finite() {
        for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Langevin::new(step).unwrap_err().to_string();
            assert_eq!(error, format!("step_size: expected a positive, finite number, found {step}"));
        }
    }

    #[test]
    fn a_chain_does_not_depend_on_its_neighbours() {
        let target = Gaussian::standard(3);
        let run = |chains: usize| {
            let start = Tensor::zeros([chains, 3], &Device::flex());
            let mut chain = Chain::start(&target, Langevin::new(0.1).unwrap(), start, Noise::seeded(1));
            chain.nth(9).unwrap().position.narrow(0, 0, 2).into_data()
        };
        assert_eq!(run(2), run(50));
    }
}
