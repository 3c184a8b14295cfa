//! What the command line adds to objectives by name: tables of defaults, and hints.

use ebm_model::{Architecture, Capabilities, Input, Network, NetworkConfig};
use ebm_train::{Need, Objective, ObjectiveConfig, TrainError};
use toml::Table;

use crate::error::{Error, Result, anyhow, ensure};
use crate::hint::near;

/// An objective for any of the networks.
pub type Loss = Box<dyn Objective<Network>>;

/// What is set for a network that dual score matching trains.
const NORMALIZED_ROW: &str = "noisy-energy --set model.normalized=true";
const NORMALIZED_IMAGE: &str = "unet-energy --set model.normalized=true";

/// The whole table that the name of an objective stands for.
///
/// # Errors
/// If there is no such objective; the message lists those that there are.
pub fn table(name: &str) -> Result<Table> {
    let named = ObjectiveConfig::named(name).map_err(|error| match &error {
        TrainError::UnknownObjective { known, .. } => {
            let near = near(name, known.iter().copied());
            anyhow!("{error}{near}")
        }
        _ => error.into(),
    })?;
    Ok(Table::try_from(named)?)
}

/// Refuses a network that drops numbers in training with an objective that has none dropped.
///
/// # Errors
/// If the share of `model` is above 0, unless it has an effect on `objective`.
pub fn drops_if_asked(objective: &ObjectiveConfig, model: &Architecture) -> Result<()> {
    let share = match model {
        Architecture::SongUnet(config) => config.network.dropout,
        Architecture::SongUnetEnergy(config) => config.network.dropout,
        _ => 0.0,
    };
    ensure!(
        share == 0.0 || objective.has_dropout(),
        "model.dropout = {share}: numbers are dropped in training by `denoising` alone, {} drops none; `--set \
         model.dropout=0.0` says so",
        objective.name()
    );
    Ok(())
}

/// The error with the path of the setting, or with the `--set` that helps: a network that the objective trains, on data
/// like those of `model`, with a sampler for it, or an objective for the network that there is.
pub fn explained(error: TrainError, model: &Architecture, network: &Network) -> Error {
    let is_image = matches!(model.input(), Input::Image { .. });
    let is_noisy = network.as_noisy_score().is_some();
    let (model, sampler, objective) = match (&error, is_image) {
        (TrainError::Unfit { need: Need::JointEnergy, .. }, is_image) => {
            let other = if is_noisy { "denoising" } else { "sliced" };
            (if is_image { NORMALIZED_IMAGE } else { NORMALIZED_ROW }, "heun", other)
        }
        (TrainError::Unfit { need: Need::NoisyScore, .. }, false) => ("mlp", "heun", "sliced"),
        (TrainError::Unfit { need: Need::NoisyScore, .. }, true) => ("unet", "heun", "sliced"),
        (TrainError::Unfit { need: Need::Score | Need::Energy, .. }, false) => {
            ("mlp-energy", "mala", "denoising")
        }
        (TrainError::Unfit { need: Need::Score | Need::Energy, .. }, true) => {
            ("conv-energy", "mala", "denoising")
        }
        _ => return error.within("objective").into(),
    };
    let other = match (network.as_energy(), network.as_score(), network.as_noisy_score()) {
        (Some(_), ..) if objective == "sliced" => Some("mala"),
        (_, Some(_), _) if objective == "sliced" => Some("langevin"),
        (.., Some(_)) if objective == "denoising" => Some("heun"),
        _ => None,
    };
    let other = other.map(|sampler| {
        format!("; `--set objective={objective} --set sample.sampler={sampler}` trains the network that was chosen")
    });
    let other = other.unwrap_or_default();
    anyhow!("{error}; `--set model={model} --set sample.sampler={sampler}` is one{other}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_that_an_objective_would_leave_out_is_refused_and_none_is_not() {
        let objective = |name: &str| ObjectiveConfig::named(name).unwrap();
        let model = |kind: &str, dropout: f64| match Architecture::named(kind).unwrap() {
            Architecture::SongUnet(mut config) => {
                config.network.dropout = dropout;
                Architecture::SongUnet(config)
            }
            Architecture::SongUnetEnergy(mut config) => {
                config.network.dropout = dropout;
                Architecture::SongUnetEnergy(config)
            }
            other => other,
        };
        for (kind, name) in [("song-unet-energy", "dual"), ("song-unet", "sliced")] {
            let error = drops_if_asked(&objective(name), &model(kind, 0.1)).unwrap_err().to_string();
            assert!(error.starts_with("model.dropout = 0.1") && error.contains(name), "{error}");
            drops_if_asked(&objective(name), &model(kind, 0.0)).unwrap();
            drops_if_asked(&objective("denoising"), &model(kind, 0.1)).unwrap();
        }
        drops_if_asked(&objective("dual"), &model("unet-energy", 0.1)).unwrap();
    }
}
