//! Sums along the rows of a batch.

use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;

/// The sum of each row, `[batch, dim]` → `[batch]`.
pub(crate) fn row_sum(x: Tensor<2>) -> Tensor<1> {
    x.sum_dim(1).squeeze_dim::<1>(1)
}

/// ‖x‖² of each row, `[batch]`.
pub(crate) fn square_length(x: Tensor<2>) -> Tensor<1> {
    row_dot(x.clone(), x)
}
