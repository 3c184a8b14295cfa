//! What the command line adds to objectives by name: tables of defaults, and hints.

use anyhow::{Result, anyhow};
use ebm_model::{Architecture, Input, Network, NetworkConfig};
use ebm_train::{Need, Objective, ObjectiveConfig, TrainError};
use toml::Table;

use crate::hint::near;

/// An objective for any of the networks.
pub type Loss = Box<dyn Objective<Network>>;

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

/// The error with the path of the setting, or with the `--set` that helps: a network that the objective trains, on data
/// like those of `model`, and a sampler for that network.
pub fn explained(error: TrainError, model: &Architecture) -> anyhow::Error {
    let is_image = matches!(model.input(), Input::Image { .. });
    let (model, sampler) = match (&error, is_image) {
        (TrainError::Unfit { need: Need::NoisyScore, .. }, false) => ("mlp", "heun"),
        (TrainError::Unfit { need: Need::NoisyScore, .. }, true) => ("unet", "heun"),
        (TrainError::Unfit { need: Need::Score | Need::Energy, .. }, false) => ("mlp-energy", "mala"),
        (TrainError::Unfit { need: Need::Score | Need::Energy, .. }, true) => ("conv-energy", "mala"),
        _ => return error.within("objective").into(),
    };
    anyhow!("{error}; `--set model={model} --set sample.sampler={sampler}` is one")
}
