//! Summer temperatures at Kilpisjärvi by year.

use super::linear_regression::{LinearRegression, normal, with_scale};
use super::reference::{number, numbers};
use super::{Posterior, Reference};

/// temperature ~ N(α + β year, σ), α and β normal by the data's own settings, σ flat; the coordinates are α, β
/// and log σ.
///
/// Years are not centred: α and β are correlated by −0.9999, which no diagonal mass takes away.
pub struct Kilpisjarvi {
    regression: LinearRegression,
    /// Mean and standard deviation of α and of β.
    priors: [(f64, f64); 2],
}

impl Kilpisjarvi {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let data = reference.data("kilpisjarvi_mod");
        let (year, temperature) = (numbers(&data["x"]), numbers(&data["y"]));
        let prior = |mean: &str, sd: &str| (number(&data[mean]), number(&data[sd]));
        Self {
            regression: LinearRegression::new(vec![vec![1.0; year.len()], year], temperature),
            priors: [prior("pmualpha", "psalpha"), prior("pmubeta", "psbeta")],
        }
    }
}

impl Posterior for Kilpisjarvi {
    fn name(&self) -> &'static str {
        "kilpisjarvi_mod-kilpisjarvi"
    }

    fn dim(&self) -> usize {
        3
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let [(alpha, slope_alpha), (beta, slope_beta)] =
            [0, 1].map(|i| normal(x[i], self.priors[i].0, self.priors[i].1));
        gradient.copy_from_slice(&[slope_alpha, slope_beta, 1.0]);
        alpha + beta + x[2] + self.regression.add(&x[..2], x[2], gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}
