//! Sliced score matching.

use burn::tensor::Tensor;
use ebm_model::{Along, Capabilities, Directional, Score};
use ebm_ops::row_dot::row_dot;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::objectives::bound::OnScore;
use crate::{Batch, BuildContext, Built, Directions, Memory, NamedObjective, Objective, Outcome, TrainError};

/// Sliced score matching: implicit score matching along random directions.
///
/// J = mean over rows and projections of ½(vᵀs)² + vᵀ(∇s)v = ½ slope² − curvature,   E\[vvᵀ\] = I.
///
/// The rows are `[batch, dim]`; one pass of [`Directional::along`] on `batch · projections` rows.
///
/// Its expectation is that of [`ImplicitScoreMatching`](crate::ImplicitScoreMatching), so it is unbiased. Its variance
/// is larger by that of the trace and of half the squared slope; see the table of [`Directions`].
///
/// On a `FiniteDifference` of an energy the same loss is FD-SSM:
/// [`FiniteDifferenceScoreMatching`](crate::FiniteDifferenceScoreMatching).
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
/// J = mean over rows of ½|s|² + mean over projections of vᵀ(∇s)v,   E\[vvᵀ\] = I.
///
/// Compared with [`SlicedScoreMatching`] it costs one network pass more, for the score, and has the variance of the trace
/// only.
///
/// # Reference
/// Song, Garg, Shi and Ermon (2019), *Sliced score matching*, §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarianceReduced(SlicedScoreMatching);

impl SlicedScoreMatching {
    /// The objective along `projections` random directions for each row.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] unless `1 ≤ projections`.
    pub fn new(directions: Directions, projections: usize) -> Result<Self, TrainError> {
        Ok(Self { directions, projections: OutOfRange::at_least("projections", 1, projections)? })
    }

    /// The same with the exact length of the score.
    pub fn variance_reduced(self) -> VarianceReduced {
        VarianceReduced(self)
    }

    /// Slope and curvature of every row along each of its directions, `[projections · batch]`.
    fn slices<M: Directional + ?Sized>(&self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Along {
        let x = data.repeat_dim(0, self.projections);
        let v = self.directions.draw(&x, noise);
        model.along(x, v)
    }
}

impl<M: Directional + ?Sized> Objective<M> for SlicedScoreMatching {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
        let Along { slope, curvature } = self.slices(model, batch.rows.clone(), noise);
        Outcome::from((slope.square() * 0.5 - curvature).mean())
    }
}

impl<M: Directional + Score + ?Sized> Objective<M> for VarianceReduced {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
        let score = model.score(batch.rows.clone());
        let square = row_dot(score.clone(), score).mean();
        let Along { curvature, .. } = self.0.slices(model, batch.rows.clone(), noise);
        Outcome::from(square * 0.5 - curvature.mean())
    }
}

/// The settings of [`SlicedScoreMatching`] and [`VarianceReduced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicedSettings {
    /// The distribution of the directions.
    pub directions: Directions,
    /// Directions for each row; at least 1.
    pub projections: usize,
    /// Whether the squared length of the score is computed exactly, as [`VarianceReduced`] does.
    pub variance_reduced: bool,
}

impl Default for SlicedSettings {
    fn default() -> Self {
        Self { directions: Directions::Rademacher, projections: 1, variance_reduced: true }
    }
}

impl NamedObjective for SlicedSettings {
    const NAME: &'static str = "sliced";
    const ABOUT: &'static str = "score matching along random directions";
    const NEEDS_DENSITY: bool = true;

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, _: &BuildContext<'_>) -> Built<N> {
        let sliced = SlicedScoreMatching::new(self.directions, self.projections)?;
        if self.variance_reduced {
            OnScore::build(sliced.variance_reduced(), Self::NAME, network)
        } else {
            OnScore::build(sliced, Self::NAME, network)
        }
    }

    fn rows_per_row(&self) -> usize {
        self.projections
    }
}
