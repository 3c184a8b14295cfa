//! A run from its first step, or from its last checkpoint, to its end.
//!
//! [`Training`] is what determines a run; [`Training::open`] takes its folder and finds out where it is, and
//! [`Session::run`] trains it to its last step: with a journal, checkpoints, and, for contrastive divergence, retreats.

mod description;
mod open;
mod session;

pub use description::{Notice, ObjectiveSource, Source, Training};
pub use open::Opening;
pub use session::{Ended, Session};
