//! Elementary functions on the lanes of one vector register, written once for every instruction set.
//!
//! Each is a fixed sequence of correctly rounded operations (sums, products, fused multiply-adds, divisions,
//! roots), so that a lane's result is the same to the bit on every width, and on a machine without vectors.
//! The polynomials are minimax fits of this crate's own, with their error beside them.

#![cfg_attr(not(feature = "flex"), allow(dead_code))]

use pulp::Simd;

/// `value` in every lane.
#[inline(always)]
fn all<S: Simd>(simd: S, value: f32) -> S::f32s {
    simd.splat_f32s(value)
}

/// c₀ + x (c₁ + x (c₂ + …)), by Horner's rule.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = all(simd, coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = simd.mul_add_f32s(sum, x, all(simd, coefficients[i]));
    }
    sum
}

/// `x`, or `bound` where `x` is less; NaN stays NaN.
#[inline(always)]
pub(crate) fn at_least<S: Simd>(simd: S, x: S::f32s, bound: f32) -> S::f32s {
    let bound = all(simd, bound);
    simd.select_f32s(simd.less_than_f32s(x, bound), bound, x)
}

/// y = -|x|, though at least -88, and exp(y) with relative error below 2⁻²²; NaN stays NaN.
///
/// Below 2⁻¹²⁶ the exponential loses precision, and from -87.7 on it is 0.
///
/// exp(y) = 2ⁿ exp(r), n = round(y / ln 2), |r| ≤ ln(2)/2, and a polynomial of degree five for exp(r).
#[inline(always)]
pub(crate) fn decay<S: Simd>(simd: S, x: S::f32s) -> [S::f32s; 2] {
    // Adding this rounds to an integer, and leaves n + 127 in the low bits: the exponent field of 2ⁿ.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // ln 2 in two parts, the first with trailing zeros, so that n times it is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // exp(r) to 1 part in 10.9 million.
    const EXP: [f32; 6] = [1.0, 9.999_997e-1, 4.999_914_8e-1, 1.666_763_9e-1, 4.189_816e-2, 8.290_272e-3];

    // At -88 n is -127, whose exponent field is zero: 2ⁿ becomes 0.
    let y = at_least(simd, simd.neg_f32s(simd.abs_f32s(x)), -88.0);
    let biased = simd.mul_add_f32s(y, all(simd, std::f32::consts::LOG2_E), all(simd, ROUND));
    let n = simd.sub_f32s(biased, all(simd, ROUND));
    let r = simd.mul_add_f32s(n, all(simd, -LN_2[0]), y);
    let r = simd.mul_add_f32s(n, all(simd, -LN_2[1]), r);
    let power = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(biased), simd.splat_u32s(23));
    [y, simd.mul_f32s(polynomial(simd, r, EXP), simd.transmute_f32s_u32s(power))]
}

/// x σ(x), σ the logistic function; 0 at -∞.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let [y, e] = decay(simd, x);
    // Where y is not x, e is zero; and y is finite where x is -∞.
    let below = simd.mul_f32s(y, e);
    let negative = simd.less_than_f32s(x, all(simd, 0.0));
    simd.div_f32s(simd.select_f32s(negative, below, x), simd.add_f32s(e, all(simd, 1.0)))
}

/// The derivative of [`silu`]: σ + x σ (1 - σ); 0 at -∞ and 1 at +∞.
#[inline(always)]
pub(crate) fn silu_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let ([y, e], one) = (decay(simd, x), all(simd, 1.0));
    let large = simd.div_f32s(one, simd.add_f32s(e, one));
    let small = simd.mul_f32s(e, large);
    // -|x| σ (1 - σ)
    let bend = simd.mul_f32s(simd.mul_f32s(y, small), large);
    let negative = simd.less_than_f32s(x, all(simd, 0.0));
    simd.select_f32s(negative, simd.add_f32s(small, bend), simd.sub_f32s(large, bend))
}

/// σ(x) = 1/(1 + exp(-x)), the derivative of [`softplus`].
#[inline(always)]
pub(crate) fn logistic<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let ([_, e], one) = (decay(simd, x), all(simd, 1.0));
    let negative = simd.less_than_f32s(x, all(simd, 0.0));
    simd.div_f32s(simd.select_f32s(negative, e, one), simd.add_f32s(e, one))
}

/// ln(1 + exp(x)) = max(x, 0) + ln(1 + e), e = exp(-|x|); 0 at -∞ and +∞ at +∞.
///
/// ln(1 + e) = 2 artanh(q), q = e/(2 + e) ≤ 1/3, keeps the relative precision of a small e.
#[inline(always)]
pub(crate) fn softplus<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // (artanh(q)/q - 1)/q² in q², so that the whole is right to 5e-9.
    const ARTANH: [f32; 4] = [3.333_320_6e-1, 2.001_085e-1, 1.399_957e-1, 1.401_223e-1];

    let [_, e] = decay(simd, x);
    let q = simd.div_f32s(e, simd.add_f32s(e, all(simd, 2.0)));
    let square = simd.mul_f32s(q, q);
    let twice = simd.add_f32s(q, q);
    let rest = simd.mul_f32s(twice, square);
    let log = simd.mul_add_f32s(rest, polynomial(simd, square, ARTANH), twice);
    let positive = simd.less_than_f32s(all(simd, 0.0), x);
    simd.add_f32s(log, simd.select_f32s(positive, x, all(simd, 0.0)))
}

/// y as from [`decay`], e = exp(y), and with σ at -y: σ and 1 - σ.
#[inline(always)]
fn parts<S: Simd>(simd: S, x: S::f32s) -> [S::f32s; 4] {
    let ([y, e], one) = (decay(simd, x), all(simd, 1.0));
    let large = simd.div_f32s(one, simd.add_f32s(e, one));
    [y, e, large, simd.mul_f32s(e, large)]
}

/// `value` where x is not negative, `-value` where it is.
#[inline(always)]
fn odd<S: Simd>(simd: S, x: S::f32s, value: S::f32s) -> S::f32s {
    let negative = simd.less_than_f32s(x, all(simd, 0.0));
    simd.select_f32s(negative, simd.neg_f32s(value), value)
}

/// 1 - e times `large`, that is 2σ - 1 at |x|.
#[inline(always)]
fn bend<S: Simd>(simd: S, e: S::f32s, large: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.sub_f32s(all(simd, 1.0), e), large)
}

/// The second derivative of [`silu`]: b (2 - |x| (2σ - 1)), b = σ (1 - σ), σ at |x|; 0 at ±∞.
#[inline(always)]
pub(crate) fn silu_second<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let [y, e, large, small] = parts(simd, x);
    let bell = simd.mul_f32s(small, large);
    simd.mul_f32s(bell, simd.mul_add_f32s(y, bend(simd, e, large), all(simd, 2.0)))
}

/// The third derivative of [`silu`]: ∓b (3 (2σ - 1) - |x| (1 - 6b)); 0 at ±∞.
#[inline(always)]
pub(crate) fn silu_third<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let [y, e, large, small] = parts(simd, x);
    let bell = simd.mul_f32s(small, large);
    let rest = simd.mul_f32s(y, simd.mul_add_f32s(bell, all(simd, -6.0), all(simd, 1.0)));
    let sum = simd.mul_add_f32s(bend(simd, e, large), all(simd, 3.0), rest);
    odd(simd, x, simd.mul_f32s(simd.neg_f32s(bell), sum))
}

/// σ (1 - σ), the derivative of [`logistic`]; 0 at ±∞.
#[inline(always)]
pub(crate) fn bell<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let [_, _, large, small] = parts(simd, x);
    simd.mul_f32s(small, large)
}

/// The derivative of [`bell`]: σ (1 - σ) (1 - 2σ); 0 at ±∞.
#[inline(always)]
pub(crate) fn bell_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let [_, e, large, small] = parts(simd, x);
    odd(simd, x, simd.mul_f32s(simd.neg_f32s(simd.mul_f32s(small, large)), bend(simd, e, large)))
}

/// tanh(x); ±1 at ±∞.
///
/// Below 5/8 a polynomial, beyond it 1 - 2 e/(1 + e), e = exp(-2|x|).
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // (tanh(x)/x - 1)/x² in x² below 5/8, so that the whole is right to 9e-9.
    const TANH: [f32; 5] = [-3.333_328e-1, 1.333_144_2e-1, -5.373_971_5e-2, 2.063_908_6e-2, -5.704_987e-3];

    let [_, _, _, small] = parts(simd, simd.add_f32s(x, x));
    let far = odd(simd, x, simd.mul_add_f32s(small, all(simd, -2.0), all(simd, 1.0)));
    let square = simd.mul_f32s(x, x);
    let near = simd.mul_add_f32s(simd.mul_f32s(x, square), polynomial(simd, square, TANH), x);
    simd.select_f32s(simd.less_than_f32s(simd.abs_f32s(x), all(simd, 0.625)), near, far)
}

/// The derivative of [`tanh`]: 4 σ (1 - σ), σ at 2x; 0 at ±∞.
#[inline(always)]
pub(crate) fn tanh_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.mul_f32s(bell(simd, simd.add_f32s(x, x)), all(simd, 4.0))
}

/// The second derivative of [`tanh`]: -2 tanh(x) times the first; 0 at ±∞.
#[inline(always)]
pub(crate) fn tanh_second<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let twice = simd.mul_f32s(tanh(simd, x), all(simd, -2.0));
    simd.mul_f32s(twice, tanh_slope(simd, x))
}

/// The third derivative of [`tanh`]: t (4 - 6 t), t the first; 0 at ±∞.
#[inline(always)]
pub(crate) fn tanh_third<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let slope = tanh_slope(simd, x);
    simd.mul_f32s(slope, simd.mul_add_f32s(slope, all(simd, -6.0), all(simd, 4.0)))
}

/// Replaces every element v of `values` by `function`(v, the elements of `others` beside it).
///
/// # Panics
/// If one of `others` is not as long as `values`.
#[inline(always)]
pub(crate) fn update<S: Simd, const N: usize>(
    simd: S,
    values: &mut [f32],
    others: [&[f32]; N],
    function: impl Fn(S::f32s, [S::f32s; N]) -> S::f32s,
) {
    let n = values.len();
    for other in others {
        assert_eq!(other.len(), n, "slices of one length");
    }
    if n < S::F32_LANES {
        let y = function(simd.partial_load_f32s(values), others.map(|other| simd.partial_load_f32s(other)));
        return simd.partial_store_f32s(values, y);
    }
    // The last vector overlaps the one before it, so it is made before anything is written.
    let end = n - S::F32_LANES;
    let first = |slice: &[f32]| S::as_simd_f32s(slice).0[0];
    let last = function(first(&values[end..]), others.map(|other| first(&other[end..])));
    let values_of = S::as_mut_simd_f32s(values).0;
    let others = others.map(|other| &S::as_simd_f32s(other).0[..values_of.len()]);
    for (i, value) in values_of.iter_mut().enumerate() {
        *value = function(*value, others.map(|other| other[i]));
    }
    S::as_mut_simd_f32s(&mut values[end..]).0[0] = last;
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    /// -87.3 to 0, below which the exponential is subnormal.
    fn grid() -> impl Iterator<Item = f32> {
        (0..873_000).map(|i| i as f32 * -1e-4)
    }

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        for x in grid() {
            let ([y, e], expected) = (decay(Scalar, x), f64::from(x).exp());
            assert_eq!(y, x);
            assert!((f64::from(e) - expected).abs() <= 2f64.powi(-22) * expected, "{x}: {e}, {expected}");
            assert_eq!(decay(Scalar, -x), [y, e]);
        }
    }

    #[test]
    fn the_exponential_ends_in_zero_and_passes_nan() {
        assert_eq!(decay(Scalar, 0.0), [0.0, 1.0]);
        for x in [-87.7, -88.0, -1e30, f32::NEG_INFINITY, f32::INFINITY] {
            assert_eq!(decay(Scalar, x)[1], 0.0);
        }
        assert!(decay(Scalar, f32::NAN).iter().all(|value| value.is_nan()));
    }

    #[test]
    fn an_update_touches_every_element_once_at_every_length() {
        struct Double<'a>(&'a mut [f32], &'a [f32]);
        impl pulp::WithSimd for Double<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                update(simd, self.0, [self.1], |x, [y]| simd.mul_add_f32s(x, y, x));
            }
        }
        for n in 0..70 {
            let mut values: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let others: Vec<f32> = (0..n).map(|i| 1.0 + i as f32).collect();
            pulp::Arch::new().dispatch(Double(&mut values, &others));
            let expected: Vec<f32> = (0..n).map(|i| (i * (i + 2)) as f32).collect();
            assert_eq!(values, expected);
        }
    }
}
