//! Checkpoints, each complete or absent.
//!
//! A checkpoint is a folder `step-N` with `weights.safetensors`, `optimizer.safetensors`, `objective.safetensors` if
//! the objective remembers something, and `manifest.json`, which holds the run, the step, the noise, the retreats, and
//! the SHA-256 of the other files and of itself. It is written to a hidden folder, flushed, and renamed. The last few
//! checkpoints are kept, and the best ones: those with the smallest running loss.
//!
//! No checkpoint holds a state that has diverged: [`Checkpoints::save`] checks that every step so far was sound, and
//! that every number it writes is finite.

mod contents;
mod folder;
#[cfg(test)]
mod forged;
mod manifest;

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::weights::{self, NamedTensors};

use crate::trainer::state::Skips;
use crate::{Optimizer, TrainError, TrainState};
use contents::{LOSS, OBJECTIVE, OPTIMIZER, WEIGHTS, rows};
use folder::{name, read, recover, remove_folder, step_of, write_folder};
use manifest::Manifest;

const MANIFEST: &str = "manifest.json";
/// Steps after which the running loss is an average over about as many; before, it depends on the first batch.
const AVERAGED: u64 = 50;

/// The checkpoints of one run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    config_hash: String,
    keep: usize,
    keep_best: usize,
}

/// A checkpoint in a list of those that there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// Steps done.
    pub step: u64,
    /// The running loss, if the checkpoint has one.
    pub loss: Option<f32>,
    /// Whether its running loss is the smallest of those that average over enough steps.
    pub is_best: bool,
}

/// A state read from a checkpoint.
#[derive(Debug)]
pub struct Restored<M> {
    /// The state.
    pub state: TrainState<M>,
    /// The checkpoint that it was read from.
    pub path: PathBuf,
    /// Checkpoints that come first but could not be used, each with its reason.
    pub refused: Vec<String>,
}

impl Checkpoints {
    /// Checkpoints in `folder`, of the run whose configuration has the hash `config_hash`; the last `keep` are kept, at
    /// least one.
    pub fn new(folder: PathBuf, config_hash: String, keep: usize) -> Self {
        Self { folder, config_hash, keep: keep.max(1), keep_best: 0 }
    }

    /// Keeps, besides the last few, the `n` checkpoints with the smallest running loss, from step 50 on.
    ///
    /// Useful where the loss measures how good the model is; that of contrastive divergence does not.
    pub fn with_best(self, n: usize) -> Self {
        Self { keep_best: n, ..self }
    }

    /// Writes `step-N`, removes checkpoints that are neither among the last few nor among the best, and returns the path
    /// of the new one.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a step was not sound, a number is not finite, or a weight has no finite square;
    /// [`TrainError::Memory`] if some of what the state remembers is on other ranks; [`TrainError::Io`] if the disk
    /// refuses. Earlier checkpoints are then untouched.
    pub fn save<M: Module>(&self, state: &TrainState<M>) -> Result<PathBuf, TrainError> {
        let mut files = contents::files(state)?;
        let manifest = Manifest::new(state, &self.config_hash, &files);
        files.push((MANIFEST, manifest.to_bytes()));
        let path = write_folder(&self.folder, &name(state.step), &files)?;
        self.prune(state.step);
        Ok(path)
    }

    /// Completes or undoes what a process was doing when it died while writing or removing a checkpoint. Partial
    /// checkpoints are removed, and complete ones are not lost. Only for the one process that writes to this folder.
    ///
    /// What cannot be removed, and what is called like a checkpoint and is none, is a [warning](ebm_files::on_warning).
    ///
    /// # Errors
    /// [`TrainError::Io`] if the folder cannot be read, or a checkpoint not restored.
    pub fn recover(&self) -> Result<(), TrainError> {
        recover(&self.folder)?;
        let strays = self.strays()?;
        if !strays.is_empty() {
            let reason = format!("left alone, for they are no checkpoints: {}", strays.join(", "));
            ebm_files::warn(&self.broken_at(&self.folder, reason));
        }
        Ok(())
    }

    /// The state of the latest checkpoint that is complete and of this run; `model` determines the shape and device of
    /// the network.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] with the reason for each checkpoint that was found,
    /// [`TrainError::Io`] if the folder cannot be read.
    pub fn latest<M: Module>(&self, model: &M) -> Result<Restored<M>, TrainError> {
        self.first_of(self.steps()?.into_iter().rev(), model)
    }

    /// The same for the checkpoint with the smallest running loss.
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub fn best<M: Module>(&self, model: &M) -> Result<Restored<M>, TrainError> {
        self.first_of(self.ranked(&self.steps()?).into_iter(), model)
    }

    /// The state of the checkpoint of this step.
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub fn at<M: Module>(&self, step: u64, model: &M) -> Result<Restored<M>, TrainError> {
        self.first_of(std::iter::once(step), model)
    }

    /// The checkpoints that there are, by step; their weights are not read.
    ///
    /// # Errors
    /// [`TrainError::Io`] if the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, TrainError> {
        let steps = self.steps()?;
        let best = self.ranked(&steps).first().copied();
        let loss = |step| self.manifest(&self.folder.join(name(step))).ok()?.loss;
        let listed = |step| Listed { step, loss: loss(step), is_best: best == Some(step) };
        Ok(steps.into_iter().map(listed).collect())
    }

    /// The step whose checkpoint has this name: `step-5`, and neither `step-005` nor `step-+5`.
    pub fn step_of(name: &str) -> Option<u64> {
        step_of(name)
    }

    /// The state of the first of these steps whose checkpoint can be used.
    fn first_of<M: Module>(
        &self,
        steps: impl Iterator<Item = u64>,
        model: &M,
    ) -> Result<Restored<M>, TrainError> {
        let mut refused = Vec::new();
        for step in steps {
            let path = self.folder.join(name(step));
            match self.load(&path, model) {
                Ok(state) => return Ok(Restored { state, path, refused }),
                Err(error) => refused.push(error.to_string()),
            }
        }
        Err(TrainError::NoCheckpoint { path: self.folder.clone(), refused })
    }

    fn load<M: Module>(&self, path: &Path, model: &M) -> Result<TrainState<M>, TrainError> {
        let manifest = self.manifest(path)?;
        if path.file_name().is_none_or(|found| found != name(manifest.step).as_str()) {
            return Err(self.broken_at(path, format!("its manifest is of step {}", manifest.step)));
        }
        if manifest.config_hash != self.config_hash {
            return Err(self.broken_at(path, "it is of a run with another configuration".into()));
        }
        let tensors = |file: &str| -> Result<NamedTensors, TrainError> {
            let (path, bytes) = (path.join(file), read(&path.join(file))?);
            manifest.verify(file, &bytes).map_err(|reason| self.broken_at(&path, reason))?;
            let (tensors, _) =
                weights::from_bytes(&bytes).map_err(|error| self.broken_at(&path, error.to_string()))?;
            Ok(tensors)
        };
        let model = weights::apply(model.clone(), tensors(WEIGHTS)?)
            .map_err(|error| self.broken_at(&path.join(WEIGHTS), error.to_string()))?
            .train();
        let device = model.devices().into_iter().next().map(|device| device.inner());
        let device = device.ok_or_else(|| self.broken_at(path, "a network without parameters".into()))?;
        let mut optimizer = tensors(OPTIMIZER)?;
        let running = optimizer.remove(LOSS);
        if let Some(shape) = running.as_ref().map(|data| data.shape()).filter(|shape| shape.as_slice() != [1])
        {
            let reason = format!("{LOSS} has shape {:?}, expected [1]", shape.as_slice());
            return Err(self.broken_at(&path.join(OPTIMIZER), reason));
        }
        let running = running.map(|data| Tensor::from_data(data, &device));
        let optimizer = Optimizer::from_tensors(&model, optimizer)
            .map_err(|reason| self.broken_at(&path.join(OPTIMIZER), reason))?;
        let memory = if manifest.lists(OBJECTIVE) { tensors(OBJECTIVE)? } else { NamedTensors::new() };
        let memory = rows(memory, &device).map_err(|reason| self.broken_at(&path.join(OBJECTIVE), reason))?;
        let retreats = manifest.retreats();
        let mut state = TrainState::restore(model, optimizer, manifest.step, manifest.noise);
        (state.running, state.memory, state.retreats) = (running, memory, retreats);
        state.skips = Skips { total: manifest.skipped, in_a_row: manifest.skipped_in_a_row, last: None };
        Ok(state)
    }

    fn manifest(&self, checkpoint: &Path) -> Result<Manifest, TrainError> {
        let path = checkpoint.join(MANIFEST);
        Manifest::from_bytes(&read(&path)?).map_err(|reason| self.broken_at(&path, reason))
    }

    /// Those of `steps` whose manifest has a running loss over enough steps, by increasing loss; of equals the later one
    /// first.
    fn ranked(&self, steps: &[u64]) -> Vec<u64> {
        let loss = |step: &u64| {
            let manifest = self.manifest(&self.folder.join(name(*step))).ok()?;
            let averaged = AVERAGED <= manifest.step - manifest.skipped;
            manifest.loss.filter(|_| averaged).map(|loss| (loss, *step))
        };
        let mut ranked: Vec<(f32, u64)> = steps.iter().filter_map(loss).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        ranked.into_iter().map(|(_, step)| step).collect()
    }

    /// The steps of the checkpoints in the folder, in increasing order; none if there is no folder.
    fn steps(&self) -> Result<Vec<u64>, TrainError> {
        let step = |entry: DirEntry| {
            // A link to a folder is one too.
            let step = step_of(entry.file_name().to_str()?)?;
            entry.path().is_dir().then_some(step)
        };
        let mut steps: Vec<u64> = self.entries()?.into_iter().filter_map(step).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// What is called like a checkpoint and is none, such as `step-005`; nobody's work is stopped by it.
    fn strays(&self) -> Result<Vec<String>, TrainError> {
        let stray = |entry: DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_one = step_of(&name).is_some() && entry.path().is_dir();
            (name.starts_with("step-") && !is_one).then_some(name)
        };
        let mut strays: Vec<String> = self.entries()?.into_iter().filter_map(stray).collect();
        strays.sort_unstable();
        Ok(strays)
    }

    fn entries(&self) -> Result<Vec<DirEntry>, TrainError> {
        match std::fs::read_dir(&self.folder) {
            Ok(entries) => Ok(entries.filter_map(Result::ok).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(TrainError::Io { action: "read", path: self.folder.clone(), source }),
        }
    }

    /// Removes what the save of `step` should have removed, for a process that goes on from that checkpoint: the one
    /// before may have died, or failed, in between. Nothing that is needed to go on is removed.
    pub fn tidy<M>(&self, restored: &Restored<M>) {
        self.prune(restored.state.step);
    }

    /// Removes all checkpoints up to `step` except the last few that can be read and the best. Called when that of
    /// `step` is on the disk. Failing to remove one is a warning.
    fn prune(&self, step: u64) {
        let steps: Vec<u64> =
            self.steps().unwrap_or_default().into_iter().filter(|&other| other <= step).collect();
        let is_readable = |step: &&u64| self.manifest(&self.folder.join(name(**step))).is_ok();
        // A damaged one keeps nothing alive, and does not count.
        let Some(oldest) = steps.iter().rev().filter(is_readable).nth(self.keep - 1) else { return };
        let older = &steps[..steps.partition_point(|step| step < oldest)];
        let best = if older.is_empty() || self.keep_best == 0 { Vec::new() } else { self.ranked(&steps) };
        for old in older.iter().filter(|old| !best.iter().take(self.keep_best).any(|best| best == *old)) {
            remove_folder(&self.folder, &name(*old));
        }
    }

    fn broken_at(&self, path: &Path, reason: String) -> TrainError {
        TrainError::Checkpoint { path: path.to_owned(), reason }
    }
}
