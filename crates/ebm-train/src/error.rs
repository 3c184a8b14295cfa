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
    #[error("training diverged at step {step}: {reason}")]
    Diverged {
        /// The first step at which something was wrong, from 1.
        step: u64,
        /// What it was.
        reason: Divergence,
    },
    /// Too many steps in a row that had to be skipped.
    #[error(
        "{skipped} steps in a row were skipped up to step {step}, {limit} are allowed; the last one: {reason}"
    )]
    Skipped {
        /// Steps in a row.
        skipped: u64,
        /// How many there may be.
        limit: u64,
        /// The last of them, from 1.
        step: u64,
        /// What was wrong with it.
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

/// What shows that a run has diverged, or that a step must be skipped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Divergence {
    /// A learning rate with which no step can be done in 32 bits.
    #[error("the learning rate was {rate:e}")]
    LearningRate {
        /// The learning rate.
        rate: f64,
    },
    /// Data that are no numbers.
    #[error("the batch holds {value} in row {row}, column {column}, both counted from 0")]
    Batch {
        /// The row of the batch.
        row: usize,
        /// The column.
        column: usize,
        /// What is there.
        value: f64,
    },
    /// A weight that is not finite, or whose square is not.
    #[error("{parameter} had come to {value:e} at a learning rate of {rate:e}; a smaller one may help")]
    Weight {
        /// The parameter's name.
        parameter: String,
        /// The weight.
        value: f64,
        /// The learning rate of the step.
        rate: f64,
    },
    /// Chains that have left the numbers.
    #[error("the mean energy of the chains was {energy}; a smaller step of the sampler may help")]
    Chains {
        /// The mean energy.
        energy: f64,
    },
    /// A gradient that is not finite, or whose square is not.
    #[error("the gradient of {parameter} came to {value:e}; a smaller learning rate may help")]
    Gradient {
        /// The parameter's name.
        parameter: String,
        /// The number in it.
        value: f64,
    },
    /// The same where it is known of all parameters together only.
    #[error("the gradient's length was {length:e}; a smaller learning rate may help")]
    GradientLength {
        /// The length.
        length: f64,
    },
    /// A loss that is no finite number.
    #[error("the loss was {loss}; a smaller learning rate may help")]
    Loss {
        /// The loss.
        loss: f64,
    },
    /// Energies of data and negatives that have come apart, or are no numbers.
    #[error(
        "the mean energy of the data less that of the negatives was {gap}, expected within ±{bound}; a smaller learning rate may help"
    )]
    EnergyGap {
        /// The difference, in nats.
        gap: f64,
        /// The bound.
        bound: f64,
    },
    /// Chains of which hardly a proposal is accepted.
    #[error(
        "the mean acceptance of the chains was {acceptance:.3}, expected at least {bound}; a smaller step of the sampler may help"
    )]
    Acceptance {
        /// The mean acceptance.
        acceptance: f64,
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
