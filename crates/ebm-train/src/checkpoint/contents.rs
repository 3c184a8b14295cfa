//! The bytes that a state is on disk, and between ranks.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_model::weights::{self, NamedTensors};
use sha2::{Digest, Sha256};

use crate::trainer::nonfinite::unsound;
use crate::{Divergence, Memory, TrainError, TrainState};

pub(super) const WEIGHTS: &str = "weights.safetensors";
pub(super) const OPTIMIZER: &str = "optimizer.safetensors";
pub(super) const OBJECTIVE: &str = "objective.safetensors";
/// The name of the running loss among the tensors of the optimizer.
pub(super) const LOSS: &str = "loss";

/// The files of a state by name, without the manifest.
///
/// # Errors
/// [`TrainError::Diverged`] if a step was not sound, a number is not finite, or a weight has no finite square;
/// [`TrainError::Memory`] if some of what it remembers is on other ranks.
pub(super) fn files<M: Module>(state: &TrainState<M>) -> Result<Vec<(&'static str, Vec<u8>)>, TrainError> {
    state.check()?;
    if state.is_partial {
        let reason = "what other ranks remember was not gathered after this step".into();
        return Err(TrainError::Memory { reason });
    }
    let model = state.model().valid();
    let model_weights = weights::collect(&model);
    if let Some(reason) = unsound(&model_weights, state.last_rate) {
        return Err(TrainError::Diverged { step: state.step, reason });
    }
    let mut optimizer = state.optimizer.to_tensors(&model);
    if let Some(running) = &state.running {
        optimizer.insert(LOSS.into(), running.clone().into_data());
    }
    let mut parts = vec![(WEIGHTS, model_weights), (OPTIMIZER, optimizer)];
    if !state.memory.is_empty() {
        parts.push((OBJECTIVE, on_host(&state.memory)));
    }
    let mut files = Vec::new();
    for (file, tensors) in &parts {
        if let Some(tensor) = not_finite(tensors) {
            let reason = Divergence::State { tensor };
            return Err(TrainError::Diverged { step: state.step, reason });
        }
        files.push((*file, bytes(file, tensors)?));
    }
    Ok(files)
}

/// The tensors as a memory on `device`, or which of them does not have two dimensions.
pub(super) fn rows(tensors: NamedTensors, device: &Device) -> Result<Memory, String> {
    let row = |(name, data): (String, TensorData)| match data.shape().as_slice() {
        [_, _] => Ok((name, Tensor::from_data(data, device))),
        shape => Err(format!("{name} has shape {shape:?}, expected two dimensions")),
    };
    tensors.into_iter().map(row).collect()
}

impl<M: Module> TrainState<M> {
    /// SHA-256 of everything that a checkpoint of this state has besides its manifest: weights, moments, averages,
    /// running loss, and what the objective remembers.
    ///
    /// # Errors
    /// As [`Checkpoints::save`](crate::Checkpoints::save).
    pub fn digest(&self) -> Result<String, TrainError> {
        let mut hash = Sha256::new();
        files(self)?.iter().for_each(|(_, bytes)| hash.update(bytes));
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What is remembered, as bytes; none if that is nothing.
    pub(crate) fn memory_bytes(&self) -> Result<Vec<u8>, TrainError> {
        if self.memory.is_empty() { Ok(Vec::new()) } else { bytes(OBJECTIVE, &on_host(&self.memory)) }
    }

    /// Adds what another rank remembers to the memory.
    pub(crate) fn remember(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        let device = self.model().devices().into_iter().next().map(|device| device.inner());
        let (Some(device), false) = (device, bytes.is_empty()) else { return Ok(()) };
        let of_rank = weights::from_bytes(bytes).map_err(|error| error.to_string());
        let of_rank = of_rank.and_then(|(tensors, _)| rows(tensors, &device));
        self.memory.extend(of_rank.map_err(|reason| TrainError::Memory { reason })?);
        Ok(())
    }
}

/// The memory as 32-bit floats on the host.
fn on_host(memory: &Memory) -> NamedTensors {
    let floats = |rows: &Tensor<2>| rows.clone().into_data().convert_dtype(DType::F32);
    memory.iter().map(|(name, rows)| (name.clone(), floats(rows))).collect()
}

fn bytes(file: &str, tensors: &NamedTensors) -> Result<Vec<u8>, TrainError> {
    let broken = |reason: String| TrainError::Checkpoint { path: file.into(), reason };
    weights::to_bytes(tensors, "").map_err(|error| broken(error.to_string()))
}

/// The name of the first tensor with an entry that is not finite.
fn not_finite(tensors: &NamedTensors) -> Option<String> {
    let sound = |data: &TensorData| data.iter::<f32>().all(f32::is_finite);
    tensors.iter().find(|(_, data)| !sound(data)).map(|(name, _)| name.clone())
}
