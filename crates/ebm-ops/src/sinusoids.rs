//! Sinusoidal embeddings: sines and cosines at several frequencies, in one pass.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use crate::profile::span;

/// sin(cᵢ ωⱼ) and then cos(cᵢ ωⱼ) for every frequency ωⱼ: `[n]` and `[m]` → `[n, 2m]`; differentiable.
///
/// On the CPU (Flex) in single precision, unless an angle exceeds 8192, the error is at most 2⁻²³ in addition to
/// the rounding of c ω, and results are the same with all instruction sets, bit for bit.
///
/// # Reference
/// Vaswani et al. (2017), *Attention is all you need*, §3.5.
pub fn sinusoids(c: Tensor<1>, frequencies: Tensor<1>) -> Tensor<2> {
    let (c, frequencies) = (c.into_dispatch(), frequencies.into_dispatch());
    Tensor::from_dispatch(span("sinusoids", || Dispatch::sinusoids(c, frequencies)))
}

/// Sines and cosines.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait SinusoidOps: Backend {
    /// sin(cᵢ ωⱼ) for all j, then cos(cᵢ ωⱼ) for all j.
    fn sinusoids(c: FloatTensor<Self>, frequencies: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::<Self>(c, frequencies)
    }
}

impl<B: SinusoidOps, C: CheckpointStrategy> SinusoidOps for Autodiff<B, C> {
    fn sinusoids(c: FloatTensor<Self>, frequencies: FloatTensor<Self>) -> FloatTensor<Self> {
        if c.is_tracked() || frequencies.is_tracked() {
            return plain::<Self>(c, frequencies);
        }
        FloatTensor::<Self>::new(B::sinusoids(c.into_primitive(), frequencies.into_primitive()))
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl SinusoidOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl SinusoidOps for burn::backend::Cube {}

/// Reference implementation, in operations that every backend has.
fn plain<B: Backend>(c: FloatTensor<B>, frequencies: FloatTensor<B>) -> FloatTensor<B> {
    let ([n], [m]) = (c.shape().dims(), frequencies.shape().dims());
    let (column, row) = (Shape::new([n, 1]), Shape::new([1, m]));
    let angles = B::float_mul(B::float_reshape(c, column), B::float_reshape(frequencies, row));
    B::float_cat(vec![B::float_sin(angles.clone()), B::float_cos(angles)], 1)
}

/// The sines and cosines on the CPU in single precision.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, tensor::FloatTensor};
    use pulp::{Simd, WithSimd};

    use super::{SinusoidOps, plain};
    use crate::elementwise::{self, Elementwise};
    use crate::lanes::Lanes;
    use crate::slot::Slot;
    use crate::{buffer, kernels, simd, vector};

    /// The largest angle that is reduced by quarter turns without loss of accuracy.
    const LARGEST: f32 = 8192.0;

    /// Number of angles per chunk, so that sines, cosines and the result fit into the L1 cache.
    const TOGETHER: usize = 1024;

    impl SinusoidOps for Flex {
        fn sinusoids(c: FloatTensor<Self>, frequencies: FloatTensor<Self>) -> FloatTensor<Self> {
            if !kernels::take([&c, &frequencies]) {
                return plain::<Self>(c, frequencies);
            }
            let (c, frequencies) = (buffer::contiguous(c), buffer::contiguous(frequencies));
            let (numbers, row) = (c.storage::<f32>(), frequencies.storage::<f32>());
            let (n, m) = (numbers.len(), row.len());
            let small = |x: &f32| x.abs() * largest(row) <= LARGEST;
            if n * m == 0 || !numbers.iter().all(small) {
                return plain::<Self>(c, frequencies);
            }
            let (mut out, arch) = (vec![0.0; n * 2 * m], simd::arch());
            let rows = (TOGETHER / m).max(1);
            // An angle takes as long as about ten elements of an elementwise operation.
            buffer::fill(&mut out, rows * 2 * m, 10 * rows * m, |i, out| {
                arch.dispatch(Rows { numbers: &numbers[i * rows..], row, out });
            });
            buffer::tensor(out, [n, 2 * m])
        }
    }

    /// The largest absolute value; NaN if any number is.
    fn largest(numbers: &[f32]) -> f32 {
        numbers.iter().fold(0.0, |largest, x| if x.abs() <= largest { largest } else { x.abs() })
    }

    /// A task: sines and cosines of the first of `numbers`, one per row of the result.
    struct Rows<'a> {
        numbers: &'a [f32],
        row: &'a [f32],
        out: &'a mut [f32],
    }

    impl WithSimd for Rows<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { numbers, row, out } = self;
            let m = row.len();
            // Several rows at once, because there may be fewer frequencies than lanes.
            let mut sines = vec![0.0; out.len() / 2];
            for (angles, c) in sines.chunks_mut(m).zip(numbers) {
                angles.iter_mut().zip(row).for_each(|(angle, frequency)| *angle = c * frequency);
            }
            let mut cosines = sines.clone();
            elementwise::update(simd, [&mut sines[..], &mut cosines[..]].map(Slot::from), [], &Both);
            for ((out, sines), cosines) in out.chunks_mut(2 * m).zip(sines.chunks(m)).zip(cosines.chunks(m)) {
                let (first, second) = out.split_at_mut(m);
                first.copy_from_slice(sines);
                second.copy_from_slice(cosines);
            }
        }
    }

    /// Replaces two copies of an angle by its sine and its cosine.
    struct Both;

    impl Elementwise<2, 0> for Both {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [angle, _]: [L::Floats; 2], _: [L::Floats; 0]) -> [L::Floats; 2] {
            vector::sin_cos(lanes, angle)
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::Noise;

    fn tensor(values: Vec<f64>) -> Tensor<1> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), (&Device::flex(), DType::F64))
    }

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
        x.cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn sines_and_cosines_of_the_rounded_angles_are_accurate_on_any_threads() {
        for (n, m, scale) in
            [(1, 1, 1.0), (5, 3, 3.0), (256, 8, 0.5), (700, 17, 40.0), (3, 2000, 1.0), (9, 2, 1e4)]
        {
            // Multiples of ⅛, whose products with whole numbers are exact in single precision.
            let c: Vec<f64> =
                Noise::seeded(171).normals_f64(n).iter().map(|x| (x * scale * 8.0).round() / 8.0).collect();
            let frequencies: Vec<f64> = (0..m).map(|j| (j % 100 + 1) as f64).collect();
            for (dtype, unit) in [(DType::F32, 2f64.powi(-22)), (DType::F64, 1e-12)] {
                let run = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let [c, frequencies] = [&c, &frequencies].map(|x| tensor(x.clone()).cast(dtype));
                    pool.install(|| sinusoids(c, frequencies))
                };
                let found = run(1);
                assert_eq!(found.dims(), [n, 2 * m]);
                let found = numbers(found);
                assert!(found == numbers(run(2)) && found == numbers(run(8)));
                for (i, row) in found.chunks(2 * m).enumerate() {
                    for j in 0..m {
                        let (sin, cos) = (c[i] * frequencies[j]).sin_cos();
                        assert!((row[j] - sin).abs() <= unit, "sin({} · {})", c[i], frequencies[j]);
                        assert!((row[m + j] - cos).abs() <= unit, "cos({} · {})", c[i], frequencies[j]);
                    }
                }
            }
        }
    }

    #[test]
    fn non_finite_numbers_give_nan_and_empty_tensors_are_supported() {
        let [c, frequencies] = [vec![f64::NAN, 0.0], vec![1.0, 2.0]].map(|x| tensor(x).cast(DType::F32));
        let found = numbers(sinusoids(c, frequencies.clone()));
        assert!(found[..4].iter().all(|x| x.is_nan()));
        assert_eq!(found[4..], [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(sinusoids(tensor(vec![]).cast(DType::F32), frequencies).dims(), [0, 4]);
    }

    #[test]
    fn tracked_arguments_have_gradients_and_the_same_values() {
        for dtype in [DType::F32, DType::F64] {
            let [c, frequencies] =
                [vec![0.25, -1.5], vec![1.0, 3.0]].map(|x| tensor(x).cast(dtype).autodiff());
            let value = sinusoids(c.clone(), frequencies.clone());
            assert!(!value.is_tracked());
            let tracked = c.clone().require_grad();
            let again = sinusoids(tracked.clone(), frequencies);
            let pairs = numbers(value).into_iter().zip(numbers(again.clone().inner()));
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-6));
            let gradient = numbers(tracked.grad(&again.sum().backward()).unwrap());
            for (found, c) in gradient.into_iter().zip([0.25f64, -1.5]) {
                let exact: f64 = [1.0, 3.0].iter().map(|w| w * ((c * w).cos() - (c * w).sin())).sum();
                assert!((found - exact).abs() < 1e-5, "{found}, {exact}");
            }
        }
    }
}
