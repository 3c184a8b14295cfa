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

/// x + ε (r + ½ε s): where a leapfrog step of time ε and unit mass leads from `x` with momentum `r` and score `s`.
///
/// A buffer of `x` that nobody else holds is changed in place.
///
/// # Panics
/// If the shapes differ.
pub fn leap(x: Tensor<2>, r: Tensor<2>, s: Tensor<2>, epsilon: f64) -> Tensor<2> {
    assert_eq!(x.dims(), r.dims(), "x and r have one shape");
    assert_eq!(x.dims(), s.dims(), "x and s have one shape");
    let [x, r, s] = [x, r, s].map(Tensor::into_dispatch);
    Tensor::from_dispatch(span("leap", || Dispatch::leap(x, r, s, epsilon)))
}

/// The [`kinetic_change`] of that step, whose end has the score `end`: of r + ½ε (s + s_end) against r.
///
/// # Panics
/// If the shapes differ.
pub fn leap_kinetic_change(r: Tensor<2>, s: Tensor<2>, end: Tensor<2>, epsilon: f64) -> Tensor<1> {
    assert_eq!(r.dims(), s.dims(), "r and s have one shape");
    assert_eq!(r.dims(), end.dims(), "r and the score at the end have one shape");
    let [r, s, end] = [r, s, end].map(Tensor::into_dispatch);
    let change = || Dispatch::leap_kinetic_change(r, s, end, epsilon);
    Tensor::from_dispatch(span("kinetic change", change))
}

/// The rows of `b` where `mask`, `[rows]`, is above 0, and those of `a` elsewhere.
///
/// A buffer of `a`, or else of `b`, that nobody else holds is changed in place.
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

    /// x + ε (r + ½ε s).
    fn leap(
        x: FloatTensor<Self>,
        r: FloatTensor<Self>,
        s: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        Self::add_scaled(x, Self::add_scaled(r, s, 0.5 * epsilon), epsilon)
    }

    /// ½‖r + ½ε (s + end)‖² − ½‖r‖², row by row.
    fn leap_kinetic_change(
        r: FloatTensor<Self>,
        s: FloatTensor<Self>,
        end: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let middle = Self::add_scaled(r.clone(), s, 0.5 * epsilon);
        Self::kinetic_change(Self::add_scaled(middle, end, 0.5 * epsilon), r)
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
    use crate::buffer::{self, CHUNK, rows_together};
    use crate::elementwise::{self, Elementwise};
    use crate::lanes::Lanes;
    use crate::simd;
    use crate::sums::sums;

    fn are_single(tensors: &[&FloatTensor<Flex>]) -> bool {
        tensors.iter().all(|tensor| tensor.dtype() == DType::F32)
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
                arch.dispatch(Update { x, beside: [y], function: &PlusTimes(a) });
            })
        }

        fn kinetic_change(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
            let [rows, dim] = a.shape().dims();
            if !are_single(&[&a, &b]) || rows * dim == 0 {
                return plain::kinetic_change::<Self>(a, b);
            }
            let (a, b, arch) = (buffer::contiguous(a), buffer::contiguous(b), simd::arch());
            let (a, b) = (a.storage::<f32>(), b.storage::<f32>());
            let mut changes = vec![0.0; rows];
            let together = rows_together(dim);
            buffer::fill(&mut changes, together, together * dim, |i, changes| {
                let rows = [a, b].map(|x| &x[i * together * dim..]);
                arch.dispatch(HalfSums { dim, rows, add: SquareDifference, sums: changes });
            });
            buffer::tensor(changes, [rows])
        }

        fn leap(
            x: FloatTensor<Self>,
            r: FloatTensor<Self>,
            s: FloatTensor<Self>,
            epsilon: f64,
        ) -> FloatTensor<Self> {
            if !are_single(&[&x, &r, &s]) {
                return Self::add_scaled(x, Self::add_scaled(r, s, 0.5 * epsilon), epsilon);
            }
            let (r, s, arch) = (buffer::contiguous(r), buffer::contiguous(s), simd::arch());
            let (r, s) = (r.storage::<f32>(), s.storage::<f32>());
            let step = Leap { half: (0.5 * epsilon) as f32, whole: epsilon as f32 };
            buffer::update(x, |i, x| {
                let beside = [r, s].map(|y| &y[i * CHUNK..][..x.len()]);
                arch.dispatch(Update { x, beside, function: &step });
            })
        }

        fn leap_kinetic_change(
            r: FloatTensor<Self>,
            s: FloatTensor<Self>,
            end: FloatTensor<Self>,
            epsilon: f64,
        ) -> FloatTensor<Self> {
            let [rows, dim] = r.shape().dims();
            if !are_single(&[&r, &s, &end]) || rows * dim == 0 {
                let middle = Self::add_scaled(r.clone(), s, 0.5 * epsilon);
                return Self::kinetic_change(Self::add_scaled(middle, end, 0.5 * epsilon), r);
            }
            let ([r, s, end], arch) = ([r, s, end].map(buffer::contiguous), simd::arch());
            let beside = [&r, &s, &end].map(|x| x.storage::<f32>());
            let mut changes = vec![0.0; rows];
            let together = rows_together(dim);
            buffer::fill(&mut changes, together, together * dim, |i, changes| {
                let rows = beside.map(|x| &x[i * together * dim..]);
                let add = LeapSquareDifference { half: (0.5 * epsilon) as f32 };
                arch.dispatch(HalfSums { dim, rows, add, sums: changes });
            });
            buffer::tensor(changes, [rows])
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
            let mask = buffer::contiguous(mask);
            let (mut a, mut b) = (buffer::contiguous(a), buffer::contiguous(b));
            let mask = mask.storage::<f32>();
            // What nobody else holds is changed, and of two such the one that needs fewer rows of the other.
            let free = [&mut a, &mut b].map(|x| x.try_storage_mut::<f32>().is_some());
            let most_from_b = rows < 2 * mask.iter().filter(|&&above| 0.0 < above).count();
            let into_b = free[1] && (!free[0] || most_from_b);
            let (into, from) = if into_b { (b, a) } else { (a, b) };
            let from = from.storage::<f32>();
            let together = rows_together(dim);
            let mut nothing = vec![(); rows.div_ceil(together)];
            buffer::update_with(into, together * dim, &mut nothing, 1, |i, into, _| {
                let first = i * together;
                let from = from[first * dim..].chunks(dim);
                for ((row, from), mask) in into.chunks_mut(dim).zip(from).zip(&mask[first..]) {
                    if (0.0 < *mask) != into_b {
                        row.copy_from_slice(from);
                    }
                }
            })
        }
    }

    /// A function of the elements of `x` and of those beside them.
    struct Update<'a, F, const N: usize> {
        x: &'a mut [f32],
        beside: [&'a [f32]; N],
        function: &'a F,
    }

    impl<F: Elementwise<1, N>, const N: usize> WithSimd for Update<'_, F, N> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            elementwise::update(simd, [self.x], self.beside, self.function);
        }
    }

    /// Half of what `add` sums up of each row.
    struct HalfSums<'a, F, const N: usize> {
        dim: usize,
        rows: [&'a [f32]; N],
        add: F,
        sums: &'a mut [f32],
    }

    impl<F: Elementwise<1, N>, const N: usize> WithSimd for HalfSums<'_, F, N> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { dim, mut rows, add, sums: totals } = self;
            for total in totals {
                let mut row = rows;
                for (row, rest) in row.iter_mut().zip(&mut rows) {
                    (*row, *rest) = rest.split_at(dim);
                }
                let [sum] = sums(simd, row, &add);
                *total = 0.5 * sum;
            }
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

    /// x + ε (r + ½ε s)
    struct Leap {
        half: f32,
        whole: f32,
    }

    impl Elementwise<1, 2> for Leap {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], [r, s]: [L::Floats; 2]) -> [L::Floats; 1] {
            let r = lanes.mul_add(s, lanes.all(self.half), r);
            [lanes.mul_add(r, lanes.all(self.whole), x)]
        }
    }

    /// Σ a² - r² of a = r + ½ε s + ½ε end, rounded where the steps of a momentum are.
    struct LeapSquareDifference {
        half: f32,
    }

    impl Elementwise<1, 3> for LeapSquareDifference {
        #[inline(always)]
        fn at<L: Lanes>(
            &self,
            lanes: L,
            [sum]: [L::Floats; 1],
            [r, s, end]: [L::Floats; 3],
        ) -> [L::Floats; 1] {
            let half = lanes.all(self.half);
            let a = lanes.mul_add(end, half, lanes.mul_add(s, half, r));
            [lanes.mul_add(lanes.sub(a, r), lanes.add(a, r), sum)]
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
    fn a_leap_and_its_change_are_those_of_its_parts_to_the_bit() {
        for shape in SHAPES {
            let [x, r, s, end] = [158, 159, 160, 161].map(|seed| normal(shape, seed));
            let epsilon = 0.3;
            for dtype in [DType::F32, DType::F64] {
                let [x, r, s, end] = [&x, &r, &s, &end].map(|tensor| tensor.clone().cast(dtype));
                let middle = add_scaled(r.clone(), s.clone(), 0.5 * epsilon);
                let expected = numbers(add_scaled(x.clone(), middle.clone(), epsilon));
                let after = add_scaled(middle, end.clone(), 0.5 * epsilon);
                let change = numbers(kinetic_change(after, r.clone()));
                let held = numbers(x.clone());
                assert_eq!(numbers(leap(x.clone(), r.clone(), s.clone(), epsilon)), expected, "{shape:?}");
                assert_eq!(numbers(x), held);
                assert_eq!(numbers(leap_kinetic_change(r, s, end, epsilon)), change, "{shape:?}");
            }
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
        // whichever of the two nobody else holds
        for hold in [[true, false], [false, true], [false, false]] {
            let (a, b) = (normal([1000, 100], 156), normal([1000, 100], 157));
            let exact = chosen(&numbers(a.clone()), &numbers(b.clone()), 100);
            let held = [hold[0].then(|| a.clone()), hold[1].then(|| b.clone())];
            let before = held.each_ref().map(|x| x.clone().map(numbers));
            assert_eq!(numbers(choose_rows(mask(&a), a, b)), exact, "{hold:?}");
            assert!(held.map(|x| x.map(numbers)) == before);
        }
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
