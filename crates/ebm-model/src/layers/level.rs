//! The reverse rule back to the noise level.

mod independent;

use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;

use crate::Layer;

/// A layer with numbers that depend on the noise level c, whose reverse rule goes back to the level too.
///
/// vᵀ ∂f/∂c is the sum, over all numbers b that the level sets, of the cotangent of b times db/dc. A layer that has
/// such numbers knows their derivatives; the reverse pass brings the cotangents. So one pass back gives both vᵀ ∂f/∂x
/// and vᵀ ∂f/∂c, in ordinary tensor operations that autodiff can record.
///
/// There is no default: a layer that contains others has to pass the slope on to them.
pub trait LevelLayer<const I: usize, const O: usize = I>: Layer<I, O> {
    /// [`pullback`](Layer::pullback), which also adds vᵀ ∂f/∂c of each row to `slope`.
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<O>,
        slope: &mut LevelSlope,
    ) -> Tensor<I>;
}

/// vᵀ ∂f/∂c of each row, summed as a cotangent travels back through the layers.
#[derive(Clone, Debug, Default)]
pub struct LevelSlope {
    sum: Option<Tensor<1>>,
}

impl LevelSlope {
    /// Adds the inner product of the rows of `cotangent`, `[batch, channels, …]`, with `motion`, `[batch, channels]`,
    /// the derivative in c of what is added to each channel.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add<const D: usize>(&mut self, cotangent: Tensor<D>, motion: Tensor<2>) {
        let [batch, channels] = motion.dims();
        let rest = cotangent.shape().num_elements() / (batch * channels).max(1);
        let summed = match rest {
            1 => cotangent.reshape([batch, channels]),
            _ => cotangent.reshape([batch, channels, rest]).sum_dim(2).squeeze_dim::<2>(2),
        };
        let part = row_dot(summed, motion);
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + part,
            None => part,
        });
    }

    /// The sum of each row, `[batch]`, if any layer has numbers that depend on the level.
    pub fn total(self) -> Option<Tensor<1>> {
        self.sum
    }
}
