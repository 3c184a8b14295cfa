//! Elementary functions on the lanes of vector registers, written once for every instruction set.
//!
//! Each is a fixed sequence of correctly rounded operations (sums, products, fused multiply-adds), so the result in
//! a lane is the same, bit for bit, for every vector width and without vectors. The polynomials are minimax
//! approximations computed for this crate; their errors are given with the coefficients.

#![cfg_attr(not(feature = "flex"), allow(dead_code))]

use crate::lanes::Lanes;
use crate::polynomial::{COS, SIN, polynomial};

/// max(`x`, `bound`); NaN stays NaN.
#[inline(always)]
pub(crate) fn at_least<L: Lanes>(lanes: L, x: L::Floats, bound: f32) -> L::Floats {
    let bound = lanes.all(bound);
    lanes.select(lanes.less_than(x, bound), bound, x)
}

/// y = max(-|x|, -88), and exp(y) with relative error below 2⁻²²; NaN stays NaN.
///
/// Below 2⁻¹²⁶ the exponential loses precision, and from -87.7 on it is 0.
///
/// exp(y) = 2ⁿ exp(r), n = round(y / ln 2), |r| ≤ ln(2)/2, and a polynomial of degree five for exp(r).
#[inline(always)]
pub(crate) fn decay<L: Lanes>(lanes: L, x: L::Floats) -> [L::Floats; 2] {
    // Adding this rounds to an integer, and leaves n + 127, the exponent field of 2ⁿ, in the low bits.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // ln 2 in two parts, the first with trailing zeros, so that its product with n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // exp(r) with relative error 1/10,900,000.
    const EXP: [f32; 6] = [1.0, 9.999_997e-1, 4.999_914_8e-1, 1.666_763_9e-1, 4.189_816e-2, 8.290_272e-3];

    // At -88 n is -127, whose exponent field is zero: 2ⁿ becomes 0.
    let y = at_least(lanes, lanes.neg(lanes.abs(x)), -88.0);
    let biased = lanes.mul_add(y, lanes.all(std::f32::consts::LOG2_E), lanes.all(ROUND));
    let n = lanes.sub(biased, lanes.all(ROUND));
    let r = lanes.mul_add(n, lanes.all(-LN_2[0]), y);
    let r = lanes.mul_add(n, lanes.all(-LN_2[1]), r);
    [y, lanes.mul(polynomial(lanes, r, EXP), lanes.power(biased))]
}

/// 1/(1 + e) for 0 ≤ e ≤ 1, accurate to one unit in the last place; 1 at 0.
///
/// Computed from a parabola with error 1/99 and two Newton steps: a division takes longer than these six
/// operations, at least 10 cycles for 16 lanes.
#[inline(always)]
pub(crate) fn inverse<L: Lanes>(lanes: L, e: L::Floats) -> L::Floats {
    // 1 - (1 + e) p(e) is the Chebyshev polynomial of degree three, over its value 99 at e = -1.
    const PARABOLA: [f32; 3] = [98.0 / 99.0, -80.0 / 99.0, 32.0 / 99.0];

    let (one, below) = (lanes.all(1.0), lanes.sub(lanes.all(-1.0), e));
    let near = polynomial(lanes, e, PARABOLA);
    let nearer = lanes.mul_add(near, lanes.mul_add(below, near, one), near);
    lanes.mul_add(nearer, lanes.mul_add(below, nearer, one), nearer)
}

/// x σ(x), σ the logistic function; 0 at -∞.
#[inline(always)]
pub(crate) fn silu<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [y, e] = decay(lanes, x);
    // If y differs from x, e is zero; and y is finite if x is -∞.
    let below = lanes.mul(y, e);
    let negative = lanes.less_than(x, lanes.all(0.0));
    lanes.mul(lanes.select(negative, below, x), inverse(lanes, e))
}

/// The derivative of [`silu`]: σ + x σ (1 - σ); 0 at -∞ and 1 at +∞.
#[inline(always)]
pub(crate) fn silu_slope<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [y, _, large, small] = parts(lanes, x);
    // -|x| σ (1 - σ)
    let bend = lanes.mul(lanes.mul(y, small), large);
    let negative = lanes.less_than(x, lanes.all(0.0));
    lanes.select(negative, lanes.add(small, bend), lanes.sub(large, bend))
}

/// [`silu_slope`] and [`silu_second`], for little more than one of them.
#[inline(always)]
pub(crate) fn silu_slopes<L: Lanes>(lanes: L, x: L::Floats) -> [L::Floats; 2] {
    let [y, e, large, small] = parts(lanes, x);
    let bell = lanes.mul(small, large);
    let bent = lanes.mul(lanes.mul(y, small), large);
    let negative = lanes.less_than(x, lanes.all(0.0));
    let slope = lanes.select(negative, lanes.add(small, bent), lanes.sub(large, bent));
    [slope, lanes.mul(bell, lanes.mul_add(y, bend(lanes, e, large), lanes.all(2.0)))]
}

/// σ(x) = 1/(1 + exp(-x)), the derivative of [`softplus`].
#[inline(always)]
pub(crate) fn logistic<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [_, _, large, small] = parts(lanes, x);
    let negative = lanes.less_than(x, lanes.all(0.0));
    lanes.select(negative, small, large)
}

/// ln(1 + exp(x)) = max(x, 0) + ln(1 + e), e = exp(-|x|); 0 at -∞ and +∞ at +∞.
///
/// ln(1 + e) = 2 artanh(q), q = e/(2 + e) ≤ 1/3, keeps the relative accuracy for small e.
#[inline(always)]
pub(crate) fn softplus<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    // (artanh(q)/q - 1)/q² in q², so that the result is accurate to 5e-9.
    const ARTANH: [f32; 4] = [3.333_320_6e-1, 2.001_085e-1, 1.399_957e-1, 1.401_223e-1];

    let [_, e] = decay(lanes, x);
    let half = lanes.mul(e, lanes.all(0.5));
    let q = lanes.mul(half, inverse(lanes, half));
    let square = lanes.mul(q, q);
    let twice = lanes.add(q, q);
    let rest = lanes.mul(twice, square);
    let log = lanes.mul_add(rest, polynomial(lanes, square, ARTANH), twice);
    let positive = lanes.less_than(lanes.all(0.0), x);
    lanes.add(log, lanes.select(positive, x, lanes.all(0.0)))
}

/// y and e = exp(y) as in [`decay`], then σ(-y) and 1 - σ(-y).
#[inline(always)]
fn parts<L: Lanes>(lanes: L, x: L::Floats) -> [L::Floats; 4] {
    let [y, e] = decay(lanes, x);
    let large = inverse(lanes, e);
    [y, e, large, lanes.mul(e, large)]
}

/// `-value` where x is negative, else `value`.
#[inline(always)]
fn odd<L: Lanes>(lanes: L, x: L::Floats, value: L::Floats) -> L::Floats {
    negated(lanes, lanes.less_than(x, lanes.all(0.0)), value)
}

/// 1 - e times `large`, that is 2σ - 1 at |x|.
#[inline(always)]
fn bend<L: Lanes>(lanes: L, e: L::Floats, large: L::Floats) -> L::Floats {
    lanes.mul(lanes.sub(lanes.all(1.0), e), large)
}

/// The second derivative of [`silu`]: b (2 - |x| (2σ - 1)), b = σ (1 - σ), σ at |x|; 0 at ±∞.
#[inline(always)]
pub(crate) fn silu_second<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [y, e, large, small] = parts(lanes, x);
    let bell = lanes.mul(small, large);
    lanes.mul(bell, lanes.mul_add(y, bend(lanes, e, large), lanes.all(2.0)))
}

/// The third derivative of [`silu`]: ∓b (3 (2σ - 1) - |x| (1 - 6b)); 0 at ±∞.
#[inline(always)]
pub(crate) fn silu_third<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [y, e, large, small] = parts(lanes, x);
    let bell = lanes.mul(small, large);
    let rest = lanes.mul(y, lanes.mul_add(bell, lanes.all(-6.0), lanes.all(1.0)));
    let sum = lanes.mul_add(bend(lanes, e, large), lanes.all(3.0), rest);
    odd(lanes, x, lanes.mul(lanes.neg(bell), sum))
}

/// σ (1 - σ), the derivative of [`logistic`]; 0 at ±∞.
#[inline(always)]
pub(crate) fn bell<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [_, _, large, small] = parts(lanes, x);
    lanes.mul(small, large)
}

/// The derivative of [`bell`]: σ (1 - σ) (1 - 2σ); 0 at ±∞.
#[inline(always)]
pub(crate) fn bell_slope<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [_, e, large, small] = parts(lanes, x);
    odd(lanes, x, lanes.mul(lanes.neg(lanes.mul(small, large)), bend(lanes, e, large)))
}

/// tanh(x); ±1 at ±∞.
///
/// A polynomial for |x| < 5/8, else ±(1 - 2 e/(1 + e)), e = exp(-2|x|).
#[inline(always)]
pub(crate) fn tanh<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    // (tanh(x)/x - 1)/x² in x² below 5/8, so that the result is accurate to 9e-9.
    const TANH: [f32; 5] = [-3.333_328e-1, 1.333_144_2e-1, -5.373_971_5e-2, 2.063_908_6e-2, -5.704_987e-3];

    let [_, _, _, small] = parts(lanes, lanes.add(x, x));
    let far = odd(lanes, x, lanes.mul_add(small, lanes.all(-2.0), lanes.all(1.0)));
    let square = lanes.mul(x, x);
    let near = lanes.mul_add(lanes.mul(x, square), polynomial(lanes, square, TANH), x);
    lanes.select(lanes.less_than(lanes.abs(x), lanes.all(0.625)), near, far)
}

/// The derivative of [`tanh`]: 4 σ (1 - σ), σ at 2x; 0 at ±∞.
#[inline(always)]
pub(crate) fn tanh_slope<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    lanes.mul(bell(lanes, lanes.add(x, x)), lanes.all(4.0))
}

/// The second derivative of [`tanh`]: -2 tanh(x) times the first; 0 at ±∞.
#[inline(always)]
pub(crate) fn tanh_second<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let twice = lanes.mul(tanh(lanes, x), lanes.all(-2.0));
    lanes.mul(twice, tanh_slope(lanes, x))
}

/// The third derivative of [`tanh`]: t (4 - 6 t), t the first; 0 at ±∞.
#[inline(always)]
pub(crate) fn tanh_third<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let slope = tanh_slope(lanes, x);
    lanes.mul(slope, lanes.mul_add(slope, lanes.all(-6.0), lanes.all(4.0)))
}

/// x where x is positive, else exp(x) - 1; -1 at -∞.
///
/// Above -½ by the exponential's series without its first term, since the difference would lose digits.
#[inline(always)]
pub(crate) fn elu<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    // 1/n!, n from 1: the first term left out is below 2e-8 of the sum.
    const SERIES: [f32; 8] =
        [1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40320.0];

    let [y, e] = decay(lanes, x);
    let near = lanes.mul(y, polynomial(lanes, y, SERIES));
    let far = lanes.sub(e, lanes.all(1.0));
    let below = lanes.select(lanes.less_than(lanes.all(-0.5), y), near, far);
    lanes.select(lanes.less_than(x, lanes.all(0.0)), below, x)
}

/// The derivative of [`elu`]: 1 where x is positive, else exp(x).
#[inline(always)]
pub(crate) fn elu_slope<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [_, e] = decay(lanes, x);
    lanes.select(lanes.less_than(lanes.all(0.0), x), lanes.all(1.0), e)
}

/// The second and every further derivative of [`elu`]: exp(x) where x is negative, else 0.
#[inline(always)]
pub(crate) fn elu_second<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let [_, e] = decay(lanes, x);
    // The difference is 0, and NaN at NaN.
    lanes.select(lanes.less_than(x, lanes.all(0.0)), e, lanes.sub(e, e))
}

/// sin and cos of an angle below 8192, with error at most 2⁻²³; NaN at NaN.
///
/// The angle is n + x quarter turns, |x| ≤ ½; an odd n swaps sine and cosine.
#[inline(always)]
pub(crate) fn sin_cos<L: Lanes>(lanes: L, angle: L::Floats) -> [L::Floats; 2] {
    // -π/2 in two parts; the remainder, 2e-15 times n, is negligible.
    const QUARTER: [f32; 2] = [-1.570_796_4, 4.371_139e-8];

    let n = whole(lanes, lanes.mul(angle, lanes.all(std::f32::consts::FRAC_2_PI)));
    let rest = lanes.mul_add(n, lanes.all(QUARTER[0]), angle);
    let rest = lanes.mul_add(n, lanes.all(QUARTER[1]), rest);
    let x = lanes.mul(rest, lanes.all(std::f32::consts::FRAC_2_PI));
    let square = lanes.mul(x, x);
    let sin = lanes.mul(polynomial(lanes, square, SIN), x);
    let cos = lanes.mul_add(polynomial(lanes, square, COS), square, lanes.all(1.0));

    // n modulo 4, from -2 to 2: the sine is negative at -1 and ±2, the cosine at 1 and ±2.
    let turns = whole(lanes, lanes.mul(n, lanes.all(0.25)));
    let quarters = lanes.mul_add(turns, lanes.all(-4.0), n);
    let even = lanes.less_than(lanes.all(0.5), lanes.abs(lanes.sub(lanes.abs(quarters), lanes.all(1.0))));
    let (sin, cos) = (lanes.select(even, sin, cos), lanes.select(even, cos, sin));
    let sin = negated(lanes, lanes.less_than(quarters, lanes.all(-0.5)), sin);
    let sin = negated(lanes, lanes.less_than(lanes.all(1.5), quarters), sin);
    let cos = negated(lanes, lanes.less_than(lanes.all(0.5), quarters), cos);
    let cos = negated(lanes, lanes.less_than(quarters, lanes.all(-1.5)), cos);
    [sin, cos]
}

/// The nearest integer to a number below 2²².
#[inline(always)]
fn whole<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    // Adding this rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    lanes.sub(lanes.add(x, lanes.all(ROUND)), lanes.all(ROUND))
}

/// `-x` where the mask is true, else `x`.
#[inline(always)]
fn negated<L: Lanes>(lanes: L, mask: L::Mask, x: L::Floats) -> L::Floats {
    lanes.select(mask, lanes.neg(x), x)
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    /// Numbers from 0 to -87.3; beyond, the exponential is subnormal.
    fn grid() -> impl Iterator<Item = f32> {
        (0..873_000).map(|i| i as f32 * -1e-4)
    }

    #[test]
    fn the_exponential_is_accurate_to_two_ulps() {
        for x in grid() {
            let ([y, e], expected) = (decay(Scalar, x), f64::from(x).exp());
            assert_eq!(y, x);
            assert!((f64::from(e) - expected).abs() <= 2f64.powi(-22) * expected, "{x}: {e}, {expected}");
            assert_eq!(decay(Scalar, -x), [y, e]);
        }
    }

    #[test]
    fn the_inverse_is_accurate_to_one_ulp() {
        assert_eq!(inverse(Scalar, 0.0), 1.0);
        for e in (0..=1 << 20).map(|i| i as f32 / (1 << 20) as f32) {
            let (found, expected) = (inverse(Scalar, e), 1.0 / (1.0 + f64::from(e)));
            // The unit in the last place between ½ and 1 is 2⁻²⁴.
            assert!((f64::from(found) - expected).abs() <= 2f64.powi(-24), "{e}: {found}, {expected}");
        }
        assert!(inverse(Scalar, f32::NAN).is_nan());
    }

    #[test]
    fn sines_and_cosines_are_accurate_in_every_quadrant() {
        for angle in (-2_000_000..=2_000_000).map(|i| i as f32 * 4.1e-3) {
            let (found, (sin, cos)) = (sin_cos(Scalar, angle), f64::from(angle).sin_cos());
            for (found, exact) in found.into_iter().zip([sin, cos]) {
                assert!((f64::from(found) - exact).abs() <= 2f64.powi(-23), "{angle}: {found}, {exact}");
            }
        }
        assert!(sin_cos(Scalar, f32::NAN).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn both_slopes_of_silu_are_those_of_one_at_a_time() {
        for x in
            [0.0, -0.0, 1e-3, -1e-3, 0.7, -2.4, 19.0, -31.0, 90.0, -90.0, f32::INFINITY, f32::NEG_INFINITY]
        {
            assert_eq!(silu_slopes(Scalar, x), [silu_slope(Scalar, x), silu_second(Scalar, x)], "{x}");
        }
    }

    #[test]
    fn the_exponential_underflows_to_zero_and_propagates_nan() {
        assert_eq!(decay(Scalar, 0.0), [0.0, 1.0]);
        for x in [-87.7, -88.0, -1e30, f32::NEG_INFINITY, f32::INFINITY] {
            assert_eq!(decay(Scalar, x)[1], 0.0);
        }
        assert!(decay(Scalar, f32::NAN).iter().all(|value| value.is_nan()));
    }
}
