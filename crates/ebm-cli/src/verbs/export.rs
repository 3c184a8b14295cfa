//! `ebm export RUN --to DIR`: a network for PyTorch; `--to tensorboard`: the journal for TensorBoard.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::Args;
use ebm_run::export;
use ebm_run::export::tensorboard::{self, EventFile};
use ebm_run::folder::RunFolder;
use ebm_run::hint::quoted;
use ebm_run::model::model;
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::columns::counted;
use crate::terminal::say;
use crate::terminal::usage::usage;

/// The word that is no folder.
const TENSORBOARD: &str = "tensorboard";

/// `ebm export`.
#[derive(Debug, Args)]
pub struct Export {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The checkpoint, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// Where network.py, config.json and weights.safetensors go; or `tensorboard`, which writes the run's journal as
    /// an event file.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The folder of the event file [default: RUN/tensorboard].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Export {
    /// Writes the module and its weights, or the event file.
    ///
    /// # Errors
    /// Those of [`export::export`] and [`tensorboard::export`], or if there is no network to write.
    pub fn run(self) -> Result<()> {
        if self.to == Path::new(TENSORBOARD) {
            return self.event_file();
        }
        let Self { run, step, to, out, json } = self;
        if let Some(out) = out {
            bail!(usage(anyhow!("--out {} is for --to {TENSORBOARD}; --to names the folder", quoted(out))));
        }
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

    fn event_file(self) -> Result<()> {
        if self.step.is_some() {
            bail!(usage(anyhow!("--to {TENSORBOARD} writes the whole journal, and takes no --step")));
        }
        let run = RunFolder::open(&self.run)?;
        let folder = self.out.unwrap_or_else(|| run.path().join(TENSORBOARD));
        let EventFile { path, steps, tags } = tensorboard::export(&run, &folder)?;
        let (file, logdir) = (path.display(), quoted(&folder));
        if self.json {
            tell!(
                "{}",
                json!({"event": "done", "file": path.to_string_lossy(), "steps": steps, "tags": tags})
            );
        } else {
            let steps = counted(steps, "step");
            tell!("{steps} of {}: {file}\ntensorboard --logdir {logdir}", tags.join(", "));
        }
        Ok(())
    }
}
