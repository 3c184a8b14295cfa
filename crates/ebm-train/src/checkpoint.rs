//! A run on disk, whole or not at all.
//!
//! A checkpoint is a folder `step-N` with `weights.safetensors`, `optimizer.safetensors` and
//! `manifest.json`, which names the run, the step, the noise, and the SHA-256 of the other files and of
//! itself. It is written beside, flushed, and renamed as one.

mod folder;
mod manifest;

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use ebm_model::weights::{self, NamedTensors};

use crate::{Optimizer, TrainError, TrainState};
use folder::{read, write_folder};
use manifest::Manifest;

const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const MANIFEST: &str = "manifest.json";
/// The running loss among the tensors of the optimiser.
const LOSS: &str = "loss";

/// The checkpoints of one run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    config_hash: String,
    keep: usize,
}

/// What was found on disk.
#[derive(Debug)]
pub struct Restored<M> {
    /// Where the run is.
    pub state: TrainState<M>,
    /// The checkpoint it came from.
    pub path: PathBuf,
    /// Later checkpoints that could not be used, each with its reason.
    pub refused: Vec<String>,
}

impl Checkpoints {
    /// Checkpoints in `folder`, of the run whose configuration has the hash `config_hash`; the last `keep`
    /// stay, at least one.
    pub fn new(folder: PathBuf, config_hash: String, keep: usize) -> Self {
        Self { folder, config_hash, keep: keep.max(1) }
    }

    /// Writes `step-N` and removes what is older than the last few; the path of what was written.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if the running loss is no number, [`TrainError::Io`] if the disk refuses;
    /// earlier checkpoints are then untouched.
    pub fn save<M: Module>(&self, state: &TrainState<M>) -> Result<PathBuf, TrainError> {
        let loss = state.loss();
        if 0 < state.step && !loss.is_finite() {
            return Err(TrainError::NotFinite { step: state.step, loss });
        }
        let model = state.model().valid();
        let mut memory = state.optimizer.to_tensors(&model);
        if let Some(running) = &state.running {
            memory.insert(LOSS.into(), running.clone().into_data());
        }
        let bytes = |tensors: &NamedTensors, path: &str| {
            weights::to_bytes(tensors, "").map_err(|error| self.broken(path, &error.to_string()))
        };
        let mut files = vec![
            (WEIGHTS, bytes(&weights::collect(&model), WEIGHTS)?),
            (OPTIMIZER, bytes(&memory, OPTIMIZER)?),
        ];
        let manifest = Manifest::new(state.step, &self.config_hash, &state.noise, &files);
        files.push((MANIFEST, manifest.to_bytes()));
        let path = write_folder(&self.folder, &name(state.step), &files)?;
        self.forget(state.step);
        Ok(path)
    }

    /// The state of the latest checkpoint that is whole and of this run; `model` gives the network its shape
    /// and device.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] with the reason for each checkpoint that was there,
    /// [`TrainError::Io`] if the folder cannot be read.
    pub fn latest<M: Module>(&self, model: &M) -> Result<Restored<M>, TrainError> {
        let mut refused = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            let path = self.folder.join(name(step));
            match self.load(&path, model) {
                Ok(state) => return Ok(Restored { state, path, refused }),
                Err(error) => refused.push(error.to_string()),
            }
        }
        Err(TrainError::NoCheckpoint { path: self.folder.clone(), refused })
    }

    fn load<M: Module>(&self, path: &Path, model: &M) -> Result<TrainState<M>, TrainError> {
        let manifest = Manifest::from_bytes(&read(&path.join(MANIFEST))?)
            .map_err(|reason| self.broken_at(&path.join(MANIFEST), reason))?;
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
        let mut memory = tensors(OPTIMIZER)?;
        let device = model.devices().into_iter().next();
        let running = memory.remove(LOSS).zip(device).map(|(data, device)| scalar(data, &device.inner()));
        let optimizer = Optimizer::from_tensors(&model, memory)
            .map_err(|reason| self.broken_at(&path.join(OPTIMIZER), reason))?;
        Ok(TrainState::restore(model, optimizer, manifest.step, running, manifest.noise))
    }

    /// The steps of the checkpoints in the folder, in order; none if there is no folder.
    fn steps(&self) -> Result<Vec<u64>, TrainError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(TrainError::Io { action: "read", path: self.folder.clone(), source }),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut steps: Vec<u64> = names.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Removes all but the last few checkpoints up to `step`. What cannot be removed does no harm.
    fn forget(&self, step: u64) {
        let steps: Vec<u64> =
            self.steps().unwrap_or_default().into_iter().filter(|&other| other <= step).collect();
        for old in &steps[..steps.len().saturating_sub(self.keep)] {
            let _ = std::fs::remove_dir_all(self.folder.join(name(*old)));
        }
    }

    fn broken(&self, file: &str, reason: &str) -> TrainError {
        self.broken_at(&self.folder.join(file), reason.into())
    }

    fn broken_at(&self, path: &Path, reason: String) -> TrainError {
        TrainError::Checkpoint { path: path.to_owned(), reason }
    }
}

fn name(step: u64) -> String {
    format!("step-{step}")
}

fn scalar(data: TensorData, device: &burn::tensor::Device) -> Tensor<1> {
    Tensor::from_data(data, device)
}
