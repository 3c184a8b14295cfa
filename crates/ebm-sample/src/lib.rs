//! Draws from exp(−E): Langevin dynamics, its relatives, and annealed samplers.
//!
//! A [`Kernel`] turns a batch of positions into the next; a [`Chain`] is an iterator of draws, so burn-in, thinning
//! and budgets are the standard library's `skip`, `step_by` and `take`.
//! A [`WarmUp`] adapts the step size and mass of a kernel with a Metropolis test, [`Chees`] the length of the
//! trajectories of Hamiltonian Monte Carlo as well, and [`MclmcWarmUp`] and [`MamclmcWarmUp`] microcanonical dynamics.
//! A [`Descent`] takes samples down a [`NoiseLadder`], and is an iterator of levels.
//! Every kernel and descent is also a [`Sampler`], by name.
//! [`restoring`] makes a posterior of a model and a measurement, to be drawn from like any model.
//! What a step reports is read through [`StepReport`]; [`diagnostics`] say whether draws can be trusted.
//! For densities that are functions of plain numbers instead of tensor models there is [`slices`].
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ebm_model::Gaussian;
//! use ebm_ops::Noise;
//! use ebm_sample::{Chain, Mala};
//!
//! let target = Gaussian::isotropic(vec![1.0, -2.0], 0.5).unwrap();
//! let start = Tensor::zeros([1_000, 2], &Device::flex());
//! let chain = Chain::start(&target, Mala::new(0.3).unwrap(), start, Noise::seeded(7));
//! let draw = chain.skip(50).next().unwrap();
//! let mean = draw.position.narrow(1, 0, 1).mean().into_scalar::<f32>();
//! assert!((mean - 1.0).abs() < 0.2);
//! ```
#![forbid(unsafe_code)]

mod chain;
mod kernel;
mod step_report;
mod step_totals;

mod descent;
pub mod flow;
mod mcmc;
mod wrappers;

mod adaptation;
pub mod diagnostics;
pub mod restoring;
mod sampler;
pub mod slices;

mod error;

#[cfg(test)]
mod invariance;
#[cfg(test)]
mod testing;

pub use adaptation::{
    Chees, DualAveraging, EnergyVariance, MamclmcWarmUp, MclmcReport, MclmcWarmUp, RunningVariance, Tunable,
    Tuned, TunedMclmc, WarmUp, WarmUpReport,
};
pub use chain::{Chain, Draw};
pub use descent::annealed::Annealed;
pub use descent::descend::{Descent, Levels};
pub use descent::ladder::NoiseLadder;
pub use descent::level::{Level, Rung};
pub use descent::level_noise::LevelNoise;
pub use descent::noise_design::{self, NoiseDesign, SigmaRule};
pub use error::SampleError;
pub use kernel::{Kernel, State};
pub use mcmc::evaluated::Evaluated;
pub use mcmc::mamclmc::Mamclmc;
pub use mcmc::mass::Mass;
pub use mcmc::mclmc::{Mclmc, MclmcInfo, MclmcMemo};
pub use mcmc::metropolis::MetropolisInfo;
pub use mcmc::microcanonical::Integrator;
#[cfg(feature = "nuts")]
pub use mcmc::nuts::{Nuts, NutsRun};
pub use sampler::*;
pub use step_report::StepReport;
pub use step_totals::StepTotals;
pub use wrappers::clamped::{Clamped, ClampedMemo, Conditional};
pub use wrappers::repeated::Repeated;

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
