//! The normaliser of a run's energies.

use std::path::Path;

use burn::tensor::Device;
use ebm_model::{Architecture, Capabilities, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_train::{NoiseLaw, ObjectiveConfig};

use crate::card::ModelCard;
use crate::config::Config;
use crate::error::Result;
use crate::folder::RunFolder;
use crate::model::run_and_step;
use crate::normalization::Normalization;

/// Standard deviations of ln σ around its mean at which the range of a log-normal law ends.
const DEVIATIONS: f64 = 2.0;

/// The normaliser of `network`, which was trained as `config` says; `None` unless that was by dual score matching.
///
/// # Errors
/// If an energy is not a number.
pub fn of_config(config: &Config, network: &Network, device: &Device) -> Result<Option<Normalization>> {
    let Some((levels, model)) = levels(config).zip(network.as_joint_energy()) else { return Ok(None) };
    let noise = Noise::seeded(config.seed).derive("normalization");
    let (deviation, dim) = (sigma_data(&config.model), config.model.dim());
    Normalization::estimate(model, levels, deviation, dim, &noise, device).map(Some)
}

/// That of the model at `path`: its card's, or, of a checkpoint, one that is estimated now.
///
/// # Errors
/// If the run's configuration cannot be read, or an energy is not a number.
pub fn of_model(
    path: &Path,
    card: &ModelCard,
    network: &Network,
    device: &Device,
) -> Result<Option<Normalization>> {
    if card.normalization.is_some() {
        return Ok(card.normalization.clone());
    }
    let (run, _) = run_and_step(path, None)?;
    if !run.is_dir() {
        return Ok(None);
    }
    let config = Config::of(&RunFolder::open(&run)?)?;
    of_config(&Config { model: card.architecture.clone(), ..config }, network, device)
}

/// The lowest and the highest noise level of training by dual score matching.
fn levels(config: &Config) -> Option<[f64; 2]> {
    let ObjectiveConfig::Dual(settings) = &config.objective else { return None };
    Some(match settings.noise.law {
        NoiseLaw::Geometric { top, bottom, .. } | NoiseLaw::LogUniform { top, bottom } => [bottom, top],
        NoiseLaw::LogNormal { mean, deviation } => {
            [-DEVIATIONS, DEVIATIONS].map(|k| (mean + k * deviation).exp())
        }
    })
}

/// σ_d of a network that has one, else 0.
fn sigma_data(model: &Architecture) -> f64 {
    match model {
        Architecture::NoisyEnergy(config) => config.sigma_data,
        Architecture::UnetEnergy(config) => config.sigma_data,
        Architecture::SongUnetEnergy(config) => config.sigma_data,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use ebm_model::Init;

    fn config(set: &[&str]) -> Config {
        let set = ["model.dim=2"].iter().chain(set).map(|&text| text.to_owned()).collect();
        Config::resolve("two-moons-dual", &Overrides { set }).unwrap()
    }

    fn network(config: &Config) -> Network {
        config.model.build(&Init::new(Noise::seeded(1), &Device::flex())).unwrap()
    }

    #[test]
    fn a_new_network_is_normalised_and_its_constant_is_found_to_be_zero() {
        let config = config(&["objective.noise.top=7.0", "objective.noise.bottom=0.2"]);
        let found = of_config(&config, &network(&config), &Device::flex()).unwrap().unwrap();
        assert_eq!((found.bottom, found.top), (0.2, 7.0));
        assert!(found.log_normalizer.abs() < 1e-4 && found.standard_error < 1e-4, "{found:?}");
        assert!(found.is_reliable() && found.check().is_ok());
    }

    #[test]
    fn only_dual_score_matching_ties_the_levels() {
        let config = config(&["objective=denoising"]);
        assert_eq!(of_config(&config, &network(&config), &Device::flex()).unwrap(), None);
    }
}
