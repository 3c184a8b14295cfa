//! What happened during a warm-up.

use serde::{Deserialize, Serialize};

use crate::Mass;

/// What happened during a warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUpReport {
    /// The number of steps.
    pub n_steps: usize,
    /// The number of chains in the batch.
    pub n_chains: usize,
    /// The adapted step size.
    pub step_size: f64,
    /// The adapted mass.
    pub mass: Mass,
    /// The acceptance that was aimed at.
    pub target_acceptance: f64,
    /// The mean acceptance since the mass was last set.
    pub acceptance: f64,
    /// The number of proposals that diverged, over all chains and steps.
    pub n_diverged: usize,
}
