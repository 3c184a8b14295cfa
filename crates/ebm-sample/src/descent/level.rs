//! The levels of a descent.

use burn::tensor::Tensor;

use crate::StepTotals;

/// One item of a descent: the samples when the work at a noise level is done.
#[derive(Clone, Debug)]
pub struct Level {
    /// The noise level whose distribution the samples now approximate; 0 once they are denoised.
    pub sigma: f64,
    /// One row per sample, `[samples, dim]`.
    pub position: Tensor<2>,
    /// What the steps with a Metropolis test at this level reported; empty if there were none.
    pub totals: StepTotals,
}

/// One level of a ladder, with the level below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung {
    /// The noise level, positive.
    pub sigma: f64,
    /// The next level below; 0 after the last.
    pub below: f64,
    /// Its index in the ladder, from 0 at the top.
    pub index: usize,
}

impl Rung {
    /// Whether this is the lowest level of the ladder.
    pub fn is_last(&self) -> bool {
        self.below == 0.0
    }
}
