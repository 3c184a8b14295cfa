//! Columns scaled to mean 0 and variance 1.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use ebm_ops::OutOfRange;

use crate::DataError;
use crate::tables::exact;

/// The map of each column x to (x − mean)/scale, and its inverse.
///
/// A column that is constant comes back as its mean exactly, whatever is mapped back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Columns", into = "Columns")]
pub struct Standardize {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// Whether each column is constant.
    constant: Vec<bool>,
}

/// [`Standardize`] as it is stored, not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    #[serde(with = "exact")]
    mean: Vec<f64>,
    #[serde(with = "exact")]
    scale: Vec<f64>,
    /// The numbers of the columns that are constant, from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    constant: Vec<usize>,
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
        let constant = vec![false; mean.len()];
        Ok(Self { mean, scale, constant })
    }

    /// The identity, for rows of `dim` columns.
    pub fn identity(dim: usize) -> Self {
        Self { mean: vec![0.0; dim], scale: vec![1.0; dim], constant: vec![false; dim] }
    }

    /// Whether every value is mapped to itself.
    pub fn is_identity(&self) -> bool {
        *self == Self::identity(self.dim())
    }

    /// Mean and standard deviation of each column of `values`, which holds rows of `dim` columns one after the other.
    ///
    /// A column whose values are equal, up to the rounding of doubles, is constant. Values must be finite and within
    /// single precision.
    ///
    /// # Panics
    /// Unless there is at least one row and every row is complete.
    pub fn fit(values: &[f64], dim: usize) -> Self {
        assert!(
            0 < dim && !values.is_empty() && values.len().is_multiple_of(dim),
            "{} values in {dim} columns",
            values.len()
        );
        let rows = |visit: &mut dyn FnMut(&[f64])| -> Result<(), Infallible> {
            values.chunks_exact(dim).for_each(visit);
            Ok(())
        };
        Self::fit_in_passes(dim, rows).unwrap_or_else(|never| match never {})
    }

    /// [`fit`](Self::fit) to rows that need not be in memory: `pass` shows them one after the other, each time the same in
    /// the same order. There are two passes, or four if the squares of a column leave the range of doubles.
    ///
    /// # Errors
    /// Those of a pass.
    ///
    /// # Panics
    /// Unless there is at least one row.
    pub(crate) fn fit_in_passes<E>(
        dim: usize,
        pass: impl Fn(&mut dyn FnMut(&[f64])) -> Result<(), E>,
    ) -> Result<Self, E> {
        let each = |visit: &mut dyn FnMut(usize, f64)| {
            pass(&mut |row| row.iter().enumerate().for_each(|(column, &value)| visit(column, value)))
        };
        let average = |n: f64, sums: Vec<f64>| sums.into_iter().map(|sum| sum / n).collect::<Vec<_>>();
        let (mut n, mut first, mut sums) = (0.0, Vec::new(), vec![0.0; dim]);
        let (mut low, mut high) = (vec![f64::INFINITY; dim], vec![f64::NEG_INFINITY; dim]);
        pass(&mut |row| {
            if first.is_empty() {
                first = row.to_vec();
            }
            n += 1.0;
            for (column, &value) in row.iter().enumerate() {
                sums[column] += value;
                (low[column], high[column]) = (low[column].min(value), high[column].max(value));
            }
        })?;
        assert!(0.0 < n, "no rows");
        let mean = average(n, sums);
        let mut squares = vec![0.0; dim];
        pass(&mut |row| {
            for (column, &value) in row.iter().enumerate() {
                squares[column] += (value - mean[column]).powi(2);
            }
        })?;
        let variance = average(n, squares);
        let constant: Vec<bool> =
            low.iter().zip(&high).map(|(&low, &high)| is_within_rounding(low, high)).collect();
        let mut scale: Vec<f64> = variance.iter().map(|variance| variance.sqrt()).collect();
        // The root of the variance, from the values again if their squares leave the range of doubles.
        let is_beyond: Vec<bool> = variance
            .iter()
            .zip(&constant)
            .map(|(variance, constant)| !constant && !variance.is_normal())
            .collect();
        if is_beyond.contains(&true) {
            let mut largest = vec![0.0f64; dim];
            each(&mut |column, value| largest[column] = largest[column].max((value - mean[column]).abs()))?;
            let mut sums = vec![0.0; dim];
            each(&mut |column, value| sums[column] += ((value - mean[column]) / largest[column]).powi(2))?;
            for column in (0..dim).filter(|&column| is_beyond[column]) {
                scale[column] = largest[column] * f64::sqrt(sums[column] / n);
            }
        }
        let mut fitted = Self { mean, scale, constant };
        for column in (0..dim).filter(|&column| fitted.constant[column]) {
            (fitted.mean[column], fitted.scale[column]) = (first[column], constant_scale(first[column]));
        }
        Ok(fitted)
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

    /// Whether each column is constant.
    pub fn constant(&self) -> &[bool] {
        &self.constant
    }

    /// log |∂forward/∂x|, the same at every row: −Σ ln scale over the columns that are not constant.
    ///
    /// The log density of a row in the table's units is that in the units of training plus this. A constant column
    /// has no density, and no share in it.
    pub fn log_jacobian(&self) -> f64 {
        let varying = self.scale.iter().zip(&self.constant).filter(|(_, constant)| !**constant);
        -varying.map(|(scale, _)| scale.ln()).sum::<f64>()
    }

    /// From the table's units to those of training; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn forward(&self, values: &[f64]) -> Vec<f32> {
        self.map(values, |value, mean, scale, _| ((value - mean) / scale) as f32)
    }

    /// From the units of training to the table's; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn inverse(&self, values: &[f32]) -> Vec<f64> {
        self.map(values, |value, mean, scale, constant| match constant {
            true => mean,
            false => f64::from(value) * scale + mean,
        })
    }

    fn map<T: Copy, U>(&self, values: &[T], map: impl Fn(T, f64, f64, bool) -> U) -> Vec<U> {
        let dim = self.dim();
        assert!(values.len().is_multiple_of(dim), "{} values in {dim} columns", values.len());
        let columns = self.mean.iter().zip(&self.scale).zip(&self.constant).cycle();
        let mapped = values.iter().zip(columns);
        mapped.map(|(&value, ((&mean, &scale), &constant))| map(value, mean, scale, constant)).collect()
    }
}

/// Whether values are equal up to the rounding of doubles, whatever their size.
pub(crate) fn is_constant(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    is_within_rounding(low, high)
}

fn is_within_rounding(low: f64, high: f64) -> bool {
    high - low <= 4.0 * f64::EPSILON * low.abs().max(high.abs())
}

/// What a departure from a constant is measured by: its own size, but at most 1.
pub(crate) fn constant_scale(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { value.abs().clamp(f64::MIN_POSITIVE, 1.0) }
}

impl TryFrom<Columns> for Standardize {
    type Error = DataError;

    fn try_from(Columns { mean, scale, constant }: Columns) -> Result<Self, DataError> {
        let mut standardize = Self::new(mean, scale)?;
        for column in constant {
            let dim = standardize.dim();
            let flag = standardize.constant.get_mut(column);
            *flag.ok_or_else(|| OutOfRange::new("constant", column, format!("less than {dim}")))? = true;
        }
        Ok(standardize)
    }
}

impl From<Standardize> for Columns {
    fn from(Standardize { mean, scale, constant }: Standardize) -> Self {
        let constant =
            (0..).zip(constant).filter_map(|(column, constant)| constant.then_some(column)).collect();
        Self { mean, scale, constant }
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
    fn constant_columns_come_back_exactly_and_tiny_ones_that_vary_are_not_constant() {
        let tiny = |i: usize| 3e-7 + if i.is_multiple_of(2) { 1e-9 } else { -1e-9 };
        let smallest = |i: usize| if i.is_multiple_of(2) { 1e-200 } else { -1e-200 };
        let rows = |i: usize| [3e-7, tiny(i), 0.1 + 0.2, 5_530_000.0 + 1e-8 * i as f64, 0.0, smallest(i)];
        let table: Vec<f64> = (0..300).flat_map(rows).collect();
        let standardize = Standardize::fit(&table, 6);
        assert_eq!(standardize.constant(), [true, false, true, false, true, false]);
        assert!((standardize.scale()[1] / 1e-9 - 1.0).abs() < 1e-6, "{:?}", standardize.scale());
        assert!((standardize.scale()[5] / 1e-200 - 1.0).abs() < 1e-12, "{:?}", standardize.scale());
        let back = standardize.inverse(&[0.3; 6]);
        assert_eq!((back[0], back[2], back[4]), (3e-7, 0.1 + 0.2, 0.0));
        let stored = serde_json::to_string(&standardize).unwrap();
        assert_eq!(serde_json::from_str::<Standardize>(&stored).unwrap(), standardize);
        let bad = r#"{"mean":[0.0],"scale":[1.0],"constant":[1]}"#;
        assert!(serde_json::from_str::<Standardize>(bad).is_err());
        let varying: f64 = [1, 3, 5].iter().map(|&column| -standardize.scale()[column].ln()).sum();
        assert_eq!(standardize.log_jacobian(), varying);
    }

    #[test]
    fn thousands_of_places_a_millimetre_apart_stay_distinct() {
        let table: Vec<f64> = Noise::seeded(8).normals_f64(2000).iter().map(|z| 51.5 + 1e-3 * z).collect();
        let standardize = Standardize::fit(&table, 1);
        let mut back = standardize.inverse(&standardize.forward(&table));
        back.sort_by(f64::total_cmp);
        back.dedup();
        assert_eq!(back.len(), 2000);
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
