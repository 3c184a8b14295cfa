//! The Fréchet distance between Gaussians fitted to features.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use super::matrix::{cholesky, congruence, eigenvalues};
use super::sample_distance::{Comparison, SPLITS, SampleDistance};
use crate::{EvalError, Features, Figure, Moments, Protocol};

/// Features from which fewer splits of the data stand for the floor, as each takes seconds.
const MANY: usize = 300;

/// Splits of the data with so many features.
const FEW_SPLITS: usize = 3;

/// The squared [`frechet`] distance between Gaussians fitted to the features of both samples.
///
/// Defined for samples with more rows than features.
/// The figure is named after the features: `frechet_distance_pooled_4x4`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frechet;

impl SampleDistance for Frechet {
    fn name(&self) -> &'static str {
        "frechet_distance"
    }

    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        noise: &Noise,
    ) -> Result<Option<Figure>, EvalError> {
        let (mapped, features) = (comparison.of_features(), comparison.features);
        let [rows, dim] = mapped.sample.dims();
        if rows.min(mapped.reference.dims()[0]) <= dim {
            return Ok(None);
        }
        let moments = |x: Tensor<2>| Features::of(x)?.moments();
        let splits = if dim <= MANY { SPLITS } else { FEW_SPLITS };
        let found = mapped.with_spread(splits, noise, |x, y| frechet(&moments(x)?, &moments(y)?))?;
        let protocol = protocol.with("features", features.name());
        let name = format!("{}_{}", self.name(), features.key());
        let figure = Figure::exact(&name, found.value.value, protocol);
        Ok(Some(
            figure
                .judged(found.floor.value, found.floor.standard_error)
                .in_unit("squared unit of the features"),
        ))
    }
}

/// The squared Fréchet distance between the Gaussians with these moments, in squared units of the features:
///
/// ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½),
///
/// where the last trace is the sum of √λ over the eigenvalues λ of L₁ᵀ Σ₂ L₁, with Σ₁ = L₁L₁ᵀ.
///
/// It is zero for equal moments and depends on two moments only.
/// Estimated from samples it is too large by O(1/n), so compare with a fresh draw of as many points:
/// [`with_floor`](crate::with_floor).
///
/// Cost: about 8 dim³ multiplications in double precision.
/// An eigenvalue that should be zero adds an error of 1e-8 of the largest standard deviation.
///
/// # Reference
/// Dowson and Landau (1982), *The Fréchet distance between multivariate normal distributions*;
/// as a measure of samples: Heusel et al. (2017), *GANs trained by a two time-scale update rule*, eq. 6;
/// its bias: Chong and Forsyth (2020), *Effectively unbiased FID and inception score*.
///
/// # Errors
/// [`EvalError::Covariance`] if a covariance has a negative eigenvalue beyond rounding.
///
/// # Panics
/// If the moments do not have the same number of coordinates.
pub fn frechet(a: &Moments, b: &Moments) -> Result<f64, EvalError> {
    assert_eq!(
        a.dim(),
        b.dim(),
        "expected moments with the same number of coordinates, found {} and {}",
        a.dim(),
        b.dim()
    );
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
    use crate::Estimate;
    use burn::tensor::{DType, Device};

    /// R diag(λ) Rᵀ with R the reflection I − 2zzᵀ/zᵀz.
    fn reflected(values: &[f64], z: &[f64]) -> Vec<Vec<f64>> {
        let square: f64 = z.iter().map(|z| z * z).sum();
        let r = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * z[i] * z[j] / square;
        let n = values.len();
        let entry = |i, j| (0..n).map(|k| r(i, k) * values[k] * r(j, k)).sum();
        (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
    }

    #[test]
    fn gaussians_with_common_axes_differ_by_their_deviations() {
        let z = [0.3, -1.0, 0.7, 2.0];
        let (p, q): ([f64; 4], [f64; 4]) = ([4.0, 1.0, 0.25, 9.0], [1.0, 1.44, 2.25, 0.01]);
        let a = Moments::new(vec![1.0, 0.0, 0.0, -2.0], &reflected(&p, &z)).unwrap();
        let b = Moments::new(vec![0.0, 0.5, 0.0, 0.0], &reflected(&q, &z)).unwrap();
        let deviations: f64 = p.iter().zip(q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
        let exact = 5.25 + deviations;
        for found in [frechet(&a, &b).unwrap(), frechet(&b, &a).unwrap()] {
            assert!((found - exact).abs() < 1e-10, "{found} against {exact}");
        }
        assert!(frechet(&a, &a).unwrap().abs() < 1e-10);
    }

    #[test]
    fn in_two_dimensions_the_trace_of_the_root_has_its_closed_form() {
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
    fn samples_have_the_known_bias() {
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
    fn an_indefinite_covariance_is_refused() {
        let bad = Moments::new(vec![0.0; 2], &[vec![1.0, 2.0], vec![2.0, 1.0]]).unwrap();
        let good = Moments::new(vec![0.0; 2], &[vec![1.0, 0.0], vec![0.0, 1.0]]).unwrap();
        for error in [frechet(&bad, &good), frechet(&good, &bad)] {
            let error = error.unwrap_err().to_string();
            assert_eq!(error, "covariance matrix: expected positive pivots, found -3");
        }
    }
}
