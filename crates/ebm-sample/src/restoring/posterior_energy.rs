//! Energies of posteriors at every noise level.

use burn::tensor::Tensor;
use ebm_model::{NoisyPotential, NoisyScore};

use super::likelihood::Likelihood;

/// E(x, σ) − log p_σ(y | x) for a prior that is an energy, where p_σ is the likelihood of a clean point that is
/// N(x, σ²I).
///
/// Its level σ is not p(x | y) with noise added, but it is a density, and its limit at σ → 0 is p(x | y). The likelihood
/// widens with the noise, so that steps of size r σ² suit every level and the measurements may be without noise.
///
/// [`AnnealedMala`](crate::AnnealedMala) leaves each level invariant, so its draws are exact as far as its chains forget
/// the level before. Modes that they no longer cross keep the weights of the level at which they parted, which are not
/// those of the posterior: `docs/restoring.md` has an example.
///
/// # Reference
/// Du et al. (2023), *Reduce, reuse, recycle: compositional generation with energy-based diffusion models and MCMC*,
/// §4, for products at every level; the widened likelihood is that of a prior without preferences.
#[derive(Clone, Copy, Debug)]
pub struct PosteriorEnergy<P, L> {
    prior: P,
    likelihood: L,
}

impl<P: NoisyPotential, L: Likelihood> PosteriorEnergy<P, L> {
    /// What is likely by `prior` and `likelihood`.
    pub fn new(prior: P, likelihood: L) -> Self {
        Self { prior, likelihood }
    }
}

/// σ² of each row, `[batch, 1]`.
fn variance(sigma: &Tensor<1>) -> Tensor<2> {
    sigma.clone().square().unsqueeze_dim::<2>(1)
}

impl<P: NoisyPotential, L: Likelihood> NoisyScore for PosteriorEnergy<P, L> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let of_measurement = self.likelihood.score(x.clone(), variance(&sigma));
        self.prior.score_at(x, sigma) + of_measurement
    }

    /// The prior's, which takes the noise of the last level off and leaves the measurements to the level.
    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.prior.denoise_at(x, sigma)
    }
}

impl<P: NoisyPotential, L: Likelihood> NoisyPotential for PosteriorEnergy<P, L> {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let of_measurement = self.likelihood.energy(x.clone(), variance(&sigma));
        self.prior.energy_at(x, sigma) + of_measurement
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        let variance = variance(&sigma);
        let (energy, score) = self.prior.energy_and_score_at(x.clone(), sigma);
        let of_measurement = self.likelihood.energy(x.clone(), variance.clone());
        (energy + of_measurement, score + self.likelihood.score(x, variance))
    }
}
