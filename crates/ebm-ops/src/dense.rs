//! The fully connected map and its transpose, whose gradients use the same kernel.

mod autodiff;
#[cfg(feature = "flex")]
mod flex;
mod plain;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::profile::span;

/// x W + b.
///
/// `x` is `[batch, in]`, `weight` `[in, out]` and `bias` `[out]`; the result is `[batch, out]`. Differentiable once
/// in every argument; only the gradients that are needed are computed.
///
/// On the CPU (Flex) in single precision the result does not depend on the number of threads, bit for bit.
///
/// # Panics
/// If the shapes do not match.
pub fn dense(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let (shape, [inputs, outputs]) = (x.dims(), weight.dims());
    assert_eq!(shape[1], inputs, "columns of x {shape:?} and rows of weight {:?}", weight.dims());
    if let Some(bias) = &bias {
        assert_eq!(bias.dims(), [outputs], "shape of bias for weight {:?}", weight.dims());
    }
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(span("dense", || match bias {
        Some(bias) => Dispatch::dense_with_bias(x, weight, bias.into_dispatch()),
        None => Dispatch::dense(x, weight),
    }))
}

/// g Wᵀ: the pullback of a cotangent through [`dense`].
///
/// `g` is `[batch, out]` and `weight` `[in, out]`; the result is `[batch, in]`. Differentiable once in both
/// arguments; only the gradients that are needed are computed.
///
/// On the CPU (Flex) in single precision the result does not depend on the number of threads, bit for bit.
///
/// # Panics
/// If the shapes do not match.
pub fn dense_pullback(g: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let (shape, [_, outputs]) = (g.dims(), weight.dims());
    assert_eq!(shape[1], outputs, "columns of g {shape:?} and of weight {:?}", weight.dims());
    let (g, weight) = (g.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(span("dense pullback", || Dispatch::dense_pullback(g, weight)))
}

/// The map, its transpose, and the adjoints of both with respect to the weight and the bias.
///
/// `x` is `[batch, in]`, `y` and `g` are `[batch, out]`, and the weight is `[in, out]`.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait DenseOps: Backend {
    /// x W.
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::dense::<Self>(x, weight, None)
    }

    /// x W + b; `bias` is `[out]`.
    fn dense_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        plain::dense::<Self>(x, weight, Some(bias))
    }

    /// g Wᵀ.
    fn dense_pullback(g: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::pullback::<Self>(g, weight)
    }

    /// xᵀ g, `[in, out]`.
    fn dense_weight_grad(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::weight_grad::<Self>(x, g)
    }

    /// xᵀ g, `[in, out]`, and the column sums of `g`, `[out]`.
    fn dense_weight_and_bias_grad(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        (plain::weight_grad::<Self>(x, g.clone()), plain::column_sums::<Self>(g))
    }

    /// The column sums of `g`, `[out]`.
    fn dense_bias_grad(g: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::column_sums::<Self>(g)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl DenseOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl DenseOps for burn::backend::Cube {}

#[cfg(all(test, feature = "flex"))]
mod tests;
