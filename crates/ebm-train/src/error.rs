//! What can stop a training run.

use std::path::PathBuf;

/// An error from outside: a source of batches or an observer.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why training could not begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting that no run can have.
    #[error("{field} = {found}, expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The run is no longer one that learns.
    #[error("training diverged at step {step}: {reason}; a smaller learning rate may help")]
    Diverged {
        /// The first step at which something was wrong, from 1.
        step: u64,
        /// What it was.
        reason: Divergence,
    },
    /// What a state remembers of its objective is not what this objective goes on from.
    #[error("the objective cannot go on from this state: {reason}")]
    Memory {
        /// What is missing, too many, or of another shape.
        reason: String,
    },
    /// A loss that no parameter has a part in.
    #[error(
        "the loss at step {step} depends on no parameter: was the score made by `Autograd`, or detached?"
    )]
    NoGradient {
        /// The step.
        step: u64,
    },
    /// No batch could be had.
    #[error("no batch for step {step}")]
    Data {
        /// The step.
        step: u64,
        /// What the source said.
        source: BoxError,
    },
    /// An observer failed.
    #[error("step {step} could not be recorded")]
    Observer {
        /// The step.
        step: u64,
        /// What the observer said.
        source: BoxError,
    },
    /// A file or folder that could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint that is not whole, or not of this run.
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
        /// Why each one that was there is not usable.
        refused: Vec<String>,
    },
}

/// What shows that a run has diverged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Divergence {
    /// A loss that is no finite number.
    #[error("the loss was {loss}")]
    Loss {
        /// The loss.
        loss: f64,
    },
    /// Energies of data and negatives that have come apart, or are no numbers.
    #[error("the mean energy of the data less that of the negatives was {gap}, expected within ±{bound}")]
    EnergyGap {
        /// The difference, in nats.
        gap: f64,
        /// The bound.
        bound: f64,
    },
    /// A number of the state that is not finite.
    #[error("{tensor} holds a number that is not finite")]
    State {
        /// The tensor, by the name that it has in a checkpoint.
        tensor: String,
    },
}

impl TrainError {
    /// What an observer said, or the divergence that it met with while it saved the run.
    pub(crate) fn observed(step: u64, source: BoxError) -> Self {
        match source.downcast::<Self>() {
            Ok(error) if matches!(*error, Self::Diverged { .. }) => *error,
            Ok(error) => Self::Observer { step, source: error },
            Err(source) => Self::Observer { step, source },
        }
    }
}
