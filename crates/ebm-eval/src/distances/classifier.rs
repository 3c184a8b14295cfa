//! Two samples are of one law if nothing that is learnt on halves tells the other halves apart.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::host::{Rows, assert_one_space};
use crate::logistic::Logistic;
use crate::radial::median_distance;
use crate::{Estimate, EvalError};

/// Rows that the bandwidth is taken from.
const MEDIAN_ROWS: usize = 1000;

/// The classifier two-sample test: logistic regression on random Fourier features,
/// φ(x) = (1, √2 cos(ωᵀx/ℓ + b) …), ω ~ N(0, I), b uniform on a circle, and ℓ the median distance of the
/// training points.
///
/// The accuracy on points that it has not learnt from is ½ for equal laws, up to the Bayes classifier's for
/// others; an accuracy of ½ shows only that these features see no difference.
///
/// # Reference
/// Lopez-Paz and Oquab (2017), *Revisiting classifier two-sample tests*, §3; the features: Rahimi and Recht
/// (2007), *Random features for large-scale kernel machines*, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierTwoSample {
    /// How many random features.
    pub features: usize,
    /// λ of the penalty (λ/2)‖w‖² beside the mean loss.
    pub penalty: f64,
}

impl Default for ClassifierTwoSample {
    fn default() -> Self {
        Self { features: 256, penalty: 1e-3 }
    }
}

/// How well two samples were told apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The share of test points whose sample was named, and its standard error given the classifier.
    pub accuracy: Estimate,
    /// The standard deviation of the accuracy if both laws are equal, ½/√n_test.
    pub null_error: f64,
    /// The probability of this accuracy or more if both laws are equal: P(Bin(n_test, ½) ≥ right).
    ///
    /// As many points of either sample are tested, which makes it too large if anything.
    pub p_value: f64,
    /// How many points were tested.
    pub n_test: usize,
}

impl ClassifierTwoSample {
    /// Learns on random halves of both samples and tests on the others; `x` is `[n, dim]` and `y` `[m, dim]`,
    /// and of the larger one as many rows are used, at random, as the smaller one has.
    ///
    /// A function of the samples and of `noise`.
    /// Costs rows · features² multiplications for each of about six Newton
    /// steps, in double precision on all threads; memory rows · features.
    ///
    /// # Errors
    /// [`EvalError::Rows`] with fewer than four rows, [`EvalError::NotFinite`], and [`EvalError::Setting`]
    /// unless there are features and `0 < penalty < ∞`.
    ///
    /// # Panics
    /// If the points have not the same number of coordinates.
    pub fn test(&self, x: Tensor<2>, y: Tensor<2>, noise: &mut Noise) -> Result<Told, EvalError> {
        assert_one_space(&x, &y);
        EvalError::unless(0 < self.features, "features", "one or more", self.features)?;
        let fit = self.penalty.is_finite() && 0.0 < self.penalty;
        EvalError::unless(fit, "penalty", "a positive, finite number", self.penalty)?;
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
        let right = features
            .chunks_exact(map.width())
            .zip(&test_labels)
            .filter(|(row, label)| (0.0 < classifier.logit(row)) == **label)
            .count();
        Ok(Told::of(right, test_labels.len()))
    }
}

impl Told {
    fn of(right: usize, n_test: usize) -> Self {
        let n = n_test as f64;
        let value = right as f64 / n;
        Self {
            accuracy: Estimate { value, standard_error: (value * (1.0 - value) / n).sqrt() },
            null_error: 0.5 / n.sqrt(),
            p_value: upper_tail(right, n_test),
            n_test,
        }
    }
}

/// P(Bin(n, ½) ≥ k), by the sum of its terms from the logarithms of the binomial coefficients.
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

/// x ↦ (1, √2 cos(ωᵀx + b) …).
struct FourierFeatures {
    dim: usize,
    /// ω/ℓ, one after the other.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

impl FourierFeatures {
    fn draw(n: usize, points: &Rows, noise: &mut Noise) -> Result<Self, EvalError> {
        let stride = points.len().div_ceil(MEDIAN_ROWS);
        let bandwidth = median_distance(&Rows::from_rows(points.dim(), points.every(stride)));
        EvalError::unless(0.0 < bandwidth, "median distance", "a positive number", bandwidth)?;
        let dim = points.dim();
        let frequencies = noise.normals_f64(n * dim).into_iter().map(|z| z / bandwidth).collect();
        let phases = noise.uniforms(n).into_iter().map(|u| f64::from(u) * std::f64::consts::TAU).collect();
        Ok(Self { dim, frequencies, phases })
    }

    fn width(&self) -> usize {
        self.phases.len() + 1
    }

    /// The features of each row, one row after the other.
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
    fn equal_laws_are_told_apart_by_chance_only() {
        let mut noise = Noise::seeded(101);
        let mut draw = |i| {
            let (x, y) = (normals(80, 2, &mut noise), normals(90, 2, &mut noise));
            TEST.test(x, y, &mut noise.child(i)).unwrap()
        };
        let told: Vec<Told> = (0..100).map(&mut draw).collect();
        let accuracies: Vec<f64> = told.iter().map(|t| t.accuracy.value).collect();
        assert!(Estimate::mean(&accuracies).errors_above(0.5).abs() < 5.0, "{accuracies:?}");
        // p-values below a tenth come in a tenth of the cases at the most
        let small = told.iter().filter(|t| t.p_value < 0.1).count() as f64;
        assert!(small < 10.0 + 5.0 * (100.0f64 * 0.1 * 0.9).sqrt(), "{small}");
        assert!(told.iter().all(|t| t.n_test == 80));
    }

    #[test]
    fn shifted_gaussians_are_told_apart_almost_as_well_as_can_be() {
        // the Bayes classifier of N(0, I) and N(δ, I) is right with probability Φ(‖δ‖/2), here Φ(1) = 0.8413
        let mut noise = Noise::seeded(102);
        let y = normals(4000, 2, &mut noise) + 2f64.sqrt();
        let told = TEST.test(normals(4000, 2, &mut noise), y, &mut noise).unwrap();
        let best = 0.841_344_746;
        assert!(told.accuracy.errors_above(best) < 5.0, "{told:?}");
        // 65 weights from 4000 points lose about 65/8000 nats, and accuracy at most √(2 · that) (Bartlett,
        // Jordan and McAuliffe 2006)
        let lost = (2.0f64 * 65.0 / 8000.0).sqrt();
        assert!(best - lost < told.accuracy.value + 5.0 * told.accuracy.standard_error, "{told:?}");
        assert!(told.p_value < 1e-12);
    }

    #[test]
    fn laws_of_equal_mean_and_covariance_are_told_apart() {
        // N(0, 1) and a fair ±1 with N(0, 0.1²): no line, but a wave sees it
        let mut noise = Noise::seeded(103);
        let signs = noise.rademacher_like(&Tensor::<2>::zeros([1000, 1], (&Device::flex(), DType::F64)));
        let y = signs * 0.99f64.sqrt() + normals(1000, 1, &mut noise) * 0.1;
        let told = TEST.test(normals(1000, 1, &mut noise), y, &mut noise).unwrap();
        assert!(told.p_value < 1e-9, "{told:?}");
    }

    #[test]
    fn the_tail_of_a_fair_coin() {
        assert_eq!(upper_tail(0, 10), 1.0);
        assert!((upper_tail(10, 10) - 1.0 / 1024.0).abs() < 1e-15);
        assert!((upper_tail(8, 10) - 56.0 / 1024.0).abs() < 1e-14);
        // symmetric, and far out still positive
        assert!((upper_tail(501, 1001) - 0.5).abs() < 1e-10);
        assert!(0.0 < upper_tail(900, 1000));
    }

    #[test]
    fn a_seed_is_a_result_and_unfit_settings_are_none() {
        let (x, y) = (normals(50, 2, &mut Noise::seeded(104)), normals(50, 2, &mut Noise::seeded(105)));
        let told = |seed| TEST.test(x.clone(), y.clone(), &mut Noise::seeded(seed)).unwrap();
        assert_eq!(told(1), told(1));
        assert_ne!(told(1), told(2));
        for test in
            [ClassifierTwoSample { features: 0, ..TEST }, ClassifierTwoSample { penalty: 0.0, ..TEST }]
        {
            assert!(test.test(x.clone(), y.clone(), &mut Noise::seeded(1)).is_err());
        }
    }
}
