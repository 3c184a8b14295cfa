//! Convolutions whose kernel has gaps.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::conv::{Geometry, conv2d, conv2d_adjoint};

use crate::layers::Padding;
use crate::{Init, Jet, Layer};

/// A square convolution of stride 1 whose pixels are `dilation` apart, with or without a bias; height and width stay.
///
/// y`[o, v, u]` = bias`[o]` + Σ weight`[o, i, t, s]` x`[i, v + (t − ⌊k/2⌋) d, u + (s − ⌊k/2⌋) d]`, with zeros around x.
///
/// Pixels whose row and column agree modulo d see only each other, so it is computed as d² images of a d-th of the
/// height and width, each by a convolution without gaps.
///
/// # Reference
/// Yu and Koltun (2016), *Multi-scale context aggregation by dilated convolutions*, eq. 2.
#[derive(Module, Debug)]
pub struct DilatedConvolution {
    /// `[outputs, inputs, size, size]`.
    weight: Param<Tensor<4>>,
    /// `[outputs]`.
    bias: Option<Param<Tensor<1>>>,
    dilation: usize,
}

impl DilatedConvolution {
    /// Uniform on ±1/√(inputs·size²), with a bias of the same law.
    ///
    /// # Panics
    /// If `dilation` is zero.
    pub fn new(inputs: usize, outputs: usize, size: usize, dilation: usize, init: &Init) -> Self {
        assert!(0 < dilation, "pixels that are {dilation} apart");
        let fan_in = inputs * size * size;
        let weight = init.uniform("weight", [outputs, inputs, size, size], fan_in);
        Self { weight, bias: Some(init.uniform("bias", [outputs], fan_in)), dilation }
    }

    /// The same without a bias.
    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    /// `map` on the images that `x` falls into.
    fn apart(&self, x: Tensor<4>, map: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let ([.., height, width], d) = (x.dims(), self.dilation);
        if d == 1 {
            return map(x);
        }
        let padding = Padding::to_multiple_of(d, [height, width]);
        padding.crop(together(map(phases(padding.pad(x), d)), d))
    }

    fn geometry(&self) -> Geometry {
        Geometry { stride: 1, padding: self.weight.lazy_shape()[2] / 2 }
    }

    fn linear(&self, x: Tensor<4>) -> Tensor<4> {
        self.apart(x, |x| conv2d(x, self.weight.val(), None, self.geometry()))
    }
}

/// `[b, c, h·d, w·d]` → `[b·d², c, h, w]`: the pixels whose row and column agree modulo d.
fn phases(x: Tensor<4>, d: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let x: Tensor<6> = x.reshape([b, c, h / d, d, w / d, d]);
    x.permute([0, 3, 5, 1, 2, 4]).reshape([b * d * d, c, h / d, w / d])
}

/// The inverse of [`phases`].
fn together(x: Tensor<4>, d: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let b = n / (d * d);
    let x: Tensor<6> = x.reshape([b, d, d, c, h, w]);
    x.permute([0, 3, 4, 1, 5, 2]).reshape([b, c, h * d, w * d])
}

impl Layer<4> for DilatedConvolution {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.forward(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        self.apart(cotangent, |cotangent| {
            let [.., height, width] = cotangent.dims();
            conv2d_adjoint(cotangent, self.weight.val(), self.geometry(), [height, width])
        })
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let [slope, curvature] = [jet.slope, jet.curvature].map(|x| self.linear(x));
        Jet { value: self.forward(jet.value), slope, curvature }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let bias = self.bias.as_ref().map(Param::val);
        self.apart(x, |x| conv2d(x, self.weight.val(), bias, self.geometry()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::ops::ConvOptions;

    #[test]
    fn a_dilated_convolution_keeps_the_laws_of_a_layer_at_any_size() {
        for (size, dilation, [height, width]) in
            [(3, 1, [3, 4]), (3, 2, [5, 4]), (3, 4, [6, 3]), (1, 2, [2, 3]), (5, 2, [4, 4]), (3, 4, [1, 1])]
        {
            let layer = testing::in_double(|init| DilatedConvolution::new(2, 3, size, dilation, init));
            testing::assert_layer::<4, 4>(&layer, [2, 2, height, width], 71);
            testing::assert_layer::<4, 4>(&layer.without_bias(), [1, 2, height, width], 72);
        }
    }

    #[test]
    fn it_is_the_convolution_with_gaps() {
        for (dilation, [height, width]) in [(2, [7, 7]), (4, [8, 6]), (4, [7, 5]), (3, [2, 9])] {
            let layer = testing::in_double(|init| DilatedConvolution::new(2, 3, 3, dilation, init));
            let x = testing::normal([2, 2, height, width], 73);
            let d = [dilation; 2];
            let options = ConvOptions::new([1, 1], d, d, 1);
            let bias = layer.bias.as_ref().map(Param::val);
            let expected = burn::tensor::module::conv2d(x.clone(), layer.weight.val(), bias, options);
            testing::assert_close(layer.forward(x), expected, 1e-13, "y");
        }
    }
}
