//! The weights that a run begins from, where they are those of another run or of a model file.

use std::path::Path;

use burn::tensor::Device;
use ebm_model::{Architecture, Network, NetworkConfig, weights};

use crate::agreement::differences;
use crate::card::ModelCard;
use crate::config::{Config, Overrides, assign_to};
use crate::error::{Result, anyhow, disagreement, ensure, usage};
use crate::model::model;
use crate::sampling::SampleConfig;

pub use crate::config::Origin;

/// An origin with its network.
pub struct Begun {
    /// The origin.
    pub origin: Origin,
    /// What is said about the network.
    pub card: ModelCard,
    /// The network with the averaged weights.
    pub network: Network,
}

impl Begun {
    /// The weights of a model file, of a run, or of the run's checkpoint of a step.
    ///
    /// # Errors
    /// As [`model`].
    pub fn read(path: &Path, step: Option<u64>, device: &Device, notice: &dyn Fn(&str)) -> Result<Self> {
        let (card, network) = model(path, step, device, notice)?;
        // Absolute, so that the run's own config.toml finds the weights from any folder.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let origin = Origin { path, step: card.step, sha256: digest(&network)? };
        Ok(Self { origin, card, network })
    }

    /// The configuration of a run that begins from these weights: [`with_network`] of theirs.
    ///
    /// # Errors
    /// As [`with_network`].
    pub fn adopt(&self, config: Config, set: &Overrides, notice: &dyn Fn(&str)) -> Result<Config> {
        let Self { origin, card, .. } = self;
        let config = with_network(config, set, &origin.path, &card.architecture, &card.sample, notice)?;
        Ok(Config { origin: Some(origin.clone()), ..config })
    }
}

/// The configuration with the network `held` of the weights at `path`, which draw samples as `sample` says.
///
/// `set` is what the command line says about the configuration. If it speaks of the network, it must agree. Where
/// the configuration is for a network of another kind, samples are drawn as the weights say.
///
/// # Errors
/// A wrong use of the program, with every key of the network that differs.
pub fn with_network(
    config: Config,
    set: &Overrides,
    path: &Path,
    held: &Architecture,
    sample: &SampleConfig,
    notice: &dyn Fn(&str),
) -> Result<Config> {
    let is_asked = |key: &str| set.set.iter().any(|set| set.trim_start().starts_with(key));
    let config = if is_asked("model.augmentations") { config } else { told_augmentations(config, held) };
    let asked = config.model.clone().fitted(held.input());
    let differing = differences(&asked, held)?;
    let path = path.display();
    if !differing.is_empty() && is_asked("model") {
        let differing = differing.join("; ");
        return Err(disagreement(anyhow!("the weights of {path} are of another network: {differing}")));
    }
    if !differing.is_empty() {
        notice(&format!("the network is that of {path}: {}", held_values(&differing)));
    }
    let kind = |model| Some(toml::Table::try_from(model).ok()?.get("kind")?.as_str()?.to_owned());
    let sample = if kind(held) == kind(&config.model) {
        config.sample
    } else {
        let of_samples = set.set.iter().filter_map(|set| set.trim_start().strip_prefix("sample."));
        let of_samples: Vec<String> = of_samples.map(str::to_owned).collect();
        assign_to(sample, &of_samples).map_err(usage)?
    };
    Ok(Config { model: held.clone(), sample, ..config })
}

/// The configuration with a network that is told of as many augmentations as `held` is, which is set by rule where data
/// are augmented.
fn told_augmentations(config: Config, held: &Architecture) -> Config {
    let told = held.augmentations();
    if told == 0 || config.model.augmentations() != 0 {
        return config;
    }
    let set = Overrides { set: vec![format!("model.augmentations={told}")] };
    match config.with(&set) {
        Ok(told) => told,
        Err(_) => config,
    }
}

impl Origin {
    /// The weights again.
    ///
    /// # Errors
    /// If they are not there any more, or are others.
    pub fn load(&self, device: &Device) -> Result<Begun> {
        let begun = Begun::read(&self.path, Some(self.step), device, &|_| {})?;
        let (found, expected) = (&begun.origin.sha256, &self.sha256);
        ensure!(
            found == expected,
            "{} holds other weights of step {} than this run began from: expected sha256 {expected}, found {found}",
            self.path.display(),
            self.step
        );
        Ok(begun)
    }
}

/// The differences as what holds: `model.hidden is 8, expected 16` as `model.hidden = 16, not 8`.
fn held_values(differing: &[String]) -> String {
    let one = |text: &String| match text.split_once(" is ").and_then(|(key, rest)| {
        let (asked, held) = rest.split_once(", expected ")?;
        Some(match (held, asked) {
            // Keys that are left out of a configuration have their defaults.
            ("absent", _) => format!("{key} not set, {asked} here"),
            (_, "absent") => format!("{key} = {held}, not set here"),
            _ => format!("{key} = {held}, not {asked}"),
        })
    }) {
        Some(text) => text,
        None => text.clone(),
    };
    differing.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// SHA-256 of the weights by name.
fn digest(network: &Network) -> Result<String> {
    Ok(crate::digest::of(weights::to_bytes(&weights::collect(network), "")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_said_as_what_holds() {
        let said = |text: &str| held_values(&[text.to_owned()]);
        assert_eq!(said("model.hidden is 8, expected 16"), "model.hidden = 16, not 8");
        assert_eq!(said("model.filter is absent, expected 9"), "model.filter = 9, not set here");
        assert_eq!(said("model.filter is 9, expected absent"), "model.filter not set, 9 here");
    }
}
