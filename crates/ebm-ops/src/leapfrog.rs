//! Parts of Hamiltonian dynamics and Metropolis tests, each in one pass.

#[cfg(feature = "flex")]
mod flex;
mod plain;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::profile::span;

/// x + a y.
///
/// The buffer of `x` is reused unless another tensor shares it.
///
/// # Panics
/// If the shapes differ.
pub fn add_scaled<const D: usize>(x: Tensor<D>, y: Tensor<D>, a: f64) -> Tensor<D> {
    assert_eq!(x.dims(), y.dims(), "x and y must have the same shape");
    let (x, y) = (x.into_dispatch(), y.into_dispatch());
    Tensor::from_dispatch(span("add scaled", || Dispatch::add_scaled(x, y, a)))
}

/// ½‖a‖² − ½‖b‖² of each row, `[rows]`, computed as ½ Σ (a − b)(a + b), which does not cancel if a and b are close.
///
/// # Panics
/// If the shapes differ.
pub fn kinetic_change(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    assert_eq!(a.dims(), b.dims(), "a and b must have the same shape");
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(span("kinetic change", || Dispatch::kinetic_change(a, b)))
}

/// x + ε (r + ½ε s): the position after a leapfrog step of size ε with unit mass, from `x` with momentum `r` and
/// score `s`.
///
/// The buffer of `x` is reused unless another tensor shares it.
///
/// # Panics
/// If the shapes differ.
pub fn leapfrog_position(x: Tensor<2>, r: Tensor<2>, s: Tensor<2>, epsilon: f64) -> Tensor<2> {
    assert_eq!(x.dims(), r.dims(), "x and r must have the same shape");
    assert_eq!(x.dims(), s.dims(), "x and s must have the same shape");
    let [x, r, s] = [x, r, s].map(Tensor::into_dispatch);
    Tensor::from_dispatch(span("leapfrog position", || Dispatch::leapfrog_position(x, r, s, epsilon)))
}

/// The change of kinetic energy in a leapfrog step of size ε: ½‖r + ½ε (s + end)‖² − ½‖r‖² of each row, `[rows]`,
/// where `s` and `end` are the scores at its beginning and end. See [`leapfrog_position`] and [`kinetic_change`].
///
/// # Panics
/// If the shapes differ.
pub fn leapfrog_kinetic_change(r: Tensor<2>, s: Tensor<2>, end: Tensor<2>, epsilon: f64) -> Tensor<1> {
    assert_eq!(r.dims(), s.dims(), "r and s must have the same shape");
    assert_eq!(r.dims(), end.dims(), "r and end must have the same shape");
    let [r, s, end] = [r, s, end].map(Tensor::into_dispatch);
    let change = || Dispatch::leapfrog_kinetic_change(r, s, end, epsilon);
    Tensor::from_dispatch(span("kinetic change", change))
}

/// The rows of `b` where `mask`, `[rows]`, is above 0, and those of `a` elsewhere.
///
/// The buffer of `a` or `b` is reused unless other tensors share both.
///
/// # Panics
/// If the shapes of `a` and `b` differ, or the mask does not have one entry per row.
pub fn choose_rows(mask: Tensor<1>, a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    assert_eq!(a.dims(), b.dims(), "a and b must have the same shape");
    assert_eq!(mask.dims(), [a.dims()[0]], "shape of a mask for the rows of {:?}", a.dims());
    let (mask, a, b) = (mask.into_dispatch(), a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(span("choose rows", || Dispatch::choose_rows(mask, a, b)))
}

/// Leapfrog steps, their changes of kinetic energy, and selection of rows.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait LeapfrogOps: Backend {
    /// x + a y.
    fn add_scaled(x: FloatTensor<Self>, y: FloatTensor<Self>, a: f64) -> FloatTensor<Self> {
        plain::add_scaled::<Self>(x, y, a)
    }

    /// ½ Σ (a − b)(a + b) of each row.
    fn kinetic_change(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::kinetic_change::<Self>(a, b)
    }

    /// x + ε (r + ½ε s).
    fn leapfrog_position(
        x: FloatTensor<Self>,
        r: FloatTensor<Self>,
        s: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        plain::leapfrog_position::<Self>(x, r, s, epsilon)
    }

    /// ½‖r + ½ε (s + end)‖² − ½‖r‖² of each row.
    fn leapfrog_kinetic_change(
        r: FloatTensor<Self>,
        s: FloatTensor<Self>,
        end: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        plain::leapfrog_kinetic_change::<Self>(r, s, end, epsilon)
    }

    /// The rows of `b` where the mask is above 0, else those of `a`.
    fn choose_rows(mask: FloatTensor<Self>, a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::choose_rows::<Self>(mask, a, b)
    }
}

impl<B: LeapfrogOps, C: CheckpointStrategy> LeapfrogOps for Autodiff<B, C> {}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl LeapfrogOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl LeapfrogOps for burn::backend::Cube {}

#[cfg(all(test, feature = "flex"))]
mod tests;
