//! Kernel steps at a noise level.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore};
use ebm_ops::{Noise, OutOfRange};

use crate::{Kernel, NoiseLadder, SampleError, StepReport, StepTotals};

/// A number of kernel steps at each level σ, of size η = r σ².
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LevelSteps {
    count: usize,
    ratio: f64,
}

impl LevelSteps {
    /// `count` steps per level, named `what` in an error; `step_ratio` is r.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there is a step, `0 < step_ratio < ∞`, and so is r σ² at each level.
    pub(crate) fn new(
        what: &str,
        count: usize,
        step_ratio: f64,
        ladder: &NoiseLadder,
    ) -> Result<Self, SampleError> {
        OutOfRange::at_least(what, 1, count)?;
        let steps = Self { count, ratio: OutOfRange::positive("step_ratio", step_ratio)? };
        // The square of a number may be 0 or infinite.
        for (index, &sigma) in ladder.levels().iter().enumerate() {
            OutOfRange::positive(&format!("step size at noise level {index}"), steps.step_size(sigma))?;
        }
        Ok(steps)
    }

    /// How many there are at a level.
    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// r = η/σ².
    pub(crate) fn ratio(self) -> f64 {
        self.ratio
    }

    /// η at level σ.
    pub(crate) fn step_size(self, sigma: f64) -> f64 {
        self.ratio * sigma * sigma
    }

    /// The positions after the steps of `kernel` at level σ, and what the steps reported if they have a Metropolis test.
    pub(crate) fn run<'a, M, K>(
        self,
        kernel: &K,
        model: &'a M,
        sigma: f64,
        position: Tensor<2>,
        noise: &mut Noise,
    ) -> (Tensor<2>, StepTotals)
    where
        M: NoisyScore + ?Sized,
        K: Kernel<AtNoise<'a, M>>,
        K::Info: StepReport,
    {
        let model = AtNoise::new(model, sigma);
        let start = kernel.init(&model, position);
        let mut totals = StepTotals::default();
        let step = |state, _| {
            let (state, info) = kernel.step(&model, state, noise);
            if info.acceptance().is_some() {
                totals.add(&info);
            }
            state
        };
        let end = (0..self.count).fold(start, step);
        (end.position, totals)
    }
}
