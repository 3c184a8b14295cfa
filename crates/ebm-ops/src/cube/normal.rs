//! Uniforms and normals from words on a device, by the operations of [`crate::normal`].
//!
//! Devices differ in floating point: WGSL allows a multiply-add to be rounded twice, a square root to be off by
//! several units in the last place, and sums to be reordered. So unless multiply-adds are `native`, as in CUDA, a
//! multiply-add is composed of sums and products that are exact whether fused or not, the square root is corrected,
//! and where a compiler could merge two operations, a [`sealed`] number separates them.

use burn_cubecl::cubecl::{self, prelude::*};

use crate::normal::{LOG, SQRT_HALF};
use crate::polynomial::{COS, SIN};

/// 2⁻²⁴.
const ULP: f32 = 1.0 / 16_777_216.0;

/// Mask of the bits of a number with twelve leading binary digits.
const LEADING: u32 = 0xffff_f000;

/// 2 ln 2.
const TWO_LN_2: f32 = 2.0 * std::f32::consts::LN_2;

/// A uniform number in `[0, 1)`, a multiple of 2⁻²⁴, from a word.
#[cube]
pub(super) fn uniform(word: u32) -> f32 {
    f32::cast_from(word >> 8u32) * ULP
}

/// Two independent standard normals from two words.
///
/// `zero` is 0, but must be unknown to the compiler.
#[cube]
pub(super) fn box_muller(a: u32, b: u32, zero: u32, #[comptime] native: bool) -> (f32, f32) {
    let radius = root(minus_two_log(a, zero, native), zero);
    let (cos, sin) = direction(b, zero, native);
    (radius * cos, radius * sin)
}

/// −2 ln((a + ½)/2³²).
#[cube]
fn minus_two_log(a: u32, zero: u32, #[comptime] native: bool) -> f32 {
    // 2a + 1 = (1 + t) 2ᵏ, rounded once: both halves convert exactly.
    let high = f32::cast_from(a >> 16u32);
    let low = f32::cast_from((a & 0xffffu32) * 2u32 + 1u32);
    let bits = u32::reinterpret(high * 131_072.0f32 + low) - comptime!(SQRT_HALF - (1 << 23));
    let halvings = f32::cast_from(34u32 - (bits >> 23u32));
    let mantissa = f32::reinterpret((bits & comptime!((1u32 << 23) - 1)) + SQRT_HALF);
    let t = sealed(mantissa - 1.0f32, zero);

    let cubic = fused(polynomial(t, zero, comptime!(LOG.to_vec()), native), t, -0.5f32, zero, native);
    let log = fused(t * t, cubic, t, zero, native);
    let twice = log * -2.0f32;
    if comptime!(native) {
        fma(halvings, TWO_LN_2, twice)
    } else {
        // The term of one halving exceeds the logarithm of the mantissa.
        let (whole, rest) = product(halvings, TWO_LN_2, zero);
        sum(whole, twice, rest, zero)
    }
}

/// cos 2πv and sin 2πv, v = b/2³² to 25 bits.
#[cube]
fn direction(b: u32, zero: u32, #[comptime] native: bool) -> (f32, f32) {
    let quarter = b + comptime!(1u32 << 29);
    let odd = ((quarter << 2u32) >> 9u32) * 2u32 + 1u32;
    let x = sealed(f32::cast_from(odd) * ULP - 0.5f32, zero);

    let square = x * x;
    let sin = polynomial(square, zero, comptime!(SIN.to_vec()), native) * x;
    let cos = fused(polynomial(square, zero, comptime!(COS.to_vec()), native), square, 1.0f32, zero, native);

    let even = (quarter & comptime!(1u32 << 30)) == 0u32;
    let sign = comptime!(1u32 << 31);
    let sin_sign = quarter & sign;
    let cos_sign = (quarter + comptime!(1u32 << 30)) & sign;
    (
        f32::reinterpret(u32::reinterpret(select::<f32>(even, cos, sin)) ^ cos_sign),
        f32::reinterpret(u32::reinterpret(select::<f32>(even, sin, cos)) ^ sin_sign),
    )
}

/// c₀ + x (c₁ + x (c₂ + …)), by Horner's rule, for coefficients that exceed the terms added to them.
#[cube]
fn polynomial(x: f32, zero: u32, #[comptime] coefficients: Vec<f32>, #[comptime] native: bool) -> f32 {
    let degree = comptime!(coefficients.len() - 1);
    let mut sum = f32::new(comptime!(coefficients[degree]));
    #[unroll]
    for i in 0..degree {
        let coefficient = f32::new(comptime!(coefficients[degree - 1 - i]));
        sum = fused(sum, x, coefficient, zero, native);
    }
    sum
}

/// a b + c rounded once, for |a b| ≤ |c|.
#[cube]
fn fused(a: f32, b: f32, c: f32, zero: u32, #[comptime] native: bool) -> f32 {
    if comptime!(native) {
        fma(a, b, c)
    } else {
        let (whole, rest) = product(a, b, zero);
        sum(c, whole, rest, zero)
    }
}

/// a b rounded, and the rounding error: products of twelve-digit halves are exact.
///
/// # Reference
/// Dekker (1971), *A floating-point technique for extending the available precision*.
#[cube]
fn product(a: f32, b: f32, zero: u32) -> (f32, f32) {
    let whole = a * b;
    let a_high = leading(a);
    let b_high = leading(b);
    let a_low = a - a_high;
    let b_low = b - b_high;
    let rest = sealed(a_high * b_high - whole, zero);
    let rest = sealed(rest + a_high * b_low + a_low * b_high, zero);
    (whole, rest + a_low * b_low)
}

/// The sum of a number, another at most as large, and the rounding error of one of them; rounded once, unless the
/// exact sum is within 2⁻²⁴ units in the last place of the midpoint between two numbers.
#[cube]
fn sum(large: f32, small: f32, rest: f32, zero: u32) -> f32 {
    let sum = sealed(large + small, zero);
    let lost = small - sealed(sum - large, zero);
    sum + (lost + rest)
}

/// √y from the device's square root, which may be off by a few units in the last place: one Newton step with an
/// exact remainder.
#[cube]
fn root(y: f32, zero: u32) -> f32 {
    let root = sealed(y.sqrt(), zero);
    let high = leading(root);
    let low = root - high;
    let rest = sealed(y - high * high, zero);
    let rest = sealed(rest - (high + high) * low, zero) - low * low;
    // The smallest nonzero root is larger than this bound.
    root + rest / max::<f32>(root + root, 1e-6f32)
}

/// `x` truncated to twelve leading binary digits.
#[cube]
fn leading(x: f32) -> f32 {
    f32::reinterpret(u32::reinterpret(x) & LEADING)
}

/// `x`, in a form that hides its origin from the compiler.
#[cube]
fn sealed(x: f32, zero: u32) -> f32 {
    f32::reinterpret(u32::reinterpret(x) ^ zero)
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use pulp::Scalar;

    use super::super::testing::{device, distance, fetched, sent};
    use super::*;
    use crate::{normal, philox4x32};

    #[cube(launch)]
    fn kernel(words: &[u32], out: &mut [u32], zero: u32, #[comptime] native: bool) {
        let pair = 2 * ABSOLUTE_POS;
        if pair + 1 < out.len() {
            let (p, q) = box_muller(words[pair], words[pair + 1], zero, native);
            out[pair] = u32::reinterpret(p);
            out[pair + 1] = u32::reinterpret(q);
        }
    }

    /// Pairs of words near both ends and near multiples of a sixteenth, and a hundred thousand others.
    fn words() -> Vec<u32> {
        let marks: Vec<u32> =
            (0..16u32).flat_map(|i| (0..8).map(move |j| (i << 28).wrapping_add(j).wrapping_sub(4))).collect();
        let pairs = marks.iter().flat_map(|a| marks.iter().flat_map(move |b| [*a, *b]));
        let others = (0..50_000).flat_map(|i| philox4x32([i, 0, 0, 0], [61, 67]));
        pairs.chain(others).collect()
    }

    /// The largest distance from the host over `words`, in units in the last place.
    fn worst(native: bool, device: &burn::tensor::Device) -> u64 {
        let words = words();
        let out = sent(&vec![0; words.len()], device);
        let (client, sent) = (out.client.clone(), sent(&words, device));
        let (count, dim) = (CubeCount::Static(words.len().div_ceil(512) as u32, 1, 1), CubeDim::new_1d(256));
        let arguments = (sent.into_buffer_arg(), out.clone().into_buffer_arg());
        kernel::launch(&client, count, dim, arguments.0, arguments.1, 0, native);
        let found = fetched(out);
        let expected = words.chunks_exact(2).flat_map(|pair| normal::box_muller(Scalar, pair[0], pair[1]));
        found.into_iter().zip(expected).map(|(f, e)| distance(f, e.to_bits())).max().unwrap()
    }

    #[test]
    fn normals_from_any_words_are_within_two_ulps_of_the_host() {
        let Some(device) = device() else { return };
        let worst = worst(false, &device);
        assert!(worst <= 2, "{worst} units");
    }

    #[test]
    fn normals_are_within_eleven_ulps_if_multiply_adds_are_rounded_twice() {
        let Some(device) = device() else { return };
        // In units of 2⁻²⁴: rounding on either side contributes 2 in each of the logarithm, the root, the sine and
        // both products with it; a second rounding adds 3 ½ in the logarithm and less than ½ in the sine. The root
        // halves the error of its argument.
        let worst = worst(true, &device);
        assert!(worst <= 11, "{worst} units");
    }
}
