//! Hyvärinen's score matching.

use burn::tensor::Tensor;
use ebm_model::{Along, Directional};
use ebm_ops::Noise;

use crate::Objective;

/// Implicit score matching: the score's distance to the data's, by parts, with the exact trace.
///
/// J = mean over rows of ½|s(x)|² + tr ∇s(x) = mean over rows of Σᵢ (½ slopeᵢ² − curvatureᵢ) along the axes eᵢ.
///
/// `data` is `[batch, dim]`; one pass of [`Directional::along`] on `batch · dim` rows, all of which autodiff
/// keeps until the gradient is known, whether they come at once or in turns. So it is for tens of
/// dimensions; beyond, [`SlicedScoreMatching`](crate::SlicedScoreMatching) has the same expectation at the
/// cost of one direction.
///
/// Unbiased: in expectation it is the Fisher divergence ½ E|s − s_data|² less ½ E|s_data|², if the data have
/// a density that vanishes at infinity. With s = −Λ(x − m) the minimum is −½ tr S⁻¹, at the mean of the data
/// and the inverse of their covariance S. On a few points in many dimensions it has no minimum worth having:
/// the curvature at the points themselves can be made as great as the network lets.
///
/// # Reference
/// Hyvärinen (2005), *Estimation of non-normalized statistical models by score matching*, eq. 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImplicitScoreMatching;

impl<M: Directional> Objective<M> for ImplicitScoreMatching {
    fn loss(&mut self, model: &M, data: Tensor<2>, _: &mut Noise) -> Tensor<1> {
        let [n, dim] = data.dims();
        let axes = Tensor::<2>::eye(dim, &data.device()).cast(data.dtype());
        let axes = axes.unsqueeze_dim::<3>(1).expand([dim, n, dim]).reshape([dim * n, dim]);
        let Along { slope, curvature } = model.along(data.repeat_dim(0, dim), axes);
        (slope.square() * 0.5 - curvature).mean() * dim as f64
    }
}
