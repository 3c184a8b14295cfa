//! Radial kernels.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use serde::Serialize;

use super::pairs::distances;
use crate::EvalError;
use crate::error::require;
use crate::host::{Rows, assert_one_space};

/// Largest number of rows of each sample that the median heuristic uses.
const MEDIAN_ROWS: usize = 1000;

/// A positive definite kernel k(x, y) = φ(‖x − y‖²).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RadialKernel(Form);

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kernel")]
enum Form {
    Rbf { bandwidths: Vec<f64> },
    InverseMultiquadric { offset: f64, exponent: f64 },
}

impl RadialKernel {
    /// The mean of exp(−r²/(2ℓ²)) over the bandwidths ℓ, in the units of the data; a single one is the usual
    /// Gaussian kernel.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless there is at least one bandwidth and all are positive and finite.
    pub fn rbf(bandwidths: &[f64]) -> Result<Self, EvalError> {
        let valid = !bandwidths.is_empty() && bandwidths.iter().all(|l| l.is_finite() && 0.0 < *l);
        require(valid, "bandwidths", "one or more positive, finite numbers", bandwidths)?;
        Ok(Self(Form::Rbf { bandwidths: bandwidths.to_vec() }))
    }

    /// [`rbf`](Self::rbf) with bandwidths that are `multiples` of the median distance between points of the two
    /// samples taken together; `[1.0]` is the median heuristic.
    ///
    /// The median is that of at most 1,000 evenly spaced rows of each sample, without distances of zero, of which
    /// data with repeated rows have many.
    /// The kernel then depends on the data, so an estimate with it is unbiased only given the bandwidth.
    ///
    /// # Reference
    /// Gretton et al. (2012), *A kernel two-sample test*, §8.
    ///
    /// # Errors
    /// As [`rbf`](Self::rbf); [`EvalError::OutOfRange`] if all of the distances are zero,
    /// [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If the points of `x` and `y` do not have the same number of coordinates.
    pub fn median(x: &Tensor<2>, y: &Tensor<2>, multiples: &[f64]) -> Result<Self, EvalError> {
        assert_one_space(x, y);
        let read = |x: &Tensor<2>| Rows::read(x.clone(), "median heuristic", 1);
        let (x, y) = (read(x)?, read(y)?);
        let some = |x: &Rows| x.len().div_ceil(MEDIAN_ROWS);
        let rows = Rows::from_rows(x.dim(), x.every(some(&x)).chain(y.every(some(&y))));
        let median = median_distance(&rows);
        require(0.0 < median, "median distance", "a positive number", median)?;
        Self::rbf(&multiples.iter().map(|multiple| multiple * median).collect::<Vec<_>>())
    }

    /// (c² + r²)^β with c > 0 and −1 < β < 0.
    ///
    /// `offset` is c, a length in the units of the data, and `exponent` is β; −½ is usual.
    /// The Stein discrepancy with this kernel controls convergence, which it does not with a Gaussian kernel in
    /// three or more dimensions.
    ///
    /// # Reference
    /// Gorham and Mackey (2017), *Measuring sample quality with kernels*, theorem 8.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with the parameter that is out of range.
    pub fn inverse_multiquadric(offset: f64, exponent: f64) -> Result<Self, EvalError> {
        OutOfRange::positive("offset", offset)?;
        let valid = -1.0 < exponent && exponent < 0.0;
        require(valid, "exponent", "a number between -1 and 0", exponent)?;
        Ok(Self(Form::InverseMultiquadric { offset, exponent }))
    }

    /// The bandwidths of an [`rbf`](Self::rbf) kernel, or the offset of an inverse multiquadric.
    pub fn bandwidths(&self) -> &[f64] {
        match &self.0 {
            Form::Rbf { bandwidths } => bandwidths,
            Form::InverseMultiquadric { offset, .. } => std::slice::from_ref(offset),
        }
    }

    /// φ(q) at q = r².
    #[inline]
    pub(crate) fn value(&self, q: f64) -> f64 {
        match &self.0 {
            Form::Rbf { bandwidths } => {
                let sum: f64 = bandwidths.iter().map(|l| (-0.5 * q / (l * l)).exp()).sum();
                sum / bandwidths.len() as f64
            }
            Form::InverseMultiquadric { offset, exponent } => (offset * offset + q).powf(*exponent),
        }
    }

    /// φ, φ′ and φ″ at q = r².
    #[inline]
    pub(crate) fn derivatives(&self, q: f64) -> [f64; 3] {
        match &self.0 {
            Form::Rbf { bandwidths } => {
                let share = 1.0 / bandwidths.len() as f64;
                bandwidths.iter().fold([0.0; 3], |[value, first, second], l| {
                    let rate = -0.5 / (l * l);
                    let k = share * (rate * q).exp();
                    [value + k, first + rate * k, second + rate * rate * k]
                })
            }
            Form::InverseMultiquadric { offset, exponent } => {
                let base = offset * offset + q;
                let value = base.powf(*exponent);
                let first = exponent * value / base;
                [value, first, (exponent - 1.0) * first / base]
            }
        }
    }
}

/// The median of the distances between rows that are not zero; 0 if there is none.
pub(crate) fn median_distance(rows: &Rows) -> f64 {
    let mut distances = distances(rows);
    distances.retain(|distance| 0.0 < *distance);
    if distances.is_empty() {
        return 0.0;
    }
    let middle = distances.len() / 2;
    *distances.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};

    #[test]
    fn derivatives_match_finite_differences_of_the_value() {
        let kernels =
            [RadialKernel::rbf(&[0.7, 2.0]).unwrap(), RadialKernel::inverse_multiquadric(1.3, -0.4).unwrap()];
        for kernel in kernels {
            for q in [0.5, 3.0] {
                let h = 1e-4;
                let [value, first, second] = kernel.derivatives(q);
                let (left, right) = (kernel.value(q - h), kernel.value(q + h));
                assert!((value - kernel.value(q)).abs() < 1e-15);
                // central differences have an error of h² times a higher derivative, and of rounding over h²
                assert!((first - (right - left) / (2.0 * h)).abs() < 1e-8, "{kernel:?} at {q}");
                assert!((second - (right - 2.0 * value + left) / (h * h)).abs() < 1e-6, "{kernel:?} at {q}");
            }
        }
    }

    #[test]
    fn the_median_is_over_all_pairs_of_both_samples() {
        let options = (&Device::flex(), DType::F64);
        let x = Tensor::<2>::from_data([[0.0], [1.0]], options);
        let y = Tensor::<2>::from_data([[4.0]], options);
        // distances 1, 4, 3
        assert_eq!(RadialKernel::median(&x, &y, &[1.0, 2.0]).unwrap().bandwidths(), [3.0, 6.0]);
        assert!(RadialKernel::median(&x.zeros_like(), &y.zeros_like(), &[1.0]).is_err());
        // repeated rows do not make a bandwidth of zero: distances 0, 0, 0 and 3, 3, 3
        let repeated = Tensor::<2>::from_data([[1.0], [1.0], [1.0]], options);
        assert_eq!(RadialKernel::median(&repeated, &y, &[1.0]).unwrap().bandwidths(), [3.0]);
    }

    #[test]
    fn invalid_kernels_are_refused_by_name() {
        let error = RadialKernel::rbf(&[1.0, -2.0]).unwrap_err().to_string();
        assert_eq!(error, "bandwidths: expected one or more positive, finite numbers, found [1.0, -2.0]");
        assert!(RadialKernel::rbf(&[]).is_err());
        assert!(RadialKernel::inverse_multiquadric(0.0, -0.5).is_err());
        assert!(RadialKernel::inverse_multiquadric(1.0, 0.5).is_err());
    }
}
