//! Inner products of rows, in one pass.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, binary};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use crate::profile::span;

/// The inner product of each row of `x` with that of `y`, `[rows]`; differentiable.
///
/// On the CPU (Flex) in single precision the result does not depend on the number of threads, bit for bit.
///
/// # Panics
/// If the shapes differ.
pub fn row_dot(x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
    assert_eq!(x.dims(), y.dims(), "x and y must have the same shape");
    let (x, y) = (x.into_dispatch(), y.into_dispatch());
    Tensor::from_dispatch(span("row dot", || Dispatch::row_dot(x, y)))
}

/// Inner products of rows.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait RowDotOps: Backend {
    /// Σ x y of each row, `[rows]`.
    fn row_dot(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::<Self>(x, y)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl RowDotOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl RowDotOps for burn::backend::Cube {}

/// Reference implementation, in operations that every backend has.
fn plain<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>) -> FloatTensor<B> {
    let rows = x.shape()[0];
    B::float_reshape(B::float_sum_dim(B::float_mul(x, y), 1), Shape::new([rows]))
}

/// Backward operation; its parents are `x` and `y`.
#[derive(Debug)]
struct RowDot;

impl<B: RowDotOps> Backward<B, 2> for RowDot {
    type State = [NodeId; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x, y] = ops.state.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
        // The gradient of each is the other, times the gradient of the row.
        let times = |grad: FloatTensor<B>, other: FloatTensor<B>| {
            let column = Shape::new([other.shape()[0], 1]);
            B::float_mul(B::float_reshape(grad, column), other)
        };
        binary::<B, _, _>(ops.parents, ops.node, grads, |grad| times(grad, y), |grad| times(grad, x));
    }
}

impl<B: RowDotOps, C: CheckpointStrategy> RowDotOps for Autodiff<B, C> {
    fn row_dot(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        match RowDot.prepare::<C>([x.node(), y.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let kept = [step.checkpoint(&x), step.checkpoint(&y)];
                step.finish(kept, B::row_dot(x.into_primitive(), y.into_primitive()))
            }
            OpsKind::UnTracked(step) => step.finish(B::row_dot(x.into_primitive(), y.into_primitive())),
        }
    }
}

/// The products on the CPU in single precision.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};

    use super::{RowDotOps, plain};
    use crate::sums::{Products, row_sums};
    use crate::{buffer, kernels};

    impl RowDotOps for Flex {
        fn row_dot(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
            let [rows, dim] = x.shape().dims();
            if !kernels::take([&x, &y]) || rows * dim == 0 {
                return plain::<Self>(x, y);
            }
            buffer::tensor(row_sums([x, y], Products), [rows])
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device};

    use super::*;
    use crate::Noise;

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
        x.cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    fn normal(shape: [usize; 2], seed: u64) -> Tensor<2> {
        Noise::seeded(seed).normal(shape, &Device::flex())
    }

    const SHAPES: [[usize; 2]; 8] =
        [[0, 3], [3, 0], [1, 1], [3, 2], [17, 33], [1000, 100], [5, 9000], [40_000, 1]];

    #[test]
    fn row_dot_agrees_with_its_formula_in_either_precision_on_any_threads() {
        for [rows, dim] in SHAPES {
            // One of them is not in row-major order.
            let (x, y) = (normal([rows, dim], 161), normal([dim, rows], 162).transpose());
            let (a, b) = (numbers(x.clone()), numbers(y.clone()));
            let exact = |row: usize| (0..dim).map(|k| a[row * dim + k] * b[row * dim + k]).sum::<f64>();
            for (dtype, unit) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, f64::EPSILON)] {
                let run = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| numbers(row_dot(x.clone().cast(dtype), y.clone().cast(dtype))))
                };
                let found = run(1);
                assert!(found == run(2) && found == run(8) && found.len() == rows, "{rows}x{dim}");
                for (row, found) in found.iter().enumerate() {
                    let exact = exact(row);
                    // One rounding per product and per sum, of numbers of at most about √dim.
                    let tolerance = 8.0 * unit * (dim as f64).sqrt() * (1.0 + exact.abs());
                    assert!((found - exact).abs() <= tolerance, "{row} of {rows}x{dim}: {found}, {exact}");
                }
            }
        }
    }

    #[test]
    fn gradients_are_the_other_rows_also_if_both_arguments_are_the_same() {
        let (x, y) = (normal([7, 19], 163), normal([7, 19], 164));
        let weights = normal([7, 1], 165);
        let weighted = |products: Tensor<1>| (products * weights.clone().squeeze_dim::<1>(1)).sum();
        let [tracked_x, tracked_y] = [x.clone(), y.clone()].map(|x| x.autodiff().require_grad());
        let gradients = weighted(row_dot(tracked_x.clone(), tracked_y.clone())).backward();
        let gradient = |x: &Tensor<2>| numbers(x.grad(&gradients).unwrap());
        assert_eq!(gradient(&tracked_x), numbers(y.clone() * weights.clone()));
        assert_eq!(gradient(&tracked_y), numbers(x.clone() * weights.clone()));

        let alone = x.clone().autodiff().require_grad();
        let gradients = weighted(row_dot(alone.clone(), y.clone())).backward();
        assert_eq!(numbers(alone.grad(&gradients).unwrap()), numbers(y * weights.clone()));

        let square = x.clone().autodiff().require_grad();
        let gradients = weighted(row_dot(square.clone(), square.clone())).backward();
        assert_eq!(numbers(square.grad(&gradients).unwrap()), numbers(x * weights * 2.0));
    }
}
