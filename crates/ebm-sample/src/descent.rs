//! Annealed samplers: down a ladder of noise levels.

pub(crate) mod annealed;
pub(crate) mod descend;
pub(crate) mod ladder;
pub(crate) mod level;
pub(crate) mod level_noise;
pub(crate) mod level_steps;
pub mod noise_design;

pub(crate) mod annealed_langevin;
pub(crate) mod annealed_mala;
pub(crate) mod predictor_corrector;
pub(crate) mod probability_flow;
pub(crate) mod reverse_diffusion;
pub(crate) mod stochastic_heun;
