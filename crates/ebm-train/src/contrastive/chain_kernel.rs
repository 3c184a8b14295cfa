//! The kernels of contrastive divergence by name.

use serde::{Deserialize, Serialize};

/// The kernel that draws negatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainKernel {
    /// [`Langevin`](ebm_sample::Langevin): too large a step biases the energy, which learns to compensate for the
    /// error of the sampler.
    #[default]
    Langevin,
    /// [`Mala`](ebm_sample::Mala): without such a bias; too large a step lowers the acceptance and costs time.
    Mala,
}
