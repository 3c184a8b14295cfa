//! Kernels by name, and their numbers.

use anyhow::{Result, anyhow, ensure};
use clap::ValueEnum;
use ebm_sample::NoiseLadder;
use serde::{Deserialize, Serialize};

use super::law::Target;
use crate::sampler::{HeunConfig, LangevinConfig};
use crate::usage::usage;

/// How draws come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KernelName {
    /// Unadjusted Langevin dynamics; biased by O(step size).
    Langevin,
    /// The same in units of the target: --set preconditioned.variances=[…], or those that --adapt finds.
    PreconditionedLangevin,
    /// Underdamped Langevin dynamics (BAOAB), --set underdamped.friction; biased by O(step size²).
    Underdamped,
    /// Metropolis-adjusted Langevin dynamics.
    Mala,
    /// Hamiltonian Monte Carlo.
    Hmc,
    /// Replicas of mala at --set tempering.temperatures=[1, …], their steps longer as they are hotter.
    ParallelTempering,
    /// Langevin dynamics down noise levels, --set langevin.…
    AnnealedLangevin,
    /// The same with a Metropolis test at each level.
    AnnealedMala,
    /// The reverse diffusion down noise levels, --set reverse.…
    ReverseDiffusion,
    /// The same with Langevin steps at each level, --set reverse.corrections.
    PredictorCorrector,
    /// The probability flow by Heun's method, --set heun.…
    ProbabilityFlow,
    /// The same with fresh noise on the way, --set heun.churn.
    StochasticHeun,
}

impl KernelName {
    /// Whether each draw is a way of its own from high noise to none, instead of a step of a chain.
    pub fn descends(self) -> bool {
        use KernelName as K;
        match self {
            K::Langevin | K::PreconditionedLangevin | K::Underdamped => false,
            K::Mala | K::Hmc | K::ParallelTempering => false,
            K::AnnealedLangevin | K::AnnealedMala | K::ReverseDiffusion => true,
            K::PredictorCorrector | K::ProbabilityFlow | K::StochasticHeun => true,
        }
    }

    /// Refuses what it cannot be used on, with what can be.
    ///
    /// # Errors
    /// A wrong use of the command line if it goes down noise levels at which the target is not known.
    pub fn check(self, target: Target) -> Result<()> {
        if !self.descends() || target.at_noise()?.is_some() {
            return Ok(());
        }
        let kernels = names::<Self>(|kernel| Ok(!kernel.descends()))?;
        let targets = names::<Target>(|target| Ok(target.at_noise()?.is_some()))?;
        Err(usage(anyhow!(
            "{} goes down noise levels, at which {} is not known; for it: {kernels}; known at noise levels: {targets}",
            name(self),
            name(target),
        )))
    }
}

/// As the command line has it.
pub fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}

fn names<T: ValueEnum + Copy>(is_meant: impl Fn(T) -> Result<bool>) -> Result<String> {
    let mut found = vec![];
    for &value in T::value_variants() {
        if is_meant(value)? {
            found.push(name(value));
        }
    }
    Ok(found.join(", "))
}

/// The numbers of the kernels, beside the size of a step and leapfrog steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelConfig {
    /// For [`KernelName::Underdamped`].
    pub underdamped: UnderdampedConfig,
    /// For [`KernelName::PreconditionedLangevin`].
    pub preconditioned: PreconditionedConfig,
    /// For [`KernelName::ParallelTempering`].
    pub tempering: TemperingConfig,
    /// For [`KernelName::AnnealedLangevin`] and [`KernelName::AnnealedMala`].
    pub langevin: LangevinConfig,
    /// For [`KernelName::ReverseDiffusion`] and [`KernelName::PredictorCorrector`].
    pub reverse: ReverseConfig,
    /// For [`KernelName::ProbabilityFlow`] and [`KernelName::StochasticHeun`].
    pub heun: HeunConfig,
}

/// The numbers of underdamped dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderdampedConfig {
    /// γ.
    pub friction: f64,
}

/// The numbers of preconditioning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreconditionedConfig {
    /// One a coordinate; none leaves them to the adaptation.
    pub variances: Vec<f64>,
}

/// The numbers of parallel tempering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemperingConfig {
    /// From 1 upwards.
    pub temperatures: Vec<f64>,
}

/// The numbers of the reverse diffusion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReverseConfig {
    /// The highest noise level.
    pub top: f64,
    /// The lowest noise level but 0.
    pub bottom: f64,
    /// Levels, geometric.
    pub levels: usize,
    /// Langevin steps at each level of [`KernelName::PredictorCorrector`].
    pub corrections: usize,
    /// η/σ² of such a step.
    pub step_ratio: f64,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            underdamped: UnderdampedConfig { friction: 1.0 },
            preconditioned: PreconditionedConfig { variances: vec![] },
            tempering: TemperingConfig { temperatures: vec![1.0, 2.0, 4.0, 8.0] },
            langevin: LangevinConfig {
                top: 10.0,
                bottom: 0.02,
                levels: 50,
                steps_per_level: 20,
                step_ratio: 0.1,
            },
            reverse: ReverseConfig { top: 10.0, bottom: 0.02, levels: 200, corrections: 1, step_ratio: 0.1 },
            heun: HeunConfig { top: 20.0, bottom: 0.01, levels: 40, churn: 20.0 },
        }
    }
}

impl ReverseConfig {
    /// Its levels.
    pub fn ladder(&self) -> Result<NoiseLadder> {
        Ok(NoiseLadder::geometric(self.top, self.bottom, self.levels)?)
    }
}

impl PreconditionedConfig {
    /// The variances for `dim` coordinates, if any were given.
    ///
    /// # Errors
    /// If there is another number of them.
    pub fn of(&self, dim: usize) -> Result<Option<Vec<f64>>> {
        let n = self.variances.len();
        ensure!(n == 0 || n == dim, "preconditioned.variances: expected {dim} numbers, found {n}");
        Ok((0 < n).then(|| self.variances.clone()))
    }
}
