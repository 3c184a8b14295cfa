//! Reference implementation, in operations that every backend has.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};

/// The result and the weights Pᵀ.
pub(super) fn forward<B: Backend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let logits = B::float_matmul(transposed::<B>(k), scaled::<B>(q));
    let weights = B::softmax(logits, 1);
    (B::float_matmul(v, weights.clone()), weights)
}

/// The gradients of q, k and v: with G = vᵀg, that of the weights W, that of the logits is L = W ∘ (G − Σ G ∘ W),
/// the sum over keys; then k L/√d, q Lᵀ/√d and g Wᵀ.
pub(super) fn backward<B: Backend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
    weights: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let of_v = B::float_matmul(grad.clone(), transposed::<B>(weights.clone()));
    let of_weights = B::float_matmul(transposed::<B>(v), grad);
    let sum = B::float_sum_dim(B::float_mul(of_weights.clone(), weights.clone()), 1);
    let of_logits = B::float_mul(B::float_sub(of_weights, sum), weights);
    let of_k = B::float_matmul(scaled::<B>(q), transposed::<B>(of_logits.clone()));
    (B::float_matmul(scaled::<B>(k), of_logits), of_k, of_v)
}

/// x/√d.
fn scaled<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [_, d, _] = x.shape().dims();
    B::float_mul_scalar(x, (1.0 / (d as f64).sqrt()).into())
}

fn transposed<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_swap_dims(x, 1, 2)
}
