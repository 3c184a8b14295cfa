//! Why a figure could not be computed.

use ebm_ops::OutOfRange;
use ebm_sample::flow::Stalled;

/// The reason why a figure could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A setting or a number of rows is out of range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A point, score or energy is not finite.
    #[error("{what}: expected finite numbers, found {value} in row {row}")]
    NotFinite {
        /// The argument with the non-finite value.
        what: &'static str,
        /// Index of the first such row, from 0.
        row: usize,
        /// The value found there.
        value: f64,
    },
    /// A matrix is not a covariance matrix.
    #[error("covariance matrix: expected {expected}, found {found}")]
    Covariance {
        /// The property that a covariance matrix has.
        expected: String,
        /// The offending entry or size.
        found: String,
    },
    /// The integration of a flow needs steps that are too small.
    #[error("row {row}: the flow needs steps below {step:e} in ln σ at σ = {sigma}; try a larger tolerance")]
    Stalled {
        /// Index of the row, from 0.
        row: usize,
        /// The smallest step allowed, in ln σ.
        step: f64,
        /// The noise level at which the integration stopped.
        sigma: f64,
    },
}

impl From<Stalled> for EvalError {
    /// A row that stalled at a time that is ln σ.
    fn from(Stalled { row, step, time }: Stalled) -> Self {
        Self::Stalled { row, step, sigma: time.exp() }
    }
}

/// `Ok` if `holds`, otherwise an error that names the field and the value found.
pub(crate) fn require(
    holds: bool,
    field: &str,
    expected: &str,
    found: impl std::fmt::Debug,
) -> Result<(), OutOfRange> {
    if holds { Ok(()) } else { Err(OutOfRange::new(field, format!("{found:?}"), expected)) }
}

/// `Ok` if there are at least `least` rows.
pub(crate) fn require_rows(found: usize, what: &str, least: usize) -> Result<(), OutOfRange> {
    let rows = if least == 1 { "row" } else { "rows" };
    if least <= found {
        Ok(())
    } else {
        Err(OutOfRange::new(what, found, format!("at least {least} {rows}")))
    }
}
