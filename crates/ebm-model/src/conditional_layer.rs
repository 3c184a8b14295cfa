//! Networks that are told the noise level and carry their own rules of differentiation.

use burn::tensor::Tensor;

use crate::{Layer, NoiseConditional};

/// A [`NoiseConditional`] network f(x, c) that at any c is a [`Layer`] in x.
///
/// [`Preconditioned`](crate::Preconditioned) with it has slopes and curvatures,
/// [`NoisyEnergy`](crate::NoisyEnergy) makes an energy of it.
pub trait ConditionalLayer: NoiseConditional {
    /// x ↦ f(x, c).
    type Held<'a>: Layer<2>
    where
        Self: 'a;

    /// The network at `c`, `[batch]`, for a batch of as many rows.
    fn hold(&self, c: Tensor<1>) -> Self::Held<'_>;
}
