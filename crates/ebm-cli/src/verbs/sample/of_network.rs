//! Samples of a network as they are asked for.

use ebm_model::{Capabilities, Network};
use ebm_report::Format;
use ebm_run::card::ModelCard;
use ebm_run::sampling::{Drawing, SampleConfig};

use super::advice::Advice;
use super::arguments::Sample;

/// Samples of a network as they are asked for.
pub struct OfNetwork<'a> {
    /// What was typed.
    pub sample: &'a Sample,
    /// What the model file says.
    pub card: &'a ModelCard,
    /// What is drawn from.
    pub network: &'a Network,
    /// The numbers of samplers.
    pub config: &'a SampleConfig,
    /// The sampler.
    pub drawing: &'a Drawing,
    /// The format of the file.
    pub format: Format,
}

impl OfNetwork<'_> {
    /// The sampler's name.
    pub fn sampler(&self) -> &str {
        self.sample.sampler.as_deref().unwrap_or(&self.config.sampler)
    }

    /// The only noise level of chains on a network that is conditioned on one.
    pub fn level(&self) -> Option<f64> {
        self.drawing.only_level(self.network)
    }

    /// Whether chains with a Metropolis test could draw the same.
    pub fn can_test(&self) -> bool {
        self.network.as_energy().is_some()
    }

    /// The names of the network's classes; empty without classes.
    pub fn class_names(&self) -> Vec<String> {
        self.card.classes.as_ref().map(|classes| classes.names.clone()).unwrap_or_default()
    }

    /// What may help against warnings.
    pub fn advice(&self) -> Advice {
        Advice::of_network(self.drawing.step_key().cloned(), self.can_test()).at_level(self.level())
    }
}
