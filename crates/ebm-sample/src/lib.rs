//! Draws from exp(−E): Langevin dynamics and its relatives.
//!
//! A [`Kernel`] turns a batch of positions into the next one; a [`Chain`] is an iterator of draws, so
//! burn-in, thinning and budgets are the standard library's `skip`, `step_by` and `take`.
//! Annealed samplers descend a [`NoiseLadder`] and are iterators of levels.
#![forbid(unsafe_code)]

mod chain;
mod kernel;
mod langevin;

mod annealed_langevin;
mod ladder;
mod level;
mod probability_flow;
mod stochastic_heun;

mod error;

pub use annealed_langevin::AnnealedLangevin;
pub use chain::{Chain, Draw};
pub use error::SampleError;
pub use kernel::{Kernel, State};
pub use ladder::NoiseLadder;
pub use langevin::{Langevin, LangevinInfo};
pub use level::Level;
pub use probability_flow::ProbabilityFlow;
pub use stochastic_heun::StochasticHeun;

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
