//! Reference implementation, in operations that every backend has.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Shape;

pub(super) fn dense<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
) -> FloatTensor<B> {
    let y = B::float_matmul(x, weight);
    match bias {
        Some(bias) => {
            let [outputs] = bias.shape().dims();
            B::float_add(y, B::float_reshape(bias, Shape::new([1, outputs])))
        }
        None => y,
    }
}

pub(super) fn pullback<B: Backend>(g: FloatTensor<B>, weight: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(g, B::float_swap_dims(weight, 0, 1))
}

pub(super) fn weight_grad<B: Backend>(x: FloatTensor<B>, g: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(B::float_swap_dims(x, 0, 1), g)
}

pub(super) fn column_sums<B: Backend>(g: FloatTensor<B>) -> FloatTensor<B> {
    let [_, outputs] = g.shape().dims();
    B::float_reshape(B::float_sum_dim(g, 0), Shape::new([outputs]))
}
