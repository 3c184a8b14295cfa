//! Where a run keeps its files.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::digest;
use crate::error::{Context, Result, anyhow, bail, not_found, usage};
use crate::hint::quoted;
use crate::lock::Lock;

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes and takes the folder of a new run: `out`, or the first free `runs/NAME-N`.
    ///
    /// Until it has a configuration, [`ebm_files::abandon`] removes it, unless it was there before.
    ///
    /// # Errors
    /// If it holds a run already, is another trainer's, or cannot be made or written to.
    pub fn create(out: Option<&Path>, name: &str) -> Result<(Self, Lock)> {
        let is_name = !name.is_empty()
            && !name.starts_with('.')
            && !name.chars().any(|c| c.is_control() || std::path::is_separator(c));
        if out.is_none() && !is_name {
            bail!(usage(anyhow!("name = {name:?}: expected the name of a folder, without separators")));
        }
        let run = Self(match out {
            Some(out) => out.to_owned(),
            None => free(Path::new("runs"), name)?,
        });
        run.vacant()?;
        if out.is_some() {
            made(&run.0).with_context(|| unwritable(&run.0))?;
        }
        let lock = run.take().and_then(|lock| run.vacant().map(|()| lock));
        // Another one may have been here in between, whose folder it is.
        let lock = lock.inspect_err(|_| ebm_files::keep(&run.0))?;
        Ok((run, lock))
    }

    /// Takes the folder for a trainer, and clears away what a dead one was about to write; what cannot be removed is
    /// a [warning](ebm_files::on_warning).
    ///
    /// # Errors
    /// If another trainer has it, or it cannot be written to.
    pub fn take(&self) -> Result<Lock> {
        let lock = Lock::take(&self.0)?;
        for folder in [self.0.clone(), self.samples()] {
            // What cannot be removed is in nobody's way.
            ebm_files::clear(&folder).unwrap_or_else(|error| ebm_files::warn(&error));
        }
        Ok(lock)
    }

    /// Finds out, by doing it, whether `bytes` can be written here.
    ///
    /// # Errors
    /// If they cannot.
    pub fn probe(&self, bytes: u64) -> Result<()> {
        static BLOCK: [u8; 1 << 16] = [0; 1 << 16];
        let write = || -> Result<()> {
            // Dropped without being committed, it is removed.
            let mut draft = ebm_files::Draft::of(&self.0.join("room"))?;
            for _ in 0..bytes.div_ceil(BLOCK.len() as u64) {
                draft.write_all(&BLOCK)?;
            }
            Ok(draft.sync()?)
        };
        // Without the name of the draft, which nobody asked for.
        write().map_err(|error| {
            let (folder, cause) = (self.0.display(), error.root_cause());
            anyhow!("could not write the {bytes} bytes of a checkpoint to {folder}: {cause}")
        })
    }

    /// # Errors
    /// If there is a run in the folder.
    fn vacant(&self) -> Result<()> {
        if !self.config().exists() {
            return Ok(());
        }
        let path = self.0.display();
        bail!(usage(anyhow!(
            "{path} holds a run already; `ebm train --resume {}` goes on with it, another --out keeps it",
            quoted(&self.0)
        )));
    }

    /// The folder of a run that exists.
    ///
    /// # Errors
    /// If there is no run in it.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self(path.to_owned());
        if !run.config().is_file() {
            bail!(not_found(anyhow!("{} is no run: it has no config.toml", path.display())));
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

    /// The text of the configuration.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config_text(&self) -> Result<String> {
        let path = self.config();
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
    }

    /// Writes the configuration, whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_config(&self, text: &str) -> Result<()> {
        ebm_files::write_bytes(&self.config(), text.as_bytes())?;
        ebm_files::keep(&self.0);
        Ok(())
    }

    /// SHA-256 of the configuration, as it is written: what its checkpoints are known by.
    ///
    /// Of the text, so that a program which knows more settings, each with what it was before there was such a
    /// thing, goes on with the run.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn hash(&self) -> Result<String> {
        let path = self.config();
        let text = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        Ok(digest::of(text))
    }

    /// What was changed after the run began, a line of JSON each.
    pub fn history(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }

    /// What a sample is.
    pub fn content(&self) -> PathBuf {
        self.0.join("content.toml")
    }

    /// The fingerprint of the data.
    pub fn data(&self) -> PathBuf {
        self.0.join("data.json")
    }

    /// What happened, a line of JSON each.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// Folder of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// Folder of the pictures.
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples")
    }

    /// The picture of samples after `step` steps.
    pub fn picture(&self, step: u64) -> PathBuf {
        self.samples().join(format!("step-{step}.png"))
    }

    /// The way of a few samples from noise.
    pub fn film(&self) -> PathBuf {
        self.samples().join("film.json")
    }

    /// What evaluations came to, a line of JSON each.
    pub fn evaluations(&self) -> PathBuf {
        self.0.join("evaluations.jsonl")
    }

    /// The run's page.
    pub fn page(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The trained network.
    pub fn model(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }
}

/// The first `folder/NAME-N` that was not there, and is there now: of two programs that look for one, each gets its
/// own.
fn free(folder: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| unwritable(folder))?;
    for n in 1u32.. {
        let path = folder.join(format!("{name}-{n}"));
        match ebm_files::make_folder(&path) {
            Ok(true) => return Ok(path),
            Ok(false) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| unwritable(&path)),
        }
    }
    bail!("no free name in {}", folder.display())
}

/// Makes a folder and those in which it lies, where they are not there.
fn made(folder: &Path) -> std::io::Result<()> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    ebm_files::make_folder(folder).map(drop)
}

fn unwritable(folder: &Path) -> String {
    format!("could not write to the folder {}", folder.display())
}
