//! What cannot be evaluated.

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A setting that means nothing.
    #[error("{field}: expected {expected}, found {found}")]
    Setting {
        /// Its name.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// Too few points to say anything.
    #[error("{what}: expected at least {least} rows, found {found}")]
    Rows {
        /// Whose rows.
        what: &'static str,
        /// The smallest number with which the figure exists.
        least: usize,
        /// How many there were.
        found: usize,
    },
    /// A point, score or energy that is not a number.
    #[error("{what}: expected finite numbers, found {value} in row {row}")]
    NotFinite {
        /// Whose row.
        what: &'static str,
        /// The first such row, from 0.
        row: usize,
        /// What is in it.
        value: f64,
    },
    /// A matrix that is no covariance.
    #[error("covariance matrix: expected {expected}, found {found}")]
    Covariance {
        /// What it has to be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// An integration that does not get on.
    #[error(
        "row {row}: the flow needs steps below {step:e} in ln σ at σ = {sigma}; a larger tolerance helps"
    )]
    Stalled {
        /// The row, from 0.
        row: usize,
        /// The smallest step taken.
        step: f64,
        /// Where it stopped.
        sigma: f64,
    },
}

impl EvalError {
    /// `Ok` if the setting is as expected.
    pub(crate) fn unless(
        holds: bool,
        field: &'static str,
        expected: &'static str,
        found: impl std::fmt::Debug,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::Setting { field, expected, found: format!("{found:?}") }) }
    }

    /// `Ok` if there are enough rows.
    pub(crate) fn unless_rows(found: usize, what: &'static str, least: usize) -> Result<(), Self> {
        if least <= found { Ok(()) } else { Err(Self::Rows { what, least, found }) }
    }
}
