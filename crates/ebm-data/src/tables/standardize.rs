//! Columns scaled to mean 0 and variance 1.

use serde::{Deserialize, Serialize};

use ebm_ops::OutOfRange;

use crate::DataError;

/// The map of each column x to (x − mean)/scale, and its inverse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Columns", into = "Columns")]
pub struct Standardize {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

/// [`Standardize`] as it is stored, not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Standardize {
    /// The map with these means and scales, one of each for every column.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless there are as many means as scales, at least one, all finite, and each scale is
    /// positive.
    pub fn new(mean: Vec<f64>, scale: Vec<f64>) -> Result<Self, DataError> {
        if mean.len() != scale.len() || mean.is_empty() {
            let found = format!("{} and {}", mean.len(), scale.len());
            return Err(OutOfRange::new("number of means and scales", found, "the same, at least 1").into());
        }
        if let Some(bad) = mean.iter().find(|mean| !mean.is_finite()) {
            return Err(OutOfRange::new("mean", bad, "a finite number").into());
        }
        for &scale in &scale {
            OutOfRange::positive("scale", scale)?;
        }
        Ok(Self { mean, scale })
    }

    /// The identity, for rows of `dim` columns.
    pub fn identity(dim: usize) -> Self {
        Self { mean: vec![0.0; dim], scale: vec![1.0; dim] }
    }

    /// Mean and standard deviation of each column of `values`, which holds rows of `dim` columns one after the other.
    ///
    /// A column that is constant, up to rounding, has scale 1. Values must be finite and within single precision.
    ///
    /// # Panics
    /// Unless there is at least one row and every row is complete.
    pub fn fit(values: &[f64], dim: usize) -> Self {
        assert!(
            0 < dim && !values.is_empty() && values.len().is_multiple_of(dim),
            "{} values in {dim} columns",
            values.len()
        );
        let n = (values.len() / dim) as f64;
        let average = |statistic: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; dim];
            for row in values.chunks_exact(dim) {
                for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += statistic(column, value);
                }
            }
            sums.into_iter().map(|sum| sum / n).collect::<Vec<_>>()
        };
        let mean = average(&|_, value| value);
        let variance = average(&|column, value| (value - mean[column]).powi(2));
        let scale = mean.iter().zip(variance).map(|(mean, variance)| match variance.sqrt() {
            deviation if 1e-12 * mean.abs() < deviation && deviation.is_normal() => deviation,
            _ => 1.0,
        });
        let scale = scale.collect();
        Self { mean, scale }
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The mean of each column.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The scale of each column, positive.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// From the table's units to those of training; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn forward(&self, values: &[f64]) -> Vec<f32> {
        self.map(values, |value, mean, scale| ((value - mean) / scale) as f32)
    }

    /// From the units of training to the table's; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn inverse(&self, values: &[f32]) -> Vec<f64> {
        self.map(values, |value, mean, scale| f64::from(value) * scale + mean)
    }

    fn map<T: Copy, U>(&self, values: &[T], map: impl Fn(T, f64, f64) -> U) -> Vec<U> {
        let dim = self.dim();
        assert!(values.len().is_multiple_of(dim), "{} values in {dim} columns", values.len());
        let columns = self.mean.iter().zip(&self.scale).cycle();
        values.iter().zip(columns).map(|(&value, (&mean, &scale))| map(value, mean, scale)).collect()
    }
}

impl TryFrom<Columns> for Standardize {
    type Error = DataError;

    fn try_from(Columns { mean, scale }: Columns) -> Result<Self, DataError> {
        Self::new(mean, scale)
    }
}

impl From<Standardize> for Columns {
    fn from(Standardize { mean, scale }: Standardize) -> Self {
        Self { mean, scale }
    }
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    #[test]
    fn a_fitted_table_has_mean_0_and_variance_1_and_is_mapped_back() {
        let n = 500;
        let z = Noise::seeded(4).normals_f64(3 * n);
        let table: Vec<f64> = z.chunks(3).flat_map(|z| [1e9 + 3.0 * z[0], 1e-6 * z[1], -7.0]).collect();
        let standardize = Standardize::fit(&table, 3);
        let inside = standardize.forward(&table);
        for column in 0..2 {
            let values = || inside.iter().skip(column).step_by(3).map(|&value| f64::from(value));
            let mean = values().sum::<f64>() / n as f64;
            let variance = values().map(|value| value * value).sum::<f64>() / n as f64;
            assert!(
                mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5,
                "column {column}: {mean}, {variance}"
            );
        }
        assert!(inside.iter().skip(2).step_by(3).all(|&constant| constant == 0.0));
        for (i, (back, value)) in standardize.inverse(&inside).iter().zip(&table).enumerate() {
            // A standardised value is rounded to single precision, by at most 2⁻²⁴ of its size, here below 5.
            let tolerance = standardize.scale()[i % 3] * 5.0 * 2f64.powi(-24) + value.abs() * 1e-15;
            assert!((back - value).abs() <= tolerance, "{back} against {value}");
        }
    }

    #[test]
    fn the_deviation_is_that_of_the_rows_themselves() {
        let standardize = Standardize::fit(&[1.0, 5.0], 1);
        assert_eq!((standardize.mean(), standardize.scale()), (&[3.0][..], &[2.0][..]));
        assert_eq!(standardize.forward(&[1.0, 5.0]), [-1.0, 1.0]);
    }

    #[test]
    fn what_is_stored_comes_back_bit_for_bit_and_is_checked() {
        let standardize = Standardize::fit(&[0.1, 7.0, 0.2, 9.5, 0.7, 1e-3], 2);
        let stored = serde_json::to_string(&standardize).unwrap();
        assert_eq!(serde_json::from_str::<Standardize>(&stored).unwrap(), standardize);
        assert!(serde_json::from_str::<Standardize>(r#"{"mean":[0.0],"scale":[-1.0]}"#).is_err());
    }

    #[test]
    fn only_an_invertible_map_is_accepted() {
        assert!(Standardize::new(vec![0.0], vec![0.0]).is_err());
        assert!(Standardize::new(vec![0.0], vec![f64::NAN]).is_err());
        assert!(Standardize::new(vec![f64::INFINITY], vec![1.0]).is_err());
        assert!(Standardize::new(vec![0.0, 1.0], vec![1.0]).is_err());
        assert!(Standardize::new(vec![], vec![]).is_err());
    }
}
