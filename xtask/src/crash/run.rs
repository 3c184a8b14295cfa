//! Commands that start and resume a run, and the files that it leaves.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program under test, and what it trains.
pub struct Program {
    /// Path of the program.
    pub ebm: PathBuf,
    /// Preset to train.
    pub preset: String,
    /// Training steps.
    pub steps: u32,
    /// Shards of a batch.
    pub shards: u32,
}

impl Program {
    /// The command that starts a new run.
    pub fn train(&self, steps: u32, run: &Path) -> Command {
        let mut command = Command::new(&self.ebm);
        command.args(["train", &self.preset, "--backend", "flex", "--seed", "5", "--batch-size", "16"]);
        command.args(["--checkpoint-every", "1", "--steps", &steps.to_string(), "--out"]).arg(run);
        let mut set =
            vec!["record.picture_samples=50", "record.journal_every=1", "record.keep_checkpoints=2"];
        if self.preset.ends_with("cd") {
            set.extend(["objective.contrast.sampler_steps=3"]);
        }
        if self.preset.ends_with("pcd") {
            set.extend(["objective.chains.capacity=200"]);
        }
        let shards = format!("train.shards={}", self.shards);
        set.extend((1 < self.shards).then_some(shards.as_str()));
        for set in set {
            command.args(["--set", set]);
        }
        captured(command)
    }

    /// The command that resumes a run.
    pub fn resume(&self, run: &Path) -> Command {
        let mut command = Command::new(&self.ebm);
        command.args(Self::resumption(run));
        captured(command)
    }

    /// The arguments of [`resume`](Self::resume).
    pub fn resumption(run: &Path) -> Vec<OsString> {
        ["train", "--backend", "flex", "--resume"]
            .map(OsString::from)
            .into_iter()
            .chain([run.into()])
            .collect()
    }
}

/// `command` with only its standard error captured.
pub fn captured(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
///
/// # Errors
/// If it cannot be started.
pub fn output(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|e| format!("could not start {}: {e}", command.get_program().display()))
}

/// Runs a command that should succeed, and returns what it wrote to standard error.
///
/// # Errors
/// If it cannot be started or fails.
pub fn succeeds(command: &mut Command) -> Result<String, String> {
    let output = output(command)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{}: {}", output.status, text.trim())) }
}

/// The files of a finished run that are a function of its configuration, by name: those of the last checkpoint, and
/// the model.
///
/// # Errors
/// If one cannot be read.
pub fn results(run: &Path, steps: u32) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    let mut read = |path: PathBuf| -> Result<(), String> {
        let bytes = fs::read(&path).map_err(|e| format!("could not read {}: {e}", path.display()))?;
        files.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes);
        Ok(())
    };
    let last = run.join(format!("checkpoints/step-{steps}"));
    let entries = fs::read_dir(&last).map_err(|e| format!("could not read {}: {e}", last.display()))?;
    entries.filter_map(Result::ok).try_for_each(|entry| read(entry.path()))?;
    read(run.join("model.safetensors"))?;
    Ok(files)
}

/// Names of the temporary files and folders that are left in a run.
pub fn leftovers(run: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in [run.to_owned(), run.join("checkpoints"), run.join("samples")] {
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| name.starts_with('.') && name != ".lock"));
    }
    found
}

/// Whether the program reported that it started anew for lack of a checkpoint.
pub fn restarted(stderr: &str) -> bool {
    stderr.contains("no checkpoint yet")
}

/// Whether the program reported that it skipped a checkpoint.
pub fn skipped_a_checkpoint(stderr: &str) -> bool {
    stderr.contains("not used")
}
