//! The classifier two-sample test: can a classifier trained on half of the points tell the other half apart?

use burn::tensor::Tensor;
use ebm_ops::{Noise, OutOfRange};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::radial::median_distance;
use super::ridge::Ridge;
use super::sample_distance::{Comparison, SampleDistance};
use crate::error::require;
use crate::host::{Rows, assert_one_space};
use crate::report::variance;
use crate::{Estimate, EvalError, Figure, Protocol, WithFloor};

/// Largest number of rows from which the bandwidth is computed.
const MEDIAN_ROWS: usize = 1000;

/// Bandwidths of the features as multiples of the median distance; each has an equal share of them.
const MULTIPLES: [f64; 3] = [0.25, 0.5, 1.0];

/// Fewest rows of a sample.
const LEAST: usize = 4;

/// The classifier two-sample test: a regression of the labels ±1 on random Fourier features
/// φ(x) = (1, √(2/k) cos(ωᵀx/ℓ + b) …), with ω ~ N(0, I), b uniform on [0, 2π), and ℓ a quarter, a half and all of the
/// median distance between points.
///
/// Two classifiers are trained, each on a random half of both samples, and each is tested on the other half.
/// The accuracy on held-out points is ½ in expectation for equal distributions, and at most that of the Bayes
/// classifier for others: where a share ε of the points is out of place, ½ + ε/4 for samples of equal size.
/// An accuracy of ½ shows only that these features see no difference;
/// [`KernelTwoSample`](crate::KernelTwoSample) has more power, and says less about how large a difference is.
///
/// # Reference
/// Lopez-Paz and Oquab (2017), *Revisiting classifier two-sample tests*, §3; the features: Rahimi and Recht
/// (2007), *Random features for large-scale kernel machines*, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierTwoSample {
    /// Number of random features, at least 1; 256 by default.
    pub features: usize,
    /// Weight λ of the penalty λ‖w‖² that is added to the mean squared error; 3e-3 by default.
    pub penalty: f64,
    /// Permutations of the labels, at least 19; 199 by default, so that no p-value is below 1/200.
    pub permutations: usize,
}

impl Default for ClassifierTwoSample {
    fn default() -> Self {
        Self { features: 256, penalty: 3e-3, permutations: 199 }
    }
}

impl SampleDistance for ClassifierTwoSample {
    fn name(&self) -> &'static str {
        "classifier_accuracy"
    }

    /// The test for the sample and for the fresh draw both use the noise stream `classifier`.
    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        noise: &Noise,
    ) -> Result<Option<Figure>, EvalError> {
        if !comparison.has_scale(LEAST)? {
            return Ok(None);
        }
        let found = comparison.with_floor(|x, y| self.test(x, y, &mut noise.derive("classifier")))?;
        let protocol = protocol
            .with("features", format!("{} random Fourier features", self.features))
            .with("permutations", self.permutations)
            .with("n_test", found.value.n_test)
            .with("p_value", format!("{:.3e}", found.value.p_value));
        let accuracy = WithFloor { value: found.value.accuracy, floor: found.floor.accuracy };
        let figure = Figure::estimate_with_floor(self.name(), accuracy, protocol);
        let figure = Figure { floor_error: Some(found.value.null_error), ..figure };
        Ok(Some(figure.tested(found.value.p_value).in_unit("share of held-out points, chance is 0.5")))
    }
}

/// The result of a [`ClassifierTwoSample`] test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierResult {
    /// Fraction of points that the classifier of the other half assigned to their sample.
    ///
    /// Its standard error is that of a binomial, enlarged as the deviation over the permutations is: the two
    /// classifiers have learned from each other's test points.
    pub accuracy: Estimate,
    /// Standard deviation of the accuracy under equal distributions.
    pub null_error: f64,
    /// The share of permutations of the labels, the identity among them, for which the predictions agree with the
    /// labels at least as well (their inner product, which knows how sure a prediction is, as the accuracy does not).
    ///
    /// Exact for independent draws.
    pub p_value: f64,
    /// Number of test points.
    pub n_test: usize,
}

impl ClassifierTwoSample {
    /// Trains on each random half of the samples and tests on the other.
    ///
    /// `x` is `[n, dim]` and `y` is `[m, dim]`; from the larger sample as many rows are used, at random, as the
    /// smaller one has, and one less if that is odd.
    /// The result is a function of the samples and of `noise`.
    ///
    /// Cost: rows · features · (features + 2 permutations) multiplications, in double precision on all threads, and
    /// rows · (features + permutations) memory.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with fewer than four rows in a sample, without features, with fewer than 19
    /// permutations, unless `0 < penalty < ∞`, or if all points are one; [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If the points of `x` and `y` do not have the same number of coordinates.
    pub fn test(&self, x: Tensor<2>, y: Tensor<2>, noise: &mut Noise) -> Result<ClassifierResult, EvalError> {
        assert_one_space(&x, &y);
        OutOfRange::at_least("features", 1, self.features)?;
        OutOfRange::at_least("permutations", 19, self.permutations)?;
        OutOfRange::positive("penalty", self.penalty)?;
        let samples = [Rows::read(x, "first sample", LEAST)?, Rows::read(y, "second sample", LEAST)?];
        let half = samples[0].len().min(samples[1].len()) / 2;
        let orders = samples.each_ref().map(|sample| noise.permutation(sample.len()));
        let part = |range: std::ops::Range<usize>| {
            let rows = samples
                .iter()
                .zip(&orders)
                .flat_map(|(sample, order)| order[range.clone()].iter().map(|&i| sample.row(i)));
            Rows::from_rows(samples[0].dim(), rows)
        };
        let halves = [part(0..half), part(half..2 * half)];
        let both = Rows::from_rows(samples[0].dim(), halves.iter().flat_map(Rows::iter));
        let map = FourierFeatures::draw(self.features, &both, noise)?;
        let features = halves.each_ref().map(|rows| map.of(rows));
        // Labels are permuted within each half, so both stay balanced.
        let mut labels = || labels(half, self.permutations, noise);
        let labels = [labels(), labels()];
        let fit = |i: usize| Ridge::fit(&features[i], map.width(), &labels[i], self.penalty);
        let predictions = [fit(1).predict(&features[0]), fit(0).predict(&features[1])];

        let columns = self.permutations + 1;
        let (mut agreement, mut correct) = (vec![0.0; columns], vec![0.0; columns]);
        for (labels, predictions) in labels.iter().zip(&predictions) {
            for (labels, predictions) in labels.chunks_exact(columns).zip(predictions.chunks_exact(columns)) {
                for (column, (label, prediction)) in labels.iter().zip(predictions).enumerate() {
                    agreement[column] += label * prediction;
                    correct[column] += f64::from(u8::from(0.0 < label * prediction));
                }
            }
        }
        let n_test = 4 * half;
        correct.iter_mut().for_each(|count| *count /= n_test as f64);
        let as_large = agreement[1..].iter().filter(|other| agreement[0] <= **other).count();
        let (value, null_error) = (correct[0], variance(&correct[1..]).sqrt());
        let standard_error = null_error * 2.0 * (value * (1.0 - value)).sqrt();
        let p_value = (1 + as_large) as f64 / columns as f64;
        Ok(ClassifierResult { accuracy: Estimate { value, standard_error }, null_error, p_value, n_test })
    }
}

/// Labels 1 of `half` rows and −1 of as many: those of the samples, then permutations, a column each.
fn labels(half: usize, permutations: usize, noise: &mut Noise) -> Vec<f64> {
    let (n, columns) = (2 * half, permutations + 1);
    let mut labels = vec![0.0; n * columns];
    for column in 0..columns {
        let order = if column == 0 { (0..n).collect() } else { noise.permutation(n) };
        for (row, i) in order.into_iter().enumerate() {
            labels[row * columns + column] = if i < half { 1.0 } else { -1.0 };
        }
    }
    labels
}

/// The map x ↦ (1, √(2/k) cos(ωᵀx/ℓ + b) …), k being the number of waves.
struct FourierFeatures {
    dim: usize,
    /// The vectors ω/ℓ, concatenated.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

impl FourierFeatures {
    fn draw(n: usize, points: &Rows, noise: &mut Noise) -> Result<Self, EvalError> {
        let stride = points.len().div_ceil(MEDIAN_ROWS);
        let median = median_distance(&Rows::from_rows(points.dim(), points.every(stride)));
        require(0.0 < median, "median distance", "a positive number", median)?;
        let dim = points.dim();
        let normals = noise.normals_f64(n * dim).into_iter().enumerate();
        let bandwidth = |feature: usize| MULTIPLES[feature % MULTIPLES.len()] * median;
        let frequencies = normals.map(|(i, z)| z / bandwidth(i / dim)).collect();
        let phases = noise.uniforms(n).into_iter().map(|u| f64::from(u) * std::f64::consts::TAU).collect();
        Ok(Self { dim, frequencies, phases })
    }

    fn width(&self) -> usize {
        self.phases.len() + 1
    }

    /// The features of each row, concatenated.
    fn of(&self, rows: &Rows) -> Vec<f64> {
        let mut out = vec![1.0; rows.len() * self.width()];
        let scale = (2.0 / self.phases.len() as f64).sqrt();
        out.par_chunks_mut(self.width()).enumerate().for_each(|(i, out)| {
            let waves = self.frequencies.chunks_exact(self.dim).zip(&self.phases);
            for (out, (frequency, phase)) in out[1..].iter_mut().zip(waves) {
                let angle: f64 = rows.row(i).iter().zip(frequency).map(|(x, w)| x * w).sum();
                *out = scale * (angle + phase).cos();
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

    const TEST: ClassifierTwoSample = ClassifierTwoSample { features: 64, penalty: 1e-3, permutations: 99 };

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
        // a tenth of the p-values are at most a tenth, and half of them at most a half
        for share in [0.1, 0.5] {
            let small = results.iter().filter(|t| t.p_value <= share).count() as f64;
            let error = (small - 100.0 * share) / (100.0 * share * (1.0 - share)).sqrt();
            assert!(error.abs() < 5.0, "{share}: {small}");
        }
        assert!(results.iter().all(|t| t.n_test == 160));
        // the claimed deviation is that of the repeats
        let (seen, claimed) = (variance(&accuracies).sqrt(), results[0].null_error);
        assert!(
            (seen / claimed - 1.0).abs() < 5.0 * (1.0f64 / 200.0 + 1.0 / 200.0).sqrt(),
            "{seen}, {claimed}"
        );
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
        assert_eq!(result.p_value, 0.01);
    }

    #[test]
    fn distributions_with_equal_mean_and_covariance_are_told_apart() {
        // N(0, 1) against a fair ±1 plus N(0, 0.1²): invisible to a linear classifier, visible to a cosine
        let mut noise = Noise::seeded(103);
        let signs = noise.rademacher_like(&Tensor::<2>::zeros([1000, 1], (&Device::flex(), DType::F64)));
        let y = signs * 0.99f64.sqrt() + normals(1000, 1, &mut noise) * 0.1;
        let result = TEST.test(normals(1000, 1, &mut noise), y, &mut noise).unwrap();
        assert_eq!(result.p_value, 0.01, "{result:?}");
        assert!(5.0 < (result.accuracy.value - 0.5) / result.null_error, "{result:?}");
    }

    #[test]
    fn points_out_of_place_are_seen_by_the_p_value() {
        // one in twenty points of N(0, I) is at (4, 4) ± 0.2
        let mut noise = Noise::seeded(106);
        let x = normals(2000, 2, &mut noise);
        let strays = normals(100, 2, &mut noise) * 0.2 + 4.0;
        let x = Tensor::cat(vec![x.narrow(0, 0, 1900), strays], 0);
        let result =
            ClassifierTwoSample::default().test(x, normals(2000, 2, &mut noise), &mut noise).unwrap();
        assert!(result.p_value < 0.01, "{result:?}");
        assert!((result.accuracy.value - 0.5125).abs() < 5.0 * result.null_error, "{result:?}");
    }

    #[test]
    fn a_seed_fixes_the_result_and_invalid_settings_are_refused() {
        let (x, y) = (normals(50, 2, &mut Noise::seeded(104)), normals(50, 2, &mut Noise::seeded(105)));
        let result = |seed| TEST.test(x.clone(), y.clone(), &mut Noise::seeded(seed)).unwrap();
        assert_eq!(result(1), result(1));
        assert_ne!(result(1), result(2));
        for test in [
            ClassifierTwoSample { features: 0, ..TEST },
            ClassifierTwoSample { penalty: 0.0, ..TEST },
            ClassifierTwoSample { permutations: 3, ..TEST },
        ] {
            assert!(test.test(x.clone(), y.clone(), &mut Noise::seeded(1)).is_err());
        }
    }
}
