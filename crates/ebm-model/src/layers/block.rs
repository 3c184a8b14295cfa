//! The residual block.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Convolution, Dense, GroupNorm};
use crate::Init;

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

impl Block {
    /// A block from `inputs` to `outputs` channels that hears an embedding of `embedding` numbers.
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

    /// `x`: `[batch, inputs, h, w]`, `e`: `[batch, embedding]`; the result `[batch, outputs, h, w]`.
    pub fn forward(&self, x: Tensor<4>, e: Tensor<2>) -> Tensor<4> {
        let c = self.first.forward(self.first_norm.silu(x.clone()));
        let channels = c.dims()[1];
        let modulation = self.modulation.forward(e);
        let (scale, shift) =
            (modulation.clone().narrow(1, 0, channels), modulation.narrow(1, channels, channels));
        let residual = self.second.forward(self.second_norm.modulated_silu(c, scale, shift));
        match &self.skip {
            Some(skip) => skip.forward(x) + residual,
            None => x + residual,
        }
    }
}
