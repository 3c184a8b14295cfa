//! Networks that learn an energy or a score, by themselves and by name.
//!
//! Each network has a file of its own: its configuration, the network, and what the network can do.
//! To add one, write that file, declare it below, and add a line to the list in `architecture.rs`.

mod beside;
mod conditional;
mod config;
mod input;
mod labelled;

pub(crate) mod mlp;
pub(crate) mod refinenet;
pub(crate) mod song_unet;
pub(crate) mod unet;

pub(crate) mod ncsn;
pub(crate) mod ncsnv2;
pub(crate) mod noisy_energy;
pub(crate) mod preconditioned;

pub(crate) mod conv_energy;
pub(crate) mod gaussian_bernoulli_rbm;
pub(crate) mod mlp_energy;
pub(crate) mod mlp_score;

mod architecture;

// With what is public in the files of its list.
pub use architecture::*;
pub use conditional::{ConditionalLayer, LevelConditional, LevelPullback, NoiseConditional};
pub use config::NetworkConfig;
pub use gaussian_bernoulli_rbm::{GaussianBernoulliRbm, GaussianBernoulliRbmConfig};
pub use input::Input;
pub use preconditioned::{Preconditioned, PreconditionedConfig, Preconditioning};
pub use refinenet::{ConditionedRefineNet, RefineNet, RefineNetShape, RefineNetTrace};
