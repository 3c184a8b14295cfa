//! SiLU and softplus, each in one pass forward and one backward.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// x σ(x), σ(x) = 1/(1 + exp(-x)), elementwise; differentiable.
///
/// It is 0 at -∞, its limit there, +∞ at +∞, and NaN at NaN; where σ(x) is subnormal it may be 0.
///
/// # Reference
/// Elfwing, Uchibe and Doya (2018), *Sigmoid-weighted linear units for neural network function approximation in
/// reinforcement learning*.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::activation(x.into_dispatch(), Activation::Silu))
}

/// ln(1 + exp(x)), elementwise, without overflow and without loss where it is small; differentiable.
///
/// It is 0 at -∞, +∞ at +∞, and NaN at NaN; where the result is subnormal it may be 0.
///
/// # Reference
/// Dugas, Bengio, Bélisle, Nadeau and Garcia (2001), *Incorporating second-order functional knowledge for better
/// option pricing*.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::activation(x.into_dispatch(), Activation::Softplus))
}

/// Which function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x σ(x)
    Silu,
    /// ln(1 + exp(x))
    Softplus,
}

/// A smooth function applied to every element, and its adjoint.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait ActivationFunctionOps: Backend {
    /// The function's values.
    fn activation(x: FloatTensor<Self>, function: Activation) -> FloatTensor<Self> {
        plain::values::<Self>(x, function)
    }

    /// `grad` times the function's derivative at `x`.
    fn activation_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self> {
        plain::adjoint::<Self>(x, grad, function)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl ActivationFunctionOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl ActivationFunctionOps for burn::backend::Cube {}

/// The step on the tape, whose parent is `x`.
#[derive(Debug)]
struct Slope;

impl<B: ActivationFunctionOps> Backward<B, 1> for Slope {
    type State = (NodeId, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (x, function) = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::activation_backward(x, grad, function));
    }
}

impl<B: ActivationFunctionOps, C: CheckpointStrategy> ActivationFunctionOps for Autodiff<B, C> {
    fn activation(x: FloatTensor<Self>, function: Activation) -> FloatTensor<Self> {
        match Slope.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let kept = step.checkpoint(&x);
                step.finish((kept, function), B::activation(x.into_primitive(), function))
            }
            OpsKind::UnTracked(step) => step.finish(B::activation(x.into_primitive(), function)),
        }
    }
}

/// What the functions mean, in the operations that every backend has.
mod plain {
    use super::{Activation, Backend, FloatTensor};

    /// Beyond it σ is 0 or 1 in double precision too, and the bound keeps ∞ · 0 away.
    const SATURATED: f64 = 750.0;

    pub(super) fn values<B: Backend>(x: FloatTensor<B>, function: Activation) -> FloatTensor<B> {
        match function {
            Activation::Silu => {
                let sigmoid = B::sigmoid(x.clone());
                B::float_mul(B::float_clamp_min(x, (-SATURATED).into()), sigmoid)
            }
            Activation::Softplus => {
                let small = B::float_exp(B::float_neg(B::float_abs(x.clone())));
                B::float_add(B::float_clamp_min(x, 0.0.into()), B::float_log1p(small))
            }
        }
    }

    pub(super) fn adjoint<B: Backend>(
        x: FloatTensor<B>,
        grad: FloatTensor<B>,
        function: Activation,
    ) -> FloatTensor<B> {
        let sigmoid = B::sigmoid(x.clone());
        let slope = match function {
            Activation::Silu => {
                let x = B::float_clamp(x, (-SATURATED).into(), SATURATED.into());
                let rest = B::float_add_scalar(B::float_neg(sigmoid.clone()), 1.0.into());
                B::float_mul(sigmoid, B::float_add_scalar(B::float_mul(x, rest), 1.0.into()))
            }
            Activation::Softplus => sigmoid,
        };
        B::float_mul(grad, slope)
    }
}

/// The functions in single precision on the processor.
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, tensor::FloatTensor};
    use burn::tensor::DType;
    use pulp::{Arch, Simd, WithSimd};

    use super::{Activation, ActivationFunctionOps, plain};
    use crate::buffer::{self, CHUNK};
    use crate::vector;

    impl ActivationFunctionOps for Flex {
        fn activation(x: FloatTensor<Self>, function: Activation) -> FloatTensor<Self> {
            if x.dtype() != DType::F32 {
                return plain::values::<Self>(x, function);
            }
            buffer::update(x, |_, values| Arch::new().dispatch(Values { values, function }))
        }

        fn activation_backward(
            x: FloatTensor<Self>,
            grad: FloatTensor<Self>,
            function: Activation,
        ) -> FloatTensor<Self> {
            if x.dtype() != DType::F32 || grad.dtype() != DType::F32 {
                return plain::adjoint::<Self>(x, grad, function);
            }
            let x = buffer::contiguous(x);
            let x = x.storage::<f32>();
            buffer::update(grad, |i, grad| {
                let x = &x[i * CHUNK..][..grad.len()];
                Arch::new().dispatch(Adjoint { x, grad, function });
            })
        }
    }

    /// Replaces numbers by their images.
    struct Values<'a> {
        values: &'a mut [f32],
        function: Activation,
    }

    impl WithSimd for Values<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { values, function } = self;
            match function {
                Activation::Silu => vector::update(
                    simd,
                    values,
                    [],
                    #[inline(always)]
                    |x, _| vector::silu(simd, x),
                ),
                Activation::Softplus => vector::update(
                    simd,
                    values,
                    [],
                    #[inline(always)]
                    |x, _| vector::softplus(simd, x),
                ),
            }
        }
    }

    /// Multiplies gradients by the derivatives at `x`.
    struct Adjoint<'a> {
        x: &'a [f32],
        grad: &'a mut [f32],
        function: Activation,
    }

    impl WithSimd for Adjoint<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { x, grad, function } = self;
            match function {
                Activation::Silu => vector::update(
                    simd,
                    grad,
                    [x],
                    #[inline(always)]
                    |g, [x]| simd.mul_f32s(g, vector::silu_slope(simd, x)),
                ),
                Activation::Softplus => vector::update(
                    simd,
                    grad,
                    [x],
                    #[inline(always)]
                    |g, [x]| simd.mul_f32s(g, vector::logistic(simd, x)),
                ),
            }
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::Noise;

    type Function = fn(Tensor<1>) -> Tensor<1>;
    type Formula = fn(f64) -> f64;

    const FUNCTIONS: [(Function, Formula, Formula); 2] = [
        (
            silu,
            |x| x / (1.0 + (-x).exp()),
            |x| {
                let s = 1.0 / (1.0 + (-x).exp());
                s * (1.0 + x / (1.0 + x.exp()))
            },
        ),
        (softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), |x| 1.0 / (1.0 + (-x).exp())),
    ];

    fn numbers(tensor: Tensor<1>) -> Vec<f64> {
        tensor.cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    fn tensor(values: Vec<f32>, dtype: DType) -> Tensor<1> {
        let n = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [n]), (&Device::flex(), DType::F32)).cast(dtype)
    }

    /// The values, and the derivatives by the tape.
    fn run(function: Function, x: &[f32], dtype: DType) -> [Vec<f64>; 2] {
        let x = tensor(x.to_vec(), dtype).autodiff().require_grad();
        let y = function(x.clone());
        let gradients = y.clone().sum().backward();
        [numbers(y.inner()), numbers(x.grad(&gradients).unwrap())]
    }

    /// A grid over the whole range in which the functions are neither 0 nor x.
    fn grid() -> Vec<f32> {
        (-87_000..100_000).map(|i| i as f32 * 1e-3).collect()
    }

    #[test]
    fn every_value_is_right_to_four_units_in_the_last_place() {
        for (k, (function, value, _)) in FUNCTIONS.into_iter().enumerate() {
            let x = grid();
            let [found, _] = run(function, &x, DType::F32);
            for (x, found) in x.into_iter().zip(found) {
                let expected = value(f64::from(x));
                // exp 1.6 units, and three roundings at the most after it
                let tolerance = 4.0 * f64::from(f32::EPSILON) * expected.abs();
                assert!((found - expected).abs() <= tolerance, "function {k} at {x}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn every_derivative_is_right_to_the_precision_of_its_terms() {
        for (k, (function, _, slope)) in FUNCTIONS.into_iter().enumerate() {
            let x = grid();
            let [_, found] = run(function, &x, DType::F32);
            for (x, found) in x.into_iter().zip(found) {
                let x = f64::from(x);
                let expected = slope(x);
                // The terms σ and σ x (1 - σ) may cancel, so theirs is the scale of the error.
                let s = 1.0 / (1.0 + (-x).exp());
                let tolerance = 6.0 * f64::from(f32::EPSILON) * s * (1.0 + x.abs() / (1.0 + x.exp()));
                assert!((found - expected).abs() <= tolerance, "function {k} at {x}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_line_and_nan_are_what_the_limits_say() {
        let ends = [f32::NEG_INFINITY, -1e30, -300.0, 0.0, 300.0, f32::INFINITY, f32::NAN];
        let [zero, infinity] = [0.0, f64::INFINITY];
        let values =
            [[zero, zero, zero, zero, 300.0, infinity], [zero, zero, zero, 2f64.ln(), 300.0, infinity]];
        for dtype in [DType::F32, DType::F64] {
            for ((function, ..), expected) in FUNCTIONS.into_iter().zip(values) {
                let [found, slope] = run(function, &ends, dtype);
                for (found, expected) in found.iter().zip(expected) {
                    assert!(*found == expected || (found - expected).abs() < 1e-7, "{found}, {expected}");
                }
                for (slope, expected) in slope.iter().zip([0.0, 0.0, 0.0, 0.5, 1.0, 1.0]) {
                    assert!((slope - expected).abs() < 1e-7, "{slope}, {expected}");
                }
                assert!(found[6].is_nan() && slope[6].is_nan());
            }
        }
    }

    #[test]
    fn a_not_a_number_with_any_payload_stays_one() {
        let nans = [0x7fc0_0001, 0xffff_ffff, 0x7f80_0001, 0xffc0_0000].map(f32::from_bits);
        for (function, ..) in FUNCTIONS {
            let [values, slopes] = run(function, &nans.repeat(5), DType::F32);
            assert!(values.iter().chain(&slopes).all(|value| value.is_nan()));
        }
    }

    #[test]
    fn double_precision_stays_double() {
        let x = [-30.0, -1.25, 0.5, 20.0];
        for (function, value, slope) in FUNCTIONS {
            let [values, slopes] = run(function, &x, DType::F64);
            for (i, x) in x.map(f64::from).into_iter().enumerate() {
                assert!((values[i] - value(x)).abs() <= 1e-14 * value(x).abs());
                assert!((slopes[i] - slope(x)).abs() <= 1e-14);
            }
        }
    }

    #[test]
    fn any_length_any_stride_and_any_number_of_threads_give_the_same_bits() {
        for (function, ..) in FUNCTIONS {
            let x = Noise::seeded(47).normals(99_991);
            let whole = numbers(function(tensor(x.clone(), DType::F32)));
            for n in [1, 5, 7, 8, 9, 31, 4096, 4097] {
                assert_eq!(numbers(function(tensor(x[..n].to_vec(), DType::F32))), whole[..n]);
            }
            let strided = tensor(x.clone(), DType::F32).slice(1..99_991).flip([0]);
            let expected: Vec<f64> = whole[1..].iter().rev().copied().collect();
            assert_eq!(numbers(function(strided)), expected);
            for threads in [1, 2, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| numbers(function(tensor(x.clone(), DType::F32)))), whole);
            }
        }
    }

    #[test]
    fn a_tensor_that_is_shared_keeps_its_values() {
        let x = tensor(vec![-1.0, 0.5, 2.0], DType::F32);
        silu(x.clone());
        assert_eq!(numbers(x), [-1.0, 0.5, 2.0]);
    }
}
