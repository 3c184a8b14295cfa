//! The state dictionaries of a checkpoint.

use std::path::Path;

use ebm_data::files::pickle::Id;
use ebm_model::weights::NamedTensors;

use super::archive::Archive;
use super::pickle::{Torch, Value};
use crate::error::{Context, Result, bail};

/// Most tensors of a state dictionary.
const MAX_TENSORS: usize = 10_000;

/// What data-parallel training puts before every name.
const PARALLEL: &str = "module.";

/// Keys under which state dictionaries are found in a dictionary of more.
const KEYS: [&str; 5] = ["state_dict", "model_state_dict", "model", "net", "params"];

/// Which weights of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those that were trained.
    Raw,
    /// Their moving average.
    Averaged,
}

/// A file that `torch.save` wrote, of which weights are read and nothing is called.
///
/// It is a state dictionary; a list that begins with one, as those of Song and Ermon, and may end in one of the
/// averages; or a dictionary with one under a usual key.
#[derive(Debug)]
pub struct Checkpoint {
    archive: Archive,
}

impl Checkpoint {
    /// Opens a file and reads what it describes, but no numbers.
    ///
    /// # Errors
    /// If it is no file of PyTorch, is damaged, or asks for anything to be called.
    pub fn open(path: &Path) -> Result<Self> {
        let archive = Archive::open(path).with_context(|| format!("{} cannot be used", path.display()))?;
        Ok(Self { archive })
    }

    /// Whether the file has averages of the weights.
    pub fn has_averages(&self) -> bool {
        self.averages().is_some()
    }

    /// Steps of training, where a list says them.
    pub fn step(&self) -> Option<u64> {
        let pickle = &self.archive.pickle;
        let Value::List(items) = pickle.value(pickle.root()) else { return None };
        match pickle.value(*items.get(3)?) {
            Value::Int(step) => u64::try_from(*step).ok(),
            _ => None,
        }
    }

    /// The weights by their names, without what data-parallel training puts before them.
    ///
    /// Averages are of parameters only; what else the state dictionary has is taken from there.
    ///
    /// # Errors
    /// If there are none, or their numbers cannot be read.
    pub fn weights(&self, which: Weights) -> Result<NamedTensors> {
        let Some(raw) = self.raw() else {
            bail!(
                "it has no state dictionary: names of tensors at its top, first in a list, or under {KEYS:?}"
            );
        };
        let mut found = self.tensors(raw)?;
        if which == Weights::Averaged {
            found.extend(self.tensors(self.averages().context("it has no averages of the weights")?)?);
        }
        Ok(found)
    }

    fn raw(&self) -> Option<Id> {
        let pickle = &self.archive.pickle;
        let has_tensors = |id: &Id| self.names(*id).is_some();
        if let Value::List(items) | Value::Tuple(items) = pickle.value(pickle.root()) {
            return items.first().copied().filter(has_tensors);
        }
        let under = |key| self.under(key).filter(has_tensors);
        Some(pickle.root()).filter(has_tensors).or_else(|| KEYS.into_iter().find_map(under))
    }

    fn averages(&self) -> Option<Id> {
        let pickle = &self.archive.pickle;
        let has_tensors = |id: &Id| self.names(*id).is_some();
        match pickle.value(pickle.root()) {
            Value::List(items) if 2 < items.len() => items.last().copied().filter(has_tensors),
            _ => self.under("ema").filter(has_tensors),
        }
    }

    fn under(&self, key: &str) -> Option<Id> {
        self.archive.pickle.under(self.archive.pickle.root(), key)
    }

    /// The names and the places of the tensors of a dictionary that has nothing else.
    fn names(&self, id: Id) -> Option<Vec<(&str, Id)>> {
        let pickle = &self.archive.pickle;
        let entries: Vec<_> = pickle.entries(id)?.collect();
        let is_tensor = |(_, id): &(&str, Id)| matches!(pickle.value(*id), Value::Object(Torch::Tensor(_)));
        ((1..=MAX_TENSORS).contains(&entries.len()) && entries.iter().all(is_tensor)).then_some(entries)
    }

    fn tensors(&self, id: Id) -> Result<NamedTensors> {
        let mut found = NamedTensors::new();
        for (name, id) in self.names(id).unwrap_or_default() {
            let Value::Object(Torch::Tensor(tensor)) = self.archive.pickle.value(id) else { continue };
            let data = self.archive.tensor(tensor).with_context(|| name.to_owned())?;
            found.insert(name.strip_prefix(PARALLEL).unwrap_or(name).to_owned(), data);
        }
        Ok(found)
    }
}
