//! A step size that converges to a target acceptance.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::SampleError;

/// γ: how strongly log ε is pulled to its center.
const PULL: f64 = 0.05;

/// t₀: the first updates are damped as if there had been this many before.
const DAMPING: f64 = 10.0;

/// κ: the power of the weights of the average.
const FORGETTING: f64 = 0.75;

/// Nesterov's dual averaging of log ε: larger steps after too much acceptance, smaller after too little, with
/// shrinking changes.
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
    /// Starts at `step_size` and adapts it to the acceptance `target`.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞` and the target is between 0 and 1.
    pub fn new(step_size: f64, target: f64) -> Result<Self, SampleError> {
        let log_step = OutOfRange::positive("step_size", step_size)?.ln();
        let target = target_acceptance(target)?;
        let center = log_step + 10f64.ln();
        Ok(Self { target, center, error: 0.0, log_step, log_average: log_step, n_updates: 0 })
    }

    /// The step size to try next.
    pub fn step_size(&self) -> f64 {
        self.log_step.exp()
    }

    /// The step size to keep.
    pub fn average(&self) -> f64 {
        self.log_average.exp()
    }

    /// Updates with the `acceptance`, between 0 and 1, of the last step size; one that is NaN says nothing of the
    /// step size and is ignored.
    pub fn update(&mut self, acceptance: f64) {
        if acceptance.is_nan() {
            return;
        }
        let acceptance = acceptance.clamp(0.0, 1.0);
        self.n_updates += 1;
        let t = self.n_updates as f64;
        self.error += ((self.target - acceptance) - self.error) / (t + DAMPING);
        self.log_step = self.center - t.sqrt() / PULL * self.error;
        let weight = t.powf(-FORGETTING);
        self.log_average += weight * (self.log_step - self.log_average);
    }
}

/// `acceptance` if it is between 0 and 1.
pub(crate) fn target_acceptance(acceptance: f64) -> Result<f64, OutOfRange> {
    if 0.0 < acceptance && acceptance < 1.0 {
        return Ok(acceptance);
    }
    Err(OutOfRange::new("target_acceptance", acceptance, "a number between 0 and 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_inverts_a_known_function_of_the_step_size() {
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
    fn the_first_update_is_the_one_computed_by_hand() {
        let mut averaging = DualAveraging::new(0.1, 0.8).unwrap();
        averaging.update(0.25);
        // H = 0.55/11, log ε = log 1 − 20 · 0.05, and the average is that
        assert!((averaging.step_size() - (-1f64).exp()).abs() < 1e-15);
        assert!((averaging.average() - averaging.step_size()).abs() < 1e-15);
    }

    #[test]
    fn an_acceptance_that_is_not_a_number_changes_nothing_and_one_beyond_1_counts_as_1() {
        let mut averaging = DualAveraging::new(0.1, 0.8).unwrap();
        averaging.update(0.25);
        let before = averaging;
        averaging.update(f64::NAN);
        assert_eq!(averaging, before);
        let mut certain = before;
        averaging.update(f64::INFINITY);
        certain.update(1.0);
        assert_eq!(averaging, certain);
    }

    #[test]
    fn the_target_must_be_between_0_and_1() {
        for target in [0.0, 1.0, f64::NAN] {
            let error = DualAveraging::new(0.1, target).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("target_acceptance: expected a number between 0 and 1, found {target}")
            );
        }
        assert!(DualAveraging::new(0.0, 0.8).is_err());
    }
}
