//! Polynomials on the lanes of vector registers, and the coefficients that several functions share.

use crate::lanes::Lanes;

/// Coefficients of sin(πx/2)/x in powers of x² for |x| ≤ ½, accurate to 5e-9.
pub(crate) const SIN: [f32; 4] = [1.570_796_4, -6.459_635e-1, 7.968_023e-2, -4.602_177e-3];

/// Coefficients of (cos(πx/2) − 1)/x² in powers of x² for |x| ≤ ½, accurate to 4e-8.
pub(crate) const COS: [f32; 3] = [-1.233_698, 2.536_063_5e-1, -2.042_625e-2];

/// c₀ + x (c₁ + x (c₂ + …)), by Horner's rule.
#[inline(always)]
pub(crate) fn polynomial<L: Lanes, const N: usize>(
    lanes: L,
    x: L::Floats,
    coefficients: [f32; N],
) -> L::Floats {
    let mut sum = lanes.all(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = lanes.mul_add(sum, x, lanes.all(coefficients[i]));
    }
    sum
}
