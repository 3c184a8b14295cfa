//! Fitting a score or an energy to data: objectives, the training loop, and checkpoints.
//!
//! A [`Trainer`] asks a source for a batch, an [`Objective`] for its loss, and an [`Observer`] whether to
//! go on. It knows no dataset: a source is any function from the step to a batch.
//!
//! | objective | trains | needs |
//! |---|---|---|
//! | [`DenoisingScoreMatching`] | a score or an energy at every noise level | `NoisyScore` |
//! | [`DenoisingAt`] | a score or an energy at one | `Score` |
//! | [`ImplicitScoreMatching`] | a score or an energy of the data themselves, in few dimensions | `Directional` |
//! | [`SlicedScoreMatching`] | the same in many | `Directional` |
//! | [`VarianceReduced`] | the same with less variance | `Directional + Score` |
//! | [`FiniteDifferenceScoreMatching`] | an energy that can only be evaluated | `Energy` |
//! | [`ContrastiveDivergence`] | an energy by a sampler that starts at the data | `Energy`, a [`NegativeSampler`] |
//! | [`PersistentContrastiveDivergence`] | an energy by chains that go on | `Energy`, a [`NegativeSampler`] |
//! | [`NoiseContrastiveEstimation`] | an energy and its log Z | `Energy` |
//!
//! All of them take first-order autodiff: no loss differentiates by the position.
//!
//! # When numbers go wrong
//! A loss or gradient that is not finite never reaches a parameter, a moment or an average where the processor
//! computes: [`OnNonfinite`] says whether the step then ends the run with [`TrainError::Diverged`] or is left out,
//! and [`Divergence`] names the step and the first place: batch, weight, chains, loss, or gradient of which
//! parameter. A GPU, which must not be waited for, is asked every twenty steps, unless steps are to be skipped.
//!
//! Energies of data and negatives that have come apart are finite and wrong all the same, and so are chains of which
//! hardly a proposal is accepted: contrastive divergence is watched on the device, and looked at every twenty steps,
//! at the last, and before a checkpoint is written. [`TrainState::retreat`] makes the last checkpoint a state to go on
//! from, with half of the learning rate, or of the sampler's step where that alone was too large ([`Retreats`]).
//! Skipping does not replace that: what is skipped is what is not finite.
//!
//! No checkpoint is ever of a state that has diverged.
#![forbid(unsafe_code)]

mod trainer;

mod denoising;
mod noise_law;
mod objective;

mod denoising_at;
mod directions;
mod finite_difference;
mod implicit;
mod sliced;

mod contrast;
mod contrastive_divergence;
mod negative_sampler;
mod persistent;
mod replay_buffer;
mod short_run;

mod noise_contrastive;
mod self_normalized;

mod health;
mod nonfinite;
mod observer;
mod optimizer;
mod retreats;
mod schedule;
mod settings;
mod state;
mod watch;

mod checkpoint;
mod error;

pub use checkpoint::{Checkpoints, Restored};
pub use contrast::ContrastSettings;
pub use contrastive_divergence::ContrastiveDivergence;
pub use denoising::{DenoisingScoreMatching, Weighting};
pub use denoising_at::DenoisingAt;
pub use directions::Directions;
pub use error::{BoxError, Divergence, TrainError};
pub use finite_difference::FiniteDifferenceScoreMatching;
pub use health::{ChainAges, Health, HealthReading};
pub use implicit::ImplicitScoreMatching;
pub use negative_sampler::{NegativeSampler, SamplerReport};
pub use noise_contrastive::NoiseContrastiveEstimation;
pub use noise_law::NoiseLaw;
pub use nonfinite::OnNonfinite;
pub use objective::{Memory, Objective};
pub use observer::{Event, Every, Observer, Observers};
pub use optimizer::{AdamSettings, Optimizer};
pub use persistent::{BufferSettings, PersistentContrastiveDivergence};
pub use replay_buffer::{ReplayBuffer, Restart};
pub use retreats::Retreats;
pub use schedule::Schedule;
pub use self_normalized::SelfNormalized;
pub use settings::TrainSettings;
pub use short_run::ShortRun;
pub use sliced::{SlicedScoreMatching, VarianceReduced};
pub use state::TrainState;
pub use trainer::{Finish, Trainer};
