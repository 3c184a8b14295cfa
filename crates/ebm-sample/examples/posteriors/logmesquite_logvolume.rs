//! The weight of mesquite bushes by the volume of their crowns.

use super::linear_regression::{LinearRegression, with_scale};
use super::reference::numbers;
use super::{Posterior, Reference};

/// log weight ~ N(β₁ + β₂ log(d₁ d₂ h), σ), β and σ flat; the coordinates are β and log σ.
pub struct LogmesquiteLogvolume(LinearRegression);

impl LogmesquiteLogvolume {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let data = reference.data("mesquite");
        let [weight, d1, d2, height] =
            ["weight", "diam1", "diam2", "canopy_height"].map(|name| numbers(&data[name]));
        let log_volume = d1.iter().zip(&d2).zip(&height).map(|((a, b), h)| (a * b * h).ln()).collect();
        let columns = vec![vec![1.0; weight.len()], log_volume];
        Self(LinearRegression::new(columns, weight.into_iter().map(f64::ln).collect()))
    }
}

impl Posterior for LogmesquiteLogvolume {
    fn name(&self) -> &'static str {
        "mesquite-logmesquite_logvolume"
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
