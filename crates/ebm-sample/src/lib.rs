//! Draws from exp(−E): Langevin dynamics and its relatives.
//!
//! A [`Kernel`] turns a batch of positions into the next one; a [`Chain`] is an iterator of draws, so
//! burn-in, thinning and budgets are the standard library's `skip`, `step_by` and `take`.
//! A [`WarmUp`] finds the step size and mass of a kernel with a Metropolis test, and [`diagnostics`] tell
//! whether draws can be trusted.
//! Annealed samplers descend a [`NoiseLadder`] and are iterators of levels.
#![forbid(unsafe_code)]

mod chain;
mod kernel;
mod langevin;
mod step_report;

mod evaluated;
mod hmc;
mod leapfrog;
mod mala;
mod mass;
mod metropolis;
mod preconditioned_langevin;
mod underdamped;

mod at_temperature;
mod clamped;
mod parallel_tempering;
mod repeated;

mod annealed_langevin;
mod annealed_mala;
mod descent;
mod ladder;
mod level;
mod level_steps;
mod predictor_corrector;
mod probability_flow;
mod reverse_diffusion;
mod stochastic_heun;

mod adaptation;
pub mod diagnostics;
#[cfg(feature = "nuts")]
mod nuts;
pub mod slices;

mod error;

#[cfg(test)]
mod invariance;

pub use adaptation::{DualAveraging, RunningVariance, Tunable, Tuned, WarmUp, WarmUpReport};
pub use annealed_langevin::AnnealedLangevin;
pub use annealed_mala::AnnealedMala;
pub use at_temperature::AtTemperature;
pub use chain::{Chain, Draw};
pub use clamped::{Clamped, ClampedMemo, Conditional};
pub use error::SampleError;
pub use evaluated::Evaluated;
pub use hmc::Hmc;
pub use kernel::{Kernel, State};
pub use ladder::NoiseLadder;
pub use langevin::{Langevin, LangevinInfo};
pub use level::Level;
pub use mala::Mala;
pub use mass::Mass;
pub use metropolis::MetropolisInfo;
#[cfg(feature = "nuts")]
pub use nuts::{Nuts, NutsRun};
pub use parallel_tempering::{ParallelTempering, ParallelTemperingInfo, Replicas};
pub use preconditioned_langevin::PreconditionedLangevin;
pub use predictor_corrector::PredictorCorrector;
pub use probability_flow::ProbabilityFlow;
pub use repeated::Repeated;
pub use reverse_diffusion::ReverseDiffusion;
pub use step_report::StepReport;
pub use stochastic_heun::StochasticHeun;
pub use underdamped::{Underdamped, UnderdampedInfo, UnderdampedMemo};

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
