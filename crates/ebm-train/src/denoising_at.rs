//! Denoising score matching at one noise level.

use burn::tensor::Tensor;
use ebm_model::Score;
use ebm_ops::Noise;

use crate::{Objective, TrainError};

/// Denoising score matching of a plain score at one noise level: predict the noise that was added.
///
/// ½ mean over rows of |σ s(x + σz) + z|²,   z ~ N(0, I).
///
/// `data` is `[batch, dim]`; one network pass.
///
/// Its minimiser is the score of the data blurred by σ, not of the data: the bias is the blur, the variance
/// grows as σ falls. On N(μ, Σ) the minimum is ½ Σ λᵢ/(λᵢ + σ²) over the eigenvalues λ of Σ.
/// [`DenoisingScoreMatching`](crate::DenoisingScoreMatching) has many levels, and another scale: a mean over
/// the coordinates too, without the half.
///
/// # Reference
/// Vincent (2011), *A connection between score matching and denoising autoencoders*, §4, times σ².
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DenoisingAt {
    sigma: f64,
}

impl DenoisingAt {
    /// The objective at noise level `sigma`.
    ///
    /// # Errors
    /// [`TrainError::Setting`] unless `0 < sigma < ∞`.
    pub fn new(sigma: f64) -> Result<Self, TrainError> {
        if sigma.is_finite() && 0.0 < sigma {
            return Ok(Self { sigma });
        }
        let (field, found) = ("objective.sigma", sigma.to_string());
        Err(TrainError::Setting { field, found, expected: "a finite, positive number" })
    }
}

impl<M: Score> Objective<M> for DenoisingAt {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let z = noise.normal_like(&data);
        let s = model.score(data + z.clone() * self.sigma);
        let residual = s * self.sigma + z;
        residual.square().sum_dim(1).mean() * 0.5
    }
}
