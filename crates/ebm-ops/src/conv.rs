//! Two-dimensional convolution and its transpose, with gradients by the same kernels.

mod algorithm;
mod autodiff;
#[cfg(feature = "flex")]
mod channel_sum;
#[cfg(feature = "flex")]
mod direct;
#[cfg(feature = "flex")]
mod flex;
mod geometry;
mod plain;
#[cfg(feature = "flex")]
mod pointwise;
#[cfg(feature = "flex")]
mod shape;
#[cfg(feature = "flex")]
mod winograd;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::profile::span;

pub use algorithm::{Algorithm, with_algorithm};
pub use geometry::Geometry;

/// The correlation of an image with square kernels, which networks call a convolution.
///
/// y`[b, o, v, u]` = bias`[o]` + Σ weight`[o, i, t, s]` · x`[b, i, v · stride + t - padding, u · stride + s - padding]`,
/// `x` being zero outside.
///
/// `x` is `[batch, in, height, width]`, `weight` `[out, in, k, k]` and `bias` `[out]`; the result is
/// `[batch, out, height', width']`, height' = ⌊(height + 2 · padding - k)/stride⌋ + 1, and so is width'.
/// It is differentiable, once, in every argument; gradients that nobody asks for are not computed.
///
/// On the CPU (Flex) in single precision, 3×3 kernels with stride 1, padding 1 and channels in multiples of
/// eight go through Winograd's algorithm, whose rounding errors are some times larger than those of the plain
/// sum: below 3e-5 of the largest result. [`with_algorithm`] selects the plain sum.
/// There the result is the same to the bit on any number of threads.
///
/// # Panics
/// If the stride is 0, the padded image is smaller than the kernel, or a shape is not as said.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, geometry: Geometry) -> Tensor<4> {
    let ([_, channels, height, width], [out, kernel]) = (x.dims(), check(&weight, geometry));
    assert_eq!(weight.dims()[1], channels, "channels of weight {:?} and of x {:?}", weight.dims(), x.dims());
    let smallest = height.min(width) + 2 * geometry.padding;
    assert!(kernel <= smallest, "a kernel {:?} on x {:?}, {geometry:?}", weight.dims(), x.dims());
    check_bias(bias.as_ref(), out, &weight);
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(span("convolution", || match bias {
        Some(bias) => Dispatch::convolve_with_bias(x, weight, bias.into_dispatch(), geometry),
        None => Dispatch::convolve(x, weight, geometry),
    }))
}

/// The transpose of [`conv2d`] as a linear map of the image, plus a bias: every pixel spreads a kernel.
///
/// y`[b, o, v · stride + t - padding, u · stride + s - padding]` = bias`[o]` + Σ weight`[i, o, t, s]` · x`[b, i, v, u]`.
///
/// `x` is `[batch, in, height, width]`, `weight` `[in, out, k, k]` and `bias` `[out]`; the result is
/// `[batch, out, height', width']`, height' = (height - 1) · stride + k - 2 · padding, and so is width'.
/// It is differentiable, once, in every argument; gradients that nobody asks for are not computed.
///
/// # Panics
/// If the stride is 0, nothing is left of the image within the padding, or a shape is not as said.
///
/// # Reference
/// Zeiler, Krishnan, Taylor and Fergus (2010), *Deconvolutional networks*; Dumoulin and Visin (2016),
/// *A guide to convolution arithmetic for deep learning*, §4.
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
) -> Tensor<4> {
    let ([_, channels, height, width], [rows, kernel]) = (x.dims(), check(&weight, geometry));
    assert_eq!(rows, channels, "channels of weight {:?} and of x {:?}", weight.dims(), x.dims());
    let size = [height, width].map(|n| {
        let reach = n.checked_sub(1).map(|steps| steps * geometry.stride + kernel);
        let left = reach.and_then(|reach| reach.checked_sub(2 * geometry.padding)).filter(|left| 0 < *left);
        left.unwrap_or_else(|| panic!("a kernel {:?} on x {:?}, {geometry:?}", weight.dims(), x.dims()))
    });
    check_bias(bias.as_ref(), weight.dims()[1], &weight);
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(span("transposed convolution", || match bias {
        Some(bias) => Dispatch::conv_transpose_with_bias(x, weight, bias.into_dispatch(), geometry, size),
        None => Dispatch::conv_transpose(x, weight, geometry, size),
    }))
}

/// The adjoint of [`conv2d`] in the image: vᵀ ∂y/∂x for a cotangent v of y.
///
/// `v` is `[batch, out, height', width']` and `weight` `[out, in, k, k]`, as in [`conv2d`]; the result is
/// `[batch, in, height, width]`, where `size` is (height, width). Pixels that no window reached receive zero.
/// It is differentiable, once, in both arguments; gradients that nobody asks for are not computed.
///
/// # Panics
/// If an image of `size` does not become one of the size of `v`, or a shape is not as said.
pub fn conv2d_adjoint(v: Tensor<4>, weight: Tensor<4>, geometry: Geometry, size: [usize; 2]) -> Tensor<4> {
    let ([_, channels, height, width], [out, kernel]) = (v.dims(), check(&weight, geometry));
    assert_eq!(out, channels, "channels of weight {:?} and of v {:?}", weight.dims(), v.dims());
    let windows = size.map(|n| {
        (n + 2 * geometry.padding).checked_sub(kernel).map_or(0, |reach| reach / geometry.stride + 1)
    });
    assert_eq!(
        windows,
        [height, width],
        "what an image {size:?} becomes, and v {:?}, {geometry:?}",
        v.dims()
    );
    Tensor::from_dispatch(Dispatch::conv_transpose(v.into_dispatch(), weight.into_dispatch(), geometry, size))
}

/// The first dimension of a weight and the side of its kernel.
fn check(weight: &Tensor<4>, geometry: Geometry) -> [usize; 2] {
    let [first, _, kernel, width] = weight.dims();
    assert!(0 < kernel && kernel == width, "a square kernel, found weight {:?}", weight.dims());
    assert!(0 < geometry.stride, "a positive stride, found {geometry:?}");
    [first, kernel]
}

fn check_bias(bias: Option<&Tensor<1>>, channels: usize, weight: &Tensor<4>) {
    if let Some(bias) = bias {
        assert_eq!(bias.dims(), [channels], "the shape of bias, with weight {:?}", weight.dims());
    }
}

/// A convolution, its adjoint in the image, and its adjoints in the weight and the bias.
///
/// The images are `x` of `[batch, in, height, width]` and `y` of `[batch, out, height', width']`, the weight is
/// `[out, in, k, k]`.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait ConvOps: Backend {
    /// From `x` to `y`.
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        plain::convolve::<Self>(x, weight, None, geometry)
    }

    /// From `x` to `y`, plus `bias`, `[out]`.
    fn convolve_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        plain::convolve::<Self>(x, weight, Some(bias), geometry)
    }

    /// From `y` to `x`, which has the `size` (height and width) of an image that `convolve` brings to that of `y`.
    fn conv_transpose(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        plain::conv_transpose::<Self>(y, weight, None, geometry, size)
    }

    /// As `conv_transpose`, plus `bias`, `[in]`.
    fn conv_transpose_with_bias(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        plain::conv_transpose::<Self>(y, weight, Some(bias), geometry, size)
    }

    /// From `x` and the gradient `dy` of `y` to the gradient of `weight`, which only lends its shape.
    fn convolve_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        plain::weight_grad::<Self>(x, weight, dy, geometry)
    }

    /// The sum of each channel over images and pixels, `[batch, channels, height, width]` to `[channels]`.
    fn channel_sums(dy: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::channel_sums::<Self>(dy)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl ConvOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl ConvOps for burn::backend::Cube {}

#[cfg(all(test, feature = "flex"))]
mod tests;
