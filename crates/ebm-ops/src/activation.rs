//! Elementwise activation functions and their derivatives, each in one pass forward and one backward.

mod autodiff;
#[cfg(feature = "flex")]
mod flex;
mod function;
mod plain;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::profile::span;

pub use function::Activation;

/// x s(x), s(x) = 1/(1 + exp(-x)), elementwise; differentiable.
///
/// The value is 0 at -∞ (the limit), +∞ at +∞ and NaN at NaN; where s(x) is subnormal it may be 0.
///
/// # Reference
/// Elfwing, Uchibe and Doya (2018), *Sigmoid-weighted linear units for neural network function approximation in
/// reinforcement learning*.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    derivative(x, Activation::Silu, 0)
}

/// ln(1 + exp(x)), elementwise, without overflow and accurate where it is small; differentiable.
///
/// The value is 0 at -∞, +∞ at +∞ and NaN at NaN; where the result is subnormal it may be 0.
///
/// # Reference
/// Dugas, Bengio, Bélisle, Nadeau and Garcia (2001), *Incorporating second-order functional knowledge for better
/// option pricing*.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    derivative(x, Activation::Softplus, 0)
}

/// tanh(x), elementwise; differentiable. The value is ±1 at ±∞ and NaN at NaN.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    derivative(x, Activation::Tanh, 0)
}

/// The exponential linear unit: x where x is positive, else exp(x) - 1, elementwise; differentiable.
///
/// The value is -1 at -∞, +∞ at +∞ and NaN at NaN.
///
/// # Reference
/// Clevert, Unterthiner and Hochreiter (2016), *Fast and accurate deep network learning by exponential linear units*,
/// eq. 15 with α = 1.
pub fn elu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    derivative(x, Activation::Elu, 0)
}

/// σ(x), σ′(x) or σ″(x), elementwise, for `order` 0, 1 or 2; differentiable once.
///
/// The value at ±∞ is the limit, and NaN at NaN.
///
/// # Panics
/// If the order is above 2.
pub fn derivative<const D: usize>(x: Tensor<D>, function: Activation, order: usize) -> Tensor<D> {
    assert!(order <= 2, "order: expected 0, 1 or 2, found {order}");
    Tensor::from_dispatch(span("activation", || Dispatch::activation(x.into_dispatch(), function, order)))
}

/// g σ′(z), elementwise: the pullback of the cotangent `g` of σ(z); differentiable once in both arguments.
///
/// # Panics
/// If the shapes differ.
pub fn pullback<const D: usize>(z: Tensor<D>, function: Activation, g: Tensor<D>) -> Tensor<D> {
    assert_eq!(z.dims(), g.dims(), "z and g must have the same shape");
    let (z, g) = (z.into_dispatch(), g.into_dispatch());
    Tensor::from_dispatch(span("activation pullback", || Dispatch::activation_pullback(z, g, function)))
}

/// σ″(z) ż² + σ′(z) z̈, elementwise: the second derivative of σ along a line on which z has the derivatives `slope`
/// ż and `curvature` z̈; differentiable once in all three arguments.
///
/// # Panics
/// If the shapes differ.
///
/// # Reference
/// Faà di Bruno's formula to second order, as in Griewank and Walther (2008), *Evaluating derivatives*, §13.2.
pub fn curvature<const D: usize>(
    z: Tensor<D>,
    function: Activation,
    slope: Tensor<D>,
    curvature: Tensor<D>,
) -> Tensor<D> {
    assert_eq!(z.dims(), slope.dims(), "z and its slope must have the same shape");
    assert_eq!(z.dims(), curvature.dims(), "z and its curvature must have the same shape");
    let [z, slope, curvature] = [z, slope, curvature].map(Tensor::into_dispatch);
    let curved = || Dispatch::activation_curvature(z, slope, curvature, function);
    Tensor::from_dispatch(span("activation curvature", curved))
}

/// Activation functions, their derivatives, and products with them.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait ActivationFunctionOps: Backend {
    /// The derivative of order `order`, 0 to 3, at `x`; autodiff records orders up to 2.
    fn activation(x: FloatTensor<Self>, function: Activation, order: usize) -> FloatTensor<Self> {
        plain::derivative::<Self>(x, function, order)
    }

    /// `g` σ′(`z`).
    fn activation_pullback(
        z: FloatTensor<Self>,
        g: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self> {
        Self::activation_backward(z, g, function, 1)
    }

    /// `grad` times the derivative of `order` at `x`, 1 to 3; not recorded by autodiff.
    fn activation_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
        order: usize,
    ) -> FloatTensor<Self> {
        Self::float_mul(grad, plain::derivative::<Self>(x, function, order))
    }

    /// `grad` `g` σ″(`z`) and `grad` σ′(`z`); not recorded by autodiff.
    fn activation_pullback_backward(
        z: FloatTensor<Self>,
        g: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        plain::pullback_backward::<Self>(z, g, grad, function)
    }

    /// σ″(`z`) `slope`² + σ′(`z`) `curvature`.
    fn activation_curvature(
        z: FloatTensor<Self>,
        slope: FloatTensor<Self>,
        curvature: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self> {
        plain::curvature::<Self>(z, slope, curvature, function)
    }

    /// The gradients of `z`, `slope` and `curvature`, given `grad`, the gradient of the curvature; not recorded by
    /// autodiff.
    fn activation_curvature_backward(
        z: FloatTensor<Self>,
        slope: FloatTensor<Self>,
        curvature: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::curvature_backward::<Self>(z, slope, curvature, grad, function)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl ActivationFunctionOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl ActivationFunctionOps for burn::backend::Cube {}

#[cfg(all(test, feature = "flex"))]
mod tests;
