//! The operations on the CPU in single precision.

use std::marker::PhantomData;

use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Flex, tensor::FloatTensor};
use pulp::{Simd, WithSimd};

use super::{Activation, ActivationFunctionOps, plain};
use crate::buffer::{self, CHUNK};
use crate::elementwise::{self, Elementwise};
use crate::lanes::Lanes;
use crate::slot::{Slot, Written};
use crate::{kernels, simd, vector};

impl ActivationFunctionOps for Flex {
    fn activation(x: FloatTensor<Self>, function: Activation, order: usize) -> FloatTensor<Self> {
        if !kernels::take([&x]) {
            return plain::derivative::<Self>(x, function, order);
        }
        let arch = simd::arch();
        buffer::update(x, |_, values| arch.dispatch(Values { values, function, order }).into())
    }

    fn activation_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
        order: usize,
    ) -> FloatTensor<Self> {
        if !kernels::take([&x, &grad]) {
            return Self::float_mul(grad, plain::derivative::<Self>(x, function, order));
        }
        let (x, arch) = (buffer::contiguous(x), simd::arch());
        let x = x.storage::<f32>();
        buffer::update(grad, |i, grad| {
            let x = &x[i * CHUNK..][..grad.len()];
            arch.dispatch(Products { x, grad, function, order }).into()
        })
    }

    fn activation_pullback_backward(
        z: FloatTensor<Self>,
        g: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !kernels::take([&z, &g, &grad]) {
            return plain::pullback_backward::<Self>(z, g, grad, function);
        }
        let arch = simd::arch();
        let (for_g, [for_z]) = beside(grad, z, [g], |grad, z, [g]| {
            let [g, grad] = arch.dispatch(Rule { values: [g, grad], others: [z], function });
            (grad.into(), [g.into()])
        });
        (for_z, for_g)
    }

    fn activation_curvature(
        z: FloatTensor<Self>,
        slope: FloatTensor<Self>,
        curvature: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self> {
        if !kernels::take([&z, &slope, &curvature]) {
            return plain::curvature::<Self>(z, slope, curvature, function);
        }
        let (z, slope, arch) = (buffer::contiguous(z), buffer::contiguous(slope), simd::arch());
        let (z, slope) = (z.storage::<f32>(), slope.storage::<f32>());
        buffer::update(curvature, |i, curvature| {
            let others = [z, slope].map(|whole| &whole[i * CHUNK..][..curvature.len()]);
            let [curvature] = arch.dispatch(Rule { values: [curvature], others, function });
            curvature.into()
        })
    }

    fn activation_curvature_backward(
        z: FloatTensor<Self>,
        slope: FloatTensor<Self>,
        curvature: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !kernels::take([&z, &slope, &curvature, &grad]) {
            return plain::curvature_backward::<Self>(z, slope, curvature, grad, function);
        }
        let arch = simd::arch();
        let arguments = [curvature, slope];
        let (for_curvature, [for_z, for_slope]) =
            beside(grad, z, arguments, |grad, z, [curvature, slope]| {
                let values = [curvature, slope, grad];
                let [curvature, slope, grad] = arch.dispatch(Rule { values, others: [z], function });
                (grad.into(), [curvature.into(), slope.into()])
            });
        (for_z, for_slope, for_curvature)
    }
}

/// Runs `kernel` on corresponding chunks of `grad`, `z` and `arguments`, and returns the updated `grad` and
/// `arguments`; `kernel` returns that both chunks have been written.
fn beside<const N: usize>(
    grad: FlexTensor,
    z: FlexTensor,
    arguments: [FlexTensor; N],
    kernel: impl Fn(Slot<'_>, &[f32], [Slot<'_>; N]) -> (Written, [Written; N]) + Sync,
) -> (FlexTensor, [FlexTensor; N]) {
    let (z, arguments) = (buffer::contiguous(z), arguments.map(buffer::contiguous));
    let (shape, z) = (z.layout().shape().clone(), z.storage::<f32>());
    let n = z.len();
    let mut results = [(); N].map(|()| Vec::with_capacity(n));
    let mut rests = results.each_mut().map(|result| result.spare_capacity_mut()[..n].chunks_mut(CHUNK));
    let mut side: Vec<_> = (0..n.div_ceil(CHUNK))
        .map(|_| rests.each_mut().map(|rest| rest.next().expect("as many chunks as there are of z")))
        .collect();
    let grad = buffer::update_with(grad, CHUNK, &mut side, 1, |i, grad, side| {
        let here = i * CHUNK..i * CHUNK + grad.len();
        let mut arguments = arguments.iter();
        let slots = side[0].each_mut().map(|place| {
            let argument = arguments.next().expect("one for each result");
            Slot::between(&argument.storage::<f32>()[here.clone()], place)
        });
        let expected = slots.each_ref().map(Slot::expected);
        let (grad, written) = kernel(grad, &z[here], slots);
        assert_eq!(written, expected, "the places of the arguments");
        grad
    });
    let results = results.map(|mut result| {
        // SAFETY: the chunks of `side` cover its first n elements, and each has been written.
        unsafe { result.set_len(n) };
        buffer::tensor(result, shape.clone())
    });
    (grad, results)
}

/// Runs the work with the activation as the type `F`.
macro_rules! with_function {
    ($function:expr, $F:ident => $work:expr) => {
        match $function {
            Activation::Silu => {
                type $F = Silu;
                $work
            }
            Activation::Softplus => {
                type $F = Softplus;
                $work
            }
            Activation::Tanh => {
                type $F = Tanh;
                $work
            }
            Activation::Elu => {
                type $F = Elu;
                $work
            }
        }
    };
}

/// Runs the work with the order of the derivative as the constant `N`.
macro_rules! with_order {
    ($order:expr, $N:ident => $work:expr) => {
        match $order {
            0 => {
                const $N: usize = 0;
                $work
            }
            1 => {
                const $N: usize = 1;
                $work
            }
            2 => {
                const $N: usize = 2;
                $work
            }
            3 => {
                const $N: usize = 3;
                $work
            }
            order => unreachable!("a derivative of order {order}"),
        }
    };
}

/// Replaces each element by its image.
struct Values<'a> {
    values: Slot<'a>,
    function: Activation,
    order: usize,
}

impl<'a> WithSimd for Values<'a> {
    type Output = &'a mut [f32];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { values, function, order } = self;
        let [values] = with_function!(function, F => with_order!(order, N => {
            elementwise::update(simd, [values], [], &Image::<F, N>(PhantomData))
        }));
        values
    }
}

/// The derivative of order `ORDER` of `F`.
struct Image<F, const ORDER: usize>(PhantomData<F>);

impl<F: Smooth, const ORDER: usize> Elementwise<1, 0> for Image<F, ORDER> {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], _: [L::Floats; 0]) -> [L::Floats; 1] {
        [F::derivatives(lanes, x)[ORDER]]
    }
}

/// Multiplies gradients by the derivatives at `x`.
struct Products<'a> {
    x: &'a [f32],
    grad: Slot<'a>,
    function: Activation,
    order: usize,
}

impl<'a> WithSimd for Products<'a> {
    type Output = &'a mut [f32];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { x, grad, function, order } = self;
        let [grad] = with_function!(function, F => with_order!(order, N => {
            elementwise::update(simd, [grad], [x], &Image::<F, N>(PhantomData))
        }));
        grad
    }
}

/// An element times the image of the corresponding element.
impl<F: Smooth, const ORDER: usize> Elementwise<1, 1> for Image<F, ORDER> {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [grad]: [L::Floats; 1], [x]: [L::Floats; 1]) -> [L::Floats; 1] {
        [lanes.mul(grad, F::derivatives(lanes, x)[ORDER])]
    }
}

/// A rule that needs several derivatives of a function at `z`, the first of `others`.
struct Rule<'a, const M: usize, const N: usize> {
    values: [Slot<'a>; M],
    others: [&'a [f32]; N],
    function: Activation,
}

impl<'a, const M: usize, const N: usize> WithSimd for Rule<'a, M, N>
where
    Derivatives<Silu>: Elementwise<M, N>,
    Derivatives<Softplus>: Elementwise<M, N>,
    Derivatives<Tanh>: Elementwise<M, N>,
    Derivatives<Elu>: Elementwise<M, N>,
{
    type Output = [&'a mut [f32]; M];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { values, others, function } = self;
        with_function!(function, F => elementwise::update(simd, values, others, &Derivatives::<F>(PhantomData)))
    }
}

/// σ, σ′, σ″ and σ‴. They share the exponential; those that are not used are not computed.
trait Smooth {
    fn derivatives<L: Lanes>(lanes: L, z: L::Floats) -> [L::Floats; 4];
}

macro_rules! smooth {
    ($($name:ident: $($derivative:ident),*;)*) => {
        $(struct $name;

        impl Smooth for $name {
            #[inline(always)]
            fn derivatives<L: Lanes>(lanes: L, z: L::Floats) -> [L::Floats; 4] {
                [$(vector::$derivative(lanes, z)),*]
            }
        })*
    };
}

smooth! {
    Silu: silu, silu_slope, silu_second, silu_third;
    Softplus: softplus, logistic, bell, bell_slope;
    Tanh: tanh, tanh_slope, tanh_second, tanh_third;
    Elu: elu, elu_slope, elu_second, elu_second;
}

/// The rules, distinguished by their numbers of arguments.
struct Derivatives<F>(PhantomData<F>);

/// Backward rule of g σ′(z): g and the gradient of the result become the gradients of z and g.
impl<F: Smooth> Elementwise<2, 1> for Derivatives<F> {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [g, grad]: [L::Floats; 2], [z]: [L::Floats; 1]) -> [L::Floats; 2] {
        let [_, first, second, _] = F::derivatives(lanes, z);
        [lanes.mul(lanes.mul(grad, g), second), lanes.mul(grad, first)]
    }
}

/// The curvature: σ″(z) slope² + σ′(z) curvature.
impl<F: Smooth> Elementwise<1, 2> for Derivatives<F> {
    #[inline(always)]
    fn at<L: Lanes>(
        &self,
        lanes: L,
        [curvature]: [L::Floats; 1],
        [z, slope]: [L::Floats; 2],
    ) -> [L::Floats; 1] {
        let [_, first, second, _] = F::derivatives(lanes, z);
        [lanes.mul_add(lanes.mul(second, slope), slope, lanes.mul(first, curvature))]
    }
}

/// Backward rule of the curvature: curvature, slope and the gradient of the result become the gradients of z, slope
/// and curvature.
impl<F: Smooth> Elementwise<3, 1> for Derivatives<F> {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, x: [L::Floats; 3], [z]: [L::Floats; 1]) -> [L::Floats; 3] {
        let ([curvature, slope, grad], [_, first, second, third]) = (x, F::derivatives(lanes, z));
        let bent = lanes.mul_add(lanes.mul(third, slope), slope, lanes.mul(second, curvature));
        let twice = lanes.add(slope, slope);
        [lanes.mul(grad, bent), lanes.mul(lanes.mul(grad, second), twice), lanes.mul(grad, first)]
    }
}
