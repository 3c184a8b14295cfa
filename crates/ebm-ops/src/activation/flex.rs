//! The operations on the CPU in single precision.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Flex, tensor::FloatTensor};
use burn::tensor::DType;
use pulp::{Simd, WithSimd};

use super::{Activation, ActivationFunctionOps, plain};
use crate::buffer::{self, CHUNK};
use crate::{simd, vector};

impl ActivationFunctionOps for Flex {
    fn activation(x: FloatTensor<Self>, function: Activation, order: usize) -> FloatTensor<Self> {
        if x.dtype() != DType::F32 {
            return plain::derivative::<Self>(x, function, order);
        }
        let arch = simd::arch();
        buffer::update(x, |_, values| arch.dispatch(Values { values, function, order }))
    }

    fn activation_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
        order: usize,
    ) -> FloatTensor<Self> {
        if x.dtype() != DType::F32 || grad.dtype() != DType::F32 {
            return Self::float_mul(grad, plain::derivative::<Self>(x, function, order));
        }
        let (x, arch) = (buffer::contiguous(x), simd::arch());
        let x = x.storage::<f32>();
        buffer::update(grad, |i, grad| {
            let x = &x[i * CHUNK..][..grad.len()];
            arch.dispatch(Products { x, grad, function, order });
        })
    }

    fn activation_pullback_backward(
        z: FloatTensor<Self>,
        g: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if [&z, &g, &grad].iter().any(|tensor| tensor.dtype() != DType::F32) {
            return plain::pullback_backward::<Self>(z, g, grad, function);
        }
        let (z, g, arch) = (buffer::contiguous(z), buffer::contiguous(g), simd::arch());
        let (shape, z, g) = (z.layout().shape().clone(), z.storage::<f32>(), g.storage::<f32>());
        let mut for_z = Vec::with_capacity(z.len());
        let side = &mut for_z.spare_capacity_mut()[..z.len()];
        let for_g = buffer::update_with(grad, CHUNK, side, CHUNK, |i, grad, bent| {
            let (z, g) = (&z[i * CHUNK..][..grad.len()], &g[i * CHUNK..][..grad.len()]);
            let bent = bent.write_copy_of_slice(g);
            arch.dispatch(Pair { z, bent, grad, function });
        });
        // SAFETY: the chunks of `side` cover it, and each was written.
        unsafe { for_z.set_len(z.len()) };
        (buffer::tensor(for_z, shape), for_g)
    }
}

/// Calls the closure with the derivative of a function on lanes.
macro_rules! with_derivative {
    ($function:expr, $order:expr, |$derivative:ident| $work:expr) => {
        with_derivative!(
            $function, $order, $derivative, $work,
            (Silu, 0, silu), (Silu, 1, silu_slope), (Silu, 2, silu_second), (Silu, 3, silu_third),
            (Softplus, 0, softplus), (Softplus, 1, logistic), (Softplus, 2, bell), (Softplus, 3, bell_slope),
            (Tanh, 0, tanh), (Tanh, 1, tanh_slope), (Tanh, 2, tanh_second), (Tanh, 3, tanh_third)
        )
    };
    ($function:expr, $order:expr, $derivative:ident, $work:expr,
     $(($name:ident, $number:literal, $lanes:ident)),*) => {
        match ($function, $order) {
            $((Activation::$name, $number) => {
                let $derivative = vector::$lanes::<S>;
                $work
            })*
            (function, order) => unreachable!("a derivative of {function:?} of order {order}"),
        }
    };
}

/// Replaces numbers by their images.
struct Values<'a> {
    values: &'a mut [f32],
    function: Activation,
    order: usize,
}

impl WithSimd for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { values, function, order } = self;
        with_derivative!(function, order, |derivative| vector::update(
            simd,
            values,
            [],
            #[inline(always)]
            |x, _| derivative(simd, x),
        ));
    }
}

/// Multiplies gradients by the derivatives at `x`.
struct Products<'a> {
    x: &'a [f32],
    grad: &'a mut [f32],
    function: Activation,
    order: usize,
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, grad, function, order } = self;
        with_derivative!(function, order, |derivative| vector::update(
            simd,
            grad,
            [x],
            #[inline(always)]
            |grad, [x]| simd.mul_f32s(grad, derivative(simd, x)),
        ));
    }
}

/// Replaces g, in `bent`, by `grad` g σ″(z), and `grad` by `grad` σ′(z).
struct Pair<'a> {
    z: &'a [f32],
    bent: &'a mut [f32],
    grad: &'a mut [f32],
    function: Activation,
}

impl WithSimd for Pair<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { z, bent, grad, function } = self;
        match function {
            Activation::Silu => pair(
                simd,
                z,
                bent,
                grad,
                #[inline(always)]
                |z| [vector::silu_slope(simd, z), vector::silu_second(simd, z)],
            ),
            Activation::Softplus => pair(
                simd,
                z,
                bent,
                grad,
                #[inline(always)]
                |z| [vector::logistic(simd, z), vector::bell(simd, z)],
            ),
            Activation::Tanh => pair(
                simd,
                z,
                bent,
                grad,
                #[inline(always)]
                |z| [vector::tanh_slope(simd, z), vector::tanh_second(simd, z)],
            ),
        }
    }
}

/// [`Pair`] for the first and the second of `derivatives`.
#[inline(always)]
fn pair<S: Simd>(
    simd: S,
    z: &[f32],
    bent: &mut [f32],
    grad: &mut [f32],
    derivatives: impl Fn(S::f32s) -> [S::f32s; 2],
) {
    let (zs, z) = S::as_simd_f32s(z);
    let (bents, bent) = S::as_mut_simd_f32s(bent);
    let (grads, grad) = S::as_mut_simd_f32s(grad);
    for ((z, bent), grad) in zs.iter().zip(bents).zip(grads) {
        let [first, second] = derivatives(*z);
        *bent = simd.mul_f32s(simd.mul_f32s(*grad, *bent), second);
        *grad = simd.mul_f32s(*grad, first);
    }
    if !z.is_empty() {
        let [first, second] = derivatives(simd.partial_load_f32s(z));
        let (old_bent, old_grad) = (simd.partial_load_f32s(bent), simd.partial_load_f32s(grad));
        simd.partial_store_f32s(bent, simd.mul_f32s(simd.mul_f32s(old_grad, old_bent), second));
        simd.partial_store_f32s(grad, simd.mul_f32s(old_grad, first));
    }
}
