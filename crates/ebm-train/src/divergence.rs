//! Signs that a run has diverged.

/// Why a run has diverged, or why a step must be skipped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Divergence {
    /// A learning rate with which no step can be computed in 32 bits.
    #[error("the learning rate was {rate:e}")]
    LearningRate {
        /// The learning rate.
        rate: f64,
    },
    /// Data that are not finite.
    #[error("the batch holds {value} in row {row}, column {column}, both counted from 0")]
    Batch {
        /// The row of the batch, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value found there.
        value: f64,
    },
    /// A weight that is not finite, or whose square is not.
    #[error("{parameter} had reached {value:e} at a learning rate of {rate:e}; a smaller one may help")]
    Weight {
        /// The parameter's name.
        parameter: String,
        /// The weight.
        value: f64,
        /// The learning rate of the step.
        rate: f64,
    },
    /// Chains that became non-finite.
    #[error("the mean energy of the chains was {energy}; a smaller step size of the sampler may help")]
    Chains {
        /// The mean energy.
        energy: f64,
    },
    /// A gradient that is not finite, or whose square is not.
    #[error("the gradient of {parameter} reached {value:e}; a smaller learning rate may help")]
    Gradient {
        /// The parameter's name.
        parameter: String,
        /// The largest entry of the gradient.
        value: f64,
    },
    /// The same, found in the norm over all parameters.
    #[error("the norm of the gradient was {length:e}; a smaller learning rate may help")]
    GradientLength {
        /// The norm.
        length: f64,
    },
    /// A loss that is not finite.
    #[error("the loss was {loss}; a smaller learning rate may help")]
    Loss {
        /// The loss.
        loss: f64,
    },
    /// Mean energies of data and negatives that differ too much, or are not finite.
    #[error(
        "the mean energy of the data minus that of the negatives was {gap}, expected within ±{bound}; a smaller learning rate may help"
    )]
    EnergyGap {
        /// The difference, in nats.
        gap: f64,
        /// The bound.
        bound: f64,
    },
    /// Chains whose proposals are rarely accepted.
    #[error(
        "the mean acceptance of the chains was {acceptance:.3}, expected at least {bound}; a smaller step size of the sampler may help"
    )]
    Acceptance {
        /// The mean acceptance.
        acceptance: f64,
        /// The bound.
        bound: f64,
    },
    /// A tensor of the state that is not finite.
    #[error("{tensor} is not finite")]
    State {
        /// The tensor, by its name in a checkpoint.
        tensor: String,
    },
}
