//! Directional derivatives of a score by finite differences.

use burn::tensor::Tensor;
use ebm_model::{Along, NoisyDirectional, NoisyScore};

/// A score whose slope and curvature along v are computed by central differences over x ± hσv:
///
/// −vᵀ(∇s)v ≈ −vᵀ(s(x + hσv) − s(x − hσv))/(2hσ).
///
/// The error is O(h²), since a score blurred by σ changes over distances of σ; rounding adds ε/h of the score.
/// Use h of about 1e-3 in double precision and 3e-2 in single precision, for v with unit coordinates or of unit
/// length.
/// Cost: one evaluation on a batch of twice the size.
///
/// [`ebm_model::ScoreDifference`] uses the same distance at all noise levels; over the many decades of σ of a
/// flow, no distance is both small at the lowest level and large compared with rounding at the highest.
#[derive(Clone, Copy, Debug)]
pub struct CentralDifferences<M> {
    model: M,
    step: f64,
}

impl<M> CentralDifferences<M> {
    /// `step` is h, the distance in units of σ.
    ///
    /// # Panics
    /// Unless `0 < step < ∞`.
    pub fn new(model: M, step: f64) -> Self {
        assert!(step.is_finite() && 0.0 < step, "step: expected a positive, finite number, found {step}");
        Self { model, step }
    }
}

impl<M: NoisyScore> NoisyScore for CentralDifferences<M> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.model.score_at(x, sigma)
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.model.denoise_at(x, sigma)
    }
}

impl<M: NoisyScore> NoisyDirectional for CentralDifferences<M> {
    /// The slope is computed from the mean of the two scores.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let n = x.dims()[0];
        let length = sigma.clone() * self.step;
        let shift = v.clone() * length.clone().unsqueeze_dim::<2>(1);
        let both = Tensor::cat(vec![x.clone() + shift.clone(), x - shift], 0);
        let scores = self.model.score_at(both, Tensor::cat(vec![sigma.clone(), sigma], 0));
        let along = |scores: Tensor<2>| (scores * v.clone()).sum_dim(1).squeeze_dim::<1>(1);
        let (ahead, behind) = (along(scores.clone().narrow(0, 0, n)), along(scores.narrow(0, n, n)));
        Along { slope: (ahead.clone() + behind.clone()) * -0.5, curvature: (behind - ahead) / (length * 2.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::{DType, Device};
    use ebm_model::{Gaussian, GaussianMixture};

    #[test]
    fn a_mixture_has_the_curvature_of_its_log_density_in_both_precisions() {
        let mode = |mean: f64, variance| Gaussian::isotropic(vec![mean, 0.5], variance).unwrap();
        let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode(-1.0, 0.2), mode(1.0, 0.5)]).unwrap();
        let x = Tensor::<2>::from_data([[0.2, 0.1], [-1.0, 1.5]], (&Device::flex(), DType::F64));
        let v = Tensor::<2>::from_data([[0.6, 0.8], [0.0, 1.0]], (&Device::flex(), DType::F64));
        let sigma = Tensor::<1>::from_data([0.4, 2.0], (&Device::flex(), DType::F64));
        let exact = target.along_at(x.clone(), v.clone(), sigma.clone());
        let (exact_slopes, exact_curvatures) = (numbers(exact.slope), numbers(exact.curvature));
        // truncation error of order h² and rounding of order ε/h²
        for (dtype, step, tolerance) in [(DType::F64, 1e-3, 1e-5), (DType::F32, 3e-2, 3e-3)] {
            let along = CentralDifferences::new(&target, step).along_at(
                x.clone().cast(dtype),
                v.clone().cast(dtype),
                sigma.clone().cast(dtype),
            );
            let (slopes, curvatures) = (numbers(along.slope), numbers(along.curvature));
            for row in 0..2 {
                let (slope, curvature) = (exact_slopes[row], exact_curvatures[row]);
                assert!((slopes[row] - slope).abs() < tolerance, "{} against {slope}", slopes[row]);
                let found = curvatures[row];
                assert!((found - curvature).abs() < tolerance, "{found} against {curvature}");
            }
        }
    }
}
