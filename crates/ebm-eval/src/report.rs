//! Figures with the protocol by which they were made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Estimate, WithFloor};

/// How a figure was made: what has to be the same for two figures to be compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// How many samples, or points whose likelihood was asked.
    pub n: usize,
    /// How many points they were compared with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_reference: Option<usize>,
    /// The seed of the samples and of the figure's own draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Bandwidths of the kernel, in the units of the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bandwidths: Vec<f64>,
    /// Whether samples were denoised at the end; none if there was no noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoised: Option<bool>,
    /// All else by name: sampler, features, directions, temperatures, tolerance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Protocol {
    /// Of `n` samples, nothing else said yet.
    pub fn of(n: usize) -> Self {
        Self { n, ..Self::default() }
    }

    /// The same with one more setting.
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.settings.insert(name.into(), value.to_string());
        self
    }
}

/// A number, its name, its error and its protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What it is, with its unit if it has one: `mmd2_unbiased`, `log_likelihood_nats`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its standard error, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// The same figure of a fresh draw of the true law, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// How it was made.
    pub protocol: Protocol,
}

impl Figure {
    /// A number without an error.
    pub fn exact(name: &str, value: f64, protocol: Protocol) -> Self {
        Self { name: name.into(), value, standard_error: None, floor: None, protocol }
    }

    /// An estimate.
    pub fn estimate(name: &str, estimate: Estimate, protocol: Protocol) -> Self {
        let standard_error = Some(estimate.standard_error);
        Self { standard_error, ..Self::exact(name, estimate.value, protocol) }
    }

    /// A number beside its floor.
    pub fn exact_with_floor(name: &str, found: WithFloor<f64>, protocol: Protocol) -> Self {
        Self { floor: Some(found.floor), ..Self::exact(name, found.value, protocol) }
    }

    /// An estimate beside its floor.
    pub fn estimate_with_floor(name: &str, found: WithFloor<Estimate>, protocol: Protocol) -> Self {
        Self { floor: Some(found.floor.value), ..Self::estimate(name, found.value, protocol) }
    }
}

/// All figures of a model.
///
/// As JSON, a number that is not finite is `null`, which cannot be read back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// In the order they were made.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure.
    pub fn push(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// The first figure of this name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_how_and_comes_back_from_json() {
        let protocol =
            Protocol { n_reference: Some(500), seed: Some(7), bandwidths: vec![1.5], ..Protocol::of(1000) };
        let protocol = Protocol { denoised: Some(true), ..protocol }.with("sampler", "heun");
        let estimate = |value| Estimate { value, standard_error: 0.25 };
        let found = WithFloor { value: estimate(0.5), floor: estimate(-0.125) };
        let mut report = Report::default();
        report.push(Figure::estimate_with_floor("mmd2_unbiased", found, protocol));
        report.push(Figure::exact("frechet", 2.0, Protocol::of(3)));
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(
            text,
            "{\"figures\":[{\"name\":\"mmd2_unbiased\",\"value\":0.5,\"standard_error\":0.25,\"floor\":-0.125,\
             \"protocol\":{\"n\":1000,\"n_reference\":500,\"seed\":7,\"bandwidths\":[1.5],\"denoised\":true,\
             \"settings\":{\"sampler\":\"heun\"}}},{\"name\":\"frechet\",\"value\":2.0,\"protocol\":{\"n\":3}}]}"
        );
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        assert_eq!(report.get("frechet").unwrap().value, 2.0);
    }
}
