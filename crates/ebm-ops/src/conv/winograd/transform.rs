//! The transforms of F(4, 3) with the points 0, ±1, ±2 and ∞, and of F(3, 3) with the same points except -2, on
//! vectors.
//!
//! A tile of 4 outputs `y`, 6 inputs `d` and 3 weights `g` satisfies `y = Aᵀ[(G g) ⊙ (Bᵀ d)]` in one dimension, and
//! `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)] A` in two. A short tile, of 3 outputs and 5 inputs, satisfies the same with five of
//! the six points. It uses the `G g` of a long tile; the factors by which its own would differ are part of its
//! `Bᵀ`. Arrays indexed by point have six entries for short tiles too, and the entry [`LONG_ONLY`] is unused.
//!
//! # Reference
//! Lavin and Gray (2016), *Fast algorithms for convolutional neural networks*, §4.3.

use pulp::Simd;

/// Number of points in one dimension.
pub(super) const LINE_POINTS: usize = 6;

/// Index of the point that short tiles lack: -2.
pub(super) const LONG_ONLY: usize = 4;

/// The points of a tile in one dimension.
#[inline(always)]
pub(super) fn points<const SHORT: bool>() -> impl Iterator<Item = usize> {
    (0..LINE_POINTS).filter(|&point| !SHORT || point != LONG_ONLY)
}

/// Number of outputs of a tile in one dimension.
pub(super) const fn outputs<const SHORT: bool>() -> usize {
    if SHORT { 3 } else { 4 }
}

/// `Bᵀ d` of six inputs, or five.
#[inline(always)]
pub(super) fn input<S: Simd, const SHORT: bool>(simd: S, at: impl Fn(usize) -> S::f32s) -> [S::f32s; 6] {
    let (two, four, five) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0), simd.splat_f32s(5.0));
    if SHORT {
        let d = [at(0), at(1), at(2), at(3), at(4)];
        let (near, far) = (simd.sub_f32s(d[3], d[2]), simd.sub_f32s(d[3], d[1]));
        let once = simd.negate_mul_add_f32s(two, d[2], d[3]);
        return [
            simd.mul_add_f32s(
                two,
                once,
                simd.mul_f32s(four, simd.negate_mul_add_f32s(simd.splat_f32s(0.5), d[1], d[0])),
            ),
            simd.mul_f32s(simd.splat_f32s(3.0), simd.negate_mul_add_f32s(two, d[1], near)),
            simd.mul_add_f32s(two, d[1], simd.negate_mul_add_f32s(simd.splat_f32s(3.0), d[2], d[3])),
            simd.mul_f32s(four, far),
            simd.splat_f32s(0.0),
            simd.sub_f32s(simd.negate_mul_add_f32s(two, far, d[4]), d[2]),
        ];
    }
    let d = [at(0), at(1), at(2), at(3), at(4), at(5)];
    let even = simd.negate_mul_add_f32s(four, d[2], d[4]);
    let odd = simd.negate_mul_add_f32s(four, d[1], d[3]);
    let near = simd.sub_f32s(d[4], d[2]);
    let far = simd.mul_f32s(two, simd.sub_f32s(d[3], d[1]));
    [
        simd.mul_add_f32s(four, d[0], simd.negate_mul_add_f32s(five, d[2], d[4])),
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        simd.add_f32s(near, far),
        simd.sub_f32s(near, far),
        simd.mul_add_f32s(four, d[1], simd.negate_mul_add_f32s(five, d[3], d[5])),
    ]
}

/// `Aᵀ m`: four outputs from six products, or three from five.
#[inline(always)]
pub(super) fn output<S: Simd, const SHORT: bool>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
    let (sum, difference) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    if SHORT {
        return [
            simd.add_f32s(simd.add_f32s(m[0], m[3]), sum),
            simd.mul_add_f32s(simd.splat_f32s(2.0), m[3], difference),
            simd.add_f32s(m[5], simd.mul_add_f32s(simd.splat_f32s(4.0), m[3], sum)),
            simd.splat_f32s(0.0),
        ];
    }
    let (wide_sum, wide_difference) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(sum, wide_sum)),
        simd.mul_add_f32s(simd.splat_f32s(2.0), wide_difference, difference),
        simd.mul_add_f32s(simd.splat_f32s(4.0), wide_sum, sum),
        simd.add_f32s(m[5], simd.mul_add_f32s(simd.splat_f32s(8.0), wide_difference, difference)),
    ]
}

/// `A y`: the gradients of six products from those of four outputs, or of five products from those of three
/// outputs.
#[inline(always)]
pub(super) fn output_gradient<S: Simd, const SHORT: bool>(
    simd: S,
    at: impl Fn(usize) -> S::f32s,
) -> [S::f32s; 6] {
    let (two, four) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0));
    if SHORT {
        let y = [at(0), at(1), at(2)];
        let even = simd.add_f32s(y[0], y[2]);
        return [
            y[0],
            simd.add_f32s(even, y[1]),
            simd.sub_f32s(even, y[1]),
            simd.mul_add_f32s(four, y[2], simd.mul_add_f32s(two, y[1], y[0])),
            simd.splat_f32s(0.0),
            y[2],
        ];
    }
    let y = [at(0), at(1), at(2), at(3)];
    let (even, odd) = (simd.add_f32s(y[0], y[2]), simd.add_f32s(y[1], y[3]));
    let wide_even = simd.mul_add_f32s(four, y[2], y[0]);
    let wide_odd = simd.mul_f32s(two, simd.mul_add_f32s(four, y[3], y[1]));
    [
        y[0],
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        simd.add_f32s(wide_even, wide_odd),
        simd.sub_f32s(wide_even, wide_odd),
        y[3],
    ]
}

/// `G g` of three weights.
#[inline(always)]
pub(super) fn weight<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; 6] {
    let scale = |factor: f32, x: S::f32s| simd.mul_f32s(simd.splat_f32s(factor), x);
    let outer = scale(-1.0 / 6.0, simd.add_f32s(g[0], g[2]));
    let inner = scale(1.0 / 6.0, g[1]);
    let wide_outer = simd.mul_add_f32s(simd.splat_f32s(1.0 / 24.0), g[0], scale(1.0 / 6.0, g[2]));
    let wide_inner = scale(1.0 / 12.0, g[1]);
    [
        scale(0.25, g[0]),
        simd.sub_f32s(outer, inner),
        simd.add_f32s(outer, inner),
        simd.add_f32s(wide_outer, wide_inner),
        simd.sub_f32s(wide_outer, wide_inner),
        g[2],
    ]
}

/// `Gᵀ u`: the gradients of three weights from those of their six transforms.
#[inline(always)]
pub(super) fn weight_gradient<S: Simd>(simd: S, u: [S::f32s; 6]) -> [S::f32s; 3] {
    let scale = |factor: f32, x: S::f32s| simd.mul_f32s(simd.splat_f32s(factor), x);
    let (sum, difference) = (simd.add_f32s(u[1], u[2]), simd.sub_f32s(u[2], u[1]));
    let (wide_sum, wide_difference) = (simd.add_f32s(u[3], u[4]), simd.sub_f32s(u[3], u[4]));
    let first = simd.mul_add_f32s(simd.splat_f32s(1.0 / 24.0), wide_sum, scale(-1.0 / 6.0, sum));
    [
        simd.mul_add_f32s(simd.splat_f32s(0.25), u[0], first),
        simd.mul_add_f32s(simd.splat_f32s(1.0 / 12.0), wide_difference, scale(1.0 / 6.0, difference)),
        simd.mul_add_f32s(simd.splat_f32s(1.0 / 6.0), simd.sub_f32s(wide_sum, sum), u[5]),
    ]
}

/// `G g Gᵀ` of nine weights.
#[inline(always)]
pub(super) fn weights<S: Simd>(simd: S, g: [[S::f32s; 3]; 3]) -> [[S::f32s; 6]; 6] {
    let zero = simd.splat_f32s(0.0);
    let (mut half, mut whole) = ([[zero; 3]; 6], [[zero; 6]; 6]);
    for j in 0..3 {
        let column = weight(simd, [g[0][j], g[1][j], g[2][j]]);
        for i in 0..6 {
            half[i][j] = column[i];
        }
    }
    for i in 0..6 {
        whole[i] = weight(simd, half[i]);
    }
    whole
}

/// `Gᵀ u G`: the gradients of nine weights.
#[inline(always)]
pub(super) fn weight_gradients<S: Simd>(simd: S, u: [[S::f32s; 6]; 6]) -> [[S::f32s; 3]; 3] {
    let zero = simd.splat_f32s(0.0);
    let (mut half, mut whole) = ([[zero; 6]; 3], [[zero; 3]; 3]);
    for j in 0..6 {
        let column = weight_gradient(simd, [u[0][j], u[1][j], u[2][j], u[3][j], u[4][j], u[5][j]]);
        for i in 0..3 {
            half[i][j] = column[i];
        }
    }
    for i in 0..3 {
        whole[i] = weight_gradient(simd, half[i]);
    }
    whole
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    /// The matrix of a linear map.
    fn matrix<const N: usize, const M: usize>(line: impl Fn([f32; N]) -> [f32; M]) -> [[f32; N]; M] {
        let columns: [[f32; M]; N] =
            std::array::from_fn(|j| line(std::array::from_fn(|i| f32::from(i == j))));
        std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i]))
    }

    fn transposed<const N: usize, const M: usize>(a: [[f32; N]; M]) -> [[f32; M]; N] {
        std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
    }

    fn simd() -> Scalar {
        Scalar::new()
    }

    #[test]
    fn a_tile_of_unit_inputs_and_unit_weights_gives_a_correlation() {
        check_unit_tile::<false>();
        check_unit_tile::<true>();
    }

    fn check_unit_tile<const SHORT: bool>() {
        // Every product d[i] g[j] must reach output i - j and no other.
        for i in 0..outputs::<SHORT>() + 2 {
            for j in 0..3 {
                let d = input::<_, SHORT>(simd(), |k| f32::from(k == i));
                let g = weight(simd(), std::array::from_fn(|k| f32::from(k == j)));
                let y = output::<_, SHORT>(simd(), std::array::from_fn(|k| d[k] * g[k]));
                for (k, &found) in y[..outputs::<SHORT>()].iter().enumerate() {
                    let expected = f32::from(k + j == i);
                    assert!((found - expected).abs() < 2e-6, "d[{i}] g[{j}] in y[{k}]: {found}");
                }
            }
        }
    }

    #[test]
    fn gradient_transforms_are_transposes() {
        let long = matrix(|y: [f32; 4]| output_gradient::<_, false>(simd(), |i| y[i]));
        assert_eq!(long, transposed(matrix(|m| output::<_, false>(simd(), m))));
        let short = matrix(|y: [f32; 4]| output_gradient::<_, true>(simd(), |i| y[i]));
        let mut expected = transposed(matrix(|m| output::<_, true>(simd(), m)));
        expected[LONG_ONLY] = [0.0; 4];
        assert_eq!(short, expected);
        assert_eq!(matrix(|u| weight_gradient(simd(), u)), transposed(matrix(|g| weight(simd(), g))));
    }

    #[test]
    fn weight_transforms_in_two_dimensions_are_adjoint() {
        // ⟨G g Gᵀ, u⟩ = ⟨g, Gᵀ u G⟩ for small integers; the left side is also computed from the matrix.
        let g: [[f32; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| (i * i + 5 * j) as f32 - 3.0));
        let u: [[f32; 6]; 6] = std::array::from_fn(|i| std::array::from_fn(|j| (7 * i + j * j) as f32 - 9.0));
        let m = matrix(|g| weight(simd(), g));
        let (forward, back) = (weights(simd(), g), weight_gradients(simd(), u));
        for (i, j) in (0..6).flat_map(|i| (0..6).map(move |j| (i, j))) {
            let terms = (0..9).map(|k| m[i][k / 3] * g[k / 3][k % 3] * m[j][k % 3]);
            assert!((forward[i][j] - terms.sum::<f32>()).abs() < 1e-5);
        }
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            let terms = (0..36).map(|k| m[k / 6][i] * u[k / 6][k % 6] * m[k % 6][j]);
            assert!((back[i][j] - terms.sum::<f32>()).abs() < 1e-4);
        }
    }
}
