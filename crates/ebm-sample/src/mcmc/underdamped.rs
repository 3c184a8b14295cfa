//! Langevin dynamics with inertia.

use burn::tensor::{Bool, Tensor};
use ebm_model::Score;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::step_report::NonFinite;
use crate::{AnyKernel, AnySampler, Kernel, NamedSampler, Need, SampleError, State, StepReport};

/// dx = p dt, dp = s(x) dt − γ p dt + √(2γ) dW, by the splitting BAOAB: a kick of h/2, a drift of h/2, the
/// friction and noise of h exactly, a drift, a kick.
///
/// Of all such splittings this one has the least biased distribution of x: on a Gaussian it has no bias, while the
/// variance of the momentum is 1 − h²/(4v) there; stable for h² < 4v. One score per step.
///
/// # Reference
/// Leimkuhler and Matthews (2013), *Rational construction of stochastic numerical methods for molecular
/// sampling*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Underdamped {
    step_size: f64,
    friction: f64,
}

/// What an underdamped step keeps for the next, each `[chains, dim]`.
#[derive(Clone, Debug)]
pub struct UnderdampedMemo {
    /// The momentum p; chains start at rest, and forget that in a time of 1/γ.
    pub momentum: Tensor<2>,
    /// The score s(x).
    pub score: Tensor<2>,
}

/// What an underdamped step reports.
#[derive(Clone, Debug)]
pub struct UnderdampedInfo {
    /// The momentum at the end of the step, `[chains, dim]`.
    pub momentum: Tensor<2>,
    lost: NonFinite,
}

impl Underdamped {
    /// Steps of time h = `step_size` with friction γ.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless both are positive and finite.
    pub fn new(step_size: f64, friction: f64) -> Result<Self, SampleError> {
        let step_size = OutOfRange::positive("step_size", step_size)?;
        Ok(Self { step_size, friction: OutOfRange::positive("friction", friction)? })
    }

    /// The time h of a step.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The friction γ, per unit of time.
    pub fn friction(&self) -> f64 {
        self.friction
    }
}

impl<M: Score + ?Sized> Kernel<M> for Underdamped {
    type Memo = UnderdampedMemo;
    type Info = UnderdampedInfo;

    fn init(&self, model: &M, position: Tensor<2>) -> State<UnderdampedMemo> {
        let score = model.score(position.clone());
        State { memo: UnderdampedMemo { momentum: position.zeros_like(), score }, position }
    }

    fn step(
        &self,
        model: &M,
        state: State<UnderdampedMemo>,
        noise: &mut Noise,
    ) -> (State<UnderdampedMemo>, UnderdampedInfo) {
        let half = 0.5 * self.step_size;
        let keep = (-self.friction * self.step_size).exp();
        let fresh = (-(-2.0 * self.friction * self.step_size).exp_m1()).sqrt();
        let z = noise.normal_like(&state.position);

        let p = state.memo.momentum + state.memo.score * half;
        let x = state.position + p.clone() * half;
        let p = p * keep + z * fresh;
        let x = x + p.clone() * half;
        let score = model.score(x.clone());
        let p = p + score.clone() * half;
        (
            State { position: x, memo: UnderdampedMemo { momentum: p.clone(), score } },
            UnderdampedInfo { momentum: p, lost: NonFinite::default() },
        )
    }
}

impl StepReport for UnderdampedInfo {
    /// Where the momentum is not finite.
    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        Some(self.lost.of(&self.momentum))
    }
}

/// Numbers of [`Underdamped`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnderdampedSettings {
    /// The time h of a step; 0.05 by default.
    pub step_size: f64,
    /// The friction γ, per unit of time; 1 by default.
    pub friction: f64,
}

impl Default for UnderdampedSettings {
    fn default() -> Self {
        Self { step_size: 0.05, friction: 1.0 }
    }
}

impl NamedSampler for UnderdampedSettings {
    const NAME: &'static str = "underdamped";
    const ABOUT: &'static str = "underdamped Langevin dynamics (BAOAB); biased by O(step size²)";
    const SECTION: &'static str = "underdamped";
    const NEED: Need = Need::Score;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let kernel = Underdamped::new(self.step_size, self.friction)?;
        Ok(AnyKernel::of_score(Self::NAME, self.step_size, kernel).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    fn with_langevin_step(self, eta: f64) -> Self {
        self.with_step_size((2.0 * eta).sqrt())
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
    fn on_a_gaussian_the_position_has_no_bias_and_the_momentum_the_known_one() {
        let (n, variance, h) = (40_000, 2.0, 1.6);
        let target = Gaussian::isotropic(vec![1.0], variance).unwrap();
        let start = Tensor::zeros([n, 1], &Device::flex());
        let kernel = Underdamped::new(h, 1.0).unwrap();
        let last = Chain::start(&target, kernel, start, Noise::seeded(53)).nth(99).unwrap();
        let (mean, found) = mean_and_variance(&column(last.position, 0));
        let error = |variance: f64| 5.0 * variance * (2.0 / n as f64).sqrt();
        assert!((mean - 1.0).abs() < 5.0 * (variance / n as f64).sqrt(), "{mean}");
        assert!((found - variance).abs() < error(variance), "{found} against {variance}");
        let (_, found) = mean_and_variance(&column(last.info.momentum, 0));
        let exact = 1.0 - h * h / (4.0 * variance);
        assert!((found - exact).abs() < error(exact), "{found} against {exact}");
    }

    #[test]
    fn friction_must_be_positive_and_finite() {
        let error = Underdamped::new(0.1, 0.0).unwrap_err().to_string();
        assert_eq!(error, "friction: expected a positive, finite number, found 0");
        assert!(Underdamped::new(f64::NAN, 1.0).is_err());
    }
}
