//! The classifier two-sample test: can a classifier trained on half of the points tell the other half apart?

use burn::tensor::Tensor;
use ebm_ops::{Noise, OutOfRange};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::logistic::Logistic;
use super::radial::median_distance;
use super::sample_distance::{Comparison, SampleDistance};
use crate::error::require;
use crate::host::{Rows, assert_one_space};
use crate::{Estimate, EvalError, Figure, Protocol, WithFloor};

/// Largest number of rows from which the bandwidth is computed.
const MEDIAN_ROWS: usize = 1000;

/// The classifier two-sample test: logistic regression on random Fourier features
/// φ(x) = (1, √2 cos(ωᵀx/ℓ + b) …), with ω ~ N(0, I), b uniform on [0, 2π), and ℓ the median distance between
/// training points.
///
/// The accuracy on held-out points is ½ in expectation for equal distributions, and at most that of the Bayes
/// classifier for others.
/// An accuracy of ½ shows only that these features see no difference.
///
/// # Reference
/// Lopez-Paz and Oquab (2017), *Revisiting classifier two-sample tests*, §3; the features: Rahimi and Recht
/// (2007), *Random features for large-scale kernel machines*, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierTwoSample {
    /// Number of random features, at least 1; 256 by default.
    pub features: usize,
    /// Weight λ of the penalty (λ/2)‖w‖² that is added to the mean loss; 1e-3 by default.
    pub penalty: f64,
}

impl Default for ClassifierTwoSample {
    fn default() -> Self {
        Self { features: 256, penalty: 1e-3 }
    }
}

impl SampleDistance for ClassifierTwoSample {
    fn name(&self) -> &'static str {
        "classifier_accuracy"
    }

    /// The test for the sample and for the fresh draw both use the noise stream `classifier`; the protocol also
    /// records the p-value of the sample.
    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        noise: &Noise,
    ) -> Result<Option<Figure>, EvalError> {
        let found = comparison.with_floor(|x, y| self.test(x, y, &mut noise.derive("classifier")))?;
        let protocol = protocol
            .with("features", format!("{} random Fourier features", self.features))
            .with("p_value", format!("{:.3e}", found.value.p_value));
        let accuracy = WithFloor { value: found.value.accuracy, floor: found.floor.accuracy };
        Ok(Some(Figure::estimate_with_floor(self.name(), accuracy, protocol)))
    }
}

/// The result of a [`ClassifierTwoSample`] test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierResult {
    /// Fraction of test points that were assigned to their sample, with its standard error given the classifier.
    pub accuracy: Estimate,
    /// Standard deviation of the accuracy under equal distributions, ½/√n_test.
    pub null_error: f64,
    /// Probability of at least this accuracy under equal distributions: P(Bin(n_test, ½) ≥ correct).
    ///
    /// Conservative, because the test points come from both samples in equal numbers.
    pub p_value: f64,
    /// Number of test points.
    pub n_test: usize,
}

impl ClassifierTwoSample {
    /// Trains on a random half of each sample and tests on the other half.
    ///
    /// `x` is `[n, dim]` and `y` is `[m, dim]`; from the larger sample as many rows are used, at random, as the
    /// smaller one has.
    /// The result is a function of the samples and of `noise`.
    ///
    /// Cost: rows · features² multiplications for each of about six Newton steps, in double precision on all
    /// threads, and rows · features memory.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with fewer than four rows in a sample, without features or unless
    /// `0 < penalty < ∞`; [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If the points of `x` and `y` do not have the same number of coordinates.
    pub fn test(&self, x: Tensor<2>, y: Tensor<2>, noise: &mut Noise) -> Result<ClassifierResult, EvalError> {
        assert_one_space(&x, &y);
        OutOfRange::at_least("features", 1, self.features)?;
        OutOfRange::positive("penalty", self.penalty)?;
        let samples = [Rows::read(x, "first sample", 4)?, Rows::read(y, "second sample", 4)?];
        let n = samples[0].len().min(samples[1].len());
        let orders = samples.each_ref().map(|sample| noise.permutation(sample.len()));
        let part = |range: std::ops::Range<usize>| {
            let rows = samples
                .iter()
                .zip(&orders)
                .flat_map(|(sample, order)| order[range.clone()].iter().map(|&i| sample.row(i)));
            let labels: Vec<bool> = (0..2 * range.len()).map(|i| i < range.len()).collect();
            (Rows::from_rows(samples[0].dim(), rows), labels)
        };
        let ((train, train_labels), (test, test_labels)) = (part(0..n / 2), part(n / 2..n));
        let map = FourierFeatures::draw(self.features, &train, noise)?;
        let classifier = Logistic::fit(&map.of(&train), map.width(), &train_labels, self.penalty);
        let features = map.of(&test);
        let correct = features
            .chunks_exact(map.width())
            .zip(&test_labels)
            .filter(|(row, label)| (0.0 < classifier.logit(row)) == **label)
            .count();
        Ok(ClassifierResult::of(correct, test_labels.len()))
    }
}

impl ClassifierResult {
    fn of(correct: usize, n_test: usize) -> Self {
        let n = n_test as f64;
        let value = correct as f64 / n;
        Self {
            accuracy: Estimate { value, standard_error: (value * (1.0 - value) / n).sqrt() },
            null_error: 0.5 / n.sqrt(),
            p_value: upper_tail(correct, n_test),
            n_test,
        }
    }
}

/// P(Bin(n, ½) ≥ k), summed term by term from the logarithms of the binomial coefficients.
fn upper_tail(k: usize, n: usize) -> f64 {
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut total = 0.0;
    for i in 0..=n {
        if k <= i {
            total += log.exp();
        }
        log += ((n - i) as f64 / (i + 1) as f64).ln();
    }
    total.min(1.0)
}

/// The map x ↦ (1, √2 cos(ωᵀx/ℓ + b) …).
struct FourierFeatures {
    dim: usize,
    /// The vectors ω/ℓ, concatenated.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

impl FourierFeatures {
    fn draw(n: usize, points: &Rows, noise: &mut Noise) -> Result<Self, EvalError> {
        let stride = points.len().div_ceil(MEDIAN_ROWS);
        let bandwidth = median_distance(&Rows::from_rows(points.dim(), points.every(stride)));
        require(0.0 < bandwidth, "median distance", "a positive number", bandwidth)?;
        let dim = points.dim();
        let frequencies = noise.normals_f64(n * dim).into_iter().map(|z| z / bandwidth).collect();
        let phases = noise.uniforms(n).into_iter().map(|u| f64::from(u) * std::f64::consts::TAU).collect();
        Ok(Self { dim, frequencies, phases })
    }

    fn width(&self) -> usize {
        self.phases.len() + 1
    }

    /// The features of each row, concatenated.
    fn of(&self, rows: &Rows) -> Vec<f64> {
        let mut out = vec![1.0; rows.len() * self.width()];
        out.par_chunks_mut(self.width()).enumerate().for_each(|(i, out)| {
            let waves = self.frequencies.chunks_exact(self.dim).zip(&self.phases);
            for (out, (frequency, phase)) in out[1..].iter_mut().zip(waves) {
                let angle: f64 = rows.row(i).iter().zip(frequency).map(|(x, w)| x * w).sum();
                *out = std::f64::consts::SQRT_2 * (angle + phase).cos();
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};

    fn normals(n: usize, dim: usize, noise: &mut Noise) -> Tensor<2> {
        noise.normal_like(&Tensor::<2>::zeros([n, dim], (&Device::flex(), DType::F64)))
    }

    const TEST: ClassifierTwoSample = ClassifierTwoSample { features: 64, penalty: 1e-3 };

    #[test]
    fn equal_distributions_are_told_apart_by_chance_only() {
        let mut noise = Noise::seeded(101);
        let mut draw = |i| {
            let (x, y) = (normals(80, 2, &mut noise), normals(90, 2, &mut noise));
            TEST.test(x, y, &mut noise.child(i)).unwrap()
        };
        let results: Vec<ClassifierResult> = (0..100).map(&mut draw).collect();
        let accuracies: Vec<f64> = results.iter().map(|t| t.accuracy.value).collect();
        assert!(Estimate::mean(&accuracies).errors_above(0.5).abs() < 5.0, "{accuracies:?}");
        // at most a tenth of the p-values are below a tenth
        let small = results.iter().filter(|t| t.p_value < 0.1).count() as f64;
        assert!(small < 10.0 + 5.0 * (100.0f64 * 0.1 * 0.9).sqrt(), "{small}");
        assert!(results.iter().all(|t| t.n_test == 80));
    }

    #[test]
    fn shifted_gaussians_are_told_apart_almost_as_well_as_by_bayes() {
        // the Bayes classifier of N(0, I) and N(δ, I) is right with probability Φ(‖δ‖/2), here Φ(1) = 0.8413
        let mut noise = Noise::seeded(102);
        let y = normals(4000, 2, &mut noise) + 2f64.sqrt();
        let result = TEST.test(normals(4000, 2, &mut noise), y, &mut noise).unwrap();
        let best = 0.841_344_746;
        assert!(result.accuracy.errors_above(best) < 5.0, "{result:?}");
        // 65 weights from 4000 points lose about 65/8000 nats, and accuracy at most √(2 · that) (Bartlett,
        // Jordan and McAuliffe 2006)
        let lost = (2.0f64 * 65.0 / 8000.0).sqrt();
        assert!(best - lost < result.accuracy.value + 5.0 * result.accuracy.standard_error, "{result:?}");
        assert!(result.p_value < 1e-12);
    }

    #[test]
    fn distributions_with_equal_mean_and_covariance_are_told_apart() {
        // N(0, 1) against a fair ±1 plus N(0, 0.1²): invisible to a linear classifier, visible to a cosine
        let mut noise = Noise::seeded(103);
        let signs = noise.rademacher_like(&Tensor::<2>::zeros([1000, 1], (&Device::flex(), DType::F64)));
        let y = signs * 0.99f64.sqrt() + normals(1000, 1, &mut noise) * 0.1;
        let result = TEST.test(normals(1000, 1, &mut noise), y, &mut noise).unwrap();
        assert!(result.p_value < 1e-9, "{result:?}");
    }

    #[test]
    fn the_tail_of_a_fair_binomial_is_exact() {
        assert_eq!(upper_tail(0, 10), 1.0);
        assert!((upper_tail(10, 10) - 1.0 / 1024.0).abs() < 1e-15);
        assert!((upper_tail(8, 10) - 56.0 / 1024.0).abs() < 1e-14);
        // symmetric, and far out still positive
        assert!((upper_tail(501, 1001) - 0.5).abs() < 1e-10);
        assert!(0.0 < upper_tail(900, 1000));
    }

    #[test]
    fn a_seed_fixes_the_result_and_invalid_settings_are_refused() {
        let (x, y) = (normals(50, 2, &mut Noise::seeded(104)), normals(50, 2, &mut Noise::seeded(105)));
        let result = |seed| TEST.test(x.clone(), y.clone(), &mut Noise::seeded(seed)).unwrap();
        assert_eq!(result(1), result(1));
        assert_ne!(result(1), result(2));
        for test in
            [ClassifierTwoSample { features: 0, ..TEST }, ClassifierTwoSample { penalty: 0.0, ..TEST }]
        {
            assert!(test.test(x.clone(), y.clone(), &mut Noise::seeded(1)).is_err());
        }
    }
}
