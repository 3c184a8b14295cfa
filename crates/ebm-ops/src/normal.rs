//! Uniforms and normals from words, in the lanes of vector registers.
//!
//! Like the functions of `vector`, they are sequences of correctly rounded operations: the result in a lane does
//! not depend on the number of lanes.

use pulp::Simd;

use crate::polynomial::{COS, SIN, polynomial};

/// The bits of 1, and those of 2²³, whose last bit has the value 1.
const ONE: u32 = 0x3f80_0000;
const UNITS: u32 = 0x4b00_0000;

/// The bits of √½.
pub(crate) const SQRT_HALF: u32 = 0x3f35_04f3;

/// (ln(1 + t) − t + t²/2)/t³ for √½ ≤ 1 + t ≤ √2, so that ln(1 + t) is accurate to 3e-8.
pub(crate) const LOG: [f32; 7] = [
    3.333_391e-1,
    -2.500_133_8e-1,
    1.996_306_3e-1,
    -1.657_758_5e-1,
    1.491_476_7e-1,
    -1.426_748_6e-1,
    8.700_436e-2,
];

/// Uniform numbers in `[0, 1)`, multiples of 2⁻²⁴, from the 24 high bits of words.
#[inline(always)]
pub(crate) fn uniform<S: Simd>(simd: S, word: S::u32s) -> S::f32s {
    // A number in [1, 2) has 23 bits; the 24th selects the number that is subtracted, and nothing is rounded.
    let bit = simd.and_u32s(word, simd.splat_u32s(1 << 8));
    let even = simd.equal_u32s(bit, simd.splat_u32s(0));
    let one = simd.select_f32s(even, simd.splat_f32s(1.0), simd.splat_f32s(1.0 - 1.0 / 16_777_216.0));
    simd.sub_f32s(one_and(simd, word), one)
}

/// Two independent standard normals from two words.
///
/// z = √(−2 ln u) (cos 2πv, sin 2πv), u = (a + ½)/2³², v = b/2³² to 25 bits.   |z| never exceeds 6.77.
///
/// # Reference
/// Box and Muller (1958), *A note on the generation of random normal deviates*.
#[inline(always)]
pub(crate) fn box_muller<S: Simd>(simd: S, a: S::u32s, b: S::u32s) -> [S::f32s; 2] {
    let radius = simd.sqrt_f32s(minus_two_log(simd, a));
    direction(simd, b).map(
        #[inline(always)]
        |part| simd.mul_f32s(radius, part),
    )
}

/// −2 ln((a + ½)/2³²), with relative error below 2⁻²².
#[inline(always)]
fn minus_two_log<S: Simd>(simd: S, a: S::u32s) -> S::f32s {
    // a + ½ = (1 + t) 2ᵏ, rounded once: both halves of a convert exactly.
    let high = units(simd, simd.wrapping_dyn_shr_u32s(a, simd.splat_u32s(16)), 8_388_608.0);
    let low = units(simd, simd.and_u32s(a, simd.splat_u32s(0xffff)), 8_388_607.5);
    let bits = simd.transmute_u32s_f32s(simd.mul_add_f32s(high, simd.splat_f32s(65_536.0), low));
    let bits = simd.sub_u32s(bits, simd.splat_u32s(SQRT_HALF - (1 << 23)));
    let exponent = units(simd, simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(23)), 8_388_608.0 + 33.0);
    let mantissa = simd.and_u32s(bits, simd.splat_u32s((1 << 23) - 1));
    let mantissa = simd.transmute_f32s_u32s(simd.add_u32s(mantissa, simd.splat_u32s(SQRT_HALF)));
    let t = simd.sub_f32s(mantissa, simd.splat_f32s(1.0));

    let cubic = simd.mul_add_f32s(polynomial(simd, t, LOG), t, simd.splat_f32s(-0.5));
    let log = simd.mul_add_f32s(simd.mul_f32s(t, t), cubic, t);
    let twice = simd.mul_f32s(log, simd.splat_f32s(-2.0));
    simd.mul_add_f32s(exponent, simd.splat_f32s(-2.0 * std::f32::consts::LN_2), twice)
}

/// cos 2πv and sin 2πv, v = b/2³² to 25 bits, with error below 2⁻²³.
///
/// v is a whole number of quarter turns plus x quarter turns, |x| ≤ ½.
#[inline(always)]
fn direction<S: Simd>(simd: S, b: S::u32s) -> [S::f32s; 2] {
    let quarter = simd.add_u32s(b, simd.splat_u32s(1 << 29));
    let rest = one_and(simd, simd.wrapping_dyn_shl_u32s(quarter, simd.splat_u32s(2)));
    // Half of the last bit makes the distribution symmetric.
    let x = simd.sub_f32s(rest, simd.splat_f32s(1.5));
    let x = simd.add_f32s(x, simd.splat_f32s(1.0 / 16_777_216.0));

    let square = simd.mul_f32s(x, x);
    let sin = simd.mul_f32s(polynomial(simd, square, SIN), x);
    let cos = simd.mul_add_f32s(polynomial(simd, square, COS), square, simd.splat_f32s(1.0));

    // Odd quarter turns swap sine and cosine; the sine is negative from the second on, the cosine from the first to
    // the third.
    let odd = simd.and_u32s(quarter, simd.splat_u32s(1 << 30));
    let even = simd.equal_u32s(odd, simd.splat_u32s(0));
    let sign = simd.splat_u32s(1 << 31);
    let sin_sign = simd.and_u32s(quarter, sign);
    let cos_sign = simd.and_u32s(simd.add_u32s(quarter, simd.splat_u32s(1 << 30)), sign);
    [
        signed(simd, simd.select_f32s(even, cos, sin), cos_sign),
        signed(simd, simd.select_f32s(even, sin, cos), sin_sign),
    ]
}

/// `x`, negated where `sign` has its highest bit set; all other bits of `sign` must be zero.
#[inline(always)]
fn signed<S: Simd>(simd: S, x: S::f32s, sign: S::u32s) -> S::f32s {
    simd.transmute_f32s_u32s(simd.xor_u32s(simd.transmute_u32s_f32s(x), sign))
}

/// 1 + the 23 high bits of a word · 2⁻²³.
#[inline(always)]
fn one_and<S: Simd>(simd: S, word: S::u32s) -> S::f32s {
    let bits = simd.wrapping_dyn_shr_u32s(word, simd.splat_u32s(9));
    simd.transmute_f32s_u32s(simd.or_u32s(bits, simd.splat_u32s(ONE)))
}

/// `count` + 2²³ - `less`, for a count below 2²³.
#[inline(always)]
fn units<S: Simd>(simd: S, count: S::u32s, less: f32) -> S::f32s {
    let number = simd.transmute_f32s_u32s(simd.or_u32s(count, simd.splat_u32s(UNITS)));
    simd.sub_f32s(number, simd.splat_f32s(less))
}

/// [`box_muller`] in double precision, from the same two words.
pub(crate) fn box_muller_f64(a: u32, b: u32) -> [f64; 2] {
    let u = (f64::from(a) + 0.5) / 4_294_967_296.0;
    let radius = (-2.0 * u.ln()).sqrt();
    let (sin, cos) = (f64::from(b) * (std::f64::consts::TAU / 4_294_967_296.0)).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;
    use crate::philox4x32;

    /// Words near multiples of 2²⁸, and a million others.
    fn words() -> impl Iterator<Item = u32> {
        let marks =
            (0..16u32).flat_map(|i| (0..512).map(move |j| (i << 28).wrapping_add(j).wrapping_sub(256)));
        marks.chain((0..250_000).flat_map(|i| philox4x32([i, 0, 0, 0], [61, 67])))
    }

    #[test]
    fn the_logarithm_is_accurate_to_two_ulps() {
        for a in words() {
            let found = f64::from(minus_two_log(Scalar, a));
            // a + ½ is rounded to single precision before the logarithm, with a relative error of at most 2⁻²⁴.
            let rounded = f64::from((f64::from(a) + 0.5) as f32) / 4_294_967_296.0;
            let expected = -2.0 * rounded.ln();
            assert!((found - expected).abs() <= 2f64.powi(-22) * expected, "{a}: {found}, {expected}");
        }
    }

    #[test]
    fn the_direction_is_accurate_and_never_on_an_axis() {
        for b in words() {
            let turn = (f64::from(b >> 7) + 0.5) / 2f64.powi(25);
            let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
            let found = direction(Scalar, b).map(f64::from);
            assert!((found[0] - cos).abs() <= 2f64.powi(-23), "{b}: {}, {cos}", found[0]);
            assert!((found[1] - sin).abs() <= 2f64.powi(-23), "{b}: {}, {sin}", found[1]);
            assert!(found[0] != 0.0 && found[1] != 0.0);
        }
    }

    #[test]
    fn uniforms_are_the_high_bits_exactly() {
        for word in words() {
            assert_eq!(uniform(Scalar, word), (word >> 8) as f32 / 16_777_216.0);
        }
    }

    #[test]
    fn the_radius_is_at_most_six_and_three_quarters() {
        let [z, _] = box_muller(Scalar, 0, 0);
        assert!(6.7 < z && z < 6.77, "{z}");
        assert_eq!(box_muller(Scalar, u32::MAX, 0), [0.0, 0.0]);
    }
}
