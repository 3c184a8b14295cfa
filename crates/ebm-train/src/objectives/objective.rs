//! The trait of objectives.

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor};
use ebm_ops::Noise;

use crate::{ContrastReport, Shard};

/// Rows of data and, where there are any, their labels and augmentations.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The data, `[batch, dim]`.
    pub rows: Tensor<2>,
    /// The class of each row, `[batch]`.
    pub labels: Option<Tensor<1, Int>>,
    /// What was done to each row that a network is given, `[batch, parameters]`; zero is nothing.
    pub augmentations: Option<Tensor<2>>,
}

/// Rows without labels, to which nothing was done.
impl From<Tensor<2>> for Batch {
    fn from(rows: Tensor<2>) -> Self {
        Self { rows, labels: None, augmentations: None }
    }
}

impl Batch {
    /// The rows of `shard`, with their labels and augmentations.
    #[must_use]
    pub fn part(&self, shard: Shard) -> Self {
        if shard.is_whole() {
            return self.clone();
        }
        let range = shard.rows(self.rows.dims()[0]);
        let (start, n) = (range.start, range.len());
        Self {
            rows: self.rows.clone().narrow(0, start, n),
            labels: self.labels.clone().map(|labels| labels.narrow(0, start, n)),
            augmentations: self.augmentations.clone().map(|augmentations| augmentations.narrow(0, start, n)),
        }
    }
}

/// What an objective remembers between steps: named plain tensors, which checkpoints store as 32-bit floats.
///
/// Empty for most objectives. Names that begin with `shard-` are the trainer's.
pub type Memory = BTreeMap<String, Tensor<2>>;

/// What an objective computes in one step.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The loss, `[1]`, tracked by autodiff.
    pub loss: Tensor<1>,
    /// What the next step starts from.
    pub memory: Memory,
    /// How the sampler inside the objective did, if it has one.
    pub report: Option<ContrastReport>,
}

/// The outcome of an objective that remembers and reports nothing.
impl From<Tensor<1>> for Outcome {
    fn from(loss: Tensor<1>) -> Self {
        Self { loss, memory: Memory::new(), report: None }
    }
}

/// A loss of a model on a batch.
///
/// An objective is immutable, as a kernel is. What it remembers between steps is a value that goes in and comes out,
/// so that storing it, restoring it, and undoing a step are the trainer's business alone.
///
/// An objective that remembers nothing implements [`loss`](Self::loss) and ignores `memory`:
///
/// ```
/// use burn::tensor::Tensor;
/// use ebm_model::Energy;
/// use ebm_ops::Noise;
/// use ebm_train::{Batch, Memory, Objective, Outcome};
///
/// /// The mean squared energy.
/// struct SmallEnergies;
///
/// impl<M: Energy + ?Sized> Objective<M> for SmallEnergies {
///     fn loss(&self, model: &M, batch: &Batch, _: Memory, _: &mut Noise) -> Outcome {
///         model.energy(batch.rows.clone()).square().mean().into()
///     }
/// }
/// ```
pub trait Objective<M: ?Sized> {
    /// The memory before the first step; `data` is that step's rows, `[batch, dim]`.
    fn start(&self, _model: &M, _data: &Tensor<2>, _noise: &mut Noise) -> Memory {
        Memory::new()
    }

    /// Whether training can continue from `memory`, for instance that of a checkpoint, on data of `dim` columns;
    /// `dim` is `None` while no data have been seen.
    ///
    /// Called before every step, so it looks at names and shapes only.
    ///
    /// # Errors
    /// A message that lists what is missing, unknown, or of another shape.
    fn check(&self, memory: &Memory, _dim: Option<usize>) -> Result<(), String> {
        if memory.is_empty() { Ok(()) } else { Err(unknown(memory.keys()).join("; ")) }
    }

    /// The same for one shard of every batch; `data` is the shard's rows of the first.
    ///
    /// By default each shard has a memory like that of a whole batch. A replay buffer deals its chains to the shards.
    fn start_shard(&self, _shard: Shard, model: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        self.start(model, data, noise)
    }

    /// Whether training can continue from `memory` of one shard, as [`check`](Self::check) for a whole batch.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    fn check_shard(&self, _shard: Shard, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
        self.check(memory, dim)
    }

    /// The loss on `batch`; all randomness comes from `noise`.
    ///
    /// Where batches are cut ([`TrainSettings::shards`](crate::TrainSettings)), `batch` is one shard, and the loss of
    /// the batch is the mean of those of its shards, each weighted by its rows: that of the whole batch if the loss
    /// is a mean over rows.
    ///
    /// `memory` is what [`start`](Self::start) or the step before returned.
    /// It is handed over, so that its tensors can be updated in place.
    fn loss(&self, model: &M, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome;
}

macro_rules! forward_to_inner {
    ($wrapper:ty) => {
        impl<M: ?Sized, O: Objective<M> + ?Sized> Objective<M> for $wrapper {
            fn start(&self, model: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
                (**self).start(model, data, noise)
            }

            fn check(&self, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
                (**self).check(memory, dim)
            }

            fn start_shard(&self, shard: Shard, model: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
                (**self).start_shard(shard, model, data, noise)
            }

            fn check_shard(&self, shard: Shard, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
                (**self).check_shard(shard, memory, dim)
            }

            fn loss(&self, model: &M, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
                (**self).loss(model, batch, memory, noise)
            }
        }
    };
}

forward_to_inner!(Box<O>);
forward_to_inner!(&O);

/// One complaint for each name that an objective does not know.
pub(crate) fn unknown<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.map(|name| format!("{name} is unknown")).collect()
}
