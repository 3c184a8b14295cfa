//! Training of scores and energies: objectives, the training loop, and checkpoints.
//!
//! A [`Trainer`] takes a batch from a function of the step, computes an [`Objective`]'s loss, updates the model, and
//! calls an [`Observer`], which may end the run. The same settings, seed and batches give the same bytes, also when
//! the run is stopped and resumed from a [`Checkpoints`] folder. The crate knows no datasets.
//!
//! ```
//! use burn::tensor::Device;
//! use ebm_model::layers::{Activation, Hidden};
//! use ebm_model::{Init, MlpEnergy, MlpEnergyConfig};
//! use ebm_ops::Noise;
//! use ebm_train::{DenoisingAt, TrainSettings, TrainState, Trainer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (device, noise) = (Device::flex(), Noise::seeded(1));
//! let network = Hidden::new(vec![16], Activation::Silu);
//! let config = MlpEnergyConfig { dim: 2, network, confinement: 0.1 };
//! let model = MlpEnergy::new(&config, &Init::new(noise.derive("init"), &device))?;
//! let state = TrainState::new(model, noise.derive("objective"));
//! let settings = TrainSettings { steps: 20, ..TrainSettings::default() };
//! let mut trainer = Trainer::new(state, DenoisingAt::new(0.3)?, settings)?;
//! let data = noise.derive("data");
//! trainer.run(|step| Ok(data.child(step).normal([64, 2], &device)), &mut ())?;
//! assert!(trainer.state().loss().is_finite());
//! # Ok(())
//! # }
//! ```
//!
//! | objective | trains | needs |
//! |---|---|---|
//! | [`DenoisingScoreMatching`] | a score or an energy at every noise level | `NoisyScore` |
//! | [`DualScoreMatching`] | an energy at every noise level, normalised | `JointPotential` |
//! | [`OfClasses`] of it | the same for each class of labelled rows | `ClassConditional` |
//! | [`OfAugmentations`] of it | the same of augmented rows, given what was done to them | `AugmentationConditional` |
//! | [`DenoisingAt`] | a score or an energy at one noise level | `Score` |
//! | [`ImplicitScoreMatching`] | a score or an energy of the data themselves, in few dimensions | `Directional` |
//! | [`SlicedScoreMatching`] | the same in many dimensions | `Directional` |
//! | [`VarianceReduced`] | the same with less variance | `Directional + Score` |
//! | [`FiniteDifferenceScoreMatching`] | an energy that is only evaluated | `Energy` |
//! | [`ContrastiveDivergence`] | an energy, by chains that begin at the data | `Energy + Detach`, a kernel |
//! | [`PersistentContrastiveDivergence`] | an energy, by chains that continue | `Energy + Detach`, a kernel |
//! | [`NoiseContrastiveEstimation`] | an energy and its log Z | `Energy` |
//!
//! All of them need first-order autodiff only: no loss differentiates with respect to the position.
//! [`ObjectiveConfig`] names them, with their settings, for configuration files.
//!
//! # Shards and ranks
//! [`TrainSettings::shards`] cuts every batch into parts that are computed one after the other (gradient accumulation),
//! so that the memory of a step falls with their number. A shard has its own noise and its own memory of the objective.
//! Its loss has the weight of its rows, so every objective here, which is a mean over rows, is that of the whole batch;
//! one that compares rows with each other compares those of a shard.
//!
//! [`Trainer::with_ranks`] deals the shards to several processes or threads ([`Ranks`]). Every sum is taken in the order
//! of the shards, so a run of S shards has the same bytes on 1 to S ranks, and may go on with another number of them.
//!
//! # Divergence
//! On the CPU a loss or gradient that is not finite never reaches a parameter, a moment or an average.
//! [`OnNonfinite`] decides whether such a step ends the run with [`TrainError::Diverged`] or is skipped, and
//! [`Divergence`] names the step and the first cause: batch, weight, chains, loss, or the gradient of a parameter.
//! On a GPU, where reading a result means waiting, this is checked every twenty steps, unless steps are to be skipped.
//!
//! Mean energies of data and negatives that drift apart are finite and yet a divergence, and so is a low acceptance of
//! the chains. Contrastive divergence records both on the device; they are read every twenty steps, after the last
//! step, and before a checkpoint is written. [`TrainState::retreat`] continues from the last checkpoint with half of
//! the learning rate, or of the sampler's step size where the sampler alone failed ([`Retreats`]). Skipping does not
//! replace this: it applies to steps that are not finite.
//!
//! No checkpoint holds a state that has diverged.
#![forbid(unsafe_code)]

mod trainer;

mod objectives;

mod contrastive;

mod observers;

mod checkpoint;

mod ranks;

mod divergence;
mod error;
mod range;

pub use checkpoint::{Checkpoints, Listed, Restored};
pub use contrastive::{
    ChainAges, ChainKernel, ContrastReading, ContrastReport, ContrastSettings, ReplayBuffer, Restart,
    ShortRun, ShortRunInfo,
};
pub use divergence::Divergence;
pub use error::{BoxError, TrainError};
pub use objectives::*;
pub use observers::{Event, Every, Observer, Observers};
#[cfg(feature = "mpi")]
pub use ranks::MpiRanks;
pub use ranks::{Alone, LocalRanks, Ranks, agree};
pub use trainer::{
    AdamSettings, Finish, OnNonfinite, Optimizer, Retreats, Schedule, TrainSettings, TrainState, Trainer,
};
