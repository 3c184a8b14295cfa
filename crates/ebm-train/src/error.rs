//! Errors of training.

use std::path::PathBuf;

use ebm_ops::OutOfRange;
use ebm_sample::SampleError;

use crate::{Divergence, Need};

/// An error from outside: from a source of batches or an observer.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why training could not begin or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting out of range, by the path of its field.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// Invalid settings of the sampler inside an objective.
    #[error(transparent)]
    Sampler(#[from] SampleError),
    /// A sampler of negatives that does not move chains.
    #[error("sampler: {sampler} goes down noise levels; negatives are drawn by {}", .kernels.join(", "))]
    NoChains {
        /// The sampler's name.
        sampler: &'static str,
        /// The kernels that draw negatives.
        kernels: Vec<&'static str>,
    },
    /// A name that is not an objective's.
    #[error("there is no objective {name}; known: {}", .known.join(", "))]
    UnknownObjective {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// An objective for networks of another kind.
    #[error("{objective} trains {need}")]
    Unfit {
        /// The objective's name.
        objective: &'static str,
        /// The kind of network that it trains.
        need: Need,
    },
    /// An objective that uses no labels, for a network that is conditioned on classes.
    #[error("{objective} trains networks without classes; `denoising` trains those with classes")]
    Classes {
        /// The objective's name.
        objective: &'static str,
    },
    /// Data that an objective is fitted to could not be read.
    #[error("could not read the data that the objective is fitted to")]
    Rows {
        /// The error of the source.
        source: BoxError,
    },
    /// The run has diverged.
    #[error("training diverged at step {step}: {reason}")]
    Diverged {
        /// The first step at which something was wrong, from 1.
        step: u64,
        /// What was wrong.
        reason: Divergence,
    },
    /// Too many consecutive steps had to be skipped.
    #[error(
        "{skipped} steps in a row were skipped up to step {step}, {limit} are allowed; the last one: {reason}"
    )]
    Skipped {
        /// Consecutive skipped steps.
        skipped: u64,
        /// How many are allowed.
        limit: u64,
        /// The last of them, from 1.
        step: u64,
        /// What was wrong with it.
        reason: Divergence,
    },
    /// What the state remembers is not what this objective continues from.
    #[error("the objective cannot continue from this state: {reason}")]
    Memory {
        /// What is missing, unknown, or of another shape.
        reason: String,
    },
    /// A loss that depends on no parameter.
    #[error(
        "the loss at step {step} depends on no parameter: was the score made by `Autograd`, or detached?"
    )]
    NoGradient {
        /// The step, from 0.
        step: u64,
    },
    /// The source of batches failed.
    #[error("no batch for step {step}")]
    Data {
        /// The step, from 0.
        step: u64,
        /// The error of the source.
        source: BoxError,
    },
    /// An observer failed.
    #[error("an observer failed after step {step}")]
    Observer {
        /// The step, from 1.
        step: u64,
        /// The error of the observer.
        source: BoxError,
    },
    /// A rank that failed, does not answer, or does something else than the others.
    #[error("rank {rank}: {reason}")]
    Rank {
        /// The rank, from 0.
        rank: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder that could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A checkpoint that is incomplete, damaged, or of another run.
    #[error("{path}: {reason}")]
    Checkpoint {
        /// The checkpoint or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No checkpoint can be used.
    #[error("no usable checkpoint in {path}{}", .refused.iter().map(|reason| format!("; {reason}")).collect::<String>())]
    NoCheckpoint {
        /// The folder that was searched.
        path: PathBuf,
        /// Why each checkpoint that was found cannot be used.
        refused: Vec<String>,
    },
}

impl TrainError {
    /// This error with `path` in front of the field that is out of range: `objective` makes `contrast.sampler_steps`
    /// into `objective.contrast.sampler_steps`. Other errors stay as they are.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        match self {
            Self::OutOfRange(error) => Self::OutOfRange(error.within(path)),
            other => other,
        }
    }

    /// The error of an observer, or the divergence that it found when it saved the run.
    pub(crate) fn observed(step: u64, source: BoxError) -> Self {
        match source.downcast::<Self>() {
            Ok(error) if matches!(*error, Self::Diverged { .. }) => *error,
            Ok(error) => Self::Observer { step, source: error },
            Err(source) => Self::Observer { step, source },
        }
    }
}
