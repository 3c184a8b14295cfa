//! The maximum mean discrepancy.

use burn::tensor::Tensor;

use ebm_ops::Noise;

use super::pairs::{between, squared_distances, within};
use super::sample_distance::{Comparison, SampleDistance};
use super::u_statistic::{Between, LEAST, Within};
use crate::host::{Rows, assert_one_space};
use crate::report::variance;
use crate::{Estimate, EvalError, Figure, Protocol, RadialKernel};

/// The unbiased squared [`mmd`] with a kernel scaled to the data.
///
/// The kernel is [`RadialKernel::median`] of the fresh draw and the reference, so it does not depend on the
/// sample that is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Mmd {
    /// Bandwidths as multiples of the median distance; ¼, ½, 1 and 2 by default.
    pub multiples: Vec<f64>,
}

impl Default for Mmd {
    fn default() -> Self {
        Self { multiples: vec![0.25, 0.5, 1.0, 2.0] }
    }
}

impl SampleDistance for Mmd {
    fn name(&self) -> &'static str {
        "mmd2_unbiased"
    }

    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        _: &Noise,
    ) -> Result<Option<Figure>, EvalError> {
        if !comparison.has_scale(LEAST)? {
            return Ok(None);
        }
        let kernel = RadialKernel::median(&comparison.fresh, &comparison.reference, &self.multiples)?;
        let found = comparison.with_floor(|x, y| mmd(x, y, &kernel))?;
        let protocol = Protocol { bandwidths: kernel.bandwidths().to_vec(), ..protocol };
        let figure = Figure::estimate_with_floor(self.name(), found, protocol);
        Ok(Some(figure.judged(0.0, found.floor.standard_error).in_unit("none")))
    }
}

/// An unbiased estimate of the squared maximum mean discrepancy between two samples:
///
/// MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2 mean_{i,j} k(x_i, y_j).
///
/// `x` is `[n, dim]` and `y` is `[m, dim]`; n and m are at least 4 and may differ.
/// For equal distributions the expectation is zero, so about half of the estimates are negative.
/// The estimate has no unit, and values for different kernels cannot be compared.
/// The standard error includes the terms of first and of second order, so it holds for equal and for different
/// distributions; for equal ones it is up to 1.4 times too large.
/// It assumes independent draws: for correlated draws of a chain it is too small.
///
/// Cost: n²/2 + nm + m²/2 kernel evaluations of `dim` coordinates in double precision on all threads, and
/// O((n + m) dim) memory.
///
/// # Reference
/// Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), *A kernel two-sample test*, eq. 3.
///
/// # Errors
/// [`EvalError::OutOfRange`] with fewer than four rows in a sample, [`EvalError::NotFinite`].
///
/// # Panics
/// If the points of `x` and `y` do not have the same number of coordinates.
pub fn mmd(x: Tensor<2>, y: Tensor<2>, kernel: &RadialKernel) -> Result<Estimate, EvalError> {
    assert_one_space(&x, &y);
    let x = Rows::read(x, "first sample", LEAST)?;
    let y = Rows::read(y, "second sample", LEAST)?;
    let columns = [x.columns(), y.columns()];
    let fill = |rows: &Rows, of: usize, i: usize, js: std::ops::Range<usize>, out: &mut [f64]| {
        squared_distances(rows.row(i), &columns[of], js, out);
        out.iter_mut().for_each(|q| *q = kernel.value(*q));
    };
    let xx = Within::of(&within(x.len(), |i, js, out| fill(&x, 0, i, js, out)));
    let yy = Within::of(&within(y.len(), |i, js, out| fill(&y, 1, i, js, out)));
    let xy = Between::of(&between(x.len(), y.len(), |i, js, out| fill(&x, 1, i, js, out)));

    let (n, m) = (x.len() as f64, y.len() as f64);
    let second = xx.variance_of_rest() + yy.variance_of_rest() + 4.0 * xy.rest / (n * m);
    let first = first_order(&xx, &xy.effects[0], xy.rest / m) + first_order(&yy, &xy.effects[1], xy.rest / n);
    Ok(Estimate { value: xx.mean + yy.mean - 2.0 * xy.mean, standard_error: (first + second).sqrt() })
}

/// 4/n times the variance over points x of E k(x, X) − E k(x, Y).
///
/// The estimates of that difference vary also because their pairs do; this part is subtracted, `noise` being
/// the part of the pairs with the other sample.
fn first_order(own: &Within, other: &[f64], noise: f64) -> f64 {
    let n = other.len() as f64;
    let witness: Vec<f64> = own.effects.iter().zip(other).map(|(own, other)| own - other).collect();
    4.0 / n * (variance(&witness) - own.rest / (n - 2.0) - noise).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};
    use ebm_model::Gaussian;

    fn normals(n: usize, dim: usize, noise: &mut Noise) -> Tensor<2> {
        noise.normal_like(&Tensor::<2>::zeros([n, dim], (&Device::flex(), DType::F64)))
    }

    /// E exp(−r²/(2ℓ²)) of r ~ N(δ, v I): ∏ over coordinates of √(ℓ²/(ℓ² + v)) exp(−δ²/(2(ℓ² + v))).
    fn expected(bandwidth: f64, variance: f64, shift: f64, dim: usize) -> f64 {
        let square = bandwidth * bandwidth;
        let distance = shift * shift * dim as f64;
        (square / (square + variance)).powf(dim as f64 / 2.0) * (-0.5 * distance / (square + variance)).exp()
    }

    /// MMD² of N(0, I) and N(δ 1, s² I).
    fn exact(bandwidths: &[f64], scale: f64, shift: f64, dim: usize) -> f64 {
        let one = |l: &f64| {
            let s2 = scale * scale;
            expected(*l, 2.0, 0.0, dim) + expected(*l, 2.0 * s2, 0.0, dim)
                - 2.0 * expected(*l, 1.0 + s2, shift, dim)
        };
        bandwidths.iter().map(one).sum::<f64>() / bandwidths.len() as f64
    }

    #[test]
    fn mmd_of_two_gaussians_is_its_closed_form_within_its_error() {
        let mut noise = Noise::seeded(41);
        let kernel = RadialKernel::rbf(&[0.8, 2.5]).unwrap();
        for (scale, shift, dim) in [(1.0, 0.0, 2), (1.0, 0.4, 2), (1.5, 0.0, 3), (0.7, -0.5, 5)] {
            let x = normals(900, dim, &mut noise);
            let y = normals(700, dim, &mut noise) * scale + shift;
            let found = mmd(x, y, &kernel).unwrap();
            let exact = exact(&[0.8, 2.5], scale, shift, dim);
            assert!(found.errors_above(exact).abs() < 5.0, "{scale}, {shift}: {found:?} against {exact}");
            // power: these distributions are told from equal ones
            let differs = (scale, shift) != (1.0, 0.0);
            assert_eq!(5.0 < found.errors_above(0.0), differs, "{scale}, {shift}: {found:?}");
        }
    }

    #[test]
    fn the_standard_error_is_the_deviation_of_repeats_for_equal_and_for_different_distributions() {
        let kernel = RadialKernel::rbf(&[1.2]).unwrap();
        let repeats = 500;
        let mut noise = Noise::seeded(42);
        for (shift, n, m) in [(0.0, 20, 30), (0.3, 24, 16), (1.5, 30, 20)] {
            let draw = |_| {
                let (x, y) = (normals(n, 2, &mut noise), normals(m, 2, &mut noise) + shift);
                mmd(x, y, &kernel).unwrap()
            };
            let estimates: Vec<Estimate> = (0..repeats).map(draw).collect();
            let values: Vec<f64> = estimates.iter().map(|e| e.value).collect();
            assert!(Estimate::mean(&values).errors_above(exact(&[1.2], 1.0, shift, 2)).abs() < 5.0);

            let squares: Vec<f64> = estimates.iter().map(|e| e.standard_error.powi(2)).collect();
            let (claimed, true_variance) = (Estimate::mean(&squares), variance(&values));
            // the variance of a variance needs the fourth moment
            let mean = values.iter().sum::<f64>() / repeats as f64;
            let fourth: Vec<f64> = values.iter().map(|v| (v - mean).powi(2)).collect();
            let error = Estimate::mean(&fourth).standard_error.hypot(claimed.standard_error);
            // for almost equal distributions the first order is cut off at zero; see `u_statistic`
            let most = if shift < 1.0 { 1.0 + 2.0 * 0.483_941_449 } else { 1.0 };
            assert!(
                -5.0 * error < claimed.value - true_variance
                    && claimed.value - most * true_variance < 5.0 * error,
                "shift {shift}: {} claimed, {true_variance} seen, ± {error}",
                claimed.value
            );
        }
    }

    #[test]
    fn mmd_equals_the_double_loop_of_its_definition() {
        let options = (&Device::flex(), DType::F64);
        let (a, b) = ([0.0, 1.0, 3.0, 7.0], [0.5, -1.0, 2.0, 4.0, 5.0]);
        let k = |x: f64, y: f64| (-0.5 * (x - y) * (x - y) / 4.0).exp();
        let off = |a: &[f64]| {
            let pairs = a.iter().enumerate().flat_map(|(i, x)| {
                a.iter().enumerate().filter(move |(j, _)| *j != i).map(move |(_, y)| k(*x, *y))
            });
            pairs.sum::<f64>() / (a.len() * (a.len() - 1)) as f64
        };
        let cross = a.iter().flat_map(|x| b.iter().map(|y| k(*x, *y))).sum::<f64>() / 20.0;
        let exact = off(&a) + off(&b) - 2.0 * cross;
        let x = Tensor::<1>::from_data(a, options).unsqueeze_dim::<2>(1);
        let y = Tensor::<1>::from_data(b, options).unsqueeze_dim::<2>(1);
        let found = mmd(x, y, &RadialKernel::rbf(&[2.0]).unwrap()).unwrap().value;
        assert!((found - exact).abs() < 1e-14, "{found} against {exact}");
    }

    #[test]
    fn single_precision_samples_give_the_same_number() {
        let target = Gaussian::standard(20);
        let mut noise = Noise::seeded(43);
        let (x, y) =
            (target.sample(50, &mut noise, &Device::flex()), target.sample(60, &mut noise, &Device::flex()));
        let kernel = RadialKernel::median(&x, &y, &[1.0]).unwrap();
        let single = mmd(x.clone(), y.clone(), &kernel).unwrap().value;
        let double = mmd(x.cast(DType::F64), y.cast(DType::F64), &kernel).unwrap().value;
        assert_eq!(single, double);
    }

    #[test]
    fn too_few_rows_and_non_finite_values_are_refused() {
        let kernel = RadialKernel::rbf(&[1.0]).unwrap();
        let x = Tensor::<2>::zeros([3, 1], &Device::flex());
        let y = Tensor::<2>::zeros([5, 1], &Device::flex());
        let error = mmd(x, y.clone(), &kernel).unwrap_err().to_string();
        assert_eq!(error, "first sample: expected at least 4 rows, found 3");
        let bad = Tensor::<2>::from_data([[0.0], [1.0], [f32::NAN], [1.0]], &Device::flex());
        let error = mmd(y, bad, &kernel).unwrap_err().to_string();
        assert_eq!(error, "second sample: expected finite numbers, found NaN in row 2");
    }

    #[test]
    #[should_panic(expected = "[4, 1] and [4, 2]")]
    fn different_numbers_of_coordinates_panic_with_both_shapes() {
        let zeros = |dim| Tensor::<2>::zeros([4, dim], &Device::flex());
        let _ = mmd(zeros(1), zeros(2), &RadialKernel::rbf(&[1.0]).unwrap());
    }
}
