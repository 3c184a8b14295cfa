//! Test scores of children by the intelligence quotients of their mothers.

use super::linear_regression::{LinearRegression, half_cauchy, with_scale};
use super::reference::numbers;
use super::{Posterior, Reference};

/// score ~ N(β₁ + β₂ iq, σ), β flat, σ half-Cauchy with scale 2.5; the coordinates are β and log σ.
pub struct KidscoreMomiq(LinearRegression);

impl KidscoreMomiq {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let data = reference.data("kidiq");
        let (scores, iq) = (numbers(&data["kid_score"]), numbers(&data["mom_iq"]));
        Self(LinearRegression::new(vec![vec![1.0; iq.len()], iq], scores))
    }
}

impl Posterior for KidscoreMomiq {
    fn name(&self) -> &'static str {
        "kidiq-kidscore_momiq"
    }

    fn dim(&self) -> usize {
        3
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (prior, slope) = half_cauchy(x[2], 2.5);
        gradient.copy_from_slice(&[0.0, 0.0, slope]);
        prior + self.0.add(&x[..2], x[2], gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}
