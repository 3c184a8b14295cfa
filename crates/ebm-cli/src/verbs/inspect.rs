//! `ebm inspect`: what is in a run's folder or a model file.

mod bug_report;
mod nulls;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burn::tensor::Device;
use clap::Args;
use ebm_model::weights::{self, NamedTensors};
use ebm_run::card::ModelCard;
use ebm_run::config::Config;
use ebm_run::folder::RunFolder;
use ebm_run::{history, journal, model};
use ebm_train::Listed;
use serde_json::{Value, json};

use self::nulls::without_nulls;
use crate::terminal::backend::Backend;
use crate::terminal::say;
use crate::terminal::usage::usage;

/// `ebm inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A run's folder, or a model.safetensors.
    #[arg(required_unless_present = "bug_report")]
    path: Option<PathBuf>,
    /// Say what is in the checkpoint of this step.
    #[arg(long)]
    step: Option<u64>,
    /// Print what a report of a bug should say of the program and the machine, and of the run if one is given; no path
    /// and no name of a column is in it.
    #[arg(long, conflicts_with_all = ["step", "json"])]
    bug_report: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Prints what is there.
    ///
    /// # Errors
    /// If it is neither a run nor a model file, or cannot be read.
    pub fn run(self) -> Result<()> {
        let Self { path, step, bug_report, json } = self;
        if bug_report {
            let run = path.as_deref().map(RunFolder::open).transpose()?;
            tell!("{}", bug_report::bug_report(run.as_ref())?.trim_end());
            return Ok(());
        }
        let path = path.ok_or_else(|| usage(anyhow!("expected a run or a model file")))?;
        let is_checkpoint = step.is_some() || is_checkpoint(&path);
        let found = match path.is_file() {
            _ if is_checkpoint => {
                let (card, network) = model::model(&path, step, &host()?, &say)?;
                described(card, &weights::collect(&network))?
            }
            true => {
                let (card, tensors) = ModelCard::read(&path)?;
                described(card, &tensors)?
            }
            false => run(&RunFolder::open(&path)?)?,
        };
        if json {
            tell!("{found}");
        } else {
            tell!("{}", toml::to_string(&found)?.trim_end());
        }
        Ok(())
    }
}

/// Whether the path is that of a checkpoint in a run's folder.
fn is_checkpoint(path: &Path) -> bool {
    let is_step = |name: &str| name.strip_prefix("step-").is_some_and(|step| step.parse::<u64>().is_ok());
    path.is_dir() && path.file_name().and_then(|name| name.to_str()).is_some_and(is_step)
}

/// A device to read weights on.
fn host() -> Result<Device> {
    Backend::host().device()
}

fn described(card: ModelCard, tensors: &NamedTensors) -> Result<Value> {
    let parameters: usize = tensors.values().map(burn::tensor::TensorData::num_elements).sum();
    let shapes: serde_json::Map<String, Value> =
        tensors.iter().map(|(name, data)| (name.clone(), json!(data.shape().as_slice()))).collect();
    Ok(
        json!({"parameters": parameters, "card": without_nulls(serde_json::to_value(card)?), "tensors": shapes}),
    )
}

/// The checkpoints of a run; the loss of contrastive divergence does not say which of them is the best.
fn checkpoints(folder: &RunFolder, config: &Config) -> Result<Vec<Value>> {
    let has_best = config.objective.sampler_step_size().is_none();
    let listed = model::checkpoints(folder)?.list()?;
    let one = |Listed { step, loss, is_best }: Listed| {
        let best = (has_best && is_best).then_some(true);
        json!({"step": step, "path": format!("checkpoints/step-{step}"), "loss": loss, "best": best})
    };
    Ok(listed.into_iter().map(one).collect())
}

fn run(folder: &RunFolder) -> Result<Value> {
    let config = Config::of(folder)?;
    let names = |path: &Path, prefix: &str| -> Vec<String> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<(u64, String)> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| {
                let step = name.strip_prefix(prefix)?.trim_end_matches(".png").parse().ok()?;
                Some((step, name))
            })
            .collect();
        names.sort();
        names.into_iter().map(|(_, name)| name).collect()
    };
    let journal = weights::read_file(&folder.journal(), journal::MAX_BYTES).unwrap_or_default();
    let journal = String::from_utf8_lossy(&journal);
    let lines = || journal.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // Where it is, and not how the session ended, if the journal says so.
    let last = lines().find(|line| line["event"] == "progress").or_else(|| lines().next());
    let samples = folder.path().join("samples");
    Ok(without_nulls(json!({
        "run": folder.path().to_string_lossy(),
        "name": config.name,
        "config_hash": folder.hash()?,
        "steps": config.train.steps,
        "classes": Some(&config.classes).filter(|names| !names.is_empty()),
        "last": last,
        "checkpoints": checkpoints(folder, &config)?,
        "pictures": names(&samples, "step-"),
        "model": Some(folder.model()).filter(|path| path.is_file()).map(|path| path.to_string_lossy().into_owned()),
        "origin": config.origin,
        "history": history::read(folder)?,
    })))
}
