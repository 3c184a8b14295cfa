//! `ebm inspect`: what is in a run's folder or a model file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use ebm_model::weights;
use ebm_run::card::ModelCard;
use ebm_run::config::Config;
use ebm_run::folder::RunFolder;
use serde_json::{Value, json};

/// Most bytes of a journal whose last line is looked for.
const MAX_JOURNAL: u64 = 1 << 28;

/// `ebm inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A run's folder, or a model.safetensors.
    path: PathBuf,
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
        let Self { path, json } = self;
        let found = if path.is_file() { model(&path)? } else { run(&RunFolder::open(&path)?)? };
        if json {
            tell!("{found}");
        } else {
            tell!("{}", toml::to_string(&found)?.trim_end());
        }
        Ok(())
    }
}

fn model(path: &Path) -> Result<Value> {
    let (card, tensors) = ModelCard::read(path)?;
    let parameters: usize = tensors.values().map(burn::tensor::TensorData::num_elements).sum();
    let shapes: serde_json::Map<String, Value> =
        tensors.iter().map(|(name, data)| (name.clone(), json!(data.shape().as_slice()))).collect();
    Ok(
        json!({"parameters": parameters, "card": without_nulls(serde_json::to_value(card)?), "tensors": shapes}),
    )
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
    let journal = weights::read_file(&folder.journal(), MAX_JOURNAL).unwrap_or_default();
    let last = String::from_utf8_lossy(&journal)
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str::<Value>(line).ok());
    let samples = folder.path().join("samples");
    Ok(without_nulls(json!({
        "run": folder.path(),
        "name": config.name,
        "config_hash": folder.hash()?,
        "steps": config.train.steps,
        "last": last,
        "checkpoints": names(&folder.checkpoints(), "step-"),
        "pictures": names(&samples, "step-"),
        "model": Some(folder.model()).filter(|path| path.is_file()),
    })))
}

/// The value without what is null, which TOML cannot say.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
