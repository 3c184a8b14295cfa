//! The logarithm of earnings by height and sex, with an interaction.

use super::linear_regression::{LinearRegression, with_scale};
use super::reference::numbers;
use super::{Posterior, Reference};

/// log earnings ~ N(β₁ + β₂ height + β₃ male + β₄ height male, σ), β and σ flat; the coordinates are β and
/// log σ.
pub struct LogearnInteraction(LinearRegression);

impl LogearnInteraction {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let data = reference.data("earnings");
        let [earnings, height, male] = ["earn", "height", "male"].map(|name| numbers(&data[name]));
        let both = height.iter().zip(&male).map(|(height, male)| height * male).collect();
        let columns = vec![vec![1.0; height.len()], height, male, both];
        Self(LinearRegression::new(columns, earnings.into_iter().map(f64::ln).collect()))
    }
}

impl Posterior for LogearnInteraction {
    fn name(&self) -> &'static str {
        "earnings-logearn_interaction"
    }

    fn dim(&self) -> usize {
        5
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 1.0]);
        x[4] + self.0.add(&x[..4], x[4], gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}
