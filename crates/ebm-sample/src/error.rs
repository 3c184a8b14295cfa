//! What no sampler can be made of.

/// Why a sampler could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A step size that is no step.
    #[error("step size: expected a positive, finite number, found {0}")]
    StepSize(f64),
    /// An amount of fresh noise that is none.
    #[error("churn: expected a finite number that is not negative, found {0}")]
    Churn(f64),
    /// A friction that is none.
    #[error("friction: expected a positive, finite number, found {0}")]
    Friction(f64),
    /// A target acceptance that is none.
    #[error("acceptance: expected a number between 0 and 1, found {0}")]
    Acceptance(f64),
    /// A bound on the energy error of a step that is none.
    #[cfg(feature = "nuts")]
    #[error("energy bound: expected a positive, finite number, found {0}")]
    EnergyBound(f64),
    /// A temperature that is none.
    #[error("temperature: expected a positive, finite number, found {0}")]
    Temperature(f64),
    /// Temperatures that do not rise from 1.
    #[error("temperature {index}: expected {expected}, found {found}")]
    Rung {
        /// Its place, from 0.
        index: usize,
        /// What it has to be.
        expected: String,
        /// The temperature given.
        found: f64,
    },
    /// A number of steps or levels that is too small.
    #[error("{what}: expected at least {least}, found {found}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The smallest number that makes sense.
        least: usize,
        /// The number given.
        found: usize,
    },
    /// A number of steps or levels that is too large.
    #[error("{what}: expected at most {most}, found {found}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The largest number that is taken.
        most: usize,
        /// The number given.
        found: usize,
    },
    /// A variance that is none.
    #[error("variance {index}: expected a positive, finite number, found {found}")]
    Variance {
        /// Its coordinate, from 0.
        index: usize,
        /// The number given.
        found: f64,
    },
    /// A noise level that is none.
    #[error("noise level {index}: expected a positive, finite number, found {sigma}")]
    Sigma {
        /// Its place in the ladder, from 0.
        index: usize,
        /// The level.
        sigma: f64,
    },
    /// Noise levels that do not go down.
    #[error("noise level {index}: expected less than the {before} before it, found {sigma}")]
    Order {
        /// The place of the second one in the ladder, from 0.
        index: usize,
        /// The level before.
        before: f64,
        /// The level.
        sigma: f64,
    },
    /// A chain of the No-U-Turn sampler that could not begin, or not go on.
    #[cfg(feature = "nuts")]
    #[error("chain {chain} could not go on from where it starts")]
    Start {
        /// Its place in the batch, from 0.
        chain: usize,
        /// What `nuts-rs` says about it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
