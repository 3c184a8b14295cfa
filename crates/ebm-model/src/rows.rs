//! Sums along the rows of a batch, classes of rows, and constants as tensors.

use burn::tensor::{DType, Int, Tensor, TensorData};
use ebm_ops::row_dot::row_dot;

/// The sum of each row, `[batch, dim]` → `[batch]`.
pub(crate) fn row_sum(x: Tensor<2>) -> Tensor<1> {
    x.sum_dim(1).squeeze_dim::<1>(1)
}

/// ‖x‖² of each row, `[batch]`.
pub(crate) fn square_length(x: Tensor<2>) -> Tensor<1> {
    row_dot(x.clone(), x)
}

/// Row i is one in column `class[i]` of `n` and zero elsewhere, `[batch, n]`, in the float type of `x`.
pub(crate) fn one_hot<const E: usize>(class: Tensor<1, Int>, n: usize, x: &Tensor<E>) -> Tensor<2> {
    let [batch] = class.dims();
    let columns = Tensor::<1, Int>::arange(0..n as i64, (&class.device(), class.dtype()));
    let columns = columns.unsqueeze_dim::<2>(0).expand([batch, n]);
    class.unsqueeze_dim::<2>(1).expand([batch, n]).equal(columns).float().cast(x.dtype())
}

/// `values` in the given shape, on the device and in the float type of `x`, not tracked by autodiff.
pub(crate) fn constants<const D: usize, const E: usize>(
    values: &[f64],
    shape: [usize; D],
    x: &Tensor<E>,
) -> Tensor<D> {
    let options = (&x.device().inner(), x.dtype());
    match x.dtype() {
        DType::F64 => Tensor::from_data(TensorData::new(values.to_vec(), shape), options),
        _ => {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), options)
        }
    }
}
