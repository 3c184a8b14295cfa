//! `ebm export RUN --to DIR`: a network for PyTorch.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ebm_run::export;
use ebm_run::model::model;
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::say;

/// `ebm export`.
#[derive(Debug, Args)]
pub struct Export {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The checkpoint, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// Where network.py, config.json and weights.safetensors go.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Export {
    /// Writes the module and its weights.
    ///
    /// # Errors
    /// Those of [`export::export`], or if there is no network to write.
    pub fn run(self) -> Result<()> {
        let Self { run, step, to, json } = self;
        let (card, network) = model(&run, step, &Backend::host().device()?, &say)?;
        export::export(&card, &network, &to)?;
        let folder = to.to_string_lossy();
        if json {
            tell!("{}", json!({"event": "done", "folder": folder, "step": card.step}));
        } else {
            tell!("{folder}/network.py loads {folder}/weights.safetensors: load().score(y, sigma)");
        }
        Ok(())
    }
}
