//! Score matching of energies that can only be evaluated.

use burn::tensor::Tensor;
use ebm_model::{Energy, FiniteDifference};
use ebm_ops::Noise;

use crate::{Directions, Objective, SlicedScoreMatching, TrainError};

/// Finite-difference score matching, FD-SSM: [`SlicedScoreMatching`] with slopes and curvatures from differences
/// of the energy over ε, so that the energy needs no rules of its own.
///
/// mean of ½ ((E₊ − E₋)/2h)² − (E₊ − 2E₀ + E₋)/h²,   E± = E(x ± hv), h|v| = ε.
///
/// `data` is `[batch, dim]`; one pass of the energy on 3 · batch · projections rows. Directions are on the
/// sphere, so that all steps are equally long.
///
/// Biased by O(ε²); in single precision an ε of 0.03 to 0.1, in the units of the data, is right, and one
/// below 0.01 returns noise. See [`FiniteDifference`].
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
    /// [`TrainError::Setting`] unless there is a projection and `0 < epsilon < ∞`.
    pub fn new(epsilon: f64, projections: usize) -> Result<Self, TrainError> {
        let sliced = SlicedScoreMatching::new(Directions::Sphere, projections)?;
        if epsilon.is_finite() && 0.0 < epsilon {
            return Ok(Self { sliced, epsilon });
        }
        let (field, found) = ("objective.epsilon", epsilon.to_string());
        Err(TrainError::Setting { field, found, expected: "a finite, positive number" })
    }
}

impl<M: Energy> Objective<M> for FiniteDifferenceScoreMatching {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let model = FiniteDifference::new(model, self.epsilon).expect("checked when this was made");
        self.sliced.loss(&model, data, noise)
    }
}
