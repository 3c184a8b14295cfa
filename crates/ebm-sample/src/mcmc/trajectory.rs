//! Trajectories of any length.

use burn::tensor::Tensor;

use crate::mcmc::evaluated::Evaluated;
use crate::{MetropolisInfo, State};

/// The most integration steps of a trajectory whose length is a time.
const MOST: usize = 1000;

/// A trajectory and what became of it.
pub(crate) struct Trajectory {
    /// Where the chains are after the Metropolis test.
    pub(crate) state: State<Evaluated>,
    /// What the test reports.
    pub(crate) info: MetropolisInfo,
    /// Where the trajectories ended, accepted or not, `[chains, dim]`.
    pub(crate) end: Tensor<2>,
    /// The velocities there, in the units of the mass: of mean square 1 in each coordinate, `[chains, dim]`.
    pub(crate) velocity: Tensor<2>,
}

/// How many steps of size `step_size` a trajectory of this time has.
pub(crate) fn n_steps(time: f64, step_size: f64) -> usize {
    // A number beyond the range of integers becomes the largest of them, one that is not a number 0.
    ((time / step_size).ceil() as usize).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trajectory_has_a_step_or_more_and_not_too_many() {
        assert_eq!([n_steps(0.95, 0.1), n_steps(1e-9, 0.1)], [10, 1]);
        assert_eq!([n_steps(1e300, 1e-9), n_steps(f64::NAN, 0.1)], [1000, 1]);
    }
}
