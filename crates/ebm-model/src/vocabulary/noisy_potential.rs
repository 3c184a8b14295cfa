//! Energies at every noise level.

use burn::tensor::Tensor;

use crate::{AtNoise, Energy, NoisyScore, Potential};

/// An energy E(x, σ) of p_σ = p ∗ N(0, σ²I) at every noise level σ, and its score, which agree:
/// s(·, σ) = −∇ₓE(·, σ).
///
/// Each level has its own normalizer Z(σ), so energies of different levels are not comparable; those of a
/// [`JointPotential`](crate::JointPotential) are.
pub trait NoisyPotential: NoisyScore {
    /// E(x, σ), row by row: `x` is `[batch, dim]`, `sigma` `[batch]` and positive; the result `[batch]`, in nats.
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1>;

    /// Both at once, `[batch]` and `[batch, dim]`; override it if they share work.
    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        (self.energy_at(x.clone(), sigma.clone()), self.score_at(x, sigma))
    }
}

impl<P: NoisyPotential + ?Sized> NoisyPotential for &P {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        (**self).energy_at(x, sigma)
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        (**self).energy_and_score_at(x, sigma)
    }
}

impl<M: NoisyPotential + ?Sized> Energy for AtNoise<'_, M> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let sigma = self.levels(&x);
        self.model().energy_at(x, sigma)
    }
}

impl<M: NoisyPotential + ?Sized> Potential for AtNoise<'_, M> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let sigma = self.levels(&x);
        self.model().energy_and_score_at(x, sigma)
    }
}
