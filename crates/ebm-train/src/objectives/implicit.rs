//! Hyvärinen's score matching.

use burn::tensor::Tensor;
use ebm_model::{Along, Capabilities, Directional};
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::objectives::bound::OnScore;
use crate::{Batch, BuildContext, Built, Memory, NamedObjective, Objective, Outcome};

/// Implicit score matching: the distance to the score of the data, integrated by parts, with the exact trace.
///
/// J = mean over rows of ½|s(x)|² + tr ∇s(x) = mean over rows of Σᵢ (½ slopeᵢ² − curvatureᵢ) along the axes eᵢ.
///
/// The rows are `[batch, dim]`; one pass of [`Directional::along`] on `batch · dim` rows, all of which autodiff keeps
/// until the gradient is known. So it is for tens of dimensions; beyond that,
/// [`SlicedScoreMatching`](crate::SlicedScoreMatching) has the same expectation at the cost of one direction.
///
/// Unbiased: the expectation is the Fisher divergence ½ E|s − s_data|² minus ½ E|s_data|², if the data have a density
/// that vanishes at infinity. With s = −Λ(x − m) the minimum is −½ tr S⁻¹, at the mean of the data and the inverse of
/// their covariance S. On few points in many dimensions the minimum is useless: the curvature at the points themselves
/// can be made as large as the network permits.
///
/// # Reference
/// Hyvärinen (2005), *Estimation of non-normalized statistical models by score matching*, eq. 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImplicitScoreMatching;

impl<M: Directional + ?Sized> Objective<M> for ImplicitScoreMatching {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, _: &mut Noise) -> Outcome {
        let data = batch.rows.clone();
        let [n, dim] = data.dims();
        let axes = Tensor::<2>::eye(dim, &data.device()).cast(data.dtype());
        let axes = axes.unsqueeze_dim::<3>(1).expand([dim, n, dim]).reshape([dim * n, dim]);
        let Along { slope, curvature } = model.along(data.repeat_dim(0, dim), axes);
        Outcome::from((slope.square() * 0.5 - curvature).mean() * dim as f64)
    }
}

/// The settings of [`ImplicitScoreMatching`], which has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImplicitSettings {}

impl NamedObjective for ImplicitSettings {
    const NAME: &'static str = "implicit";
    const ABOUT: &'static str = "Hyvärinen's score matching, with the exact trace";
    const NEEDS_DENSITY: bool = true;

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, _: &BuildContext<'_>) -> Built<N> {
        OnScore::build(ImplicitScoreMatching, Self::NAME, network)
    }
}
