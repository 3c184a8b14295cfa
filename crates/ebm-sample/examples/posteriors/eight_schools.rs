//! Rubin's eight schools, school by school in units of their spread.

use super::linear_regression::{half_cauchy, normal};
use super::reference::numbers;
use super::{Posterior, Reference};

/// y_j ~ N(θ_j, σ_j), θ_j = μ + τ z_j, z_j ~ N(0, 1), μ ~ N(0, 5), τ half-Cauchy with scale 5; the coordinates
/// are z_1 … z_8, μ and log τ.
pub struct EightSchools(Schools);

/// Effects and their standard errors.
pub struct Schools {
    y: Vec<f64>,
    sigma: Vec<f64>,
}

impl Schools {
    /// The eight.
    pub fn read(reference: &Reference) -> Self {
        let data = reference.data("eight_schools");
        Self { y: numbers(&data["y"]), sigma: numbers(&data["sigma"]) }
    }

    /// log N(y_j | θ, σ_j), and its derivative in θ.
    pub fn likelihood(&self, j: usize, theta: f64) -> (f64, f64) {
        normal(theta, self.y[j], self.sigma[j])
    }

    /// Σ log N(y_j | μ + τ z_j, σ_j) + log N(z_j | 0, 1) at z, μ and log τ; adds its derivatives to the last
    /// two of `gradient` and sets the others.
    pub fn by_spread(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (z, mu, tau) = (&x[..8], x[8], x[9].exp());
        let mut value = 0.0;
        for j in 0..8 {
            let (likelihood, pull) = self.likelihood(j, mu + tau * z[j]);
            value += likelihood - 0.5 * z[j] * z[j];
            gradient[j] = pull * tau - z[j];
            gradient[8] += pull;
            gradient[9] += pull * tau * z[j];
        }
        value
    }
}

/// θ_1 … θ_8 from z, μ and log τ.
pub fn effects(x: &[f64]) -> impl Iterator<Item = f64> {
    let (mu, tau) = (x[8], x[9].exp());
    x[..8].iter().map(move |z| mu + tau * z)
}

impl EightSchools {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        Self(Schools::read(reference))
    }
}

impl Posterior for EightSchools {
    fn name(&self) -> &'static str {
        "eight_schools-eight_schools_noncentered"
    }

    fn dim(&self) -> usize {
        10
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let ((mean, slope_mean), (spread, slope_spread)) = (normal(x[8], 0.0, 5.0), half_cauchy(x[9], 5.0));
        (gradient[8], gradient[9]) = (slope_mean, slope_spread);
        mean + spread + self.0.by_spread(x, gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        effects(x).chain([x[8], x[9].exp()]).collect()
    }
}
