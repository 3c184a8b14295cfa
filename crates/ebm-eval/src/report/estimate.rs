//! A number with its standard error.

use serde::{Deserialize, Serialize};

/// An estimate with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Standard error in the units of the value; the function that returns the estimate says what it covers.
    pub standard_error: f64,
}

impl Estimate {
    /// The mean of two or more independent numbers, with the standard error of a mean.
    pub(crate) fn mean(values: &[f64]) -> Self {
        let n = values.len() as f64;
        Self { value: values.iter().sum::<f64>() / n, standard_error: (variance(values) / n).sqrt() }
    }

    /// The share of `hits` in `n`, with the standard error of a share of which there is one hit and one miss more, so that
    /// it is never zero.
    pub fn share(hits: usize, n: usize) -> Self {
        let (hits, n) = (hits as f64, n as f64);
        let smoothed = (hits + 1.0) / (n + 2.0);
        Self { value: hits / n, standard_error: (smoothed * (1.0 - smoothed) / n).sqrt() }
    }

    /// `(value − expected) / standard_error`.
    pub fn errors_above(&self, expected: f64) -> f64 {
        (self.value - expected) / self.standard_error
    }
}

/// The unbiased variance of two or more numbers.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)
}
