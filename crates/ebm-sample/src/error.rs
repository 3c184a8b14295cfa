//! Why a sampler cannot be built or cannot draw.

use ebm_ops::OutOfRange;

use crate::Need;

/// Why a sampler could not be built, or could not draw from a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A number is out of range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// No sampler has this name.
    #[error("sampler: expected one of {known}, found {found}")]
    Unknown {
        /// The name that was asked for.
        found: String,
        /// The names that there are, with commas between.
        known: String,
    },
    /// The model lacks what the sampler needs.
    #[error("{sampler} needs {need}, this model is {offers}")]
    Unfit {
        /// The sampler's name.
        sampler: &'static str,
        /// What it needs of a model.
        need: Need,
        /// What the model offers, in words.
        offers: String,
    },
    /// The kernel has nothing that a warm-up adapts.
    #[error("{sampler} has no step size or mass that a warm-up adapts")]
    Fixed {
        /// The kernel's name.
        sampler: &'static str,
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
    /// A chain of the No-U-Turn sampler could not start or continue.
    #[cfg(feature = "nuts")]
    #[error("chain {chain} could not go on from where it starts")]
    Start {
        /// Its index in the batch, from 0.
        chain: usize,
        /// The error of `nuts-rs`.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
