//! The sum of squares, in one pass.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Shape, Tensor};

use crate::profile::span;

/// `sum`, `[1]`, plus the squares of all elements of `x`. The result is not tracked by autodiff, even if the
/// arguments are.
///
/// On the CPU (Flex) in single precision the squares are added within blocks of 4,096 elements in single precision
/// and from block to block in double, so that the result does not depend on the number of threads, bit for bit.
///
/// # Panics
/// If `sum` does not have exactly one element.
pub fn add_square_sum<const D: usize>(sum: Tensor<1>, x: Tensor<D>) -> Tensor<1> {
    assert_eq!(sum.dims(), [1], "sum must have one element");
    let (sum, x) = (sum.inner().into_dispatch(), x.inner().into_dispatch());
    Tensor::from_dispatch(span("square sum", || Dispatch::add_square_sum(sum, x)))
}

/// The sum of squares.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait SquareSumOps: Backend {
    /// `sum` plus the squares of all elements of `x`.
    fn add_square_sum(sum: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::<Self>(sum, x)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl SquareSumOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl SquareSumOps for burn::backend::Cube {}

/// Reference implementation, in operations that every backend has.
fn plain<B: Backend>(sum: FloatTensor<B>, x: FloatTensor<B>) -> FloatTensor<B> {
    let squares = B::float_sum(B::float_mul(x.clone(), x));
    B::float_add(sum, B::float_reshape(squares, Shape::new([1])))
}

/// The sum on the CPU in single precision.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, tensor::FloatTensor};

    use super::{SquareSumOps, plain};
    use crate::buffer::{self, CHUNK};
    use crate::elementwise::Elementwise;
    use crate::lanes::Lanes;
    use crate::sums::Sums;
    use crate::{kernels, simd};

    impl SquareSumOps for Flex {
        fn add_square_sum(sum: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
            if !kernels::take([&sum, &x]) {
                return plain::<Self>(sum, x);
            }
            let (sum, x, arch) = (buffer::contiguous(sum), buffer::contiguous(x), simd::arch());
            let (start, x) = (f64::from(sum.storage::<f32>()[0]), x.storage::<f32>());
            let mut parts = vec![0.0; x.len().div_ceil(CHUNK)];
            // Nothing is written, so a chunk takes a fraction of the time of an update.
            buffer::fill(&mut parts, 1, CHUNK / 4, |i, part| {
                let chunk = &x[i * CHUNK..x.len().min((i + 1) * CHUNK)];
                part[0] = f64::from(arch.dispatch(Sums::<_, 1, 1>([chunk], Square))[0]);
            });
            let total = parts.into_iter().fold(start, |sum, part| sum + part);
            buffer::tensor(vec![total as f32], [1])
        }
    }

    /// Σ x².
    struct Square;

    impl Elementwise<1, 1> for Square {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [sum]: [L::Floats; 1], [x]: [L::Floats; 1]) -> [L::Floats; 1] {
            [lanes.mul_add(x, x, sum)]
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::Noise;

    fn tensor(values: Vec<f32>, dtype: DType) -> Tensor<1> {
        let n = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [n]), (&Device::flex(), DType::F32)).cast(dtype)
    }

    fn number(tensor: Tensor<1>) -> f64 {
        tensor.cast(DType::F64).into_data().try_to_vec().unwrap()[0]
    }

    #[test]
    fn every_square_is_added_once_on_any_number_of_threads() {
        for n in [0, 1, 15, 17, 63, 4096, 4097, 100_003] {
            let values = Noise::seeded(71).normals(n);
            let expected = 3.0 + values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
            let run = |dtype| number(add_square_sum(tensor(vec![3.0], dtype), tensor(values.clone(), dtype)));
            let found = run(DType::F32);
            // A lane adds at most 256 positive numbers, each time rounding by at most half a unit in the last
            // place.
            assert!((found - expected).abs() <= 128.0 * f64::from(f32::EPSILON) * expected, "{n}: {found}");
            assert!((run(DType::F64) - expected).abs() <= 1e-12 * expected);
            for threads in [1, 2, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| run(DType::F32)), found);
            }
        }
    }
}
