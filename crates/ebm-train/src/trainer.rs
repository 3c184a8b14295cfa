//! The training loop, its settings, and the state that it advances.

mod training;

mod schedule;
mod settings;
pub(crate) mod state;

mod evaluation;
mod memories;
pub(crate) mod nonfinite;
mod optimizer;
mod retreats;
mod watch;

mod rounds;
mod team;

pub use nonfinite::OnNonfinite;
pub use optimizer::{AdamSettings, Optimizer};
pub use retreats::Retreats;
pub use schedule::Schedule;
pub use settings::TrainSettings;
pub use state::TrainState;
pub use training::{Finish, Trainer};
