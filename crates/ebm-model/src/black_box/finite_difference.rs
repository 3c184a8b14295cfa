//! Derivatives along a direction by finite differences.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use ebm_ops::row_dot::row_dot;

use crate::rows::square_length;
use crate::{Along, Directional, Energy, ModelError, NoisyDirectional, NoisyScore, Potential, Score};

/// An energy whose slope and curvature are central differences.
///
/// With u = v/‖v‖: slope = ‖v‖ (E(x + εu) − E(x − εu))/2ε, curvature = ‖v‖² (E(x + εu) − 2E(x) + E(x − εu))/ε².
/// Both are off by O(ε²): ε²/6 times a third, ε²/12 times a fourth derivative. Rounding adds about δE/ε² to the
/// curvature, δ = 6e-8 in single precision: there use an ε of 0.03 to 0.1, in the units of x; one of 1e-4 returns
/// noise. Three evaluations, in one batch.
///
/// As differentiable in the parameters as the energy is, so sliced score matching can train a black box.
///
/// # Reference
/// Pang, Xu, Li, Song, Ermon and Zhu (2020), *Efficient learning of generative models via finite-difference
/// score matching*, §3.
#[derive(Clone, Copy, Debug)]
pub struct FiniteDifference<E> {
    inner: E,
    epsilon: f64,
}

impl<E> FiniteDifference<E> {
    /// Differences of `inner` over `epsilon`.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `0 < epsilon < ∞`.
    pub fn new(inner: E, epsilon: f64) -> Result<Self, ModelError> {
        Ok(Self { inner, epsilon: OutOfRange::positive("epsilon", epsilon)? })
    }
}

impl<E: Energy> Energy for FiniteDifference<E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.inner.energy(x)
    }
}

impl<E: Score> Score for FiniteDifference<E> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.inner.score(x)
    }
}

impl<E: Potential> Potential for FiniteDifference<E> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        self.inner.energy_and_score(x)
    }
}

impl<E: Energy> Directional for FiniteDifference<E> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let ([batch, _], epsilon) = (x.dims(), self.epsilon);
        let (length, step) = length_and_step(v, epsilon);
        let places = Tensor::cat(vec![x.clone() + step.clone(), x.clone() - step, x], 0);
        let energies = self.inner.energy(places);
        let [right, left, middle] = [0, 1, 2].map(|k| energies.clone().narrow(0, k * batch, batch));
        let bend = (right.clone() - middle.clone()) - (middle - left.clone());
        Along {
            slope: (right - left) * length.clone() / (2.0 * epsilon),
            curvature: bend * length.square() / (epsilon * epsilon),
        }
    }
}

/// A score, of an energy or not, whose curvature −vᵀ(∇s)v is a central difference; the slope −vᵀs is exact.
///
/// With u = v/‖v‖: curvature = −‖v‖ vᵀ(s(x + εu) − s(x − εu))/2ε, off by ε²/6 times a second derivative of s,
/// and by about δs/ε in rounding, so that ε may be smaller than for energies. Three evaluations, in one batch.
/// With it sliced score matching trains networks whose layers have no rules of their own.
#[derive(Clone, Copy, Debug)]
pub struct ScoreDifference<S> {
    inner: S,
    epsilon: f64,
}

impl<S> ScoreDifference<S> {
    /// Differences of `inner` over `epsilon`.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `0 < epsilon < ∞`.
    pub fn new(inner: S, epsilon: f64) -> Result<Self, ModelError> {
        Ok(Self { inner, epsilon: OutOfRange::positive("epsilon", epsilon)? })
    }

    /// By the score at the places x + εu, x − εu and x, one under the other.
    fn by(&self, x: Tensor<2>, v: Tensor<2>, score: impl Fn(Tensor<2>) -> Tensor<2>) -> Along {
        let [batch, _] = x.dims();
        let (length, step) = length_and_step(v.clone(), self.epsilon);
        let scores = score(Tensor::cat(vec![x.clone() + step.clone(), x.clone() - step, x], 0));
        let [right, left, middle] = [0, 1, 2].map(|k| scores.clone().narrow(0, k * batch, batch));
        Along {
            slope: row_dot(v.clone(), middle).neg(),
            curvature: row_dot(v, left - right) * length / (2.0 * self.epsilon),
        }
    }
}

impl<S: Score> Score for ScoreDifference<S> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.inner.score(x)
    }
}

impl<S: Score> Directional for ScoreDifference<S> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        self.by(x, v, |places| self.inner.score(places))
    }
}

impl<S: NoisyScore> NoisyScore for ScoreDifference<S> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.inner.score_at(x, sigma)
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.inner.denoise_at(x, sigma)
    }
}

impl<S: NoisyScore> NoisyDirectional for ScoreDifference<S> {
    /// ε is in the units of x at every level, so it should be small beside the smallest σ.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let levels = Tensor::cat(vec![sigma; 3], 0);
        self.by(x, v, |places| self.inner.score_at(places, levels.clone()))
    }
}

/// ‖v‖, `[batch]`, and ε v/‖v‖, which is zero where v is.
fn length_and_step(v: Tensor<2>, epsilon: f64) -> (Tensor<1>, Tensor<2>) {
    let length = square_length(v.clone()).sqrt();
    let divisor = length.clone().clamp_min(f64::from(f32::MIN_POSITIVE)).unsqueeze_dim::<2>(1);
    (length, v / divisor * epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Hidden};
    use crate::{Gaussian, GaussianMixture, MlpEnergy, MlpEnergyConfig, testing};
    use burn::tensor::DType;

    fn two_modes() -> GaussianMixture {
        let left = Gaussian::isotropic(vec![-1.0, 0.0], 0.5).unwrap();
        let right = Gaussian::isotropic(vec![1.5, 1.0], 0.8).unwrap();
        GaussianMixture::new(vec![1.0, 3.0], vec![left, right]).unwrap()
    }

    /// The largest errors of slope and curvature.
    fn errors(found: &Along, exact: &Along) -> [f64; 2] {
        [(&found.slope, &exact.slope), (&found.curvature, &exact.curvature)]
            .map(|(f, e)| (f.clone() - e.clone()).abs().max().into_scalar::<f64>())
    }

    #[test]
    fn errors_fall_with_the_square_of_epsilon() {
        let (law, x, v) = (two_modes(), testing::points(50, 2, 33), testing::points(50, 2, 34));
        let exact = law.along(x.clone(), v.clone());
        let of = |epsilon| {
            let energy = FiniteDifference::new(&law, epsilon).unwrap().along(x.clone(), v.clone());
            let score = ScoreDifference::new(&law, epsilon).unwrap().along(x.clone(), v.clone());
            [errors(&energy, &exact), errors(&score, &exact)].concat()
        };
        let [coarse, fine] = [0.08, 0.04].map(of);
        for k in [0, 1, 3] {
            // four, up to terms of order ε⁴; first or third order would be two or eight
            let ratio = coarse[k] / fine[k];
            assert!(1e-6 < fine[k] && (3.7..4.3).contains(&ratio), "{k}: {} to {}", coarse[k], fine[k]);
        }
        assert!(fine[2] < 1e-13, "the slope by a score is exact, {}", fine[2]);
    }

    #[test]
    fn in_single_precision_a_wide_step_is_right_and_a_narrow_one_noise() {
        let (law, x, v) = (two_modes(), testing::points(50, 2, 35), testing::points(50, 2, 36));
        let exact = law.along(x.clone(), v.clone());
        let [x, v] = [x, v].map(|t| t.cast(DType::F32));
        let error = |epsilon| {
            let Along { slope, curvature } =
                FiniteDifference::new(&law, epsilon).unwrap().along(x.clone(), v.clone());
            let found = Along { slope: slope.cast(DType::F64), curvature: curvature.cast(DType::F64) };
            errors(&found, &exact)[1]
        };
        // energies are below 16, so each is off by up to 1e-6, four of them over ε² by 4e-6/ε², times ‖v‖² < 12
        assert!(error(0.05) < 0.05 + errors_of_truncation(&law), "{}", error(0.05));
        assert!(1.0 < error(1e-4), "{}", error(1e-4));
    }

    /// The same error in double precision, which is that of the formula alone.
    fn errors_of_truncation(law: &GaussianMixture) -> f64 {
        let (x, v) = (testing::points(50, 2, 35), testing::points(50, 2, 36));
        let found = FiniteDifference::new(law, 0.05).unwrap().along(x.clone(), v.clone());
        errors(&found, &law.along(x, v))[1]
    }

    #[test]
    fn on_a_quadratic_energy_differences_are_exact_at_any_length_of_v_and_zero_at_none() {
        let law = Gaussian::new(vec![0.5, 0.0], &[vec![1.0, 0.4], vec![0.4, 0.7]]).unwrap();
        let x = testing::points(4, 2, 37);
        for scale in [1e-3, 1.0, 1e3, 0.0] {
            let v = testing::points(4, 2, 38) * scale;
            let exact = law.along(x.clone(), v.clone());
            let energy = FiniteDifference::new(&law, 0.1).unwrap().along(x.clone(), v.clone());
            let score = ScoreDifference::new(&law, 0.1).unwrap().along(x.clone(), v);
            for found in [energy, score] {
                let unit = if scale == 0.0 { 1.0 } else { scale };
                testing::assert_close(found.slope / unit, exact.slope.clone() / unit, 1e-11, "a slope");
                let square = unit * unit;
                testing::assert_close(
                    found.curvature / square,
                    exact.curvature.clone() / square,
                    1e-11,
                    "a curvature",
                );
            }
        }
    }

    #[test]
    fn differences_of_a_noisy_score_meet_each_rows_own_level() {
        let law = two_modes();
        let (x, v) = (testing::points(6, 2, 39), testing::points(6, 2, 40));
        let sigma = testing::normal([6], 41).abs() + 0.2;
        let exact = law.along_at(x.clone(), v.clone(), sigma.clone());
        let found = ScoreDifference::new(&law, 1e-4).unwrap().along_at(x, v, sigma);
        testing::assert_close(found.slope, exact.slope, 1e-12, "a slope");
        testing::assert_close(found.curvature, exact.curvature, 1e-6, "a curvature");
    }

    #[test]
    fn a_loss_on_differences_reaches_the_parameters() {
        use burn::module::Module;
        let network = Hidden::new(vec![4], Activation::Silu);
        let config = MlpEnergyConfig { dim: 2, network, confinement: 0.1 };
        let model = testing::in_double(|init| MlpEnergy::new(&config, init).unwrap()).train();
        let differences = FiniteDifference::new(&model, 0.05).unwrap();
        let along = differences.along(testing::points(3, 2, 42), testing::points(3, 2, 43));
        assert!(along.slope.is_tracked() && along.curvature.is_tracked());
    }

    #[test]
    fn a_step_of_no_length_is_refused() {
        for epsilon in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(FiniteDifference::new(Gaussian::standard(1), epsilon).is_err());
            assert!(ScoreDifference::new(Gaussian::standard(1), epsilon).is_err());
        }
    }
}
