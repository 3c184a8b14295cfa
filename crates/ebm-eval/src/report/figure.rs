//! A measured number with its error, its floor, its verdict and its protocol.

use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use super::floor::WithFloor;
use super::protocol::Protocol;
use super::standing::Standing;

/// A measured number with its name, its error and its protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The name, with the unit if there is one: `mmd2_unbiased`, `log_likelihood_nats`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// The unit of the number, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Standard error, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// The same figure for a fresh draw from the true distribution, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Standard deviation of the figure of a perfect sampler, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_error: Option<f64>,
    /// Probability of a figure at least as far from equality if samples and data had the same distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Where the number is, compared with its floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// How it was measured.
    pub protocol: Protocol,
}

impl Figure {
    /// A number without a standard error.
    pub fn exact(name: &str, value: f64, protocol: Protocol) -> Self {
        Self {
            name: name.into(),
            value,
            unit: None,
            standard_error: None,
            floor: None,
            floor_error: None,
            p_value: None,
            standing: None,
            verdict: None,
            protocol,
        }
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

    /// The figure with its unit in words.
    pub fn in_unit(self, unit: impl Into<String>) -> Self {
        Self { unit: Some(unit.into()), ..self }
    }

    /// The figure with a verdict: a perfect sampler has `expected`, with standard deviation `spread`.
    ///
    /// Without a floor, `expected` becomes the floor.
    pub fn judged(self, expected: f64, spread: f64) -> Self {
        let (standing, verdict) = Standing::of_value(self.value, expected, spread);
        Self {
            floor: self.floor.or(Some(expected)),
            floor_error: Some(spread),
            standing: Some(standing),
            verdict: Some(verdict),
            ..self
        }
    }

    /// The figure of a test, with a verdict by its p-value.
    pub fn tested(self, p_value: f64) -> Self {
        let (standing, verdict) = Standing::of_p_value(p_value);
        Self { p_value: Some(p_value), standing: Some(standing), verdict: Some(verdict), ..self }
    }

    /// The figure with another verdict.
    pub fn with_verdict(self, standing: Standing, verdict: impl Into<String>) -> Self {
        Self { standing: Some(standing), verdict: Some(verdict.into()), ..self }
    }
}
