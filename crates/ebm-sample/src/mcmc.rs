//! Markov-chain kernels on one energy or score.

pub(crate) mod langevin;
pub(crate) mod preconditioned_langevin;
pub(crate) mod underdamped;

pub(crate) mod hmc;
pub(crate) mod mala;
pub(crate) mod parallel_tempering;

pub(crate) mod mamclmc;
pub(crate) mod mamclmc_by_name;
pub(crate) mod mclmc;
pub(crate) mod mclmc_by_name;

pub(crate) mod evaluated;
pub(crate) mod leapfrog;
pub(crate) mod mass;
pub(crate) mod metropolis;
pub(crate) mod microcanonical;
pub(crate) mod trajectory;

#[cfg(feature = "nuts")]
pub(crate) mod nuts;
