//! Earnings by height.

use super::linear_regression::{LinearRegression, with_scale};
use super::reference::numbers;
use super::{Posterior, Reference};

/// earnings ~ N(β₁ + β₂ height, σ), β and σ flat; the coordinates are β and log σ, whose scales differ by 10⁵.
pub struct EarnHeight(LinearRegression);

impl EarnHeight {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let data = reference.data("earnings");
        let (earnings, height) = (numbers(&data["earn"]), numbers(&data["height"]));
        Self(LinearRegression::new(vec![vec![1.0; height.len()], height], earnings))
    }
}

impl Posterior for EarnHeight {
    fn name(&self) -> &'static str {
        "earnings-earn_height"
    }

    fn dim(&self) -> usize {
        3
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.copy_from_slice(&[0.0, 0.0, 1.0]);
        x[2] + self.0.add(&x[..2], x[2], gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}
