//! Reference implementation, in operations that every backend has.

use burn::backend::ops::{ConvOptions, ConvTransposeOptions};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Shape;

use super::geometry::Geometry;

pub(super) fn convolve<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    geometry: Geometry,
) -> FloatTensor<B> {
    B::conv2d(x, weight, bias, options(geometry))
}

pub(super) fn conv_transpose<B: Backend>(
    y: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    geometry: Geometry,
    size: [usize; 2],
) -> FloatTensor<B> {
    let Geometry { stride, padding } = geometry;
    let ([.., height, width], [.., kernel, _]) = (y.shape().dims::<4>(), weight.shape().dims::<4>());
    // Rows and columns that no window of the convolution covers.
    let rest = |n: usize, size: usize| size + 2 * padding - (n - 1) * stride - kernel;
    let rest = [rest(height, size[0]), rest(width, size[1])];
    B::conv_transpose2d(
        y,
        weight,
        bias,
        ConvTransposeOptions::new([stride; 2], [padding; 2], rest, [1; 2], 1),
    )
}

pub(super) fn weight_grad<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    dy: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    B::conv2d_weight_backward(x, weight, dy, options(geometry))
}

pub(super) fn channel_sums<B: Backend>(dy: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, channels, height, width] = dy.shape().dims();
    let sums = B::float_sum_dim(B::float_reshape(dy, Shape::new([batch, channels, height * width])), 2);
    B::float_reshape(B::float_sum_dim(sums, 0), Shape::new([channels]))
}

fn options(Geometry { stride, padding }: Geometry) -> ConvOptions<2> {
    ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1)
}
