//! A series by its own past.

use super::linear_regression::{LinearRegression, half_cauchy, normal, with_scale};
use super::reference::numbers;
use super::{Posterior, Reference};

/// How far back it looks.
const LAGS: usize = 5;

/// y_t ~ N(α + Σ β_k y_{t−k}, σ), k = 1 … 5, α and β ~ N(0, 10) each, σ half-Cauchy with scale 2.5; the
/// coordinates are α, β and log σ.
pub struct Autoregressive(LinearRegression);

impl Autoregressive {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let series = numbers(&reference.data("arK")["y"]);
        let n = series.len() - LAGS;
        let lagged = |k: usize| series[LAGS - k..][..n].to_vec();
        let columns = std::iter::once(vec![1.0; n]).chain((1..=LAGS).map(lagged)).collect();
        Self(LinearRegression::new(columns, lagged(0)))
    }
}

impl Posterior for Autoregressive {
    fn name(&self) -> &'static str {
        "arK-arK"
    }

    fn dim(&self) -> usize {
        LAGS + 2
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (u, coefficients) = x.split_last().expect("a scale");
        let (mut value, slope) = half_cauchy(*u, 2.5);
        gradient[LAGS + 1] = slope;
        for (x, g) in coefficients.iter().zip(&mut *gradient) {
            let (prior, slope) = normal(*x, 0.0, 10.0);
            value += prior;
            *g = slope;
        }
        value + self.0.add(coefficients, *u, gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}
