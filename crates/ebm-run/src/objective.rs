//! What the command line adds to objectives by name: tables of defaults, and hints.

use anyhow::{Result, anyhow};
use ebm_model::Network;
use ebm_train::{Need, Objective, ObjectiveConfig, TrainError};
use toml::Table;

/// An objective for any of the networks.
pub type Loss = Box<dyn Objective<Network>>;

/// The whole table that the name of an objective stands for.
///
/// # Errors
/// If there is no such objective; the message lists those that there are.
pub fn table(name: &str) -> Result<Table> {
    Ok(Table::try_from(ObjectiveConfig::named(name)?)?)
}

/// The error with the path of the setting, or with the `--set` that helps.
pub fn explained(error: TrainError) -> anyhow::Error {
    let model = match &error {
        TrainError::Unfit { need: Need::NoisyScore, .. } => "mlp",
        TrainError::Unfit { need: Need::Score | Need::Energy, .. } => "mlp-energy",
        _ => return error.within("objective").into(),
    };
    anyhow!("{error}; for points, `--set model={model}` is one")
}
