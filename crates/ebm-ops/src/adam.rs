//! Adam's update of one tensor in one pass, with gradient scaling before it and parameter averaging after it.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use crate::profile::span;

/// Settings of one Adam step, shared by all tensors of a model.
///
/// With g the gradient times `gradient_scale`, t the `step`, and β, β′ the `decays`:
///
/// m ← β m + (1 - β) g,   v ← β′ v + (1 - β′) g²,
/// θ ← θ - `learning_rate` · m/(1 - βᵗ) / (√(v/(1 - β′ᵗ)) + `epsilon`),
/// θ̄ ← `average_decay` · θ̄ + (1 - `average_decay`) · θ.
///
/// # Reference
/// Kingma and Ba (2015), *Adam: a method for stochastic optimization*, algorithm 1; the average is that of
/// Polyak and Juditsky (1992) with exponential weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Number of this step, at least 1; used for bias correction.
    pub step: u64,
    /// Learning rate: approximately the largest change of a parameter in a step.
    pub learning_rate: f64,
    /// Decay rates β and β′ of the first and second moment, in `[0, 1)`; usually 0.9 and 0.999.
    pub decays: [f64; 2],
    /// Added to the root of the second moment, so that the quotient stays bounded; usually 1e-8.
    pub epsilon: f64,
    /// Factor applied to every gradient first: that of clipping by the global norm, or 1.
    pub gradient_scale: f64,
    /// Decay rate of the moving average of the parameters, in `[0, 1)`; 0 makes the average equal to the
    /// parameters.
    pub average_decay: f64,
}

/// Adam's state for one parameter tensor; each part has its shape.
#[derive(Clone, Debug)]
pub struct Moments<const D: usize> {
    /// m: exponential moving average of the gradient.
    pub first: Tensor<D>,
    /// v: exponential moving average of the squared gradient.
    pub second: Tensor<D>,
    /// θ̄: exponential moving average of the parameter.
    pub average: Tensor<D>,
}

impl<const D: usize> Moments<D> {
    /// The state before the first step: both moments are zero, and the average is the parameter.
    pub fn new(parameter: &Tensor<D>) -> Self {
        let parameter = parameter.clone().inner();
        Self { first: parameter.zeros_like(), second: parameter.zeros_like(), average: parameter }
    }
}

impl AdamStep {
    /// The parameter and the moments after this step.
    ///
    /// Buffers are updated in place unless another tensor shares them. The results are not tracked by autodiff,
    /// even if the arguments are.
    ///
    /// # Panics
    /// If the shapes differ, or `step` is 0.
    pub fn apply<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        moments: Moments<D>,
    ) -> (Tensor<D>, Moments<D>) {
        let one = Tensor::ones([1], (&gradient.device(), gradient.dtype()));
        self.apply_scaled(parameter, gradient, one, moments)
    }

    /// Like [`apply`](Self::apply), but the gradient is also multiplied by `factor`, `[1]`, which is never copied
    /// from the device.
    ///
    /// # Panics
    /// If the shapes differ, or `step` is 0.
    pub fn apply_scaled<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        factor: Tensor<1>,
        moments: Moments<D>,
    ) -> (Tensor<D>, Moments<D>) {
        assert_eq!(factor.dims(), [1], "factor must have one element");
        assert!(0 < self.step, "step: expected at least 1, found 0");
        let shape = parameter.dims();
        let Moments { first, second, average } = moments;
        for other in [gradient.dims(), first.dims(), second.dims(), average.dims()] {
            assert_eq!(other, shape, "the gradient and the moments must have the shape of the parameter");
        }
        let [parameter, gradient, first, second, average] =
            [parameter, gradient, first, second, average].map(|tensor| tensor.inner().into_dispatch());
        let factor = factor.inner().into_dispatch();
        let (parameter, first, second, average) =
            span("Adam", || Dispatch::adam(parameter, gradient, factor, first, second, average, *self));
        let [parameter, first, second, average] =
            [parameter, first, second, average].map(Tensor::from_dispatch);
        (parameter, Moments { first, second, average })
    }

    /// The factors of the formulas, with products of them precomputed.
    fn factors(&self) -> Factors {
        let corrections = self.decays.map(|decay| 1.0 - decay.powf(self.step as f64));
        Factors {
            gradient: self.gradient_scale,
            keep: self.decays,
            take: self.decays.map(|decay| 1.0 - decay),
            step: self.learning_rate / corrections[0],
            second: 1.0 / corrections[1],
            epsilon: self.epsilon,
            average: [self.average_decay, 1.0 - self.average_decay],
        }
    }
}

/// Factors of the formulas.
struct Factors {
    gradient: f64,
    keep: [f64; 2],
    take: [f64; 2],
    step: f64,
    second: f64,
    epsilon: f64,
    average: [f64; 2],
}

/// One step of Adam on one tensor.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait AdamOps: Backend {
    /// The parameter, the first and second moment, and the average after `step`; the gradient is multiplied by
    /// `factor`, which has one element.
    fn adam(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        average: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::<Self>(parameter, gradient, factor, first, second, average, step)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl AdamOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl AdamOps for burn::backend::Cube {}

/// Reference implementation, in operations that every backend has.
fn plain<B: Backend>(
    parameter: FloatTensor<B>,
    gradient: FloatTensor<B>,
    factor: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    average: FloatTensor<B>,
    step: AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let factors = step.factors();
    let times = |tensor: FloatTensor<B>, factor: f64| B::float_mul_scalar(tensor, factor.into());

    let rank = gradient.shape().num_dims();
    let factor = B::float_reshape(factor, Shape::from(vec![1; rank]));
    let gradient = times(B::float_mul(gradient, factor), factors.gradient);
    let square = B::float_mul(gradient.clone(), gradient.clone());
    let first = B::float_add(times(first, factors.keep[0]), times(gradient, factors.take[0]));
    let second = B::float_add(times(second, factors.keep[1]), times(square, factors.take[1]));
    let root = B::float_sqrt(times(second.clone(), factors.second));
    let root = B::float_add_scalar(root, factors.epsilon.into());
    let parameter = B::float_sub(parameter, B::float_div(times(first.clone(), factors.step), root));
    let average =
        B::float_add(times(average, factors.average[0]), times(parameter.clone(), factors.average[1]));
    (parameter, first, second, average)
}

/// The step on the CPU in single precision.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, tensor::FloatTensor};
    use pulp::{Simd, WithSimd};

    use super::{AdamOps, AdamStep, Factors, plain};
    use crate::buffer::{self, GRAIN};
    use crate::{kernels, parallel, simd};

    impl AdamOps for Flex {
        fn adam(
            parameter: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            factor: FloatTensor<Self>,
            first: FloatTensor<Self>,
            second: FloatTensor<Self>,
            average: FloatTensor<Self>,
            step: AdamStep,
        ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
            let all = [&parameter, &gradient, &factor, &first, &second, &average];
            if !kernels::take(all) {
                return plain::<Self>(parameter, gradient, factor, first, second, average, step);
            }
            let (mut factors, arch) = (step.factors(), simd::arch());
            factors.gradient *= f64::from(buffer::contiguous(factor).storage::<f32>()[0]);
            let gradient = buffer::contiguous(gradient);
            let mut state = [parameter, first, second, average].map(buffer::contiguous);
            // Copies buffers that other tensors share.
            let [parameter, first, second, average] =
                state.each_mut().map(|tensor| tensor.storage_mut::<f32>());
            let chunks = parameter.chunks_mut(GRAIN).zip(gradient.storage::<f32>().chunks(GRAIN));
            let moments = first.chunks_mut(GRAIN).zip(second.chunks_mut(GRAIN));
            let chunks = chunks.zip(moments).zip(average.chunks_mut(GRAIN));
            parallel::each(chunks, |_, (((parameter, gradient), (first, second)), average)| {
                let factors = &factors;
                arch.dispatch(Chunk { parameter, gradient, first, second, average, factors });
            });
            let [parameter, first, second, average] = state;
            (parameter, first, second, average)
        }
    }

    /// Slices of equal length.
    struct Chunk<'a> {
        parameter: &'a mut [f32],
        gradient: &'a [f32],
        first: &'a mut [f32],
        second: &'a mut [f32],
        average: &'a mut [f32],
        factors: &'a Factors,
    }

    impl WithSimd for Chunk<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { parameter, gradient, first, second, average, factors } = self;
            let update = Lanes::new(simd, factors);
            let (gradients, gradient) = S::as_simd_f32s(gradient);
            let (parameters, parameter) = S::as_mut_simd_f32s(parameter);
            let (firsts, first) = S::as_mut_simd_f32s(first);
            let (seconds, second) = S::as_mut_simd_f32s(second);
            let (averages, average) = S::as_mut_simd_f32s(average);

            let moments = firsts.iter_mut().zip(seconds);
            let all = parameters.iter_mut().zip(gradients).zip(moments).zip(averages);
            for (((parameter, gradient), (first, second)), average) in all {
                let old = [*parameter, *first, *second, *average];
                [*parameter, *first, *second, *average] = update.apply(simd, old, *gradient);
            }
            if !gradient.is_empty() {
                let rest = [parameter, first, second, average];
                let old = rest.each_ref().map(|slice| simd.partial_load_f32s(slice));
                let new = update.apply(simd, old, simd.partial_load_f32s(gradient));
                for (slice, new) in rest.into_iter().zip(new) {
                    simd.partial_store_f32s(slice, new);
                }
            }
        }
    }

    /// The factors, each in every lane.
    struct Lanes<S: Simd> {
        gradient: S::f32s,
        keep: [S::f32s; 2],
        take: [S::f32s; 2],
        step: S::f32s,
        second: S::f32s,
        epsilon: S::f32s,
        average: [S::f32s; 2],
    }

    impl<S: Simd> Lanes<S> {
        #[inline(always)]
        fn new(simd: S, factors: &Factors) -> Self {
            let [gradient, step, second, epsilon] =
                [factors.gradient, -factors.step, factors.second, factors.epsilon]
                    .map(|factor| simd.splat_f32s(factor as f32));
            let [keep, take, average] = [factors.keep, factors.take, factors.average]
                .map(|pair| pair.map(|factor| simd.splat_f32s(factor as f32)));
            Self { gradient, keep, take, step, second, epsilon, average }
        }

        /// Updates the parameter, the first and second moment, and the average.
        #[inline(always)]
        fn apply(
            &self,
            simd: S,
            [parameter, first, second, average]: [S::f32s; 4],
            g: S::f32s,
        ) -> [S::f32s; 4] {
            let g = simd.mul_f32s(g, self.gradient);
            let first = simd.mul_add_f32s(g, self.take[0], simd.mul_f32s(first, self.keep[0]));
            let square = simd.mul_f32s(g, g);
            let second = simd.mul_add_f32s(square, self.take[1], simd.mul_f32s(second, self.keep[1]));
            let root = simd.sqrt_f32s(simd.mul_f32s(second, self.second));
            let direction = simd.div_f32s(first, simd.add_f32s(root, self.epsilon));
            let parameter = simd.mul_add_f32s(direction, self.step, parameter);
            let kept = simd.mul_f32s(average, self.average[0]);
            [parameter, first, second, simd.mul_add_f32s(parameter, self.average[1], kept)]
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::Noise;

    const STEP: AdamStep = AdamStep {
        step: 1,
        learning_rate: 1e-2,
        decays: [0.9, 0.999],
        epsilon: 1e-8,
        gradient_scale: 0.5,
        average_decay: 0.75,
    };

    fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
        tensor.clone().cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    fn tensor(values: Vec<f32>, dtype: DType) -> Tensor<1> {
        let n = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [n]), (&Device::flex(), DType::F32)).cast(dtype)
    }

    /// The parameter, the moments and the average after three steps on gradients drawn from seed 53.
    fn three_steps(n: usize, dtype: DType) -> [Vec<f64>; 4] {
        let mut noise = Noise::seeded(53);
        let mut parameter = tensor(noise.normals(n), dtype);
        let mut moments = Moments::new(&parameter);
        for step in 1..=3 {
            let gradient = tensor(noise.normals(n), dtype);
            (parameter, moments) = AdamStep { step, ..STEP }.apply(parameter, gradient, moments);
        }
        [&parameter, &moments.first, &moments.second, &moments.average].map(numbers)
    }

    /// The same, element by element from the formulas.
    fn by_hand(n: usize) -> [Vec<f64>; 4] {
        let mut noise = Noise::seeded(53);
        let mut draw = || noise.normals(n).into_iter().map(f64::from).collect::<Vec<_>>();
        let mut parameter = draw();
        let (mut first, mut second, mut average) = (vec![0.0; n], vec![0.0; n], parameter.clone());
        for t in 1..=3 {
            for (i, g) in draw().into_iter().enumerate() {
                let g = 0.5 * g;
                first[i] = 0.9 * first[i] + 0.1 * g;
                second[i] = 0.999 * second[i] + 0.001 * g * g;
                let (m, v) = (first[i] / (1.0 - 0.9f64.powi(t)), second[i] / (1.0 - 0.999f64.powi(t)));
                parameter[i] -= 0.01 * m / (v.sqrt() + 1e-8);
                average[i] = 0.75 * average[i] + 0.25 * parameter[i];
            }
        }
        [parameter, first, second, average]
    }

    fn assert_near(found: &[Vec<f64>; 4], expected: &[Vec<f64>; 4], tolerance: f64) {
        for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
                    "{k}: {found}, {expected}"
                );
            }
        }
    }

    #[test]
    fn three_steps_agree_with_the_formulas() {
        for n in [1, 7, 8, 9, 4097, 40_001] {
            // Each step rounds a dozen times; none of the numbers exceeds its scale.
            assert_near(&three_steps(n, DType::F32), &by_hand(n), 12.0 * 3.0 * f64::from(f32::EPSILON));
        }
        assert_near(&three_steps(100, DType::F64), &by_hand(100), 1e-14);
    }

    #[test]
    fn the_first_step_moves_each_parameter_by_the_learning_rate_against_its_gradient() {
        let start = tensor(vec![1.0, -2.0, 0.0], DType::F32);
        let gradient = tensor(vec![3.0, -1e-3, 0.0], DType::F32);
        let (parameter, _) = STEP.apply(start.clone(), gradient, Moments::new(&start));
        for (found, expected) in numbers(&parameter).into_iter().zip([0.99, -1.99, 0.0]) {
            // epsilon is 2e-5 of the smaller gradient
            assert!((found - expected).abs() < 3e-7, "{found}, {expected}");
        }
    }

    #[test]
    fn a_factor_on_the_device_scales_the_gradient_like_gradient_scale() {
        for dtype in [DType::F32, DType::F64] {
            let mut noise = Noise::seeded(73);
            let [theta, gradient] = [(); 2].map(|()| tensor(noise.normals(4099), dtype));
            let quarter = AdamStep { gradient_scale: 0.25, ..STEP };
            let (expected, _) = quarter.apply(theta.clone(), gradient.clone(), Moments::new(&theta));
            let half = tensor(vec![0.5], dtype);
            let (found, _) = STEP.apply_scaled(theta.clone(), gradient, half, Moments::new(&theta));
            assert_eq!(numbers(&found), numbers(&expected));
        }
    }

    #[test]
    fn shared_tensors_keep_their_values_and_strides_are_respected() {
        let device = Device::flex();
        let mut noise = Noise::seeded(59);
        let (theta, gradient) = (noise.normal([6, 9], &device), noise.normal([9, 6], &device));
        let before = numbers(&theta);
        let whole = Tensor::<2>::from_data(gradient.clone().transpose().into_data(), &device);
        let moments = Moments::new(&theta);
        let (strided, _) = STEP.apply(theta.clone(), gradient.transpose(), moments.clone());
        let (expected, _) = STEP.apply(theta.clone(), whole, moments.clone());
        assert_eq!(numbers(&strided), numbers(&expected));
        assert_eq!(numbers(&theta), before);
        assert_eq!(numbers(&moments.average), before);
        assert_eq!(numbers(&moments.first), vec![0.0; 54]);
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| three_steps(200_003, DType::F32))
        };
        let alone = run(1);
        assert!(alone == run(2) && alone == run(8));
    }

    #[test]
    fn results_are_not_tracked_even_if_the_parameter_is() {
        let parameter = tensor(vec![1.0; 5], DType::F32).autodiff().require_grad();
        let gradient = parameter.clone().inner();
        let (stepped, moments) = STEP.apply(parameter.clone(), gradient, Moments::new(&parameter));
        assert!(!stepped.is_autodiff() && !moments.first.is_autodiff());
    }
}
