//! Convolutions in two dimensions.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::conv::{Geometry, conv_transpose2d, conv2d, conv2d_adjoint};

use crate::{Init, Jet, Layer};

/// A square convolution with bias: `[batch, inputs, h, w]` → `[batch, outputs, h′, w′]`.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[outputs, inputs, size, size]`.
    weight: Param<Tensor<4>>,
    /// `[outputs]`.
    bias: Param<Tensor<1>>,
    stride: usize,
    /// Zeros around the image.
    padding: usize,
}

impl Convolution {
    /// Uniform on ±1/√(inputs·size²); padding is half the size, so that stride 1 keeps height and width.
    pub fn new(inputs: usize, outputs: usize, size: usize, stride: usize, init: &Init) -> Self {
        let fan_in = inputs * size * size;
        let weight = init.uniform("weight", [outputs, inputs, size, size], fan_in);
        Self { weight, bias: init.uniform("bias", [outputs], fan_in), stride, padding: size / 2 }
    }

    /// Of stride 1, with a weight by the law of Glorot and Bengio times `gain`, and a bias of zero.
    pub fn glorot(inputs: usize, outputs: usize, size: usize, gain: f64, init: &Init) -> Self {
        let fans = (inputs + outputs) * size * size;
        let weight = init.glorot("weight", [outputs, inputs, size, size], fans, gain);
        Self { weight, bias: init.zeros([outputs]), stride: 1, padding: size / 2 }
    }

    /// The same with `padding` zeros on each side of the image instead of half the size.
    pub fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
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
        conv2d(x, self.weight.val(), Some(self.bias.val()), self.geometry())
    }

    fn geometry(&self) -> Geometry {
        Geometry { stride: self.stride, padding: self.padding }
    }
}

impl Layer<4> for Convolution {
    /// Height and width of x, which a stride forgets.
    type Trace = [usize; 2];

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, [usize; 2]) {
        let [.., height, width] = x.dims();
        (self.forward(x), [height, width])
    }

    fn pullback(&self, size: [usize; 2], cotangent: Tensor<4>) -> Tensor<4> {
        conv2d_adjoint(cotangent, self.weight.val(), self.geometry(), size)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let linear = |x| conv2d(x, self.weight.val(), None, self.geometry());
        Jet { value: self.forward(jet.value), slope: linear(jet.slope), curvature: linear(jet.curvature) }
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
        conv_transpose2d(x, self.weight.val(), Some(self.bias.val()), Self::GEOMETRY)
    }

    const GEOMETRY: Geometry = Geometry { stride: 2, padding: 0 };
}

impl Layer<4> for TransposedConvolution {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.forward(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        conv2d(cotangent, self.weight.val(), None, Self::GEOMETRY)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let linear = |x| conv_transpose2d(x, self.weight.val(), None, Self::GEOMETRY);
        Jet { value: self.forward(jet.value), slope: linear(jet.slope), curvature: linear(jet.curvature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_convolution_keeps_the_laws_of_a_layer_at_any_stride_and_size() {
        for (size, stride, [height, width]) in
            [(3, 1, [4, 5]), (1, 1, [2, 3]), (3, 2, [6, 5]), (5, 2, [7, 6]), (3, 3, [8, 7]), (1, 2, [5, 4])]
        {
            let layer = testing::in_double(|init| Convolution::new(2, 3, size, stride, init));
            testing::assert_layer::<4, 4>(&layer, [2, 2, height, width], 4);
        }
    }

    #[test]
    fn a_convolution_with_more_padding_keeps_the_laws_of_a_layer() {
        let layer = testing::in_double(|init| Convolution::glorot(2, 3, 3, 1.0, init).with_padding(2));
        assert_eq!(layer.forward(testing::normal([2, 2, 4, 5], 30)).dims(), [2, 3, 6, 7]);
        testing::assert_layer::<4, 4>(&layer, [2, 2, 4, 5], 31);
    }

    #[test]
    fn a_transposed_convolution_keeps_the_laws_of_a_layer() {
        let layer = testing::in_double(|init| TransposedConvolution::new(2, 3, init));
        testing::assert_layer::<4, 4>(&layer, [2, 2, 3, 2], 16);
    }
}
