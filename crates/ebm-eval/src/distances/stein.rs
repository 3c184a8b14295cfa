//! The kernel Stein discrepancy: the distance from a sample to a distribution known by its score.

use burn::tensor::Tensor;

use super::pairs::{Sums, products, products_of_differences, squared_distances, within};
use super::u_statistic::{LEAST, Within};
use crate::host::Rows;
use crate::{Estimate, EvalError, RadialKernel};

/// An unbiased estimate of the squared kernel Stein discrepancy from a sample to the distribution with score s:
///
/// KSD² = mean_{i≠j} u(x_i, x_j),
/// u(x, y) = k s(x)ᵀs(y) + s(x)ᵀ∇_y k + s(y)ᵀ∇ₓk + tr ∇ₓ∇_y k.
///
/// `x` is the sample and `scores` is s(x), both `[n, dim]`, n at least 4; no normaliser is needed.
/// For a sample of that distribution the expectation is zero, so about half of the estimates are negative.
/// The unit is that of a squared score times that of the kernel.
/// Like the score, it is blind to the relative weights of well separated modes.
/// The standard error assumes independent draws.
///
/// Cost: n²/2 pairs with three products of `dim` coordinates in double precision on all threads, and O(n dim)
/// memory.
///
/// # Reference
/// Liu, Lee and Jordan (2016), *A kernelized Stein discrepancy for goodness-of-fit tests*;
/// Chwialkowski, Strathmann and Gretton (2016), *A kernel test of goodness of fit*.
///
/// # Errors
/// [`EvalError::OutOfRange`] with fewer than four rows, [`EvalError::NotFinite`].
///
/// # Panics
/// If the shapes of `x` and `scores` differ.
pub fn kernel_stein(x: Tensor<2>, scores: Tensor<2>, kernel: &RadialKernel) -> Result<Estimate, EvalError> {
    let (x, scores) = read(x, scores, LEAST)?;
    Ok(Within::of(&pairs(&x, &scores, kernel)).estimate())
}

/// [`kernel_stein`] with the pairs i = j included: the squared discrepancy of the empirical distribution, which
/// is never negative.
///
/// For a sample of the distribution itself the expectation is E u(x, x)/n.
/// Use it to rank samples of equal size; it has no standard error.
///
/// # Errors
/// [`EvalError::OutOfRange`] for an empty sample, [`EvalError::NotFinite`].
///
/// # Panics
/// If the shapes of `x` and `scores` differ.
pub fn kernel_stein_biased(x: Tensor<2>, scores: Tensor<2>, kernel: &RadialKernel) -> Result<f64, EvalError> {
    let (x, scores) = read(x, scores, 1)?;
    let n = x.len() as f64;
    let own: f64 =
        scores.iter().map(|s| of_pair(kernel, x.dim(), 0.0, s.iter().map(|s| s * s).sum(), 0.0)).sum();
    let others: f64 = pairs(&x, &scores, kernel).rows.iter().sum();
    Ok((own + others) / (n * n))
}

fn read(x: Tensor<2>, scores: Tensor<2>, least: usize) -> Result<(Rows, Rows), EvalError> {
    assert_eq!(x.dims(), scores.dims(), "expected one score for each point");
    Ok((Rows::read(x, "sample", least)?, Rows::read(scores, "scores", least)?))
}

fn pairs(x: &Rows, scores: &Rows, kernel: &RadialKernel) -> Sums {
    let (columns, score_columns, dim) = (x.columns(), scores.columns(), x.dim());
    within(x.len(), |i, js, out| {
        let (mut squares, mut along) = (vec![0.0; js.len()], vec![0.0; js.len()]);
        squared_distances(x.row(i), &columns, js.clone(), &mut squares);
        let (point, others) = ([x.row(i), scores.row(i)], [&columns, &score_columns]);
        products_of_differences(point, others, js.clone(), &mut along);
        products(scores.row(i), &score_columns, js, out);
        for ((u, q), along) in out.iter_mut().zip(squares).zip(along) {
            *u = of_pair(kernel, dim, q, *u, along);
        }
    })
}

/// The kernel u of two points from q = ‖x − y‖², s(x)·s(y) and `along` = (s(x) − s(y))·(x − y).
///
/// With k = φ(q): ∇ₓk = 2φ′(x − y) = −∇_y k and tr ∇ₓ∇_y k = −2 dim φ′ − 4qφ″.
fn of_pair(kernel: &RadialKernel, dim: usize, q: f64, scores: f64, along: f64) -> f64 {
    let [value, first, second] = kernel.derivatives(q);
    value * scores - 2.0 * first * along - 2.0 * dim as f64 * first - 4.0 * q * second
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};
    use ebm_model::{Gaussian, Score};
    use ebm_ops::Noise;

    fn normals(n: usize, dim: usize, noise: &mut Noise) -> Tensor<2> {
        noise.normal_like(&Tensor::<2>::zeros([n, dim], (&Device::flex(), DType::F64)))
    }

    #[test]
    fn a_shifted_gaussian_has_its_closed_form() {
        // (‖δ‖²/σ⁴)(1 + 2σ²/ℓ²)^(−d/2)
        let (n, variance, bandwidth) = (800, 0.6, 1.5);
        let mut noise = Noise::seeded(81);
        for (dim, shift) in [(1, 0.0), (1, 0.5), (3, 0.3), (8, 0.0)] {
            let target = Gaussian::isotropic(vec![-1.0; dim], variance).unwrap();
            let x = normals(n, dim, &mut noise) * variance.sqrt() + (shift - 1.0);
            let kernel = RadialKernel::rbf(&[bandwidth]).unwrap();
            let found = kernel_stein(x.clone(), target.score(x), &kernel).unwrap();
            let shrink = (1.0 + 2.0 * variance / (bandwidth * bandwidth)).powf(-0.5 * dim as f64);
            let exact = shift * shift * dim as f64 / (variance * variance) * shrink;
            assert!(found.errors_above(exact).abs() < 5.0, "{dim}, {shift}: {found:?} against {exact}");
            assert_eq!(5.0 < found.errors_above(0.0), shift != 0.0, "{dim}, {shift}: {found:?}");
        }
    }

    #[test]
    fn a_score_that_is_too_steep_is_detected_by_both_kernels() {
        let mut noise = Noise::seeded(82);
        let x = normals(1000, 4, &mut noise);
        let kernels =
            [RadialKernel::rbf(&[2.0]).unwrap(), RadialKernel::inverse_multiquadric(1.0, -0.5).unwrap()];
        for kernel in kernels {
            let right = kernel_stein(x.clone(), x.clone().neg(), &kernel).unwrap();
            let wrong = kernel_stein(x.clone(), x.clone() * -1.4, &kernel).unwrap();
            assert!(right.errors_above(0.0).abs() < 5.0, "{kernel:?}: {right:?}");
            assert!(5.0 < wrong.errors_above(0.0), "{kernel:?}: {wrong:?}");
        }
    }

    #[test]
    fn the_stein_kernel_of_a_pair_matches_finite_differences() {
        let h = 1e-4;
        let (x, y, s, t) = ([0.3, -0.8], [1.1, 0.4], [0.7, -1.2], [-0.5, 0.9]);
        for kernel in
            [RadialKernel::rbf(&[0.9]).unwrap(), RadialKernel::inverse_multiquadric(0.8, -0.5).unwrap()]
        {
            let k = |x: [f64; 2], y: [f64; 2]| kernel.value((x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2));
            let moved = |x: [f64; 2], i: usize, by: f64| {
                let mut x = x;
                x[i] += by;
                x
            };
            let mut exact = k(x, y) * (s[0] * t[0] + s[1] * t[1]);
            for i in 0..2 {
                exact += s[i] * (k(x, moved(y, i, h)) - k(x, moved(y, i, -h))) / (2.0 * h);
                exact += t[i] * (k(moved(x, i, h), y) - k(moved(x, i, -h), y)) / (2.0 * h);
                let corner = |a: f64, b: f64| k(moved(x, i, a), moved(y, i, b));
                exact += (corner(h, h) - corner(h, -h) - corner(-h, h) + corner(-h, -h)) / (4.0 * h * h);
            }
            let q = (x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2);
            let along = (0..2).map(|i| (s[i] - t[i]) * (x[i] - y[i])).sum();
            let found = of_pair(&kernel, 2, q, s[0] * t[0] + s[1] * t[1], along);
            assert!((found - exact).abs() < 1e-6, "{kernel:?}: {found} against {exact}");

            // the same from tensors, with the diagonal: four pairs
            let options = (&Device::flex(), DType::F64);
            let (points, scores) =
                (Tensor::<2>::from_data([x, y], options), Tensor::from_data([s, t], options));
            let own = |s: [f64; 2]| of_pair(&kernel, 2, 0.0, s[0] * s[0] + s[1] * s[1], 0.0);
            let biased = kernel_stein_biased(points, scores, &kernel).unwrap();
            assert!((biased - (own(s) + own(t) + 2.0 * found) / 4.0).abs() < 1e-14);
        }
    }

    #[test]
    #[should_panic(expected = "[5, 2]")]
    fn scores_of_another_shape_panic_with_both_shapes() {
        let zeros = |n| Tensor::<2>::zeros([n, 2], &Device::flex());
        let _ = kernel_stein(zeros(4), zeros(5), &RadialKernel::rbf(&[1.0]).unwrap());
    }
}
