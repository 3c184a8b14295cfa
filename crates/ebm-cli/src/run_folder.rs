//! Where a run keeps its files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::usage::usage;

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder of a new run: `out`, or the first free `runs/NAME-N`.
    ///
    /// # Errors
    /// If it holds a run already or cannot be made or written to.
    pub fn create(out: Option<&Path>, name: &str) -> Result<Self> {
        let folder = match out {
            Some(out) => out.to_owned(),
            None => {
                let candidate = |n: u32| Path::new("runs").join(format!("{name}-{n}"));
                (1..).map(candidate).find(|path| !path.exists()).context("no free name in runs")?
            }
        };
        let run = Self(folder);
        if run.config().exists() {
            let path = run.0.display();
            bail!(usage(anyhow!(
                "{path} holds a run already; `--resume {path}` goes on with it, another --out keeps it"
            )));
        }
        let made =
            fs::create_dir_all(&run.0).and_then(|()| tempfile::NamedTempFile::new_in(&run.0).map(drop));
        made.with_context(|| format!("could not write to the folder {}", run.0.display()))?;
        Ok(run)
    }

    /// The folder of a run that exists.
    ///
    /// # Errors
    /// If there is no run in it.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self(path.to_owned());
        if !run.config().is_file() {
            bail!(usage(anyhow!("{} is no run: it has no config.toml", path.display())));
        }
        Ok(run)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// What happened, a line of JSON each.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// Folder of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// The picture of samples after `step` steps.
    pub fn picture(&self, step: u64) -> PathBuf {
        self.0.join("samples").join(format!("step-{step}.png"))
    }

    /// The trained network.
    pub fn model(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }
}
