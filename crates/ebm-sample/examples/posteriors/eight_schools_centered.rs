//! Rubin's eight schools, school by school as they are.

use super::eight_schools::Schools;
use super::linear_regression::{half_cauchy, normal};
use super::reference::Expected;
use super::{Posterior, Reference};

/// [`EightSchools`](super::eight_schools::EightSchools) in the coordinates θ_1 … θ_8, μ and log τ.
///
/// Where τ is small the θ are close together: a funnel, into which no step of one length gets.
pub struct EightSchoolsCentered(Schools);

impl EightSchoolsCentered {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        Self(Schools::read(reference))
    }
}

impl Posterior for EightSchoolsCentered {
    fn name(&self) -> &'static str {
        "eight_schools-eight_schools_centered"
    }

    fn dim(&self) -> usize {
        10
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (theta, mu, tau) = (&x[..8], x[8], x[9].exp());
        let ((mean, slope_mean), (spread, slope_spread)) = (normal(mu, 0.0, 5.0), half_cauchy(x[9], 5.0));
        (gradient[8], gradient[9]) = (slope_mean, slope_spread - 8.0);
        let mut value = mean + spread - 8.0 * x[9];
        for j in 0..8 {
            let (likelihood, pull) = self.0.likelihood(j, theta[j]);
            let (prior, slope) = normal(theta[j], mu, tau);
            value += likelihood + prior;
            gradient[j] = pull + slope;
            gradient[8] -= slope;
            gradient[9] -= 2.0 * prior;
        }
        value
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        x[..9].iter().copied().chain([x[9].exp()]).collect()
    }

    /// Those of the same posterior in the other coordinates.
    fn expected(&self, reference: &Reference) -> Expected {
        reference.summary("eight_schools-eight_schools_noncentered")
    }
}
