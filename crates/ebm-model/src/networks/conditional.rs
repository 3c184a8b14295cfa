//! Networks conditioned on the noise level.

use burn::tensor::Tensor;

use crate::Layer;

/// A network f(x, c) conditioned on the noise level by c = ln(σ)/4.
pub trait NoiseConditional {
    /// `x`: `[batch, dim]` of unit variance, `c`: `[batch]`; the result `[batch, dim]`.
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2>;
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
}
