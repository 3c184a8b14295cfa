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
    /// The loss is no number any more.
    #[error("the running loss is {loss} at step {step}; a smaller learning rate may help")]
    NotFinite {
        /// The first step at which it was noticed.
        step: u64,
        /// The running loss.
        loss: f64,
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
