//! Errors of models and their weights.

use ebm_ops::OutOfRange;

/// A model could not be built, or its weights could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A number, a matrix or a size that no model of this kind has.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A file that is not a safetensors file within the limits.
    #[error("not a usable safetensors file: {0}")]
    Format(String),
    /// Weights of another network; every difference is listed and nothing was loaded.
    #[error("the weights do not fit the network: {}", .0.join("; "))]
    Mismatch(Vec<String>),
}
