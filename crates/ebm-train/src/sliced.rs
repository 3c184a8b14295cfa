//! Sliced score matching.

use burn::tensor::Tensor;
use ebm_model::{Along, Directional, Score};
use ebm_ops::Noise;
use ebm_ops::row_dot::row_dot;

use crate::{Directions, Objective, TrainError};

/// Sliced score matching: implicit score matching along random directions.
///
/// J = mean over rows and projections of ½(vᵀs)² + vᵀ(∇s)v = ½ slope² − curvature,   E[vvᵀ] = I.
///
/// `data` is `[batch, dim]`; one pass of [`Directional::along`] on `batch · projections` rows.
///
/// Its expectation is [`ImplicitScoreMatching`](crate::ImplicitScoreMatching)'s, so it is unbiased; what it
/// adds is the variance in [`Directions`]' table, of the trace and of half the squared slope.
///
/// On a `FiniteDifference` of an energy this same loss is FD-SSM, which
/// [`FiniteDifferenceScoreMatching`](crate::FiniteDifferenceScoreMatching) puts together.
///
/// # Reference
/// Song, Garg, Shi and Ermon (2019), *Sliced score matching: a scalable approach to density and score
/// estimation*, §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicedScoreMatching {
    directions: Directions,
    projections: usize,
}

/// Sliced score matching with the squared length of the score known and only the trace estimated (SSM-VR).
///
/// J = mean over rows of ½|s|² + mean over projections of vᵀ(∇s)v,   E[vvᵀ] = I.
///
/// One more network pass than [`SlicedScoreMatching`], for the score, and only the variance of the trace.
///
/// # Reference
/// Song, Garg, Shi and Ermon (2019), *Sliced score matching*, §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarianceReduced(SlicedScoreMatching);

impl SlicedScoreMatching {
    /// The objective along `projections` directions of this law for each row.
    ///
    /// # Errors
    /// [`TrainError::Setting`] unless there is a projection.
    pub fn new(directions: Directions, projections: usize) -> Result<Self, TrainError> {
        if projections == 0 {
            let (field, found) = ("objective.projections", projections.to_string());
            return Err(TrainError::Setting { field, found, expected: "at least 1" });
        }
        Ok(Self { directions, projections })
    }

    /// The same with the length of the score known.
    pub fn variance_reduced(self) -> VarianceReduced {
        VarianceReduced(self)
    }

    /// Slope and curvature of every row along each of its directions, `[projections · batch]`.
    fn slices<M: Directional>(&self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Along {
        let x = data.repeat_dim(0, self.projections);
        let v = self.directions.draw(&x, noise);
        model.along(x, v)
    }
}

impl<M: Directional> Objective<M> for SlicedScoreMatching {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let Along { slope, curvature } = self.slices(model, data, noise);
        (slope.square() * 0.5 - curvature).mean()
    }
}

impl<M: Directional + Score> Objective<M> for VarianceReduced {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let score = model.score(data.clone());
        let square = row_dot(score.clone(), score).mean();
        let Along { curvature, .. } = self.0.slices(model, data, noise);
        square * 0.5 - curvature.mean()
    }
}
