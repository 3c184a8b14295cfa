//! A step size that comes to a wanted acceptance.

use serde::{Deserialize, Serialize};

use crate::{Langevin, SampleError};

/// How strongly log ε is pulled to its center; γ.
const PULL: f64 = 0.05;

/// How many updates the first ones are damped as if there had been; t₀.
const DAMPING: f64 = 10.0;

/// The power of the weights of the average; κ.
const FORGETTING: f64 = 0.75;

/// Nesterov's dual averaging of log ε: larger steps after too much acceptance, smaller after too little, by
/// less and less.
///
/// With δ the target, α_t the acceptance at step t and μ = log 10ε₀,
/// H_t = (1 − 1/(t + t₀)) H_{t−1} + (δ − α_t)/(t + t₀), log ε_t = μ − √t/γ H_t, and the average
/// log ε̄_t = t^(−κ) log ε_t + (1 − t^(−κ)) log ε̄_{t−1}.
///
/// # Reference
/// Hoffman and Gelman (2014), *The No-U-Turn sampler*, §3.2 and algorithm 5, with γ = 0.05, t₀ = 10 and
/// κ = 0.75.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DualAveraging {
    target: f64,
    center: f64,
    error: f64,
    log_step: f64,
    log_average: f64,
    n_updates: u64,
}

impl DualAveraging {
    /// From a first step size to one of the target acceptance.
    ///
    /// # Errors
    /// [`SampleError`] unless `0 < step_size < ∞` and the target is between 0 and 1.
    pub fn new(step_size: f64, target: f64) -> Result<Self, SampleError> {
        let log_step = Langevin::new(step_size)?.step_size().ln();
        if !(0.0 < target && target < 1.0) {
            return Err(SampleError::Acceptance(target));
        }
        let center = log_step + 10f64.ln();
        Ok(Self { target, center, error: 0.0, log_step, log_average: log_step, n_updates: 0 })
    }

    /// The step size to try next.
    pub fn step_size(&self) -> f64 {
        self.log_step.exp()
    }

    /// The step size to stay with.
    pub fn average(&self) -> f64 {
        self.log_average.exp()
    }

    /// Takes account of the `acceptance` that the last step size had, between 0 and 1.
    pub fn update(&mut self, acceptance: f64) {
        self.n_updates += 1;
        let t = self.n_updates as f64;
        self.error += ((self.target - acceptance) - self.error) / (t + DAMPING);
        self.log_step = self.center - t.sqrt() / PULL * self.error;
        let weight = t.powf(-FORGETTING);
        self.log_average += weight * (self.log_step - self.log_average);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_acceptance_is_a_known_function_of_the_step_its_inverse_is_found() {
        for (first, target) in [(1e-4, 0.8), (50.0, 0.8), (1.0, 0.574)] {
            let mut averaging = DualAveraging::new(first, target).unwrap();
            (0..5000).for_each(|_| averaging.update((-averaging.step_size()).exp()));
            // The errors δ − α_i sum to √t γ (μ − log ε): the last is half their mean, and divided by the
            // slope of α = e^(−ε) in log ε it is how far log ε is off.
            let exact = -f64::ln(target);
            let slope = exact * target;
            let pull = PULL / 5000f64.sqrt() * (10.0 * first / exact).ln().abs() / slope;
            let off = (averaging.average() / exact).ln().abs();
            assert!(off < pull, "from {first} to {target}: {off}, half of {pull} expected");
        }
    }

    #[test]
    fn the_first_update_is_that_of_pencil_and_paper() {
        let mut averaging = DualAveraging::new(0.1, 0.8).unwrap();
        averaging.update(0.25);
        // H = 0.55/11, log ε = log 1 − 20 · 0.05, and the average is that
        assert!((averaging.step_size() - (-1f64).exp()).abs() < 1e-15);
        assert!((averaging.average() - averaging.step_size()).abs() < 1e-15);
    }

    #[test]
    fn a_target_that_is_none_is_refused() {
        for target in [0.0, 1.0, f64::NAN] {
            assert!(matches!(DualAveraging::new(0.1, target), Err(SampleError::Acceptance(_))));
        }
        assert!(DualAveraging::new(0.0, 0.8).is_err());
    }
}
