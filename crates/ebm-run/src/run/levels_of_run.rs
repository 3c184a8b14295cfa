//! Noise levels by rule for samples of a network that is trained already.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use ebm_model::NetworkConfig;
use ebm_ops::Noise;

use crate::card::ModelCard;
use crate::config::Config;
use crate::error::{Context, Result, anyhow, usage};
use crate::folder::RunFolder;
use crate::model::run_and_step;
use crate::noise_levels;
use crate::rows::data_of;
use crate::sampling::{Distances, SampleConfig};

/// How samples of a trained network are drawn, with what is found in place of what is left to a rule, and a line about
/// it: by the distances that its card knows, or else by those of the data of the run at `path`.
///
/// # Errors
/// If neither is known, or no ladder can be made from them.
pub fn of_network(
    sample: SampleConfig,
    path: &Path,
    card: &ModelCard,
    device: &Device,
) -> Result<(SampleConfig, Option<String>)> {
    if sample.langevin.sigma.is_none() {
        return Ok((sample, None));
    }
    let distances = match &sample.distances {
        Some(distances) => distances.clone(),
        None => of_run(path, card, device)?,
    };
    let reach = match sample.reach {
        Some(reach) => Some(reach),
        None => config_of_run(path)?.and_then(|config| noise_levels::reach(&config.objective)),
    };
    let sample = SampleConfig { reach, ..sample };
    let found = sample.by_rule(card.architecture.dim(), &distances).map_err(usage)?;
    Ok(found.map_or((sample, None), |(sample, line)| (sample, Some(line))))
}

fn of_run(path: &Path, card: &ModelCard, device: &Device) -> Result<Distances> {
    let unknown = || {
        format!(
            "langevin.sigma = \"auto\": {} does not say how far apart its data are; name a run's folder whose data are \
             there, or set distances.largest=NUMBER",
            path.display()
        )
    };
    let config = config_of_run(path)?.ok_or_else(|| usage(anyhow!(unknown())))?;
    let data = data_of(&config, Some(&card.content)).with_context(unknown)?;
    Distances::of(&Arc::new(data), &Noise::seeded(config.seed), device)
}

/// The configuration of the run at `path`; of a model file, nothing.
fn config_of_run(path: &Path) -> Result<Option<Config>> {
    let (path, _) = run_and_step(path, None)?;
    if !path.is_dir() {
        return Ok(None);
    }
    Config::of(&RunFolder::open(&path)?).map(Some)
}
