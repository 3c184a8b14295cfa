//! Score matching of energies that can only be evaluated.

use ebm_model::{Capabilities, Energy, FiniteDifference};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::objectives::bound::OnEnergy;
use crate::{
    Batch, BuildContext, Built, Directions, Memory, NamedObjective, Objective, Outcome, SlicedScoreMatching,
    TrainError,
};

/// Finite-difference score matching, FD-SSM: [`SlicedScoreMatching`] with slopes and curvatures from differences
/// of the energy over ε, so that the energy needs no derivatives.
///
/// mean of ½ ((E₊ − E₋)/2h)² − (E₊ − 2E₀ + E₋)/h²,   E± = E(x ± hv), h|v| = ε.
///
/// The rows are `[batch, dim]`; one pass of the energy on 3 · batch · projections rows. Directions are uniform on the
/// sphere, so that all differences are over the same distance.
///
/// Biased by O(ε²). In single precision use an ε of 0.03 to 0.1, in the units of the data; below 0.01 rounding
/// dominates. See [`FiniteDifference`].
///
/// # Reference
/// Pang, Xu, Li, Song, Ermon and Zhu (2020), *Efficient learning of generative models via finite-difference
/// score matching*, §4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiniteDifferenceScoreMatching {
    sliced: SlicedScoreMatching,
    epsilon: f64,
}

impl FiniteDifferenceScoreMatching {
    /// The objective over `epsilon`, along `projections` directions for each row.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] unless `1 ≤ projections` and `0 < epsilon < ∞`.
    pub fn new(epsilon: f64, projections: usize) -> Result<Self, TrainError> {
        let sliced = SlicedScoreMatching::new(Directions::Sphere, projections)?;
        Ok(Self { sliced, epsilon: OutOfRange::positive("epsilon", epsilon)? })
    }
}

impl<M: Energy + ?Sized> Objective<M> for FiniteDifferenceScoreMatching {
    fn loss(&self, model: &M, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let model = FiniteDifference::new(model, self.epsilon).expect("epsilon was checked by `new`");
        self.sliced.loss(&model, batch, memory, noise)
    }
}

/// The settings of [`FiniteDifferenceScoreMatching`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FiniteDifferenceSettings {
    /// The distance of the differences, in the units of the data.
    pub epsilon: f64,
    /// Directions for each row; at least 1.
    pub projections: usize,
}

impl Default for FiniteDifferenceSettings {
    fn default() -> Self {
        Self { epsilon: 0.05, projections: 1 }
    }
}

impl NamedObjective for FiniteDifferenceSettings {
    const NAME: &'static str = "finite-difference";
    const ABOUT: &'static str = "sliced score matching by differences of an energy that is only evaluated";
    const NEEDS_DENSITY: bool = true;

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, _: &BuildContext<'_>) -> Built<N> {
        let objective = FiniteDifferenceScoreMatching::new(self.epsilon, self.projections)?;
        OnEnergy::build(objective, Self::NAME, network)
    }

    fn rows_per_row(&self) -> usize {
        self.projections
    }
}
