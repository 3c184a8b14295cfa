//! Regression on five made-up columns.

use super::linear_regression::{LinearRegression, normal, with_scale};
use super::reference::numbers;
use super::{Posterior, Reference};

/// y ~ N(Xβ, σ), β ~ N(0, 10) each, σ half-normal with deviation 10; the coordinates are β and log σ.
pub struct SparseRegression {
    name: &'static str,
    regression: LinearRegression,
}

impl SparseRegression {
    /// With columns that go together.
    pub fn correlated(reference: &Reference) -> Self {
        Self::read(reference, "sblrc", "sblrc-blr")
    }

    /// With columns that do not.
    pub fn independent(reference: &Reference) -> Self {
        Self::read(reference, "sblri", "sblri-blr")
    }

    fn read(reference: &Reference, data: &str, name: &'static str) -> Self {
        let data = reference.data(data);
        let rows: Vec<Vec<f64>> = data["X"].as_array().expect("rows").iter().map(numbers).collect();
        let columns = (0..5).map(|j| rows.iter().map(|row| row[j]).collect()).collect();
        Self { name, regression: LinearRegression::new(columns, numbers(&data["y"])) }
    }
}

impl Posterior for SparseRegression {
    fn name(&self) -> &'static str {
        self.name
    }

    fn dim(&self) -> usize {
        6
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        // σ²/200, whose derivative in log σ is twice itself
        let scale = (2.0 * x[5]).exp() / 200.0;
        let mut value = x[5] - scale;
        gradient[5] = 1.0 - 2.0 * scale;
        for (x, g) in x[..5].iter().zip(&mut *gradient) {
            let (prior, slope) = normal(*x, 0.0, 10.0);
            value += prior;
            *g = slope;
        }
        value + self.regression.add(&x[..5], x[5], gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}
