//! The residual block.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Init;
use crate::layers::{Convolution, Dense, GroupNorm, NormRules, Sum};

/// skip(x) + conv₂(SiLU(norm₂(c)·(1 + a) + b)), c = conv₁(SiLU(norm₁(x))), (a, b) = W e.
///
/// Both convolutions are 3×3; W and conv₂ start at zero, so a new block is its skip, which is the identity
/// or, where the width changes, a 1×1 convolution.
#[derive(Module, Debug)]
pub struct Block {
    first_norm: GroupNorm,
    first: Convolution,
    modulation: Dense,
    second_norm: GroupNorm,
    second: Convolution,
    skip: Option<Convolution>,
}

/// The order of a block's layers, from which its rules follow.
pub type BlockRules<'a> =
    Sum<Option<&'a Convolution>, ((NormRules, &'a Convolution), (NormRules, &'a Convolution))>;

impl Block {
    /// A block from `inputs` to `outputs` channels, conditioned on an embedding of `embedding` numbers.
    pub fn new(inputs: usize, outputs: usize, embedding: usize, groups: usize, init: &Init) -> Self {
        let second = init.part("second");
        Self {
            first_norm: GroupNorm::new(inputs, groups, &init.part("first_norm")),
            first: Convolution::new(inputs, outputs, 3, 1, &init.part("first")),
            modulation: Dense::zeros(embedding, 2 * outputs, &init.part("modulation")),
            second_norm: GroupNorm::new(outputs, groups, &init.part("second_norm")),
            second: Convolution::new(outputs, outputs, 3, 1, &second)
                .with_zero_weight(&second)
                .with_zero_bias(&second),
            skip: (inputs != outputs).then(|| Convolution::new(inputs, outputs, 1, 1, &init.part("skip"))),
        }
    }

    /// (a, b), each `[batch, outputs]`.
    fn modulation(&self, e: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let modulation = self.modulation.forward(e);
        let channels = modulation.dims()[1] / 2;
        (modulation.clone().narrow(1, 0, channels), modulation.narrow(1, channels, channels))
    }

    /// The block for an embedding `e`, `[batch, embedding]`, as a composition of layers with rules.
    pub fn condition(&self, e: Tensor<2>) -> BlockRules<'_> {
        let second = (self.second_norm.rules(Some(self.modulation(e))), &self.second);
        Sum::new(self.skip.as_ref(), ((self.first_norm.rules(None), &self.first), second))
    }

    /// The same with `motion`, the derivative of the embedding in the noise level, for the reverse rule back to it.
    pub fn condition_moving(&self, e: Tensor<2>, motion: Tensor<2>) -> BlockRules<'_> {
        let motion = self.modulation.along(motion);
        let channels = motion.dims()[1] / 2;
        let motion = (motion.clone().narrow(1, 0, channels), motion.narrow(1, channels, channels));
        let second = (self.second_norm.rules_moving(self.modulation(e), motion), &self.second);
        Sum::new(self.skip.as_ref(), ((self.first_norm.rules(None), &self.first), second))
    }

    /// `x`: `[batch, inputs, h, w]`, `e`: `[batch, embedding]`; the result `[batch, outputs, h, w]`.
    pub fn forward(&self, x: Tensor<4>, e: Tensor<2>) -> Tensor<4> {
        let c = self.first.forward(self.first_norm.silu(x.clone()));
        let (scale, shift) = self.modulation(e);
        let residual = self.second.forward(self.second_norm.modulated_silu(c, scale, shift));
        match &self.skip {
            Some(skip) => skip.forward(x) + residual,
            None => x + residual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, testing};

    #[test]
    fn conditioned_on_an_embedding_it_is_the_block_and_passes_the_tests_of_a_layer() {
        for (inputs, outputs) in [(2, 4), (4, 4)] {
            let block = testing::in_double(|init| Block::new(inputs, outputs, 3, 1, init));
            let (x, e) = (testing::normal([2, inputs, 3, 4], 22), testing::points(2, 3, 23));
            let conditioned = block.condition(e.clone());
            testing::assert_close(
                Layer::<4>::forward(&conditioned, x.clone()),
                block.forward(x, e),
                1e-13,
                "f",
            );
            testing::assert_layer::<4, 4>(&conditioned, [2, inputs, 3, 4], 24);
        }
    }
}
