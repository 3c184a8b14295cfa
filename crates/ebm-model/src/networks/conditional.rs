//! Networks conditioned on the noise level.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::Layer;

/// A network f(x, c) conditioned on the noise level by c = ln(σ)/4.
pub trait NoiseConditional {
    /// `x`: `[batch, dim]` of unit variance, `c`: `[batch]`; the result `[batch, dim]`.
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2>;

    /// The same in a step of training, where a network with dropout draws its masks from `noise`.
    fn forward_in_training(&self, x: Tensor<2>, c: Tensor<1>, _noise: &mut Noise) -> Tensor<2> {
        self.forward(x, c)
    }
}

/// A [`NoiseConditional`] network f(x, c) that is a [`Layer`] in x for any fixed c.
///
/// [`Preconditioned`](crate::Preconditioned) computes slopes and curvatures by it,
/// [`NoisyEnergy`](crate::NoisyEnergy) makes an energy of it.
pub trait ConditionalLayer: NoiseConditional {
    /// The layer x ↦ f(x, c).
    type Conditioned<'a>: Layer<2>
    where
        Self: 'a;

    /// The network at `c`, `[batch]`, for a batch of as many rows.
    fn condition(&self, c: Tensor<1>) -> Self::Conditioned<'_>;

    /// The same in a step of training, where a network with dropout draws its masks from `noise`.
    fn condition_in_training(&self, c: Tensor<1>, _noise: &mut Noise) -> Self::Conditioned<'_> {
        self.condition(c)
    }
}
