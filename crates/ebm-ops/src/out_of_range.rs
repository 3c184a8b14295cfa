//! The error for a number out of range.

use std::fmt::Display;

/// A number out of range: which one, what was found, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, found {found}")]
pub struct OutOfRange {
    /// The field or argument, for instance `step_size`.
    pub what: String,
    /// The value found.
    pub found: String,
    /// The accepted values.
    pub expected: String,
}

impl OutOfRange {
    /// The error for the field or argument `what`.
    pub fn new(what: impl Into<String>, found: impl Display, expected: impl Into<String>) -> Self {
        Self { what: what.into(), found: found.to_string(), expected: expected.into() }
    }

    /// `value` if it is positive and finite.
    ///
    /// # Errors
    /// If `value` is not positive and finite.
    pub fn positive(what: &str, value: f64) -> Result<f64, Self> {
        if value.is_finite() && 0.0 < value {
            Ok(value)
        } else {
            Err(Self::new(what, value, "a positive, finite number"))
        }
    }

    /// `count` if it is at least `least`.
    ///
    /// # Errors
    /// If `count` is smaller.
    pub fn at_least(what: &str, least: usize, count: usize) -> Result<usize, Self> {
        if least <= count { Ok(count) } else { Err(Self::new(what, count, format!("at least {least}"))) }
    }

    /// The same error with `path` in front of the field: `contrast` makes `sampler_steps` into
    /// `contrast.sampler_steps`.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        Self { what: format!("{path}.{}", self.what), ..self }
    }
}
