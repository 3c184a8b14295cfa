//! The fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::Init;

/// xW + b: `[batch, inputs]` → `[batch, outputs]`.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[inputs, outputs]`.
    weight: Param<Tensor<2>>,
    /// `[outputs]`.
    bias: Param<Tensor<1>>,
}

impl Dense {
    /// Uniform on ±1/√inputs.
    pub fn new(inputs: usize, outputs: usize, init: &Init) -> Self {
        let weight = init.uniform("weight", [inputs, outputs], inputs);
        Self { weight, bias: init.uniform("bias", [outputs], inputs) }
    }

    /// All zero, for a layer that shall do nothing at first.
    pub fn zeros(inputs: usize, outputs: usize, init: &Init) -> Self {
        Self { weight: init.zeros([inputs, outputs]), bias: init.zeros([outputs]) }
    }

    /// xW + b.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val()) + self.bias.val().unsqueeze::<2>()
    }
}
