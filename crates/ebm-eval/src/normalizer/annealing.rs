//! Inverse temperatures of an annealing path.

use std::cmp::Ordering;

use ebm_ops::OutOfRange;
use serde::Serialize;

use crate::EvalError;
use crate::error::require;

/// Inverse temperatures 0 = β₀ < β₁ < … < β_K = 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Annealing {
    betas: Vec<f64>,
}

impl Annealing {
    /// The given inverse temperatures.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless they increase strictly from 0 to 1.
    pub fn new(betas: Vec<f64>) -> Result<Self, EvalError> {
        let ends: Vec<f64> = betas.first().into_iter().chain(betas.last()).copied().collect();
        require(ends == [0.0, 1.0], "betas", "the first to be 0 and the last 1", ends)?;
        let fall = betas.windows(2).find(|pair| pair[0].partial_cmp(&pair[1]) != Some(Ordering::Less));
        match fall {
            Some(pair) => {
                Err(OutOfRange::new("betas", format!("{pair:?}"), "strictly increasing values").into())
            }
            None => Ok(Self { betas }),
        }
    }

    /// `steps` steps of equal size.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] without a step.
    pub fn linear(steps: usize) -> Result<Self, EvalError> {
        OutOfRange::at_least("steps", 1, steps)?;
        Self::new((0..=steps).map(|k| k as f64 / steps as f64).collect())
    }

    /// `steps` steps that are small at both ends: logistic(δ(2k/K − 1)), rescaled to reach 0 and 1.
    ///
    /// `steepness` is δ; 4 is usual.
    ///
    /// # Reference
    /// Grosse, Ghahramani and Adams (2015), *Sandwiching the marginal likelihood using bidirectional Monte
    /// Carlo*.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] without a step or unless `0 < steepness < 30`.
    pub fn sigmoid(steps: usize, steepness: f64) -> Result<Self, EvalError> {
        OutOfRange::at_least("steps", 1, steps)?;
        let valid = 0.0 < steepness && steepness < 30.0;
        require(valid, "steepness", "a number between 0 and 30", steepness)?;
        // tanh(u) = 2 logistic(2u) − 1
        let wave = |k: usize| (0.5 * steepness * (2.0 * k as f64 / steps as f64 - 1.0)).tanh();
        let end = wave(steps);
        let inner = (1..steps).map(|k| 0.5 + 0.5 * wave(k) / end);
        Self::new([0.0].into_iter().chain(inner).chain([1.0]).collect())
    }

    /// The inverse temperatures β₀ to β_K.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sigmoid_path_is_the_rescaled_logistic_function() {
        let betas = Annealing::sigmoid(10, 4.0).unwrap();
        let logistic = |u: f64| 1.0 / (1.0 + (-u).exp());
        let (low, high) = (logistic(-4.0), logistic(4.0));
        for (k, beta) in betas.betas().iter().enumerate() {
            let exact = (logistic(4.0 * (k as f64 / 5.0 - 1.0)) - low) / (high - low);
            assert!((beta - exact).abs() < 1e-14, "{k}: {beta} against {exact}");
        }
    }

    #[test]
    fn a_path_that_does_not_increase_from_zero_to_one_is_refused() {
        let error = |betas: &[f64]| Annealing::new(betas.to_vec()).unwrap_err().to_string();
        assert_eq!(
            error(&[0.0, 0.5, 0.5, 1.0]),
            "betas: expected strictly increasing values, found [0.5, 0.5]"
        );
        assert!(error(&[0.1, 1.0]).contains("the first to be 0 and the last 1"));
        assert!(Annealing::linear(0).is_err());
        assert!(Annealing::sigmoid(5, 0.0).is_err());
        assert_eq!(Annealing::linear(4).unwrap().betas(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    }
}
