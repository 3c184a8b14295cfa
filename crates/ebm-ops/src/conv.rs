//! Two-dimensional convolution and transposed convolution, whose gradients use the same kernels.

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

/// Two-dimensional convolution with square kernels (mathematically a cross-correlation), plus a bias.
///
/// y`[b, o, v, u]` = bias`[o]` + Σ weight`[o, i, t, s]` ·
/// x`[b, i, v · stride + t - padding, u · stride + s - padding]`, where `x` is zero outside of the image.
///
/// `x` is `[batch, in, height, width]`, `weight` `[out, in, k, k]` and `bias` `[out]`; the result is
/// `[batch, out, height', width']`, height' = ⌊(height + 2 · padding - k)/stride⌋ + 1, and likewise width'.
/// Differentiable once in every argument; only the gradients that are needed are computed.
///
/// On the CPU (Flex) in single precision, 3×3 kernels with stride 1, padding 1 and channels in multiples of eight
/// go through Winograd's algorithm, whose rounding errors are several times larger than those of direct summation,
/// but below 3e-5 of the largest result. [`with_algorithm`] selects direct summation. On the CPU in single
/// precision the result does not depend on the number of threads, bit for bit.
///
/// # Panics
/// If the stride is 0, the padded image is smaller than the kernel, or the shapes do not match.
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

/// Transposed convolution: the transpose of [`conv2d`] as a linear map of the image, plus a bias.
///
/// y`[b, o, v · stride + t - padding, u · stride + s - padding]` = bias`[o]` + Σ weight`[i, o, t, s]` · x`[b, i, v, u]`.
///
/// `x` is `[batch, in, height, width]`, `weight` `[in, out, k, k]` and `bias` `[out]`; the result is
/// `[batch, out, height', width']`, height' = (height - 1) · stride + k - 2 · padding, and likewise width'.
/// Differentiable once in every argument; only the gradients that are needed are computed.
///
/// # Panics
/// If the stride is 0, the result would have no pixels, or the shapes do not match.
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
/// `[batch, in, height, width]`, where `size` is (height, width). Pixels that no window covers are zero.
/// Differentiable once in both arguments; only the gradients that are needed are computed.
///
/// # Panics
/// If [`conv2d`] would not map an image of `size` to the size of `v`, or the shapes do not match.
pub fn conv2d_adjoint(v: Tensor<4>, weight: Tensor<4>, geometry: Geometry, size: [usize; 2]) -> Tensor<4> {
    let ([_, channels, height, width], [out, kernel]) = (v.dims(), check(&weight, geometry));
    assert_eq!(out, channels, "channels of weight {:?} and of v {:?}", weight.dims(), v.dims());
    let windows = size.map(|n| {
        (n + 2 * geometry.padding).checked_sub(kernel).map_or(0, |reach| reach / geometry.stride + 1)
    });
    assert_eq!(
        windows,
        [height, width],
        "size of conv2d of an image {size:?}, and size of v {:?}, {geometry:?}",
        v.dims()
    );
    Tensor::from_dispatch(Dispatch::conv_transpose(v.into_dispatch(), weight.into_dispatch(), geometry, size))
}

/// The first dimension of a weight, and its kernel size.
fn check(weight: &Tensor<4>, geometry: Geometry) -> [usize; 2] {
    let [first, _, kernel, width] = weight.dims();
    assert!(0 < kernel && kernel == width, "expected a square kernel, found weight {:?}", weight.dims());
    assert!(0 < geometry.stride, "expected a positive stride, found {geometry:?}");
    [first, kernel]
}

fn check_bias(bias: Option<&Tensor<1>>, channels: usize, weight: &Tensor<4>) {
    if let Some(bias) = bias {
        assert_eq!(bias.dims(), [channels], "shape of bias for weight {:?}", weight.dims());
    }
}

/// Convolution, and its adjoints with respect to the image, the weight and the bias.
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
    /// The convolution y of `x`.
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        plain::convolve::<Self>(x, weight, None, geometry)
    }

    /// The convolution y of `x`, plus `bias`, `[out]`.
    fn convolve_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        plain::convolve::<Self>(x, weight, Some(bias), geometry)
    }

    /// The transposed convolution of `y`. The result has the given `size` (height and width), which `convolve` must
    /// map to the size of `y`.
    fn conv_transpose(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        plain::conv_transpose::<Self>(y, weight, None, geometry, size)
    }

    /// [`conv_transpose`](Self::conv_transpose), plus `bias`, `[in]`.
    fn conv_transpose_with_bias(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        plain::conv_transpose::<Self>(y, weight, Some(bias), geometry, size)
    }

    /// The gradient of `weight` from `x` and the gradient `dy` of y. Only the shape of `weight` is used.
    fn convolve_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        plain::weight_grad::<Self>(x, weight, dy, geometry)
    }

    /// The sum of each channel over images and pixels: `[batch, channels, height, width]` → `[channels]`.
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
