//! Words into uniforms and normals on a device, with the operations of [`crate::normal`].
//!
//! What a device makes of floating point is its own affair: WGSL lets it round a multiply-add twice, take a root that
//! is off by some units, and reorder sums. So unless a multiply-add is `native`, as in CUDA, it is put together from
//! sums and products that are exact, fused or not; the root is corrected; and where a compiler could merge two
//! operations, a [`sealed`] number stands between them.

use burn_cubecl::cubecl::{self, prelude::*};

use crate::normal::{LOG, SQRT_HALF};
use crate::polynomial::{COS, SIN};

/// 2⁻²⁴.
const ULP: f32 = 1.0 / 16_777_216.0;

/// The twelve leading digits of a number, in its bits.
const LEADING: u32 = 0xffff_f000;

/// 2 ln 2.
const TWO_LN_2: f32 = 2.0 * std::f32::consts::LN_2;

/// A word as a uniform number in `[0, 1)`, a multiple of 2⁻²⁴.
#[cube]
pub(super) fn uniform(word: u32) -> f32 {
    f32::cast_from(word >> 8u32) * ULP
}

/// Two words as two independent standard normals.
///
/// `zero` is 0, and nothing that a compiler could know.
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
        // One halving outweighs the logarithm of a mantissa.
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

/// c₀ + x (c₁ + x (c₂ + …)), by Horner's rule, for coefficients that outweigh what is added to them.
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

/// a b rounded, and what that lost: halves of twelve digits have exact products.
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

/// The sum of a number, another at most as large, and what a rounding of one of them lost; rounded once, but where
/// the exact sum is a 2⁻²⁴th of a unit from the middle between two numbers.
#[cube]
fn sum(large: f32, small: f32, rest: f32, zero: u32) -> f32 {
    let sum = sealed(large + small, zero);
    let lost = small - sealed(sum - large, zero);
    sum + (lost + rest)
}

/// √y from the device's root, which may be off by a few units: one step of Newton's, with an exact remainder.
#[cube]
fn root(y: f32, zero: u32) -> f32 {
    let root = sealed(y.sqrt(), zero);
    let high = leading(root);
    let low = root - high;
    let rest = sealed(y - high * high, zero);
    let rest = sealed(rest - (high + high) * low, zero) - low * low;
    // The smallest root that is not 0 is larger.
    root + rest / max::<f32>(root + root, 1e-6f32)
}

/// The twelve leading digits of `x`.
#[cube]
fn leading(x: f32) -> f32 {
    f32::reinterpret(u32::reinterpret(x) & LEADING)
}

/// `x`, of which no compiler knows where it comes from.
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

    /// Pairs of words at both ends and at the quarter turns, and a hundred thousand others.
    fn words() -> Vec<u32> {
        let marks: Vec<u32> =
            (0..16u32).flat_map(|i| (0..8).map(move |j| (i << 28).wrapping_add(j).wrapping_sub(4))).collect();
        let pairs = marks.iter().flat_map(|a| marks.iter().flat_map(move |b| [*a, *b]));
        let others = (0..50_000).flat_map(|i| philox4x32([i, 0, 0, 0], [61, 67]));
        pairs.chain(others).collect()
    }

    /// The greatest distance from the host, in units of the last place, over `words`.
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
    fn whatever_the_words_the_normals_are_within_two_units_in_the_last_place_of_the_host() {
        let Some(device) = device() else { return };
        let worst = worst(false, &device);
        assert!(worst <= 2, "{worst} units");
    }

    #[test]
    fn a_device_that_rounds_multiply_adds_twice_is_at_most_eleven_units_off() {
        let Some(device) = device() else { return };
        // In 2⁻²⁴: rounding on either side 2 in each of logarithm, root, sine and both products with it; a second
        // rounding 3 ½ more in the logarithm and less than ½ in the sine. The root halves what comes before it.
        let worst = worst(true, &device);
        assert!(worst <= 11, "{worst} units");
    }
}
