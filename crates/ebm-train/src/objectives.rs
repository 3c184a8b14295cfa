//! Objectives: the trait, score matching and noise-contrastive estimation, and all objectives by name.

pub(crate) mod objective;
mod shard;

mod chi_square;
pub(crate) mod denoising;
pub(crate) mod denoising_at;
mod directions;
pub(crate) mod dual;
pub(crate) mod finite_difference;
pub(crate) mod implicit;
pub(crate) mod noise_contrastive;
mod noise_law;
mod noise_settings;
mod noisy_batch;
mod of_augmentations;
mod of_classes;
mod self_normalized;
pub(crate) mod sliced;

pub(crate) mod bound;
mod named;
mod need;
mod registry;

pub use directions::Directions;
pub use named::{BuildContext, Built, NamedObjective};
pub use need::Need;
pub use noise_law::NoiseLaw;
pub use noise_settings::NoiseSettings;
pub use objective::{Batch, Memory, Objective, Outcome};
pub use of_augmentations::OfAugmentations;
pub use of_classes::{LABEL_DROPOUT, OfClasses};
// With what is public in the files of its list.
pub use registry::*;
pub use self_normalized::SelfNormalized;
pub use shard::Shard;
