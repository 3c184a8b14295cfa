//! Which weights a run begins from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the weights are, and which they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// A run's folder or a model file.
    pub path: PathBuf,
    /// Steps of training that the weights have.
    pub step: u64,
    /// SHA-256 of the averaged weights.
    pub sha256: String,
}
