//! Denoising score matching at one noise level.

use ebm_model::{Capabilities, Score};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::objectives::bound::OnScore;
use crate::{Batch, BuildContext, Built, Memory, NamedObjective, Objective, Outcome, TrainError};

/// Denoising score matching of a plain score at one noise level: predict the noise that was added.
///
/// ½ mean over rows of |σ s(x + σz) + z|²,   z ~ N(0, I).
///
/// The rows are `[batch, dim]`; one network pass.
///
/// The minimiser is the score of the data blurred by σ, not of the data: the blur is the bias, and the variance
/// grows as σ falls. On N(μ, Σ) the minimum is ½ Σ λᵢ/(λᵢ + σ²) over the eigenvalues λ of Σ.
/// [`DenoisingScoreMatching`](crate::DenoisingScoreMatching) has many levels and another scale: it is a mean
/// over the coordinates too, without the factor ½.
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
    /// [`TrainError::OutOfRange`] unless `0 < sigma < ∞`.
    pub fn new(sigma: f64) -> Result<Self, TrainError> {
        Ok(Self { sigma: OutOfRange::positive("sigma", sigma)? })
    }
}

impl<M: Score + ?Sized> Objective<M> for DenoisingAt {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
        let z = noise.normal_like(&batch.rows);
        let s = model.score(batch.rows.clone() + z.clone() * self.sigma);
        let residual = s * self.sigma + z;
        Outcome::from(residual.square().sum_dim(1).mean() * 0.5)
    }
}

/// The settings of [`DenoisingAt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenoisingAtSettings {
    /// The noise level, in the units of the data.
    pub sigma: f64,
}

impl Default for DenoisingAtSettings {
    fn default() -> Self {
        Self { sigma: 0.1 }
    }
}

impl NamedObjective for DenoisingAtSettings {
    const NAME: &'static str = "denoising-at";
    const ABOUT: &'static str = "denoising score matching at one noise level";

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, _: &BuildContext<'_>) -> Built<N> {
        OnScore::build(DenoisingAt::new(self.sigma)?, Self::NAME, network)
    }
}
