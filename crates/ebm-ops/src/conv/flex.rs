//! The operations on the CPU in single precision.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::algorithm::{self, Algorithm};
use super::channel_sum;
use super::shape::Shape;
use super::{ConvOps, Geometry, direct, plain, pointwise, winograd};
use crate::{buffer, kernels};

impl ConvOps for Flex {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        convolve(x, weight, None, geometry)
    }

    fn convolve_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        convolve(x, weight, Some(bias), geometry)
    }

    fn conv_transpose(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        conv_transpose(y, weight, None, geometry, size)
    }

    fn conv_transpose_with_bias(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        conv_transpose(y, weight, Some(bias), geometry, size)
    }

    fn convolve_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if !kernels::take([&x, &weight, &dy]) {
            return plain::weight_grad::<Self>(x, weight, dy, geometry);
        }
        let shape = Shape::new(x.shape().dims(), weight.shape().dims(), geometry);
        let (x, dy) = (buffer::contiguous(x), buffer::contiguous(dy));
        let (x, dy) = (x.storage(), dy.storage());
        let mut dw = vec![0.0; shape.weights()];
        match fast(&shape) {
            Some(fast) => winograd::weight_grad(&fast, x, dy, &mut dw),
            None => direct::weight_grad(&shape, x, dy, &mut dw),
        }
        buffer::tensor(dw, weight.shape())
    }

    fn channel_sums(dy: FloatTensor<Self>) -> FloatTensor<Self> {
        if !kernels::take([&dy]) {
            return plain::channel_sums::<Self>(dy);
        }
        let [_, channels, height, width] = dy.shape().dims();
        let dy = buffer::contiguous(dy);
        buffer::tensor(channel_sum::channel_sums(dy.storage(), channels, height * width), [channels])
    }
}

/// The convolution of `x`.
fn convolve(x: FlexTensor, weight: FlexTensor, bias: Option<FlexTensor>, geometry: Geometry) -> FlexTensor {
    if !kernels::take([&x, &weight].into_iter().chain(&bias)) {
        return plain::convolve::<Flex>(x, weight, bias, geometry);
    }
    let shape = Shape::new(x.shape().dims(), weight.shape().dims(), geometry);
    let (x, weight, bias) = (buffer::contiguous(x), buffer::contiguous(weight), bias.map(buffer::contiguous));
    let (x, weight, bias) = (x.storage(), weight.storage(), bias.as_ref().map(|bias| bias.storage()));
    let y = match fast(&shape) {
        Some(fast) => winograd::forward(&fast, x, weight, bias),
        None if pointwise::fits(&shape) => pointwise::forward(&shape, x, weight, bias),
        None => direct::forward(&shape, x, weight, bias),
    };
    buffer::tensor(y, [shape.batch, shape.out_channels, shape.out_height(), shape.out_width()])
}

/// The transposed convolution of `y`, with the given size.
fn conv_transpose(
    y: FlexTensor,
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    geometry: Geometry,
    size: [usize; 2],
) -> FlexTensor {
    if !kernels::take([&y, &weight].into_iter().chain(&bias)) {
        return plain::conv_transpose::<Flex>(y, weight, bias, geometry, size);
    }
    let (batch, channels) = (y.shape()[0], weight.shape()[1]);
    let dimensions = [batch, channels, size[0], size[1]];
    let shape = Shape::new(dimensions, weight.shape().dims(), geometry);
    let (y, weight, bias) = (buffer::contiguous(y), buffer::contiguous(weight), bias.map(buffer::contiguous));
    let (y, weight, bias) = (y.storage(), weight.storage(), bias.as_ref().map(|bias| bias.storage()));
    let x = match fast(&shape).filter(|_| bias.is_none()) {
        Some(fast) => winograd::input_grad(&fast, weight, y),
        None if pointwise::fits(&shape) => pointwise::input_grad(&shape, weight, y, bias),
        None => direct::input_grad(&shape, weight, y, bias),
    };
    buffer::tensor(x, dimensions)
}

/// The shape for Winograd's algorithm, if it is enabled and supports the shape.
fn fast(shape: &Shape) -> Option<winograd::Shape> {
    let &Shape { batch, in_channels, out_channels, height, width, kernel, stride, padding } = shape;
    let whole = |channels: usize| 0 < channels && channels.is_multiple_of(winograd::CHANNELS);
    let fits = [kernel, stride, padding] == [3, 1, 1]
        && whole(in_channels)
        && whole(out_channels)
        && 0 < batch * height * width;
    let fast = winograd::Shape { batch, in_channels, out_channels, height, width };
    (fits && algorithm::current() == Algorithm::Auto).then_some(fast)
}
