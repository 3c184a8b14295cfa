//! A measured number with its error, its floor and its protocol.

use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use super::floor::WithFloor;
use super::protocol::Protocol;

/// A measured number with its name, its error and its protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The name, with the unit if there is one: `mmd2_unbiased`, `log_likelihood_nats`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Standard error, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// The same figure for a fresh draw from the true distribution, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// How it was measured.
    pub protocol: Protocol,
}

impl Figure {
    /// A number without a standard error.
    pub fn exact(name: &str, value: f64, protocol: Protocol) -> Self {
        Self { name: name.into(), value, standard_error: None, floor: None, protocol }
    }

    /// An estimate with its standard error.
    pub fn estimate(name: &str, estimate: Estimate, protocol: Protocol) -> Self {
        let standard_error = Some(estimate.standard_error);
        Self { standard_error, ..Self::exact(name, estimate.value, protocol) }
    }

    /// A number with its floor.
    pub fn exact_with_floor(name: &str, found: WithFloor<f64>, protocol: Protocol) -> Self {
        Self { floor: Some(found.floor), ..Self::exact(name, found.value, protocol) }
    }

    /// An estimate with its floor.
    pub fn estimate_with_floor(name: &str, found: WithFloor<Estimate>, protocol: Protocol) -> Self {
        Self { floor: Some(found.floor.value), ..Self::estimate(name, found.value, protocol) }
    }
}
