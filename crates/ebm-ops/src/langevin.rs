//! A step of Langevin dynamics in one pass, with its noise generated where it is used.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor, TensorData};

use crate::Noise;
use crate::profile::span;

/// A Langevin step: x + η s + √(2η) z, where s is the `score` at `x` and η the `step_size`. z are the standard
/// normals that [`Noise::normal_like`] would draw, to the bit; `noise` advances by one draw.
///
/// `score` has the shape of `x`. The buffer of `x` is reused unless another tensor shares it. The result is
/// differentiable in `x` and `score`.
///
/// # Panics
/// If the shapes differ, or η is negative or NaN.
///
/// # Reference
/// Roberts and Tweedie (1996), *Exponential convergence of Langevin distributions and their discrete
/// approximations*, with η half of their step.
pub fn langevin_step<const D: usize>(
    x: Tensor<D>,
    score: Tensor<D>,
    step_size: f64,
    noise: &mut Noise,
) -> Tensor<D> {
    assert_eq!(score.dims(), x.dims(), "score must have the shape of x");
    assert!(0.0 <= step_size, "step_size: expected at least 0, found {step_size}");
    let here = noise.clone();
    noise.advance();
    let (x, score) = (x.into_dispatch(), score.into_dispatch());
    Tensor::from_dispatch(span("Langevin step", || Dispatch::langevin_step(x, score, step_size, here)))
}

/// A step of Langevin dynamics.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait LangevinOps: Backend {
    /// x + η s + √(2η) z with the next draw of `noise`.
    fn langevin_step(
        x: FloatTensor<Self>,
        score: FloatTensor<Self>,
        step_size: f64,
        noise: Noise,
    ) -> FloatTensor<Self> {
        plain::<Self>(x, score, step_size, noise)
    }
}

impl<B: LangevinOps, C: CheckpointStrategy> LangevinOps for Autodiff<B, C> {}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl LangevinOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl LangevinOps for burn::backend::Cube {
    fn langevin_step(
        x: FloatTensor<Self>,
        score: FloatTensor<Self>,
        step_size: f64,
        mut noise: Noise,
    ) -> FloatTensor<Self> {
        if x.dtype() != DType::F32 || score.dtype() != DType::F32 || x.shape().num_elements() == 0 {
            return plain::<Self>(x, score, step_size, noise);
        }
        crate::cube::langevin::step(x, score, step_size, noise.key(), noise.advance())
    }
}

/// Reference implementation, in operations that every backend has.
fn plain<B: Backend>(
    x: FloatTensor<B>,
    score: FloatTensor<B>,
    step_size: f64,
    mut noise: Noise,
) -> FloatTensor<B> {
    let shape = x.shape();
    let normals = match x.dtype() {
        DType::F64 => TensorData::new(noise.normals_f64(shape.num_elements()), shape),
        dtype => TensorData::new(noise.normals(shape.num_elements()), shape).convert_dtype(dtype),
    };
    let z = B::float_from_data(normals, &x.device());
    let drift = B::float_mul_scalar(score, step_size.into());
    let diffusion = B::float_mul_scalar(z, (2.0 * step_size).sqrt().into());
    B::float_add(B::float_add(x, drift), diffusion)
}

/// The step on the CPU in single precision.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, tensor::FloatTensor};
    use pulp::bytemuck::cast_slice;
    use pulp::{Simd, WithSimd};

    use super::{LangevinOps, plain};
    use crate::buffer::{self, CHUNK};
    use crate::distribution::Normals;
    use crate::elementwise::{self, Elementwise};
    use crate::lanes::Lanes;
    use crate::slot::Slot;
    use crate::stream::Draw;
    use crate::{Noise, kernels, simd};

    impl LangevinOps for Flex {
        fn langevin_step(
            x: FloatTensor<Self>,
            score: FloatTensor<Self>,
            step_size: f64,
            mut noise: Noise,
        ) -> FloatTensor<Self> {
            if !kernels::take([&x, &score]) {
                return plain::<Self>(x, score, step_size, noise);
            }
            let score = buffer::contiguous(score);
            let score = score.storage::<f32>();
            let (drift, diffusion) = (step_size as f32, (2.0 * step_size).sqrt() as f32);
            let (draw, arch) = (Draw::new(noise.key(), noise.advance()), simd::arch());
            buffer::update(x, |i, x| {
                let first = i * CHUNK;
                let score = &score[first..][..x.len()];
                arch.dispatch(Step { x, score, drift, diffusion, draw: &draw, first }).into()
            })
        }
    }

    /// A task: updates a chunk that begins at element `first`.
    struct Step<'a> {
        x: Slot<'a>,
        score: &'a [f32],
        drift: f32,
        diffusion: f32,
        draw: &'a Draw,
        first: usize,
    }

    /// x + drift · s + diffusion · z.
    struct Move {
        drift: f32,
        diffusion: f32,
    }

    impl Elementwise<1, 2> for Move {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], [s, z]: [L::Floats; 2]) -> [L::Floats; 1] {
            let (drift, diffusion) = (lanes.all(self.drift), lanes.all(self.diffusion));
            [lanes.mul_add(z, diffusion, lanes.mul_add(s, drift, x))]
        }
    }

    impl<'a> WithSimd for Step<'a> {
        type Output = &'a mut [f32];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self { x, score, drift, diffusion, draw, first } = self;
            // Noise is generated in the smallest pieces, so that memory accesses overlap with it.
            let step = Draw::step::<S>();
            x.by(
                step,
                #[inline(always)]
                |i, x| {
                    let here = i * step;
                    let z = draw.bits::<Normals, S>(simd, first + here);
                    let z = &cast_slice(z.as_flattened())[..x.len()];
                    let score = &score[here..][..x.len()];
                    let [x] = elementwise::update(simd, [x], [score, z], &Move { drift, diffusion });
                    x.into()
                },
            )
        }
    }
}

/// What the tests of the kernels on all devices share.
#[cfg(all(test, any(feature = "flex", feature = "wgpu", feature = "cuda")))]
pub(crate) mod testing {
    use burn::tensor::{Device, Tensor};

    use super::langevin_step;
    use crate::Noise;

    pub(crate) const STEP_SIZE: f64 = 0.125; // √(2η) = ½, so that products with it are exact

    pub(crate) fn composed<const D: usize>(x: Tensor<D>, score: Tensor<D>, noise: &mut Noise) -> Tensor<D> {
        let z = noise.normal_like(&x);
        x + score * STEP_SIZE + z * (2.0 * STEP_SIZE).sqrt()
    }

    /// Of zeros, in single precision, the step is the noise to the bit, and uses one draw.
    pub(crate) fn assert_is_the_noise_at_the_origin(device: &Device, sizes: &[usize]) {
        let numbers = |x: Tensor<1>| x.into_data().try_to_vec::<f32>().unwrap();
        for &n in sizes {
            let mut noise = Noise::seeded(79);
            noise.words(3);
            let zero = Tensor::<1>::zeros([n], device);
            let expected = noise.clone().normal_like(&zero) * 0.5;
            let found = langevin_step(zero.clone(), zero, STEP_SIZE, &mut noise);
            assert_eq!(numbers(found), numbers(expected));
            assert_eq!(noise.draws(), 2);
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::testing::{STEP_SIZE, assert_is_the_noise_at_the_origin, composed};
    use super::*;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn from_the_origin_the_step_is_the_noise_to_the_bit_and_uses_one_draw() {
        assert_is_the_noise_at_the_origin(&Device::flex(), &[1, 7, 8, 1023, 4097, 100_003]);
    }

    #[test]
    fn the_step_agrees_with_the_composition_in_either_precision() {
        let device = Device::flex();
        let mut noise = Noise::seeded(83);
        let (x, score) = (noise.normal([33, 50], &device), noise.normal([50, 33], &device).transpose());
        for (dtype, tolerance) in [(DType::F32, 4.0 * f64::from(f32::EPSILON)), (DType::F64, 1e-15)] {
            let (x, score) = (x.clone().cast(dtype), score.clone().cast(dtype));
            let expected = numbers(composed(x.clone(), score.clone(), &mut noise.clone()));
            let found = langevin_step(x.clone(), score, STEP_SIZE, &mut noise.clone());
            assert_eq!(found.dtype(), dtype);
            for (found, expected) in numbers(found).into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
                    "{found}, {expected}"
                );
            }
        }
    }

    #[test]
    fn a_shared_position_is_unchanged_and_threads_do_not_matter() {
        let device = Device::flex();
        let x = Noise::seeded(89).normal([301, 784], &device);
        let before = numbers(x.clone());
        let step = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut noise = Noise::seeded(97);
            pool.install(|| numbers(langevin_step(x.clone(), x.clone(), STEP_SIZE, &mut noise)))
        };
        let alone = step(1);
        assert!(alone == step(2) && alone == step(8));
        assert_eq!(numbers(x.clone()), before);
    }

    #[test]
    fn a_tracked_position_keeps_its_gradient() {
        let x = Tensor::<1>::from_floats([1.0, -2.0, 3.0], &Device::flex()).autodiff().require_grad();
        let mut noise = Noise::seeded(101);
        let y = langevin_step(x.clone(), -x.clone(), STEP_SIZE, &mut noise);
        let expected = composed(x.clone().inner(), -x.clone().inner(), &mut Noise::seeded(101));
        assert_eq!(numbers(y.clone().inner()), numbers(expected));
        let gradients = y.sum().backward();
        assert_eq!(numbers(x.grad(&gradients).unwrap()), vec![1.0 - STEP_SIZE; 3]);
    }
}
