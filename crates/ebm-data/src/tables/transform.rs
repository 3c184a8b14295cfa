//! The map from a table's units to those of training.

use serde::{Deserialize, Serialize};

use crate::TransformKind;
use crate::tables::quantile::Quantile;
use crate::tables::standardize::Standardize;

/// The map of each column of a table to the units of training, and its inverse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Transform {
    /// Mean 0 and variance 1.
    Standardize(Standardize),
    /// Normal scores.
    Quantile(Quantile),
}

impl Transform {
    /// The identity, for rows of `dim` columns.
    pub fn identity(dim: usize) -> Self {
        Standardize::identity(dim).into()
    }

    /// The map of this kind that fits `values`, rows of `dim` columns one after the other.
    pub(crate) fn fit(values: &[f64], dim: usize, kind: TransformKind) -> Self {
        match kind {
            TransformKind::None => Self::identity(dim),
            TransformKind::Standardize => Standardize::fit(values, dim).into(),
            TransformKind::Quantile => Quantile::fit(values, dim).into(),
        }
    }

    /// Whether every value is mapped to itself.
    pub fn is_identity(&self) -> bool {
        match self {
            Self::Standardize(standardize) => standardize.is_identity(),
            Self::Quantile(_) => false,
        }
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        match self {
            Self::Standardize(standardize) => standardize.dim(),
            Self::Quantile(quantile) => quantile.dim(),
        }
    }

    /// From the table's units to those of training; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn forward(&self, values: &[f64]) -> Vec<f32> {
        match self {
            Self::Standardize(standardize) => standardize.forward(values),
            Self::Quantile(quantile) => quantile.forward(values),
        }
    }

    /// From the units of training to the table's; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn inverse(&self, values: &[f32]) -> Vec<f64> {
        match self {
            Self::Standardize(standardize) => standardize.inverse(values),
            Self::Quantile(quantile) => quantile.inverse(values),
        }
    }

    /// Round numbers near the values of columns that are far from 0 and close together, 0 for other columns: what is
    /// left of a value without them has digits enough in single precision.
    pub fn origin(&self) -> Vec<f64> {
        const FAR: f64 = 1e3;
        let places: Vec<(f64, f64)> = match self {
            Self::Standardize(standardize) => {
                standardize.mean().iter().copied().zip(standardize.scale().iter().copied()).collect()
            }
            Self::Quantile(quantile) => quantile.places().collect(),
        };
        let origin = |(center, spread): (f64, f64)| {
            let power = (10.0 * spread).log10().ceil() as i32;
            let unit = 10f64.powi(power.abs());
            match FAR * spread < center.abs() && unit.is_finite() {
                // A division by a power of ten is rounded once.
                true if power < 0 => (center * unit).round() / unit,
                true => (center / unit).round() * unit,
                false => 0.0,
            }
        };
        places.into_iter().map(origin).collect()
    }

    /// log |∂forward/∂x| at a row in the table's units.
    ///
    /// The log density of the row in the table's units is that in the units of training plus this. A constant column
    /// has no density, and no share in it.
    ///
    /// # Panics
    /// Unless the row is complete.
    pub fn log_jacobian(&self, row: &[f64]) -> f64 {
        assert_eq!(row.len(), self.dim(), "values in a row");
        match self {
            Self::Standardize(standardize) => standardize.log_jacobian(),
            Self::Quantile(quantile) => quantile.log_jacobian(row),
        }
    }
}

impl From<Standardize> for Transform {
    fn from(standardize: Standardize) -> Self {
        Self::Standardize(standardize)
    }
}

impl From<Quantile> for Transform {
    fn from(quantile: Quantile) -> Self {
        Self::Quantile(quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_near_values_that_are_far_from_0() {
        let standardize = Standardize::new(vec![5_530_000.012_3, 40.0, 0.0], vec![1e-2, 5.0, 1.0]).unwrap();
        assert_eq!(Transform::from(standardize).origin(), [5_530_000.0, 0.0, 0.0]);
        let values: Vec<f64> = (0..100).map(|i| 51.5 + 1e-4 * f64::from(i)).collect();
        let origin = Transform::from(Quantile::fit(&values, 1)).origin()[0];
        assert!((origin - 51.5).abs() < 0.1, "{origin}");
        assert_eq!(Transform::identity(2).origin(), [0.0, 0.0]);
    }
}
