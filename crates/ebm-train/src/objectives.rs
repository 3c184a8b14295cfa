//! Objectives: the trait, score matching and noise-contrastive estimation, and all objectives by name.

pub(crate) mod objective;
mod shard;

mod chi_square;
mod denoising;
mod denoising_at;
mod directions;
mod dual;
mod finite_difference;
mod implicit;
mod noise_contrastive;
mod noise_law;
mod noise_settings;
mod noisy_batch;
mod of_classes;
mod self_normalized;
mod sliced;

pub(crate) mod bound;
mod named;
mod need;
mod registry;

pub use denoising::{DenoisingScoreMatching, DenoisingSettings, Weighting};
pub use denoising_at::{DenoisingAt, DenoisingAtSettings};
pub use directions::Directions;
pub use dual::{DualScoreMatching, DualSettings};
pub use finite_difference::{FiniteDifferenceScoreMatching, FiniteDifferenceSettings};
pub use implicit::{ImplicitScoreMatching, ImplicitSettings};
pub use named::{BuildContext, NamedObjective};
pub use need::Need;
pub use noise_contrastive::{NoiseContrastiveEstimation, NoiseContrastiveSettings};
pub use noise_law::NoiseLaw;
pub use noise_settings::NoiseSettings;
pub use objective::{Batch, Memory, Objective, Outcome};
pub use of_classes::{LABEL_DROPOUT, OfClasses};
pub use registry::ObjectiveConfig;
pub use self_normalized::SelfNormalized;
pub use shard::Shard;
pub use sliced::{SlicedScoreMatching, SlicedSettings, VarianceReduced};
