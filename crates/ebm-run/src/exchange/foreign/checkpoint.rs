//! The state dictionaries of a checkpoint.

use std::path::Path;

use ebm_data::files::pickle::Id;
use ebm_model::weights::NamedTensors;

use super::archive::Archive;
use super::pickle::{Torch, Value};
use crate::error::{Context, Result, bail, ensure};

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
/// averages; or a dictionary with one under a usual key, which may have the averages under `ema`, as another or as the
/// list of all that is trained.
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
        self.averages().is_some() || self.shadow().is_some()
    }

    /// Steps of training, where the fourth of a list or the `step` of a dictionary says them.
    pub fn step(&self) -> Option<u64> {
        let pickle = &self.archive.pickle;
        let step = match pickle.value(pickle.root()) {
            Value::List(items) => *items.get(3)?,
            _ => self.under("step")?,
        };
        match pickle.value(step) {
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
            found.extend(match (self.averages(), self.shadow()) {
                (Some(averages), _) => self.tensors(averages)?,
                (None, Some(shadow)) => self.named(raw, shadow)?,
                (None, None) => bail!("it has no averages of the weights"),
            });
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

    /// The averages of yang-song/score_sde_pytorch, a list without names.
    fn shadow(&self) -> Option<&[Id]> {
        let pickle = &self.archive.pickle;
        match pickle.value(pickle.under(self.under("ema")?, "shadow_params")?) {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The tensors of a list that has one for each that is trained of the state dictionary `raw`, in its order, under
    /// their names.
    fn named(&self, raw: Id, shadow: &[Id]) -> Result<NamedTensors> {
        let pickle = &self.archive.pickle;
        let tensor = |id: Id| match pickle.value(id) {
            Value::Object(Torch::Tensor(tensor)) => Some(tensor),
            _ => None,
        };
        let names = self.names(raw).unwrap_or_default().into_iter();
        let trained = names.filter_map(|(name, id)| Some((name, tensor(id)?)));
        let trained: Vec<_> = trained.filter(|(name, tensor)| is_trained(name, &tensor.shape)).collect();
        let (n, averages) = (trained.len(), shadow.len());
        ensure!(
            n == averages,
            "it has averages of {averages} weights, expected {n}, all that are trained; --weights raw takes the \
             weights themselves"
        );
        let mut found = NamedTensors::new();
        for ((name, weight), average) in trained.into_iter().zip(shadow) {
            let average = tensor(*average).with_context(|| format!("the average of {name} is no tensor"))?;
            let (shape, expected) = (&average.shape, &weight.shape);
            ensure!(shape == expected, "the average of {name} has shape {shape:?}, expected {expected:?}");
            let data = self.archive.tensor(average).with_context(|| format!("the average of {name}"))?;
            found.insert(plain(name).to_owned(), data);
        }
        Ok(found)
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
            found.insert(plain(name).to_owned(), data);
        }
        Ok(found)
    }
}

/// A name without what data-parallel training puts before it.
fn plain(name: &str) -> &str {
    name.strip_prefix(PARALLEL).unwrap_or(name)
}

/// Whether a tensor of a state dictionary is trained: noise levels and the frequencies of Fourier features are not.
fn is_trained(name: &str, shape: &[usize]) -> bool {
    let name = plain(name);
    name != "sigmas" && !(name.ends_with(".W") && shape.len() == 1)
}
