//! Networks that learn an energy or a score, by themselves and by name.
//!
//! Each network has a file of its own: its configuration, the network, and what the network can do.
//! To add one, write that file, declare it below, and add a line to the list in `architecture.rs`.

mod conditional;
mod config;
mod input;
mod of_class;

pub mod mlp;
pub mod refinenet;
pub mod song_unet;
pub mod unet;

pub mod ncsn;
pub mod ncsnv2;
pub mod noisy_energy;
pub mod preconditioned;

pub mod conv_energy;
pub mod gaussian_bernoulli_rbm;
pub mod mlp_energy;
pub mod mlp_score;

mod architecture;

pub use architecture::{Architecture, Network};
pub use conditional::{ConditionalLayer, LevelConditional, LevelPullback, NoiseConditional};
pub use config::NetworkConfig;
pub use conv_energy::{ConvEnergy, ConvEnergyConfig};
pub use gaussian_bernoulli_rbm::{GaussianBernoulliRbm, GaussianBernoulliRbmConfig};
pub use input::Input;
pub use mlp::{Mlp, MlpConfig};
pub use mlp_energy::{MlpEnergy, MlpEnergyConfig};
pub use mlp_score::{MlpScore, MlpScoreConfig};
pub use ncsn::{Ncsn, NcsnConfig, Pixels};
pub use ncsnv2::{NcsnV2, NcsnV2Config};
pub use noisy_energy::{NoisyEnergy, NoisyEnergyConfig};
pub use preconditioned::{Preconditioned, PreconditionedConfig};
pub use refinenet::{ConditionedRefineNet, RefineNet, RefineNetShape, RefineNetTrace};
pub use song_unet::{
    ConditionedSongUNet, EncoderInput, NoiseFeatures, SongBlock, SongBlockRules, SongUNet, SongUNetConfig,
    SongUNetTrace,
};
pub use unet::{ConditionedUNet, UNet, UNetConfig, UNetTrace};
