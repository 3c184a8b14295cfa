//! Attention by dot products as one operation.

mod autodiff;
#[cfg(feature = "flex")]
mod flex;
mod plain;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::profile::span;

/// v Pᵀ, P = softmax(qᵀk/√d) over keys, for every head; differentiable in every argument.
///
/// y`[h, c, i]` = Σⱼ v`[h, c, j]` P`[h, i, j]`. All of `q`, `k`, `v` and the result are `[heads, d, n]`: d channels of
/// n places, so that an image needs no transposition.
///
/// On the CPU (Flex) in single precision, with n and d in multiples of sixteen, the logits of a few queries at a time
/// stay in cache. The result does not depend on the number of threads, bit for bit.
///
/// # Panics
/// If the shapes differ.
///
/// # Reference
/// Vaswani et al. (2017), *Attention is all you need*, eq. 1; Dao, Fu, Ermon, Rudra and Ré (2022),
/// *FlashAttention*, for one pass over queries.
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
    assert_eq!(q.dims(), k.dims(), "shapes of q and k");
    assert_eq!(q.dims(), v.dims(), "shapes of q and v");
    let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
    Tensor::from_dispatch(span("attention", || Dispatch::dot_product_attention(q, k, v)))
}

/// Attention and its adjoint.
///
/// `q`, `k`, `v` and `y` are `[heads, d, n]`, and `weights`, the transposes Pᵀ, `[heads, n, n]`, a column for each
/// query.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait AttentionOps: Backend {
    /// The result y.
    fn dot_product_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        plain::forward::<Self>(q, k, v).0
    }

    /// The result y and the weights.
    fn attention_and_weights(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        plain::forward::<Self>(q, k, v)
    }

    /// The gradients of `q`, `k` and `v`, given the gradient `grad` of y.
    fn attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::backward::<Self>(q, k, v, weights, grad)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl AttentionOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl AttentionOps for burn::backend::Cube {}

#[cfg(all(test, feature = "flex"))]
mod tests;
