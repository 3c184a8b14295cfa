//! The state of one chain on plain numbers.

/// A position with the log density and its gradient there.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The position x, `[dim]`.
    pub position: Vec<f64>,
    /// log p(x) up to a constant, −E(x).
    pub log_density: f64,
    /// The score s(x), `[dim]`.
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

    /// The Metropolis test by `u`, uniform on [0, 1): swaps with an accepted `proposal`, else stays; reports as
    /// [`MetropolisInfo`](crate::MetropolisInfo) does for batches.
    pub(super) fn decide(&mut self, proposal: &mut Self, kinetic_error: f64, u: f64) -> Step {
        let energy_error = self.log_density - proposal.log_density + kinetic_error;
        let sound = proposal.is_finite() && !energy_error.is_nan();
        let acceptance = if sound { (-energy_error).exp().min(1.0) } else { 0.0 };
        let accepted = u < acceptance;
        if accepted {
            std::mem::swap(self, proposal);
        }
        let diverged = !sound || crate::mcmc::metropolis::DIVERGENCE < energy_error;
        Step { acceptance, accepted, diverged, energy_error }
    }
}

/// Buffers that a chain needs for a step; their contents mean nothing between steps.
#[derive(Clone, Debug)]
pub struct Room {
    pub(super) proposal: Point,
    pub(super) momentum: Vec<f64>,
}

impl Room {
    /// Buffers for chains with as many coordinates as `point`.
    pub fn beside(point: &Point) -> Self {
        Self { proposal: point.clone(), momentum: vec![0.0; point.position.len()] }
    }
}

/// What one chain reports about a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The probability with which the proposal was accepted; 1 without a test.
    pub acceptance: f64,
    /// Whether it was accepted.
    pub accepted: bool,
    /// Whether the proposal was not finite, or its energy error above 1000.
    pub diverged: bool,
    /// Minus the logarithm of the acceptance ratio; 0 without a test.
    pub energy_error: f64,
}
