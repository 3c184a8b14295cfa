//! How a figure was measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a figure was measured: two figures can be compared if their protocols agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Number of samples, or of points whose likelihood was measured.
    pub n: usize,
    /// Number of reference points, for a comparison with data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_reference: Option<usize>,
    /// Seed of the samples and of the random numbers the figure itself uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Bandwidths of the kernel, in the units of the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bandwidths: Vec<f64>,
    /// Whether a final denoising step was applied; `None` for samplers without noise levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoised: Option<bool>,
    /// All other settings by name: sampler, features, directions, temperatures, tolerance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Protocol {
    /// A protocol for `n` samples with nothing else recorded.
    pub fn of(n: usize) -> Self {
        Self { n, ..Self::default() }
    }

    /// Records one more setting.
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.settings.insert(name.into(), value.to_string());
        self
    }
}
