//! Rubin's eight schools with the priors of TensorFlow Probability.

use super::eight_schools::{Schools, effects};
use super::linear_regression::normal;
use super::reference::{Expected, numbers};
use super::{Posterior, Reference};

/// y_j ~ N(θ_j, σ_j), θ_j = μ + τ z_j, z_j ~ N(0, 1), μ ~ N(0, 10), log τ ~ N(5, 1); the coordinates are z_1 …
/// z_8, μ and log τ.
pub struct EightSchoolsTfp(Schools);

impl EightSchoolsTfp {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        Self(Schools::read(reference))
    }
}

impl Posterior for EightSchoolsTfp {
    fn name(&self) -> &'static str {
        "tfp-eight_schools"
    }

    fn dim(&self) -> usize {
        10
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let ((mean, slope_mean), (spread, slope_spread)) = (normal(x[8], 0.0, 10.0), normal(x[9], 5.0, 1.0));
        (gradient[8], gradient[9]) = (slope_mean, slope_spread);
        mean + spread + self.0.by_spread(x, gradient)
    }

    /// θ, μ and log τ.
    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        effects(x).chain([x[8], x[9]]).collect()
    }

    fn expected(&self, reference: &Reference) -> Expected {
        let exact = reference.json("extra/tfp_eight_schools_exact.json");
        let [mu, tau] = ["avg_effect", "log_stddev"].map(|name| numbers(&exact[name]));
        let beside = |name: &str, i: usize| [numbers(&exact[name]), vec![mu[i], tau[i]]].concat();
        Expected::exact(beside("school_effects_mean", 0), &beside("school_effects_sd", 1))
    }
}
