//! Scores of posteriors at every noise level.

use burn::tensor::Tensor;
use ebm_model::NoisyScore;
use ebm_ops::OutOfRange;

use super::likelihood::Likelihood;
use crate::SampleError;

/// What stands for the likelihood of a noisy position, whose clean point x₀ is known in mean only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Guidance {
    /// Given the noisy position, x₀ ~ N(D, r²I) with r² = σ²s²/(σ² + s²), where s is the standard deviation of the
    /// data and D the denoised position: exact for data from N(μ, s²I).
    ///
    /// # Reference
    /// Song, Vahdat, Mardani and Kautz (2023), *Pseudoinverse-guided diffusion models for inverse problems*, eq. 7 and
    /// §3.1, with s = 1 there; the variance is that of a normal prior.
    Pseudoinverse {
        /// s, in the model's units.
        deviation: f64,
    },
    /// Given the noisy position, x₀ = D, with the gradient scaled to the length of a score at the noise level, which
    /// also the wrong size of an approximation does not make unstable.
    ///
    /// # Reference
    /// Chung, Kim, McCann, Klasky and Ye (2023), *Diffusion posterior sampling for general noisy inverse problems*,
    /// algorithm 1. Its step ζ is taken after each step of one sampler; a score is multiplied by a step of the order
    /// σ², so that here the length is √m/σ times a strength, for m measurements.
    PosteriorSampling {
        /// How strong the measurements are, about 1.
        strength: f64,
    },
}

impl Guidance {
    /// [`Guidance::Pseudoinverse`] for data of the standard deviation `deviation`.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < deviation < ∞`.
    pub fn pseudoinverse(deviation: f64) -> Result<Self, SampleError> {
        Ok(Self::Pseudoinverse { deviation: OutOfRange::positive("deviation of the data", deviation)? })
    }

    /// [`Guidance::PosteriorSampling`] with this strength.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < strength < ∞`.
    pub fn posterior_sampling(strength: f64) -> Result<Self, SampleError> {
        Ok(Self::PosteriorSampling { strength: OutOfRange::positive("strength", strength)? })
    }
}

/// p(x | y) at every noise level: the score of the prior and the gradient of the likelihood of the denoised position,
/// D = x + σ² s(x, σ), through the denoiser,
///
/// s(x, σ | y) = s(x, σ) + (∂D/∂x)ᵀ g(D),
///
/// where g is what [`Guidance`] says. One evaluation costs one of the prior's score and its reverse rule.
///
/// It is a score like any other, so every descent draws from it. Its errors are those of the guidance; where the
/// prior is an energy, [`PosteriorEnergy`](super::PosteriorEnergy) has none of these.
///
/// # Reference
/// That of [`Guidance`].
#[derive(Clone, Copy, Debug)]
pub struct Posterior<P, L> {
    prior: P,
    likelihood: L,
    guidance: Guidance,
}

impl<P: NoisyScore, L: Likelihood> Posterior<P, L> {
    /// What is likely by `prior` and `likelihood`.
    pub fn new(prior: P, likelihood: L, guidance: Guidance) -> Self {
        Self { prior, likelihood, guidance }
    }

    /// g(D) at the noise level σ, `[batch, 1]`.
    fn pull(&self, clean: Tensor<2>, sigma: Tensor<2>) -> Tensor<2> {
        match self.guidance {
            Guidance::Pseudoinverse { deviation } => {
                let (noise, data) = (sigma.square(), deviation * deviation);
                let variance = noise.clone() * data / (noise + data);
                self.likelihood.score(clean, variance)
            }
            Guidance::PosteriorSampling { strength } => {
                self.likelihood.normalized_score(clean, sigma) * strength
            }
        }
    }
}

impl<P: NoisyScore, L: Likelihood> NoisyScore for Posterior<P, L> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let column = sigma.clone().unsqueeze_dim::<2>(1);
        let noise = column.clone().square();
        let (score, pullback) = self.prior.score_and_pullback_at(x.clone(), sigma);
        let pull = self.pull(x + score.clone() * noise.clone(), column);
        // (∂D/∂x)ᵀ g = g + σ² (∂s/∂x)ᵀ g
        score + pull.clone() + pullback(pull) * noise
    }
}
