//! The distance of two Gaussians, which is the Fréchet distance of features.

use crate::matrix::{cholesky, congruence, eigenvalues};
use crate::{EvalError, Moments};

/// The squared Fréchet distance of the Gaussians with these moments, in squared units of the features:
///
/// ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½),
///
/// the last trace as the sum of √λ over the eigenvalues λ of L₁ᵀ Σ₂ L₁, Σ₁ = L₁L₁ᵀ.
///
/// Equal laws have 0.
/// It sees two moments only, and from samples it is too large by O(1/n), so compare with a
/// fresh draw of as many points: [`with_floor`](crate::with_floor).
/// About 8 dim³ multiplications in double precision; an eigenvalue that should be zero costs 1e-8 of the
/// largest deviation.
///
/// # Reference
/// Dowson and Landau (1982), *The Fréchet distance between multivariate normal distributions*;
/// as a measure of samples: Heusel et al. (2017), *GANs trained by a two time-scale update rule*, eq. 6;
/// its bias: Chong and Forsyth (2020), *Effectively unbiased FID and inception score*.
///
/// # Errors
/// [`EvalError::Covariance`] if one has a negative eigenvalue beyond rounding.
///
/// # Panics
/// If the moments have not the same number of coordinates.
pub fn frechet(a: &Moments, b: &Moments) -> Result<f64, EvalError> {
    assert_eq!(a.dim(), b.dim(), "moments of {} and of {} coordinates", a.dim(), b.dim());
    let n = a.dim();
    let root = |moments: &Moments| {
        cholesky(moments.covariance(), n).map_err(|pivot| EvalError::Covariance {
            expected: "positive pivots".into(),
            found: pivot.to_string(),
        })
    };
    root(b)?;
    let means: f64 = a.mean().iter().zip(b.mean()).map(|(a, b)| (a - b).powi(2)).sum();
    let trace = |moments: &Moments| moments.covariance().iter().step_by(n + 1).sum::<f64>();
    let overlap: f64 = eigenvalues(congruence(&root(a)?, b.covariance(), n), n)
        .into_iter()
        .map(|value| value.max(0.0).sqrt())
        .sum();
    Ok(means + trace(a) + trace(b) - 2.0 * overlap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Estimate, Features};
    use burn::tensor::{DType, Device, Tensor};
    use ebm_ops::Noise;

    /// R diag(λ) Rᵀ with R the reflection I − 2zzᵀ/zᵀz.
    fn turned(values: &[f64], z: &[f64]) -> Vec<Vec<f64>> {
        let square: f64 = z.iter().map(|z| z * z).sum();
        let r = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * z[i] * z[j] / square;
        let n = values.len();
        let entry = |i, j| (0..n).map(|k| r(i, k) * values[k] * r(j, k)).sum();
        (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
    }

    #[test]
    fn gaussians_with_one_set_of_axes_have_the_differences_of_their_deviations() {
        let z = [0.3, -1.0, 0.7, 2.0];
        let (p, q): ([f64; 4], [f64; 4]) = ([4.0, 1.0, 0.25, 9.0], [1.0, 1.44, 2.25, 0.01]);
        let a = Moments::new(vec![1.0, 0.0, 0.0, -2.0], &turned(&p, &z)).unwrap();
        let b = Moments::new(vec![0.0, 0.5, 0.0, 0.0], &turned(&q, &z)).unwrap();
        let deviations: f64 = p.iter().zip(q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
        let exact = 5.25 + deviations;
        for found in [frechet(&a, &b).unwrap(), frechet(&b, &a).unwrap()] {
            assert!((found - exact).abs() < 1e-10, "{found} against {exact}");
        }
        assert!(frechet(&a, &a).unwrap().abs() < 1e-10);
    }

    #[test]
    fn in_two_dimensions_the_trace_of_the_root_is_known_for_any_axes() {
        // tr √M = √(tr M + 2 √det M) for a 2×2 matrix M, here M = Σ₁Σ₂
        let (s, t) = ([[2.0, 0.6], [0.6, 0.5]], [[1.0, -0.9], [-0.9, 3.0]]);
        let trace = s[0][0] * t[0][0] + 2.0 * s[0][1] * t[0][1] + s[1][1] * t[1][1];
        let det = |m: [[f64; 2]; 2]| m[0][0] * m[1][1] - m[0][1] * m[1][0];
        let exact: f64 = 2.5 + 4.0 - 2.0 * (trace + 2.0 * (det(s) * det(t)).sqrt()).sqrt();
        let moments = |m: [[f64; 2]; 2]| Moments::new(vec![0.0; 2], &m.map(|row| row.to_vec())).unwrap();
        let found = frechet(&moments(s), &moments(t)).unwrap();
        assert!((found - exact).abs() < 1e-12, "{found} against {exact}");
    }

    #[test]
    fn of_samples_it_is_too_large_by_the_known_amount() {
        // samples of n from N(0, I): the means give 2d/n; near the identity the rest is ¼‖S₁ − S₂‖², whose
        // expectation is d(d + 1)/(2n)
        let (n, dim, repeats) = (400, 3, 200);
        let mut noise = Noise::seeded(71);
        let like = Tensor::<2>::zeros([n, dim], (&Device::flex(), DType::F64));
        let mut draw = || Features::of(noise.normal_like(&like)).unwrap().moments().unwrap();
        let found: Vec<f64> = (0..repeats).map(|_| frechet(&draw(), &draw()).unwrap()).collect();
        let exact = (2 * dim + dim * (dim + 1) / 2) as f64 / n as f64;
        let found = Estimate::mean(&found);
        // the next order is smaller by 1/n times a few
        assert!(found.errors_above(exact).abs() < 5.0, "{found:?} against {exact}");
        assert!(found.standard_error < 0.1 * exact);
    }

    #[test]
    fn what_is_no_covariance_is_refused() {
        let bad = Moments::new(vec![0.0; 2], &[vec![1.0, 2.0], vec![2.0, 1.0]]).unwrap();
        let good = Moments::new(vec![0.0; 2], &[vec![1.0, 0.0], vec![0.0, 1.0]]).unwrap();
        for error in [frechet(&bad, &good), frechet(&good, &bad)] {
            let error = error.unwrap_err().to_string();
            assert_eq!(error, "covariance matrix: expected positive pivots, found -3");
        }
    }
}
