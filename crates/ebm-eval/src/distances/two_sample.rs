//! The kernel two-sample test over several bandwidths at once.

use burn::tensor::{DType, Tensor, TensorData};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use super::radial::median_distance;
use super::sample_distance::{Comparison, SampleDistance};
use crate::error::require;
use crate::host::{Rows, assert_one_space, numbers};
use crate::{EvalError, Figure, Protocol};

/// Largest number of rows of each sample from which the bandwidths are computed.
const MEDIAN_ROWS: usize = 1000;

/// Rows of the kernel matrix in memory at once.
const BLOCK: usize = 512;

/// Permutations of which the moments are, beside those that the p-value counts, which makes the test exact.
const SCALING: usize = 200;

/// Fewest rows of a sample.
const LEAST: usize = 4;

/// A permutation test of equal distributions: the largest of the standardised MMD² with Gaussian kernels of several
/// bandwidths.
///
/// T = max over bandwidths ℓ of the normal score of MMD²_ℓ, from its mean, deviation and skewness over permutations of
/// the labels: that of a gamma distribution with these moments, by Wilson and Hilferty's cube root.
/// Without it, the large bandwidths, whose MMD² is skewed like a χ², would hide what the small ones see.
///
/// A small bandwidth sees what is local, as points in a gap of the data; a large one sees shifts, also in many
/// dimensions. The p-value is the share of permutations of the labels with a T at least as large, and exact for
/// independent draws at any sample size and in any dimension.
///
/// # Reference
/// Schrab et al. (2023), *MMD aggregated two-sample test*; Biggs, Schrab and Gretton (2023), *MMD-FUSE: learning and
/// combining kernels for two-sample testing without data splitting*; the cube root: Wilson and Hilferty (1931), *The
/// distribution of chi-square*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelTwoSample {
    /// Bandwidths as multiples of the median distance between points of both samples; 1/16, ⅛, ¼, ½ and 1 by default.
    pub multiples: Vec<f64>,
    /// Permutations of the labels, at least 19; 399 by default, so that no p-value is below 1/400.
    pub permutations: usize,
    /// Most rows that are used of each sample, taken at random; 2,000 by default.
    pub rows: usize,
}

impl Default for KernelTwoSample {
    fn default() -> Self {
        Self { multiples: vec![0.0625, 0.125, 0.25, 0.5, 1.0], permutations: 399, rows: 2000 }
    }
}

impl SampleDistance for KernelTwoSample {
    fn name(&self) -> &'static str {
        "two_sample_test"
    }

    /// The test compares the features of the points; for the sample and for the fresh draw it uses the noise stream
    /// `two-sample`.
    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        noise: &Noise,
    ) -> Result<Option<Figure>, EvalError> {
        let mapped = comparison.of_features();
        if !mapped.has_scale(LEAST)? {
            return Ok(None);
        }
        let found = mapped.with_floor(|x, y| self.test(x, y, &mut noise.derive("two-sample")))?;
        let [n, m] = found.value.rows;
        let protocol = Protocol { n, n_reference: Some(m), ..protocol }
            .with("features", mapped.features.name())
            .with("permutations", self.permutations)
            .with("multiples", format!("{:?}", self.multiples))
            .with("floor_p_value", format!("{:.4}", found.floor.p_value));
        let figure = Figure::exact(self.name(), found.value.statistic, protocol);
        let figure = Figure { floor: Some(found.floor.statistic), ..figure };
        Ok(Some(figure.tested(found.value.p_value).in_unit("normal score under equal distributions")))
    }
}

/// The result of a [`KernelTwoSample`] test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoSampleResult {
    /// The largest normal score T.
    pub statistic: f64,
    /// The multiple of the median distance that it was found at.
    pub multiple: f64,
    /// The share of permutations, the identity among them, with at least this statistic.
    pub p_value: f64,
    /// Rows that were used of each sample.
    pub rows: [usize; 2],
}

impl KernelTwoSample {
    /// Tests whether `x`, `[n, dim]`, and `y`, `[m, dim]`, have the same distribution.
    ///
    /// Cost: (n + m)² kernel evaluations for each bandwidth, and as many multiplications for each bandwidth and
    /// permutation, in single precision on the device of `x`.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with fewer than four rows in a sample, without a bandwidth, with fewer than 19
    /// permutations, or if all points are one; [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If the points of `x` and `y` do not have the same number of coordinates.
    pub fn test(&self, x: Tensor<2>, y: Tensor<2>, noise: &mut Noise) -> Result<TwoSampleResult, EvalError> {
        assert_one_space(&x, &y);
        OutOfRange::at_least("rows", LEAST, self.rows)?;
        OutOfRange::at_least("permutations", 19, self.permutations)?;
        let valid = !self.multiples.is_empty() && self.multiples.iter().all(|l| l.is_finite() && 0.0 < *l);
        require(valid, "multiples", "one or more positive, finite numbers", &self.multiples)?;
        let device = x.device();
        let samples = [Rows::read(x, "first sample", LEAST)?, Rows::read(y, "second sample", LEAST)?];
        let samples = samples.map(|sample| some(sample, self.rows, noise));
        let rows = samples.each_ref().map(Rows::len);
        let points = scaled(&samples)?;
        let (n, dim) = (rows[0] + rows[1], samples[0].dim());
        let labels = self.labels(rows, noise);
        let columns = self.permutations + 1 + SCALING;

        let options = (&device, DType::F32);
        let z = Tensor::<2>::from_data(TensorData::new(points, [n, dim]), options);
        let labels = Tensor::<2>::from_data(TensorData::new(labels, [n, columns]), options);
        let squares = z.clone().square().sum_dim(1);
        let mut sums = vec![vec![0.0; columns]; self.multiples.len()];
        for first in (0..n).step_by(BLOCK) {
            let length = BLOCK.min(n - first);
            let part = |x: &Tensor<2>| x.clone().narrow(0, first, length);
            let products = part(&z).matmul(z.clone().transpose());
            let distances = (part(&squares) + squares.clone().transpose() - products * 2.0).clamp_min(0.0);
            for (sums, multiple) in sums.iter_mut().zip(&self.multiples) {
                let kernel = (distances.clone() * (-0.5 / (multiple * multiple))).exp();
                let form = (part(&labels) * kernel.matmul(labels.clone())).sum_dim(0);
                sums.iter_mut().zip(numbers(form)).for_each(|(sum, part)| *sum += part);
            }
        }
        Ok(self.judge(&sums, rows))
    }

    /// The labels 1/n and −1/m of the rows: those of the samples, then permutations, a column each.
    fn labels(&self, [n, m]: [usize; 2], noise: &mut Noise) -> Vec<f32> {
        let columns = self.permutations + 1 + SCALING;
        let weight = |i: usize| if i < n { 1.0 / n as f32 } else { -1.0 / m as f32 };
        let mut labels = vec![0.0; (n + m) * columns];
        for column in 0..columns {
            let order = if column == 0 { (0..n + m).collect() } else { noise.permutation(n + m) };
            for (row, i) in order.into_iter().enumerate() {
                labels[row * columns + column] = weight(i);
            }
        }
        labels
    }

    /// The test from MMD² of each bandwidth and permutation, up to a constant; the first column is the identity.
    fn judge(&self, sums: &[Vec<f64>], rows: [usize; 2]) -> TwoSampleResult {
        let columns = self.permutations + 1;
        let scores: Vec<Vec<f64>> = sums
            .iter()
            .map(|sums| {
                let scale = Scale::of(&sums[columns..]);
                sums[..columns].iter().map(|sum| scale.score(*sum)).collect()
            })
            .collect();
        let largest =
            |column: usize| scores.iter().map(|scores| scores[column]).fold(f64::NEG_INFINITY, f64::max);
        let own = largest(0);
        let as_large = (1..columns).filter(|&column| own <= largest(column)).count();
        let best = scores.iter().zip(&self.multiples).max_by(|a, b| a.0[0].total_cmp(&b.0[0]));
        let (_, &multiple) = best.expect("there is a bandwidth");
        TwoSampleResult { statistic: own, multiple, p_value: (1 + as_large) as f64 / columns as f64, rows }
    }
}

/// Moments of MMD² over permutations.
struct Scale {
    mean: f64,
    deviation: f64,
    skewness: f64,
}

impl Scale {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let moment = |power: i32| values.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
        let deviation = moment(2).sqrt();
        // Differences below the rounding of single precision are none.
        if deviation <= 1e-9 * mean.abs() {
            return Self { mean, deviation: 0.0, skewness: 0.0 };
        }
        Self { mean, deviation, skewness: moment(3) / deviation.powi(3) }
    }

    /// The normal score of a value: 0 without a deviation.
    fn score(&self, value: f64) -> f64 {
        if self.deviation == 0.0 {
            return 0.0;
        }
        let z = (value - self.mean) / self.deviation;
        // Of a gamma distribution with this shape, which has mean and variance `shape`; nearly normal if it is large.
        let shape = 4.0 / self.skewness.max(1e-3).powi(2);
        let ratio = (z / shape.sqrt() + 1.0).max(1e-12);
        3.0 * shape.sqrt() * (ratio.cbrt() - 1.0 + 1.0 / (9.0 * shape))
    }
}

/// At most `most` rows, at random if there are more.
fn some(rows: Rows, most: usize, noise: &mut Noise) -> Rows {
    let order = noise.permutation(rows.len());
    if rows.len() <= most {
        return rows;
    }
    Rows::from_rows(rows.dim(), order[..most].iter().map(|&i| rows.row(i)))
}

/// The points of both samples, centred, in units of the median distance.
fn scaled(samples: &[Rows; 2]) -> Result<Vec<f32>, EvalError> {
    let dim = samples[0].dim();
    let some = samples.iter().flat_map(|rows| rows.every(rows.len().div_ceil(MEDIAN_ROWS)));
    let median = median_distance(&Rows::from_rows(dim, some));
    require(0.0 < median, "median distance", "a positive number", median)?;
    let rows = || samples.iter().flat_map(Rows::iter);
    let mut mean = vec![0.0; dim];
    rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x));
    let n = rows().count() as f64;
    mean.iter_mut().for_each(|mean| *mean /= n);
    Ok(rows().flat_map(|row| row.iter().zip(&mean).map(|(x, mean)| ((x - mean) / median) as f32)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn tensor(values: Vec<f32>, dim: usize) -> Tensor<2> {
        let n = values.len() / dim;
        Tensor::from_data(TensorData::new(values, [n, dim]), &Device::flex())
    }

    fn normals(n: usize, dim: usize, shift: f32, noise: &mut Noise) -> Tensor<2> {
        tensor(noise.normals(n * dim).into_iter().map(|z| z + shift).collect(), dim)
    }

    /// Two half circles of radius one with noise of 0.1, a share of the points replaced by a square between them.
    fn moons(n: usize, share: f32, noise: &mut Noise) -> Tensor<2> {
        let (u, z) = (noise.uniforms(3 * n), noise.normals(2 * n));
        let point = |i: usize| {
            let [which, along, gap] = [u[3 * i], u[3 * i + 1], u[3 * i + 2]];
            if gap < share {
                return [0.25 + 0.5 * along, 0.1 + 0.3 * which];
            }
            let (sin, cos) = (along * std::f32::consts::PI).sin_cos();
            let [x, y] = if which < 0.5 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
            [x + 0.1 * z[2 * i], y + 0.1 * z[2 * i + 1]]
        };
        tensor((0..n).flat_map(point).collect(), 2)
    }

    /// Four rings of radius ¾ to 3, or the disk that they leave gaps in.
    fn rings(n: usize, filled: bool, noise: &mut Noise) -> Tensor<2> {
        let (u, z) = (noise.uniforms(2 * n), noise.normals(2 * n));
        let point = |i: usize| {
            let radius = match filled {
                true => 3.1 * u[2 * i].sqrt(),
                false => 0.75 * (1.0 + (4.0 * u[2 * i]).floor()),
            };
            let (sin, cos) = (u[2 * i + 1] * std::f32::consts::TAU).sin_cos();
            [radius * cos + 0.08 * z[2 * i], radius * sin + 0.08 * z[2 * i + 1]]
        };
        tensor((0..n).flat_map(point).collect(), 2)
    }

    #[test]
    fn under_equal_distributions_p_values_are_uniform() {
        let test = KernelTwoSample { permutations: 99, ..KernelTwoSample::default() };
        let repeats = 400;
        let mut noise = Noise::seeded(201);
        let p_values: Vec<f64> = (0..repeats)
            .map(|i| {
                let (x, y) = (moons(40, 0.0, &mut noise), moons(50, 0.0, &mut noise));
                test.test(x, y, &mut noise.child(i)).unwrap().p_value
            })
            .collect();
        // each of ten bins of ten of the hundred possible values has its tenth: χ² with 9 degrees of freedom
        let mut counts = [0.0; 10];
        p_values.iter().for_each(|p| counts[((p * 100.0).round() as usize - 1) / 10] += 1.0);
        let expected = repeats as f64 / 10.0;
        let chi_square: f64 = counts.iter().map(|count: &f64| (count - expected).powi(2) / expected).sum();
        assert!(chi_square < 39.3, "{chi_square}: {counts:?}"); // P = 1e-5
    }

    #[test]
    fn points_that_fill_a_gap_are_seen() {
        let mut noise = Noise::seeded(202);
        let found: Vec<TwoSampleResult> = (0..4)
            .map(|i| {
                let (x, y) = (moons(2000, 0.05, &mut noise), moons(2000, 0.0, &mut noise));
                KernelTwoSample::default().test(x, y, &mut noise.child(i)).unwrap()
            })
            .collect();
        assert!(found.iter().all(|found| found.p_value <= 0.05 && found.multiple < 1.0), "{found:?}");
        assert!(3 <= found.iter().filter(|found| found.p_value <= 0.01).count(), "{found:?}");
    }

    #[test]
    fn a_disk_is_told_from_rings() {
        let mut noise = Noise::seeded(203);
        let (x, y) = (rings(500, true, &mut noise), rings(500, false, &mut noise));
        let found = KernelTwoSample::default().test(x, y, &mut noise).unwrap();
        assert_eq!(found.p_value, 1.0 / 400.0, "{found:?}");
    }

    #[test]
    fn a_shift_by_a_tenth_of_a_deviation_in_each_of_ten_dimensions_is_seen() {
        let mut noise = Noise::seeded(204);
        for i in 0..2 {
            let (x, y) = (normals(2000, 10, 0.1, &mut noise), normals(2000, 10, 0.0, &mut noise));
            let found = KernelTwoSample::default().test(x, y, &mut noise.child(i)).unwrap();
            assert!(found.p_value < 0.01, "{found:?}");
        }
    }

    #[test]
    fn normal_scores_of_a_chi_square_are_those_of_its_quantiles() {
        // χ² with 4 degrees of freedom: mean 4, variance 8, skewness √2
        let scale = Scale { mean: 4.0, deviation: 8f64.sqrt(), skewness: 2f64.sqrt() };
        // The approximation is off by 0.033 where one of a thousand is beyond.
        for (quantile, score, error) in
            [(3.3567, 0.0, 0.03), (9.4877, 1.6449, 0.03), (18.4668, 3.0902, 0.035)]
        {
            assert!((scale.score(quantile) - score).abs() < error, "{}", scale.score(quantile));
        }
        let normal = Scale { mean: 1.0, deviation: 2.0, skewness: 0.0 };
        assert!((normal.score(5.0) - 2.0).abs() < 0.01);
    }

    #[test]
    fn one_sample_twice_is_no_difference_and_bad_settings_are_refused() {
        let mut noise = Noise::seeded(205);
        let test = KernelTwoSample::default();
        let x = normals(30, 2, 0.0, &mut noise);
        assert!(0.5 < test.test(x.clone(), x.clone(), &mut noise).unwrap().p_value);
        let result = |seed| test.test(x.clone(), x.clone() * 1.1, &mut Noise::seeded(seed)).unwrap();
        assert_eq!(result(1), result(1));
        let few = KernelTwoSample { permutations: 5, ..test.clone() };
        let none = KernelTwoSample { multiples: vec![], ..test.clone() };
        for test in [few, none] {
            assert!(test.test(x.clone(), x.clone(), &mut noise).is_err());
        }
        assert!(test.test(x.zeros_like(), x.zeros_like(), &mut noise).is_err());
    }
}
