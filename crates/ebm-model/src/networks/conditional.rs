//! Networks conditioned on the noise level and, if they know any, on classes and augmentations.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::layers::{LevelLayer, LevelSlope};
use crate::rows::row_sum;
use crate::{Layer, RowLabels};

/// A network f(x, c) conditioned on the noise level by a number c of it: ln(σ)/4 in EDM's form, and what
/// [`Preconditioning`](crate::Preconditioning) says in others.
///
/// One that knows classes is given the class of each row besides; without it, f(x, c) is that of no class. One that knows
/// augmentations is given what was done to each row; without that, f(x, c) is that of rows to which nothing was done.
pub trait NoiseConditional {
    /// `x`: `[batch, dim]`, of unit variance in EDM's form, `c`: `[batch]`; the result `[batch, dim]`.
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2>;

    /// The same in a step of training, where a network with dropout draws its masks from `noise`.
    fn forward_in_training(&self, x: Tensor<2>, c: Tensor<1>, _noise: &mut Noise) -> Tensor<2> {
        self.forward(x, c)
    }

    /// Number of classes that the network can be given; 0 for one that knows none.
    fn n_classes(&self) -> usize {
        0
    }

    /// Parameters of augmentations that the network can be given; 0 for one that knows none.
    fn n_augmentations(&self) -> usize {
        0
    }

    /// f for rows with these labels. A network is never given classes or augmentations if it knows none.
    fn forward_given(&self, x: Tensor<2>, c: Tensor<1>, _labels: RowLabels) -> Tensor<2> {
        self.forward(x, c)
    }

    /// The same in a step of training.
    fn forward_given_in_training(
        &self,
        x: Tensor<2>,
        c: Tensor<1>,
        labels: RowLabels,
        _noise: &mut Noise,
    ) -> Tensor<2> {
        self.forward_given(x, c, labels)
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

    /// The network at `c` for rows with these labels, as in [`forward_given`](NoiseConditional::forward_given).
    fn condition_given(&self, c: Tensor<1>, _labels: RowLabels) -> Self::Conditioned<'_> {
        self.condition(c)
    }

    /// The same in a step of training.
    fn condition_given_in_training(
        &self,
        c: Tensor<1>,
        labels: RowLabels,
        _noise: &mut Noise,
    ) -> Self::Conditioned<'_> {
        self.condition_given(c, labels)
    }
}

/// The reverse rule v ↦ (vᵀ ∂f/∂x, vᵀ ∂f/∂c) of a network at a batch: `[batch, dim]` → `[batch, dim]` and `[batch]`.
pub type LevelPullback<'a> = Box<dyn FnOnce(Tensor<2>) -> (Tensor<2>, Tensor<1>) + 'a>;

/// A [`ConditionalLayer`] whose reverse rule goes back to the noise level too.
///
/// [`NoisyEnergy`](crate::NoisyEnergy) computes the derivative of an energy along the level by it, beside the score and
/// from the same two passes.
pub trait LevelConditional: ConditionalLayer {
    /// f(x, c) and its reverse rule to x and c, both in tensor operations that autodiff can record; shapes as in
    /// [`forward`](NoiseConditional::forward).
    fn trace_to_level(&self, x: Tensor<2>, c: Tensor<1>) -> (Tensor<2>, LevelPullback<'_>);
}

/// [`LevelConditional::trace_to_level`] of a network whose layers have their rules back to the level.
pub(crate) fn trace_to_level<'a, L: LevelLayer<2> + 'a>(
    layer: L,
    x: Tensor<2>,
) -> (Tensor<2>, LevelPullback<'a>)
where
    L::Trace: 'a,
{
    let (value, trace) = layer.trace(x);
    let pullback = move |v: Tensor<2>| {
        let mut slope = LevelSlope::default();
        let back = layer.pullback_to_level(trace, v, &mut slope);
        let total = slope.total().unwrap_or_else(|| row_sum(back.zeros_like()));
        (back, total)
    };
    (value, Box::new(pullback))
}
