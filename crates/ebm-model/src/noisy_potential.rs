//! Energies of a density that has been blurred by Gaussian noise.

use burn::tensor::Tensor;

use crate::{Along, AtNoise, Directional, Energy, NoisyScore, Potential};

/// An energy E(x, σ) of p_σ at every noise level σ, and its score, which agree: s(·, σ) = −∇ₓE(·, σ).
///
/// Each level has its own Z(σ), of which E knows nothing.
pub trait NoisyPotential: NoisyScore {
    /// E(x, σ), row by row: `x` is `[batch, dim]`, `sigma` `[batch]` and positive; the result `[batch]`, in nats.
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1>;

    /// Both at once, `[batch]` and `[batch, dim]`; override where they share work.
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

/// A [`Directional`] at every noise level.
pub trait NoisyDirectional {
    /// Slope and curvature of each row along its `v`; `x` and `v` are `[batch, dim]`, `sigma` `[batch]`.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along;
}

impl<D: NoisyDirectional + ?Sized> NoisyDirectional for &D {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        (**self).along_at(x, v, sigma)
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

impl<M: NoisyDirectional + ?Sized> Directional for AtNoise<'_, M> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let sigma = self.levels(&x);
        self.model().along_at(x, v, sigma)
    }
}
