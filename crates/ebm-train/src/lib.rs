//! Fitting a score or an energy to data: objectives, the training loop, and checkpoints.
//!
//! A [`Trainer`] asks a source for a batch, an [`Objective`] for its loss, and an [`Observer`] whether to
//! go on. It knows no dataset: a source is any function from the step to a batch.
#![forbid(unsafe_code)]

mod trainer;

mod denoising;
mod noise_law;
mod objective;

mod observer;
mod optimizer;
mod schedule;
mod settings;
mod state;

mod checkpoint;
mod error;

pub use checkpoint::{Checkpoints, Restored};
pub use denoising::{DenoisingScoreMatching, Weighting};
pub use error::{BoxError, TrainError};
pub use noise_law::NoiseLaw;
pub use objective::Objective;
pub use observer::{Event, Every, Observer, Observers};
pub use optimizer::{AdamSettings, Optimizer};
pub use schedule::Schedule;
pub use settings::TrainSettings;
pub use state::TrainState;
pub use trainer::{Finish, Trainer};
