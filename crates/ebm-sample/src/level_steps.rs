//! Steps at a noise level, as long as the level is high.

use crate::{Langevin, NoiseLadder, SampleError};

/// A number of steps at each level σ, of size η = r σ².
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LevelSteps {
    count: usize,
    ratio: f64,
}

impl LevelSteps {
    /// `count` steps, called `what` where there are none; `ratio` is r.
    ///
    /// # Errors
    /// [`SampleError`] unless there is a step and `0 < ratio < ∞`.
    pub(crate) fn new(
        what: &'static str,
        count: usize,
        ratio: f64,
        ladder: &NoiseLadder,
    ) -> Result<Self, SampleError> {
        if count == 0 {
            return Err(SampleError::Count { what, least: 1, found: 0 });
        }
        let steps = Self { count, ratio: Langevin::new(ratio)?.step_size() };
        // The square of a number may be 0 or infinite.
        ladder.levels().iter().try_for_each(|&sigma| Langevin::new(steps.step_size(sigma)).map(|_| ()))?;
        Ok(steps)
    }

    /// How many at a level.
    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// η at level σ.
    pub(crate) fn step_size(self, sigma: f64) -> f64 {
        self.ratio * sigma * sigma
    }
}
