//! What the steps of Hamiltonian dynamics are made of, each in one pass.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension, get_device_settings};
use burn::tensor::{Shape, Tensor};

use crate::profile::span;

/// x + a y.
///
/// A buffer of `x` that nobody else holds is changed in place.
///
/// # Panics
/// If the shapes differ.
pub fn add_scaled<const D: usize>(x: Tensor<D>, y: Tensor<D>, a: f64) -> Tensor<D> {
    assert_eq!(x.dims(), y.dims(), "x and y have one shape");
    let (x, y) = (x.into_dispatch(), y.into_dispatch());
    Tensor::from_dispatch(span("add scaled", || Dispatch::add_scaled(x, y, a)))
}

/// ½‖a‖² − ½‖b‖² row by row, `[rows]`, as ½ Σ (a − b)(a + b), which loses no digits where a and b are alike.
///
/// # Panics
/// If the shapes differ.
pub fn kinetic_change(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    assert_eq!(a.dims(), b.dims(), "a and b have one shape");
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(span("kinetic change", || Dispatch::kinetic_change(a, b)))
}

/// The rows of `b` where `mask`, `[rows]`, is above 0, and those of `a` elsewhere.
///
/// A buffer of `a` that nobody else holds is changed in place.
///
/// # Panics
/// If the shapes of `a` and `b` differ, or the mask has not an entry for each row.
pub fn choose_rows(mask: Tensor<1>, a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    assert_eq!(a.dims(), b.dims(), "a and b have one shape");
    assert_eq!(mask.dims(), [a.dims()[0]], "the shape of a mask of rows of {:?}", a.dims());
    let (mask, a, b) = (mask.into_dispatch(), a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(span("choose rows", || Dispatch::choose_rows(mask, a, b)))
}

/// Sums, differences and choices of rows.
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

    /// ½ Σ (a − b)(a + b), row by row.
    fn kinetic_change(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::kinetic_change::<Self>(a, b)
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

/// What they mean, in the operations that every backend has.
mod plain {
    use super::*;

    pub(super) fn add_scaled<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>, a: f64) -> FloatTensor<B> {
        B::float_add(x, B::float_mul_scalar(y, a.into()))
    }

    pub(super) fn kinetic_change<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
        let rows = a.shape()[0];
        let (sum, difference) = (B::float_add(a.clone(), b.clone()), B::float_sub(a, b));
        let products = B::float_mul_scalar(B::float_mul(difference, sum), 0.5.into());
        B::float_reshape(B::float_sum_dim(products, 1), Shape::new([rows]))
    }

    pub(super) fn choose_rows<B: Backend>(
        mask: FloatTensor<B>,
        a: FloatTensor<B>,
        b: FloatTensor<B>,
    ) -> FloatTensor<B> {
        let shape = a.shape();
        let mask = B::float_expand(B::float_reshape(mask, Shape::new([shape[0], 1])), shape);
        let dtype = get_device_settings::<B>(&mask.device()).bool_dtype;
        let above = B::float_greater_elem(mask, 0.0.into(), dtype);
        B::float_mask_where(a, above, b)
    }
}

/// The operations in single precision on the processor.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
    use burn::tensor::DType;
    use pulp::{Simd, WithSimd};

    use super::{LeapfrogOps, plain};
    use crate::buffer::{self, CHUNK};
    use crate::elementwise::{self, Elementwise};
    use crate::lanes::Lanes;
    use crate::simd;
    use crate::sums::Sums;

    fn are_single(tensors: &[&FloatTensor<Flex>]) -> bool {
        tensors.iter().all(|tensor| tensor.dtype() == DType::F32)
    }

    /// Rows of a chunk, of which the whole has one at least.
    fn rows_together(dim: usize) -> usize {
        (CHUNK / dim.max(1)).max(1)
    }

    impl LeapfrogOps for Flex {
        fn add_scaled(x: FloatTensor<Self>, y: FloatTensor<Self>, a: f64) -> FloatTensor<Self> {
            if !are_single(&[&x, &y]) {
                return plain::add_scaled::<Self>(x, y, a);
            }
            let (y, a, arch) = (buffer::contiguous(y), a as f32, simd::arch());
            let y = y.storage::<f32>();
            buffer::update(x, |i, x| {
                let y = &y[i * CHUNK..][..x.len()];
                arch.dispatch(AddScaled { x, y, a });
            })
        }

        fn kinetic_change(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
            let [rows, dim] = a.shape().dims();
            if !are_single(&[&a, &b]) || rows * dim == 0 {
                return plain::kinetic_change::<Self>(a, b);
            }
            let (a, b, arch) = (buffer::contiguous(a), buffer::contiguous(b), simd::arch());
            let (a, b) = (a.storage::<f32>(), b.storage::<f32>());
            let mut sums = vec![0.0; rows];
            let together = rows_together(dim);
            buffer::fill(&mut sums, together, together * dim, |i, sums| {
                let first = i * together * dim;
                let parts = a[first..].chunks(dim).zip(b[first..].chunks(dim));
                for (sum, (a, b)) in sums.iter_mut().zip(parts) {
                    let [change] = arch.dispatch(Sums::<_, 1, 2>([a, b], SquareDifference));
                    *sum = 0.5 * change;
                }
            });
            buffer::tensor(sums, [rows])
        }

        fn choose_rows(
            mask: FloatTensor<Self>,
            a: FloatTensor<Self>,
            b: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            let [rows, dim] = a.shape().dims();
            if !are_single(&[&mask, &a, &b]) || rows * dim == 0 {
                return plain::choose_rows::<Self>(mask, a, b);
            }
            let (mask, b) = (buffer::contiguous(mask), buffer::contiguous(b));
            let (mask, b) = (mask.storage::<f32>(), b.storage::<f32>());
            let together = rows_together(dim);
            let mut nothing = vec![(); rows.div_ceil(together)];
            buffer::update_with(a, together * dim, &mut nothing, 1, |i, a, _| {
                let first = i * together;
                let from = b[first * dim..].chunks(dim);
                for ((row, from), mask) in a.chunks_mut(dim).zip(from).zip(&mask[first..]) {
                    if 0.0 < *mask {
                        row.copy_from_slice(from);
                    }
                }
            })
        }
    }

    struct AddScaled<'a> {
        x: &'a mut [f32],
        y: &'a [f32],
        a: f32,
    }

    impl WithSimd for AddScaled<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            elementwise::update(simd, [self.x], [self.y], &PlusTimes(self.a));
        }
    }

    /// A number plus the one beside it times this.
    struct PlusTimes(f32);

    impl Elementwise<1, 1> for PlusTimes {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], [y]: [L::Floats; 1]) -> [L::Floats; 1] {
            [lanes.mul_add(y, lanes.all(self.0), x)]
        }
    }

    /// Σ a² - b², by the difference and the sum of both.
    struct SquareDifference;

    impl Elementwise<1, 2> for SquareDifference {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [sum]: [L::Floats; 1], [a, b]: [L::Floats; 2]) -> [L::Floats; 1] {
            [lanes.mul_add(lanes.sub(a, b), lanes.add(a, b), sum)]
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::Noise;

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
        x.cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    fn normal(shape: [usize; 2], seed: u64) -> Tensor<2> {
        Noise::seeded(seed).normal(shape, &Device::flex())
    }

    const SHAPES: [[usize; 2]; 6] = [[1, 1], [3, 2], [17, 33], [1000, 100], [5, 9000], [40_000, 1]];

    /// What is held stays, what is not contiguous is read in its order, threads change no bit; `f` of either
    /// precision is `expected`, number by number, to a few units in the last place of `scale`.
    fn assert_is<const D: usize>(
        f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<D> + Sync,
        expected: impl Fn(&[f64], &[f64], usize) -> Vec<f64>,
        scale: impl Fn(usize) -> f64,
    ) {
        for shape in SHAPES {
            let (x, y) = (normal(shape, 151), normal([shape[1], shape[0]], 152).transpose());
            let (before, held) = (numbers(x.clone()), numbers(y.clone()));
            let exact = expected(&before, &held, shape[1]);
            for (dtype, unit) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, f64::EPSILON)] {
                let run = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| numbers(f(x.clone().cast(dtype), y.clone().cast(dtype))))
                };
                let found = run(1);
                assert!(found == run(2) && found == run(8), "{shape:?}");
                assert_eq!(found.len(), exact.len());
                for (found, exact) in found.iter().zip(&exact) {
                    let tolerance = 4.0 * unit * scale(shape[1]);
                    assert!((found - exact).abs() <= tolerance * (1.0 + exact.abs()), "{found}, {exact}");
                }
            }
            assert_eq!((numbers(x), numbers(y)), (before, held));
        }
    }

    #[test]
    fn a_sum_is_the_sum() {
        let sum = |x: &[f64], y: &[f64], _: usize| x.iter().zip(y).map(|(x, y)| x - 0.7 * y).collect();
        // 0.7 itself is rounded, and products are at most 0.7 times 5.5
        assert_is(|x, y| add_scaled(x, y, -0.7), sum, |_| 5.0);
    }

    #[test]
    fn the_change_of_a_half_square_is_that_of_its_rows() {
        let change = |a: &[f64], b: &[f64], dim: usize| {
            let half = |x: &[f64]| 0.5 * x.iter().map(|x| x * x).sum::<f64>();
            a.chunks(dim).zip(b.chunks(dim)).map(|(a, b)| half(a) - half(b)).collect()
        };
        // the sum of the absolute products, with a rounding each at the most
        assert_is(kinetic_change, change, |dim| 2.0 * dim as f64);
        // where a and b are alike the squares themselves would lose all digits
        let b = normal([50, 100], 153) + 1000.0;
        let a = b.clone() + 0.0078125;
        let exact = numbers(b.clone() * 0.0078125 + 0.0078125f64.powi(2) * 0.5);
        let exact: Vec<f64> = exact.chunks(100).map(|row| row.iter().sum()).collect();
        for (found, exact) in numbers(kinetic_change(a, b)).into_iter().zip(exact) {
            assert!((found / exact - 1.0).abs() < 1e-5, "{found}, {exact}");
        }
    }

    #[test]
    fn rows_come_from_where_the_mask_says_whatever_is_in_the_others() {
        let flags = |n: usize| (0..n).map(|row| row % 3 == 0).collect::<Vec<_>>();
        let chosen = |a: &[f64], b: &[f64], dim: usize| {
            let rows = a.chunks(dim).zip(b.chunks(dim)).zip(flags(a.len() / dim));
            rows.flat_map(|((a, b), from_b)| if from_b { b.to_vec() } else { a.to_vec() }).collect()
        };
        let mask = |x: &Tensor<2>| {
            let values: Vec<f32> = flags(x.dims()[0]).into_iter().map(f32::from).collect();
            Tensor::<1>::from_data(TensorData::new(values, [x.dims()[0]]), &Device::flex()).cast(x.dtype())
        };
        assert_is(|a, b| choose_rows(mask(&a), a, b), chosen, |_| 0.0);
        let nothing = Tensor::full([2, 1], f32::NAN, &Device::flex());
        let zero = Tensor::<2>::zeros([2, 1], &Device::flex());
        let first = Tensor::<1>::from_floats([1.0, 0.0], &Device::flex());
        assert_eq!(numbers(choose_rows(1.0 - first.clone(), zero.clone(), nothing.clone()))[0], 0.0);
        assert_eq!(numbers(choose_rows(first, nothing, zero))[0], 0.0);
    }

    #[test]
    fn what_is_tracked_keeps_its_gradient() {
        let x = normal([3, 4], 154).autodiff().require_grad();
        let y = normal([3, 4], 155);
        let gradients = add_scaled(y.clone(), x.clone(), 0.25).sum().backward();
        assert_eq!(numbers(x.grad(&gradients).unwrap()), vec![0.25; 12]);
        let gradients = kinetic_change(x.clone(), y).sum().backward();
        let (found, exact) = (numbers(x.grad(&gradients).unwrap()), numbers(x.inner()));
        assert!(found.iter().zip(exact).all(|(found, exact)| (found - exact).abs() < 1e-6));
    }
}
