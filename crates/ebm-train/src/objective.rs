//! What is minimised.

use burn::tensor::Tensor;
use ebm_ops::Noise;

/// A loss of a model on a batch.
pub trait Objective<M> {
    /// The loss, `[1]`, on `data`, `[batch, dim]`; all its randomness comes from `noise`.
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1>;
}

impl<M, O: Objective<M> + ?Sized> Objective<M> for Box<O> {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        (**self).loss(model, data, noise)
    }
}
