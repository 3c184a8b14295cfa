//! What can go wrong with a model or its weights.

/// Why a model could not be built or its weights not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A covariance matrix or a weight vector that no distribution has.
    #[error("{what}: expected {expected}, found {found}")]
    Law {
        /// The part of the distribution.
        what: &'static str,
        /// What it has to be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A network that cannot be built.
    #[error("architecture: {field} = {found}, expected {expected}")]
    Architecture {
        /// The field of the configuration.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// A file that is not a safetensors file within the limits.
    #[error("not a usable safetensors file: {0}")]
    Format(String),
    /// Weights of another network; every difference is listed and nothing was loaded.
    #[error("the weights do not fit the network: {}", .0.join("; "))]
    Mismatch(Vec<String>),
}
