//! Where one chain is.

/// A position with the log density and its gradient there.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// x, `[dim]`.
    pub position: Vec<f64>,
    /// log p(x) up to a constant, −E(x).
    pub log_density: f64,
    /// s(x), `[dim]`.
    pub score: Vec<f64>,
}

impl Point {
    /// The point at `position`.
    pub fn at(log_density: &impl Fn(&[f64], &mut [f64]) -> f64, position: Vec<f64>) -> Self {
        let mut score = vec![0.0; position.len()];
        let log_density = log_density(&position, &mut score);
        Self { position, log_density, score }
    }

    /// Whether all of its numbers are finite.
    pub(super) fn is_finite(&self) -> bool {
        self.log_density.is_finite() && self.position.iter().chain(&self.score).all(|x| x.is_finite())
    }

    /// `self` or `proposal`, as `u`, uniform on [0, 1), says; as [`MetropolisInfo`](crate::MetropolisInfo)
    /// for batches.
    pub(super) fn decide(self, proposal: Self, kinetic_error: f64, u: f64) -> (Self, Step) {
        let energy_error = self.log_density - proposal.log_density + kinetic_error;
        let sound = proposal.is_finite() && !energy_error.is_nan();
        let acceptance = if sound { (-energy_error).exp().min(1.0) } else { 0.0 };
        let step = Step {
            acceptance,
            accepted: u < acceptance,
            diverged: !sound || crate::metropolis::DIVERGENCE < energy_error,
            energy_error,
        };
        (if step.accepted { proposal } else { self }, step)
    }
}

/// What happened to one chain in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The probability with which the proposal was taken; 1 without a test.
    pub acceptance: f64,
    /// Whether it was taken.
    pub accepted: bool,
    /// Whether the proposal was not finite, or its energy error above 1000.
    pub diverged: bool,
    /// Minus the logarithm of the acceptance ratio; 0 without a test.
    pub energy_error: f64,
}
