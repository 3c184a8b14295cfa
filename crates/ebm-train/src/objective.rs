//! What is minimised.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::Health;

/// What an objective remembers from one step to the next, by name: batches of rows, on the device.
pub type Memory = BTreeMap<String, Tensor<2>>;

/// A loss of a model on a batch.
///
/// Most are functions of model, batch and noise. One that has a state of its own, as a replay buffer, gives
/// it away as [`memory`](Self::memory), so that it is in the run's state and on disk, and takes it back by
/// [`recall`](Self::recall): then a run resumed at any step is the run that was not.
pub trait Objective<M> {
    /// The loss, `[1]`, on `data`, `[batch, dim]`; all its randomness comes from `noise`.
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1>;

    /// All that the next loss depends on besides model, batch and noise: plain tensors, which are 32-bit
    /// floats on disk.
    ///
    /// Asked after every step, so it hands out tensors and does not copy them.
    fn memory(&self) -> Memory {
        Memory::new()
    }

    /// Takes back what [`memory`](Self::memory) gave.
    ///
    /// # Errors
    /// A text that lists what is missing, too many, or of another shape; nothing is then taken.
    fn recall(&mut self, memory: Memory) -> Result<(), String> {
        if memory.is_empty() { Ok(()) } else { Err(unknown(memory.keys()).join("; ")) }
    }

    /// Whether what it remembers goes with data of `dim` columns; asked before each loss.
    ///
    /// # Errors
    /// A text that says what does not.
    fn fits(&self, _dim: usize) -> Result<(), String> {
        Ok(())
    }

    /// Becomes again what it was before its first loss: what remembers something has to say how.
    fn forget(&mut self) {}

    /// How its sampler did in the last loss, if it has one.
    fn health(&self) -> Option<&Health> {
        None
    }
}

impl<M, O: Objective<M> + ?Sized> Objective<M> for Box<O> {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        (**self).loss(model, data, noise)
    }

    fn memory(&self) -> Memory {
        (**self).memory()
    }

    fn recall(&mut self, memory: Memory) -> Result<(), String> {
        (**self).recall(memory)
    }

    fn fits(&self, dim: usize) -> Result<(), String> {
        (**self).fits(dim)
    }

    fn forget(&mut self) {
        (**self).forget();
    }

    fn health(&self) -> Option<&Health> {
        (**self).health()
    }
}

/// One complaint for each name that an objective does not know.
pub(crate) fn unknown<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.map(|name| format!("{name} is unknown")).collect()
}
