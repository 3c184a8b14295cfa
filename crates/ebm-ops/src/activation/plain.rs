//! Reference implementation, in operations that every backend has.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::function::Activation;

/// Bound on |x|: beyond it s is 0 or 1 even in double precision, and ∞ · 0 is avoided.
const SATURATED: f64 = 750.0;

/// The derivative of `order`, 0 to 3.
///
/// With s = 1/(1 + exp(-|x|)), b = s(1 - s) and u = 2s - 1 they are
/// SiLU: s(x) + x b, b(2 - |x| u), ∓b(3u - |x|(1 - 6b));  softplus: s(x), b, ∓b u;
/// tanh, with b and u at 2x: 4b, -2 tanh(x) 4b, 4b(4 - 24b).
/// ELU, with m = min(x, 0): max(x, 0) + tanh(m/2) (exp(m) + 1), exp(m), and exp(m) where x is negative, twice.
pub(super) fn derivative<B: Backend>(
    x: FloatTensor<B>,
    function: Activation,
    order: usize,
) -> FloatTensor<B> {
    match (function, order) {
        (Activation::Silu, 0) => {
            let s = B::sigmoid(x.clone());
            B::float_mul(B::float_clamp_min(x, (-SATURATED).into()), s)
        }
        (Activation::Silu, 1) => {
            let bounded = B::float_clamp(x.clone(), (-SATURATED).into(), SATURATED.into());
            B::float_add(B::sigmoid(x.clone()), B::float_mul(bounded, Bell::of::<B>(x).bell))
        }
        (Activation::Silu, 2) => {
            let Bell { size, bell, bend } = Bell::of::<B>(x);
            B::float_mul(bell, affine::<B>(B::float_mul(size, bend), -1.0, 2.0))
        }
        (Activation::Silu, _) => {
            let Bell { size, bell, bend } = Bell::of::<B>(x.clone());
            let rest = B::float_mul(size, affine::<B>(bell.clone(), -6.0, 1.0));
            let even = B::float_mul(bell, B::float_sub(times::<B>(bend, 3.0), rest));
            B::float_neg(B::float_mul(B::float_sign(x), even))
        }
        (Activation::Softplus, 0) => {
            let small = B::float_exp(B::float_neg(B::float_abs(x.clone())));
            B::float_add(B::float_clamp_min(x, 0.0.into()), B::float_log1p(small))
        }
        (Activation::Softplus, 1) => B::sigmoid(x),
        (Activation::Softplus, 2) => Bell::of::<B>(x).bell,
        (Activation::Softplus, _) => {
            let Bell { bell, bend, .. } = Bell::of::<B>(x.clone());
            B::float_neg(B::float_mul(B::float_sign(x), B::float_mul(bell, bend)))
        }
        (Activation::Tanh, 0) => B::float_tanh(x),
        (Activation::Tanh, 1) => times::<B>(Bell::of::<B>(times::<B>(x, 2.0)).bell, 4.0),
        (Activation::Tanh, 2) => {
            let slope = times::<B>(Bell::of::<B>(times::<B>(x.clone(), 2.0)).bell, -8.0);
            B::float_mul(slope, B::float_tanh(x))
        }
        (Activation::Tanh, _) => {
            let slope = times::<B>(Bell::of::<B>(times::<B>(x, 2.0)).bell, 4.0);
            B::float_mul(slope.clone(), affine::<B>(slope, -6.0, 4.0))
        }
        (Activation::Elu, 0) => {
            let below = B::float_clamp_max(x.clone(), 0.0.into());
            let half = B::float_tanh(times::<B>(below.clone(), 0.5));
            let below = B::float_mul(half, affine::<B>(B::float_exp(below), 1.0, 1.0));
            B::float_add(B::float_clamp_min(x, 0.0.into()), below)
        }
        (Activation::Elu, 1) => B::float_exp(B::float_clamp_max(x, 0.0.into())),
        (Activation::Elu, _) => {
            let negative = B::float_clamp_min(B::float_neg(B::float_sign(x.clone())), 0.0.into());
            B::float_mul(negative, B::float_exp(B::float_clamp_max(x, 0.0.into())))
        }
    }
}

/// `grad` g σ″(z) and `grad` σ′(z).
pub(super) fn pullback_backward<B: Backend>(
    z: FloatTensor<B>,
    g: FloatTensor<B>,
    grad: FloatTensor<B>,
    function: Activation,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (first, second) = (derivative::<B>(z.clone(), function, 1), derivative::<B>(z, function, 2));
    (B::float_mul(B::float_mul(grad.clone(), g), second), B::float_mul(grad, first))
}

/// σ″(z) slope² + σ′(z) curvature.
pub(super) fn curvature<B: Backend>(
    z: FloatTensor<B>,
    slope: FloatTensor<B>,
    curvature: FloatTensor<B>,
    function: Activation,
) -> FloatTensor<B> {
    let [first, second] = [1, 2].map(|order| derivative::<B>(z.clone(), function, order));
    let bent = B::float_mul(second, B::float_mul(slope.clone(), slope));
    B::float_add(bent, B::float_mul(first, curvature))
}

/// `grad` (σ‴(z) slope² + σ″(z) curvature), 2 `grad` σ″(z) slope and `grad` σ′(z).
pub(super) fn curvature_backward<B: Backend>(
    z: FloatTensor<B>,
    slope: FloatTensor<B>,
    curvature: FloatTensor<B>,
    grad: FloatTensor<B>,
    function: Activation,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let [first, second, third] = [1, 2, 3].map(|order| derivative::<B>(z.clone(), function, order));
    let bent = B::float_mul(third, B::float_mul(slope.clone(), slope.clone()));
    let bent = B::float_add(bent, B::float_mul(second.clone(), curvature));
    let along = times::<B>(B::float_mul(second, slope), 2.0);
    (B::float_mul(grad.clone(), bent), B::float_mul(grad.clone(), along), B::float_mul(grad, first))
}

/// |x|, though at most [`SATURATED`], s(1 - s) and 2s - 1.
struct Bell<F> {
    size: F,
    bell: F,
    bend: F,
}

impl Bell<()> {
    fn of<B: Backend>(x: FloatTensor<B>) -> Bell<FloatTensor<B>> {
        let size = B::float_clamp_max(B::float_abs(x), SATURATED.into());
        // The smaller of s and 1 - s: the difference then loses no digits.
        let small = B::sigmoid(B::float_neg(size.clone()));
        let bell = B::float_mul(small.clone(), affine::<B>(small.clone(), -1.0, 1.0));
        Bell { size, bell, bend: affine::<B>(small, -2.0, 1.0) }
    }
}

fn times<B: Backend>(x: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    B::float_mul_scalar(x, factor.into())
}

fn affine<B: Backend>(x: FloatTensor<B>, factor: f64, rest: f64) -> FloatTensor<B> {
    B::float_add_scalar(times::<B>(x, factor), rest.into())
}
