//! Convolutions in two dimensions.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::conv::{Geometry, conv_transpose2d, conv2d};

use crate::Init;

/// A square convolution with bias: `[batch, inputs, h, w]` → `[batch, outputs, h′, w′]`.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[outputs, inputs, size, size]`.
    weight: Param<Tensor<4>>,
    /// `[outputs]`.
    bias: Param<Tensor<1>>,
    stride: usize,
}

impl Convolution {
    /// Uniform on ±1/√(inputs·size²); padding is half the size, so that stride 1 keeps height and width.
    pub fn new(inputs: usize, outputs: usize, size: usize, stride: usize, init: &Init) -> Self {
        let fan_in = inputs * size * size;
        let weight = init.uniform("weight", [outputs, inputs, size, size], fan_in);
        Self { weight, bias: init.uniform("bias", [outputs], fan_in), stride }
    }

    /// The same with a weight of zero.
    pub fn with_zero_weight(self, init: &Init) -> Self {
        let weight = init.zeros(self.weight.lazy_shape().dims());
        Self { weight, ..self }
    }

    /// The same with a bias of zero.
    pub fn with_zero_bias(self, init: &Init) -> Self {
        let bias = init.zeros(self.bias.lazy_shape().dims());
        Self { bias, ..self }
    }

    /// The convolution of `x`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let geometry = Geometry { stride: self.stride, padding: weight.dims()[2] / 2 };
        conv2d(x, weight, Some(self.bias.val()), geometry)
    }
}

/// A 2×2 transposed convolution of stride 2 with bias, which doubles height and width.
#[derive(Module, Debug)]
pub struct TransposedConvolution {
    /// `[inputs, outputs, 2, 2]`.
    weight: Param<Tensor<4>>,
    /// `[outputs]`.
    bias: Param<Tensor<1>>,
}

impl TransposedConvolution {
    /// Uniform on ±1/√(4·outputs), PyTorch's law for this layer.
    pub fn new(inputs: usize, outputs: usize, init: &Init) -> Self {
        let weight = init.uniform("weight", [inputs, outputs, 2, 2], 4 * outputs);
        Self { weight, bias: init.uniform("bias", [outputs], 4 * outputs) }
    }

    /// `[batch, inputs, h, w]` → `[batch, outputs, 2h, 2w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv_transpose2d(x, self.weight.val(), Some(self.bias.val()), Geometry { stride: 2, padding: 0 })
    }
}
